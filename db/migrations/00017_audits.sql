-- Audits: what both sides and the ledger disagree about; and records that Acme does not show any more, until they are believed to
-- be gone.

-- +goose Up
CREATE TABLE audits (
  tenant     text NOT NULL REFERENCES tenants,
  audit      uuid NOT NULL,
  connection text NOT NULL,
  generation bigint NOT NULL,
  state      text NOT NULL DEFAULT 'reading' CHECK (state IN
               ('reading', 'asking', 'comparing', 'counting', 'settling', 'done', 'cancelled')),
  actor      text NOT NULL,
  command_id text NOT NULL DEFAULT '',
  reason     text NOT NULL DEFAULT '',
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at   timestamptz,
  complete   boolean NOT NULL DEFAULT false,
  records    bigint NOT NULL DEFAULT 0,
  events     bigint NOT NULL DEFAULT 0,
  counts     bigint NOT NULL DEFAULT 0,
  cursor     text NOT NULL DEFAULT '',
  walk_began_at timestamptz,
  PRIMARY KEY (tenant, audit)
);
CREATE UNIQUE INDEX audits_open ON audits (tenant) WHERE ended_at IS NULL;
COMMENT ON COLUMN audits.state IS 'reading → asking → comparing → counting → settling → done; any of these → cancelled';
COMMENT ON COLUMN audits.complete IS 'Acme''s lists were read from beginning to end without a gap: only then is a record that they do not show asked for by id';
COMMENT ON COLUMN audits.walk_began_at IS 'when the walk over the app''s events began: what was delivered after that may be missing in it';

CREATE TABLE audit_differences (
  tenant    text NOT NULL,
  audit     uuid NOT NULL,
  side      text NOT NULL CHECK (side IN ('acme', 'app')),
  stream    text NOT NULL,
  id        text NOT NULL,
  kind      text NOT NULL,
  outcome   text NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'healed', 'parked', 'withheld', 'unlisted')),
  found_at  timestamptz NOT NULL DEFAULT now(),
  healed_at timestamptz,
  PRIMARY KEY (tenant, audit, side, stream, id),
  FOREIGN KEY (tenant, audit) REFERENCES audits
);

CREATE TABLE audit_seen (
  tenant text NOT NULL,
  audit  uuid NOT NULL,
  id     text NOT NULL,
  PRIMARY KEY (tenant, audit, id),
  FOREIGN KEY (tenant, audit) REFERENCES audits
);
COMMENT ON TABLE audit_seen IS 'what the app has shown of the walk that is under way; emptied at its end';

CREATE TABLE absences (
  tenant     text NOT NULL,
  connection text NOT NULL,
  stream     text NOT NULL,
  acme_id    text NOT NULL,
  seen_at    timestamptz NOT NULL DEFAULT now(),
  withheld   boolean NOT NULL DEFAULT false,
  believed   boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant, connection, stream, acme_id)
);
COMMENT ON TABLE absences IS 'known records that Acme has not shown when it was asked: counted for the mass-delete guard';
COMMENT ON COLUMN absences.withheld IS 'the guard has come down on it: a review asks a person, and nothing is deleted';
COMMENT ON COLUMN absences.believed IS 'a person has: if Acme still does not show it, it is gone';

ALTER TABLE positions ADD COLUMN audit uuid;
ALTER TABLE positions ADD COLUMN gaps integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN positions.audit IS 'the audit that this walk from the beginning is made for';
COMMENT ON COLUMN positions.gaps IS 'ranges that this walk from the beginning had to step over';

-- +goose StatementBegin
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['audits', 'audit_differences', 'audit_seen', 'absences'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY own_tenant ON %I TO acmesync_app USING (tenant = current_setting(''acmesync.tenant'', true))'
      || ' WITH CHECK (tenant = current_setting(''acmesync.tenant'', true))', t);
    EXECUTE format('CREATE POLICY definer ON %I TO acmesync_definer USING (true) WITH CHECK (true)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO acmesync_app', t);
  END LOOP;
END $$;
-- +goose StatementEnd
