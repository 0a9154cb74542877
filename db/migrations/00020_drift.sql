-- What Acme sends, and how it has drifted from its contract or from what it used to be. Names and counts, never values.

-- +goose Up
CREATE TABLE drift (
  tenant      text NOT NULL,
  connection  text NOT NULL,
  stream      text NOT NULL,
  field       text NOT NULL,
  finding     text NOT NULL,
  first_seen  timestamptz NOT NULL DEFAULT now(),
  last_seen   timestamptz NOT NULL DEFAULT now(),
  records     bigint NOT NULL DEFAULT 0,
  clean       bigint NOT NULL DEFAULT 0,
  alerted_at  timestamptz,
  resolved_at timestamptz,
  PRIMARY KEY (tenant, connection, stream, field, finding)
);
COMMENT ON TABLE drift IS 'one row per way in which a field differs; it stays when the field has changed back';
COMMENT ON COLUMN drift.stream IS 'a stream, or users';
COMMENT ON COLUMN drift.field IS 'a path such as start.time_zone; names that could be somebody''s data are (other)';
COMMENT ON COLUMN drift.finding IS 'unknown_field, field_gone, type_changed, unknown_word';
COMMENT ON COLUMN drift.first_seen IS 'since it last began';
COMMENT ON COLUMN drift.records IS 'of those looked at since then, how many showed it';
COMMENT ON COLUMN drift.clean IS 'records in a row that could have shown it and did not; twenty and it is resolved';
COMMENT ON COLUMN drift.alerted_at IS 'people were told; not told again until it was resolved and is seen anew';
COMMENT ON COLUMN drift.resolved_at IS 'it has changed back; null: it holds';

CREATE TABLE drift_fields (
  tenant     text NOT NULL,
  connection text NOT NULL,
  stream     text NOT NULL,
  fields     jsonb NOT NULL DEFAULT '{}',
  looked_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, connection, stream)
);
COMMENT ON TABLE drift_fields IS 'how often each field of the contract was there: what tells one that is gone from one that was never used';
COMMENT ON COLUMN drift_fields.fields IS 'field → {present, of, absent}';

ALTER TABLE drift ENABLE ROW LEVEL SECURITY;
ALTER TABLE drift FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON drift TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON drift TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON drift TO acmesync_app;

ALTER TABLE drift_fields ENABLE ROW LEVEL SECURITY;
ALTER TABLE drift_fields FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON drift_fields TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON drift_fields TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON drift_fields TO acmesync_app;
