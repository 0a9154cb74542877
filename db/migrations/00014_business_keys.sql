-- Which records are the same appointment under several ids.

-- +goose Up
CREATE TABLE business_keys (
  tenant     text NOT NULL,
  connection text NOT NULL,
  acme_id    text NOT NULL,
  key        uuid NOT NULL,
  source_at  timestamptz NOT NULL,
  holds      boolean NOT NULL,
  PRIMARY KEY (tenant, connection, acme_id)
);
CREATE INDEX business_keys_key ON business_keys (tenant, connection, key);
COMMENT ON TABLE business_keys IS 'appointments of tenants that know them by owner, start and contacts; of those with one key one holds it, and has the event';
COMMENT ON COLUMN business_keys.key IS '128 bits over owner, start and contacts';

ALTER TABLE business_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE business_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON business_keys TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON business_keys TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON business_keys TO acmesync_app;
