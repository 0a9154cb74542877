-- What third parties have answered, kept until it expires; and the token they are asked with.

-- +goose Up
CREATE TABLE lookups (
  tenant     text NOT NULL,
  connection text NOT NULL,
  name       text NOT NULL,
  key_index  bytea NOT NULL,
  found      boolean NOT NULL,
  body       bytea,
  key_id     text NOT NULL DEFAULT '',
  read_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, connection, name, key_index)
);
COMMENT ON TABLE lookups IS 'answers of third parties by the key that was asked for';
COMMENT ON COLUMN lookups.key_index IS 'keyed hash of the key: it may be somebody''s address';
COMMENT ON COLUMN lookups.found IS 'false: the third party does not know the key';

ALTER TABLE lookups ENABLE ROW LEVEL SECURITY;
ALTER TABLE lookups FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON lookups TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON lookups TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON lookups TO acmesync_app;

ALTER TABLE holds DROP CONSTRAINT holds_dependency_check;
ALTER TABLE holds ADD CONSTRAINT holds_dependency_check CHECK (dependency IN ('acme', 'app', 'lookup'));
ALTER TABLE secrets DROP CONSTRAINT secrets_name_check;
ALTER TABLE secrets ADD CONSTRAINT secrets_name_check
  CHECK (name IN ('acme_api_key', 'app_token', 'hook_secret', 'hook_secret_old', 'app_hook_secret', 'lookup_token'));
