-- Who in Acme is who in the app, as deliveries last took it.

-- +goose Up
CREATE TABLE matches (
  tenant     text NOT NULL,
  connection text NOT NULL,
  user_id    text NOT NULL,
  app_user   text NOT NULL,
  PRIMARY KEY (tenant, connection, user_id)
);
COMMENT ON TABLE matches IS 'Acme''s users and the app''s user each was last found to be; another one now: the records of that owner are read again';
COMMENT ON COLUMN matches.app_user IS 'empty: none';

ALTER TABLE matches ENABLE ROW LEVEL SECURITY;
ALTER TABLE matches FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON matches TO acmesync_app USING (tenant = current_setting('acmesync.tenant', true))
  WITH CHECK (tenant = current_setting('acmesync.tenant', true));
CREATE POLICY definer ON matches TO acmesync_definer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON matches TO acmesync_app;

COMMENT ON TABLE links IS 'which events name a contact: a change of the contact reaches those that are not over, its being forgotten all of them';
