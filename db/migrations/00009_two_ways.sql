-- Appointments both ways: what both sides last agreed on, writes to Acme that are under way, and what conflicts have cost.

-- +goose Up
CREATE TABLE agreed (
  tenant       text NOT NULL,
  connection   text NOT NULL,
  acme_id      text NOT NULL,
  schema       smallint NOT NULL DEFAULT 1,
  acme_version bigint NOT NULL,
  app_version  bigint NOT NULL,
  flips        smallint NOT NULL DEFAULT 0,
  flip_side    text NOT NULL DEFAULT '' CHECK (flip_side IN ('', 'acme', 'app')),
  flips_since  timestamptz NOT NULL DEFAULT now(),
  body         bytea NOT NULL,
  key_id       text NOT NULL,
  agreed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, connection, acme_id)
) WITH (fillfactor = 80);
ALTER TABLE agreed ALTER COLUMN body SET STORAGE EXTERNAL;
COMMENT ON TABLE agreed IS 'the event as both sides had it when they last agreed; only of tenants that sync both ways';
COMMENT ON COLUMN agreed.flips IS 'writes since flips_since that went the other way than the one before';

CREATE TABLE intents (
  tenant     text NOT NULL,
  connection text NOT NULL,
  operation  text NOT NULL,
  generation bigint NOT NULL,
  app_id     text NOT NULL,
  acme_id    text NOT NULL DEFAULT '',
  step       smallint NOT NULL DEFAULT 0,
  schema     smallint NOT NULL DEFAULT 1,
  body       bytea NOT NULL,
  key_id     text NOT NULL,
  made_at    timestamptz NOT NULL DEFAULT now(),
  moved_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, connection, operation)
);
COMMENT ON TABLE intents IS 'appointments that are being made in Acme; a row is there before the first call and goes after the last';
COMMENT ON COLUMN intents.operation IS 'Idempotency-Key and external_ref of the appointment';
COMMENT ON COLUMN intents.step IS '0 = asked for or about to be, 1 = made in Acme, 2 = contacts attached; linked in the app: the row goes';

CREATE TABLE overruled (
  tenant     text NOT NULL,
  connection text NOT NULL,
  acme_id    text NOT NULL,
  field      text NOT NULL,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  policy     text NOT NULL,
  winner     text NOT NULL CHECK (winner IN ('acme', 'app')),
  row_id     uuid NOT NULL,
  body       bytea NOT NULL,
  key_id     text NOT NULL,
  PRIMARY KEY (tenant, connection, acme_id, row_id)
);
COMMENT ON TABLE overruled IS 'values that lost a conflict, for 90 days';

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['agreed', 'intents', 'overruled'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY own_tenant ON %I TO acmesync_app USING (tenant = current_setting(''acmesync.tenant'', true))'
      || ' WITH CHECK (tenant = current_setting(''acmesync.tenant'', true))', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO acmesync_app', t);
  END LOOP;
END $$;
-- +goose StatementEnd

ALTER TABLE connections ADD COLUMN app_subscription_id text NOT NULL DEFAULT '';
ALTER TABLE connections ADD COLUMN app_subscription_due timestamptz;
ALTER TABLE cleanups DROP CONSTRAINT cleanups_kind_check;
ALTER TABLE cleanups ADD CONSTRAINT cleanups_kind_check CHECK (kind IN ('unsubscribe', 'unsubscribe_app', 'remove_events'));
ALTER TABLE secrets DROP CONSTRAINT secrets_name_check;
ALTER TABLE secrets ADD CONSTRAINT secrets_name_check CHECK (name IN ('acme_api_key', 'app_token', 'hook_secret', 'hook_secret_old', 'app_hook_secret'));
CREATE INDEX people_by_email ON people (tenant, connection, email_index) WHERE kind = 'contact' AND email_index IS NOT NULL;
