-- CSV files: how far each has come, so that whoever sends or reads it goes on where the last commit ended.

-- +goose Up
CREATE TABLE imports (
  tenant     text NOT NULL,
  connection text NOT NULL,
  id         uuid NOT NULL,
  generation bigint NOT NULL,
  stream     text NOT NULL CHECK (stream IN ('appointments', 'touchpoints', 'contacts', 'users')),
  source     text NOT NULL CHECK (source IN ('upload', 'folder', 'url')),
  name       text NOT NULL,
  size       bigint NOT NULL,
  sha256     text NOT NULL DEFAULT '',
  mark       text NOT NULL DEFAULT '',
  layout     text NOT NULL DEFAULT '',
  state      text NOT NULL CHECK (state IN ('waiting', 'receiving', 'complete', 'incomplete', 'failed', 'duplicate')),
  message    text NOT NULL DEFAULT '',
  taken      bigint NOT NULL DEFAULT 0,
  rows       bigint NOT NULL DEFAULT 0,
  bad        bigint NOT NULL DEFAULT 0,
  place      jsonb NOT NULL DEFAULT '{}',
  actor      text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, id),
  FOREIGN KEY (tenant, connection) REFERENCES connections
);
COMMENT ON TABLE imports IS 'one row a file; ids are time-ordered';
COMMENT ON COLUMN imports.sha256 IS 'of the whole content: as announced, then as found; the same of the same stream, layout and generation is a duplicate';
COMMENT ON COLUMN imports.mark IS 'of a file that was picked up: its time of change or ETag';
COMMENT ON COLUMN imports.layout IS 'a stamp of the layout its rows are read by';
COMMENT ON COLUMN imports.state IS 'waiting → receiving → complete, incomplete, failed or duplicate, which are ends';
COMMENT ON COLUMN imports.taken IS 'bytes whose rows are in the inbox';
COMMENT ON COLUMN imports.place IS 'what reading on takes: names of columns, line, digest; nothing of a row';

ALTER TABLE connections ADD COLUMN files_secret bytea, ADD COLUMN files_key_id text NOT NULL DEFAULT '';
COMMENT ON COLUMN connections.files_secret IS 'what the bucket is read with that files are picked up from, sealed with the key beside it';

ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE imports FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON imports TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON imports TO acmesync_app;
