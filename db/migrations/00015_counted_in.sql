-- In which zone each user's touch-points were last put on their days.

-- +goose Up
CREATE TABLE counted_in (
  tenant     text NOT NULL,
  connection text NOT NULL,
  app_user   text NOT NULL,
  time_zone  text NOT NULL,
  PRIMARY KEY (tenant, connection, app_user)
);
COMMENT ON TABLE counted_in IS 'the app''s users with the zone that the days of their facts are in; another one now: their facts are put on their days anew';
COMMENT ON COLUMN counted_in.time_zone IS 'as the app names it, which need not be a zone there is';

ALTER TABLE counted_in ENABLE ROW LEVEL SECURITY;
ALTER TABLE counted_in FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON counted_in TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON counted_in TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON counted_in TO acmesync_app;
