-- +goose Up
CREATE TABLE revisits (
  tenant     text NOT NULL,
  connection text NOT NULL,
  stream     text NOT NULL,
  acme_id    text NOT NULL,
  due_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant, connection, stream, acme_id),
  FOREIGN KEY (tenant, connection) REFERENCES connections
);
COMMENT ON TABLE revisits IS 'records to be looked at again at a time though nothing may have changed: one that comes inside the horizon, a series that goes on';
CREATE INDEX revisits_due ON revisits (tenant, due_at);

ALTER TABLE revisits ENABLE ROW LEVEL SECURITY;
ALTER TABLE revisits FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON revisits TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON revisits TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON revisits TO acmesync_app;

ALTER TABLE positions ADD COLUMN tail text NOT NULL DEFAULT '';
COMMENT ON COLUMN positions.tail IS 'a hash of the records that the next poll will bring again, as the last one brought them';
