-- What series have written: their records have one row each in the ledger, their events one each here.

-- +goose Up
CREATE TABLE instances (
  tenant     text NOT NULL,
  connection text NOT NULL,
  series_id  text NOT NULL,
  original   text NOT NULL,
  holder     text NOT NULL,
  revision   bigint NOT NULL DEFAULT 0,
  mapped     uuid,
  app_id     text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, connection, series_id, original)
) WITH (fillfactor = 90);
COMMENT ON TABLE instances IS 'events of series under their original starts; a row is there before its event is written, so that nothing the app holds is unknown here';
COMMENT ON COLUMN instances.holder IS 'the record that says what the event is: the series'' master, or the exception that stands for this instance';
COMMENT ON COLUMN instances.mapped IS 'hash of the event the app has taken; null: a write or removal was begun, and nobody is sure';
CREATE INDEX instances_held ON instances (tenant, connection, holder) WHERE holder <> series_id;

ALTER TABLE instances ENABLE ROW LEVEL SECURITY;
ALTER TABLE instances FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON instances TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON instances TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON instances TO acmesync_app;
