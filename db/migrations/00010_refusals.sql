-- What the app does not take is tried again more and more seldom, and is told.

-- +goose Up
CREATE TABLE refusals (
  tenant     text NOT NULL,
  connection text NOT NULL,
  stream     text NOT NULL,
  acme_id    text NOT NULL,
  tries      integer NOT NULL DEFAULT 1,
  others     boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant, connection, stream, acme_id)
);
COMMENT ON TABLE refusals IS 'records that the app answered it could not take now; gone once it has, or once they are parked';
COMMENT ON COLUMN refusals.others IS 'the app has taken other records since: it is about this one';

ALTER TABLE refusals ENABLE ROW LEVEL SECURITY;
ALTER TABLE refusals FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON refusals TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON refusals TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON refusals TO acmesync_app;

ALTER TABLE cells ADD COLUMN tries integer NOT NULL DEFAULT 0;
ALTER TABLE cells ADD COLUMN due_at timestamptz;
ALTER TABLE cells ADD COLUMN refused text NOT NULL DEFAULT '';
COMMENT ON COLUMN cells.tries IS 'sent in vain since it was last taken';
COMMENT ON COLUMN cells.due_at IS 'not to be sent before; null: at once';
COMMENT ON COLUMN cells.refused IS 'the app''s code for why it did not take it; empty: it did, or was never asked';
