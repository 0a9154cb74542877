-- +goose Up
CREATE TABLE configs (
  tenant     text NOT NULL REFERENCES tenants,
  version    integer NOT NULL CHECK (version > 0),
  document   jsonb NOT NULL,
  actor      text NOT NULL,
  note       text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, version)
);
COMMENT ON TABLE configs IS 'every configuration a tenant has had; tenants.config is the one in force, tenants.rules its version';

ALTER TABLE configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE configs FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON configs TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON configs TO acmesync_definer USING (true) WITH CHECK (true);
-- A version is written once.
GRANT SELECT, INSERT ON configs TO acmesync_app;

-- The owner sees no tenant's row under forced row-level security: the walls are down for this one statement.
ALTER TABLE tenants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE configs NO FORCE ROW LEVEL SECURITY;
INSERT INTO configs (tenant, version, document, actor, note, created_at)
SELECT tenant, rules, config, 'acmesync', 'as it was when versions began', now() FROM tenants;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
ALTER TABLE configs FORCE ROW LEVEL SECURITY;

ALTER TABLE ledger ADD COLUMN mapped uuid;
COMMENT ON COLUMN ledger.mapped IS '128 bits over the event the app has taken, without its revision; null: nobody is sure what it holds';
COMMENT ON COLUMN ledger.hash IS '128 bits over record, its people, rules, patch and tombstone: it is mapped again when it differs';
