-- Roles are of the cluster, tables of the database: the roles may be there already.
--
-- acmesync_app      the program: row-level security decides what it sees (may be made beforehand, as a login)
-- acmesync_intake   hooks and brokers: may call the intake functions and nothing else
-- acmesync_fleet    the sweep and staff lists: sees all tenants, no bodies
-- acmesync_definer  owns the functions that act across tenants; nobody logs in as it

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
  r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['acmesync_app', 'acmesync_intake', 'acmesync_fleet', 'acmesync_definer'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = r) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', r);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- another database of this cluster is being migrated at the same moment
      END;
    END IF;
  END LOOP;
  FOREACH r IN ARRAY ARRAY['acmesync_intake', 'acmesync_fleet'] LOOP
    IF NOT pg_has_role('acmesync_app', r, 'MEMBER') THEN
      EXECUTE format('GRANT %I TO acmesync_app', r);
    END IF;
  END LOOP;
  -- From PostgreSQL 16 on a role's maker is a member who may not act as it, until granted once more.
  IF NOT pg_has_role(current_user, 'acmesync_definer',
      CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
    EXECUTE format('GRANT acmesync_definer TO %I', current_user);
  END IF;
END $$;
-- +goose StatementEnd

-- The app takes the intake's and the fleet's rights on only for a transaction (SET LOCAL ROLE).
-- +goose StatementBegin
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'acmesync_app' AND rolinherit) THEN
    ALTER ROLE acmesync_app NOINHERIT;
  END IF;
EXCEPTION WHEN insufficient_privilege OR internal_error THEN
  NULL; -- made beforehand by somebody stronger, or being altered at this moment
END $$;
-- +goose StatementEnd

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO acmesync_app, acmesync_intake, acmesync_fleet, acmesync_definer;
