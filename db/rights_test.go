package db_test

import (
	"net/url"
	"strings"
	"testing"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

// as opens a transaction under a role, as the program's login takes it on.
func as(t *testing.T, d *dbtest.Database, role string, tenant acmesync.TenantID) *sqlx.Tx {
	t.Helper()
	conn, err := sqlx.Connect("postgres", d.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	tx, err := conn.Beginx()
	require.NoError(t, err)
	if role != "" {
		_, err = tx.Exec(`SET LOCAL ROLE ` + role)
		require.NoError(t, err)
	}
	if tenant != "" {
		_, err = tx.Exec(`SELECT set_config('acmesync.tenant', $1, true)`, tenant)
		require.NoError(t, err)
	}
	return tx
}

func refused(t *testing.T, d *dbtest.Database, role, query string, args ...any) {
	t.Helper()
	_, err := as(t, d, role, "alpha").Exec(query, args...)
	require.ErrorContains(t, err, "permission denied", query)
}

func TestRights(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	seeded(t, d, "")
	activated(t, d, "alpha")

	t.Run("every table that names tenants is under forced row-level security with policies", func(t *testing.T) {
		for _, table := range tenantTables(t, d) {
			var r struct {
				Enabled bool `db:"relrowsecurity"`
				Forced  bool `db:"relforcerowsecurity"`
				Own     int  `db:"own"`
			}
			require.NoError(t, d.Super.Get(&r, `
				SELECT relrowsecurity, relforcerowsecurity, (
					SELECT count(*) FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles)
					WHERE p.polrelid = c.oid AND r.rolname = 'acmesync_app' AND p.polcmd = '*' AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL
				) AS own FROM pg_class c WHERE oid = $1::regclass`, table))
			require.True(t, r.Enabled && r.Forced && r.Own == 1, "%s: %+v", table, r)
		}
	})
	t.Run("every table that names no tenant is known to hold nothing of one", func(t *testing.T) {
		var tables []string
		require.NoError(t, d.Super.Select(&tables, `
			SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition
				AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant') ORDER BY 1`))
		require.Equal(t, []string{"budgets", "chores", "goose_db_version"}, tables)
	})
	t.Run("a partition cannot be read past its table", func(t *testing.T) {
		require.Zero(t, scalar[int](t, d, `
			SELECT count(*) FROM pg_class c, pg_roles r WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relispartition
				AND r.rolname IN ('acmesync_app', 'acmesync_intake', 'acmesync_fleet', 'acmesync_definer')
				AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')`))
	})
	t.Run("the program's roles own no table, are weak and cannot become the owner", func(t *testing.T) {
		require.Zero(t, scalar[int](t, d, `
			SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
			WHERE c.relnamespace = 'public'::regnamespace AND r.rolname IN ('acmesync_app', 'acmesync_intake', 'acmesync_fleet', 'acmesync_definer')`))
		require.Zero(t, scalar[int](t, d, `
			SELECT count(*) FROM pg_roles WHERE rolname IN ('acmesync_app', 'acmesync_intake', 'acmesync_fleet', 'acmesync_definer')
				AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)`))
		for _, strong := range []string{"acmesync_owner", "acmesync_definer"} {
			require.False(t, scalar[bool](t, d, `SELECT pg_has_role('acmesync_app', $1, 'MEMBER')`, strong))
		}
		require.False(t, scalar[bool](t, d, `SELECT has_schema_privilege('acmesync_app', 'public', 'CREATE')`))
	})
	t.Run("nobody logs in as the role that owns the functions", func(t *testing.T) {
		require.False(t, scalar[bool](t, d, `SELECT rolcanlogin FROM pg_roles WHERE rolname = 'acmesync_definer'`))
	})
	t.Run("no function may be called by everybody", func(t *testing.T) {
		var open []string
		require.NoError(t, d.Super.Select(&open, `
			SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
				AND EXISTS (SELECT 1 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)`))
		require.Empty(t, open)
	})
	t.Run("each function that acts for somebody else fixes where it looks names up", func(t *testing.T) {
		require.Zero(t, scalar[int](t, d, `
			SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
				AND NOT coalesce(proconfig::text LIKE '%search_path=pg_catalog, public%', false)`))
	})
	t.Run("a transaction that names no tenant sees and writes nothing", func(t *testing.T) {
		for _, table := range tenantTables(t, d) {
			if table == "hook_ids" {
				refused(t, d, "", `SELECT 1 FROM hook_ids`)
				continue
			}
			var n int
			require.NoError(t, as(t, d, "", "").Get(&n, `SELECT count(*) FROM `+table), table)
			require.Zero(t, n, table)
		}
		_, err := as(t, d, "", "").Exec(`INSERT INTO tenants (tenant, name) VALUES ('sneaked', 'In')`)
		require.ErrorContains(t, err, "row-level security")
	})
	t.Run("a row cannot be handed to another tenant", func(t *testing.T) {
		_, err := as(t, d, "", "alpha").Exec(`UPDATE lanes SET tenant = 'intruder' WHERE tenant = 'alpha'`)
		require.ErrorContains(t, err, "row-level security")
	})
	t.Run("what was decided cannot be rewritten", func(t *testing.T) {
		for _, q := range []string{`UPDATE audit SET actor = 'x'`, `DELETE FROM audit`, `UPDATE commands SET actor = 'x'`, `DELETE FROM commands`, `TRUNCATE audit`} {
			refused(t, d, "", q)
		}
	})
	t.Run("the program cannot reach budgets and the schema's versions but by functions", func(t *testing.T) {
		refused(t, d, "", `SELECT 1 FROM budgets`)
		refused(t, d, "", `SELECT 1 FROM goose_db_version`)
		refused(t, d, "", `SELECT make_partitions(1)`)
	})
	t.Run("the intake role can call its functions and nothing else", func(t *testing.T) {
		for _, table := range append(tenantTables(t, d), "budgets") {
			refused(t, d, "acmesync_intake", `SELECT 1 FROM `+table)
			refused(t, d, "acmesync_intake", `DELETE FROM `+table)
		}
		var callable []string
		require.NoError(t, d.Super.Select(&callable, `
			SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND has_function_privilege('acmesync_intake', oid, 'EXECUTE') ORDER BY 1`))
		require.Equal(t, []string{"intake_account", "intake_endpoint", "intake_mark", "intake_store", "intake_store"}, callable)
	})
	t.Run("the fleet role sees tenants but no body, no secret and no person", func(t *testing.T) {
		var n int
		require.NoError(t, as(t, d, "acmesync_fleet", "").Get(&n, `SELECT count(*) FROM tenants`))
		require.Equal(t, 2, n)
		for _, table := range []string{"envelopes", "arrivals", "people", "secrets", "tenant_keys", "ledger", "facts", "cells", "links", "known", "audit", "commands", "positions", "hook_ids"} {
			refused(t, d, "acmesync_fleet", `SELECT 1 FROM `+table)
		}
		for _, column := range []string{"body", "key_id", "reason", "closed_by"} {
			refused(t, d, "acmesync_fleet", `SELECT `+column+` FROM parked`)
		}
		refused(t, d, "acmesync_fleet", `SELECT acme_url FROM connections`)
	})
	t.Run("the fleet role changes nothing", func(t *testing.T) {
		for _, table := range []string{"tenants", "lanes", "holds", "reviews", "cleanups", "parked", "connections"} {
			refused(t, d, "acmesync_fleet", `DELETE FROM `+table)
			refused(t, d, "acmesync_fleet", `UPDATE `+table+` SET tenant = tenant`)
		}
	})

	logins := map[string]string{
		"a superuser": "",
		"the owner":   "acmesync_owner",
		"a login that bypasses row-level security": "strong_bypass",
		"a login that may become the owner":        "strong_member",
		"a login that may become a superuser":      "strong_super",
		"a login that may act for all tenants":     "strong_definer",
	}
	suffix := scalar[string](t, d, `SELECT current_database()`)
	for role, statement := range map[string]string{
		"strong_bypass":  `CREATE ROLE %s LOGIN BYPASSRLS PASSWORD 'test-only'`,
		"strong_member":  `CREATE ROLE %s LOGIN NOINHERIT PASSWORD 'test-only' IN ROLE acmesync_owner`,
		"strong_super":   `CREATE ROLE %s LOGIN NOINHERIT PASSWORD 'test-only'`,
		"strong_definer": `CREATE ROLE %s LOGIN PASSWORD 'test-only' IN ROLE acmesync_app, acmesync_definer`,
		"weak_member":    `CREATE ROLE %s LOGIN PASSWORD 'test-only' IN ROLE acmesync_app`,
	} {
		makeRole(t, d, statement, role+"_"+suffix)
	}
	exec(t, d, `DO $$ BEGIN EXECUTE format('GRANT %I TO %I', current_user, 'strong_super_`+suffix+`'); END $$`)
	for who, role := range logins {
		t.Run(who+" is refused", func(t *testing.T) {
			login := role
			switch role {
			case "":
				login = scalar[string](t, d, `SELECT current_user`)
			case "acmesync_owner":
			default:
				login = role + "_" + suffix
			}
			_, err := db.Open(ctx, loginAs(t, d, login, role == ""), d.Vault)
			require.ErrorContains(t, err, "superuser, bypasses row-level security or owns the tables")
		})
	}
	t.Run("a plain login that is a member of the program's role is taken", func(t *testing.T) {
		opened, err := db.Open(ctx, loginAs(t, d, "weak_member_"+suffix, false), d.Vault)
		require.NoError(t, err)
		defer func() { _ = opened.Close() }()
		tenant, err := opened.Tenant(ctx, "alpha")
		require.NoError(t, err)
		require.Equal(t, acmesync.Starting, tenant.State)
		_, err = opened.Living(ctx, "", 10)
		require.NoError(t, err)
	})
	t.Run("a URL that is none says so without quoting it", func(t *testing.T) {
		_, err := db.Open(ctx, "mysql://secret@nowhere", d.Vault)
		require.ErrorContains(t, err, "postgres://")
		require.NotContains(t, err.Error(), "secret")
	})
}

// makeRole makes a login that goes away with the test: roles are the cluster's.
func makeRole(t *testing.T, d *dbtest.Database, statement, role string) {
	t.Helper()
	exec(t, d, strings.Replace(statement, "%s", role, 1))
	t.Cleanup(func() { _, _ = d.Super.Exec(`DROP ROLE IF EXISTS ` + role) })
}

func loginAs(t *testing.T, d *dbtest.Database, role string, super bool) string {
	t.Helper()
	if super {
		return d.SuperURL
	}
	u, err := url.Parse(d.URL)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "test-only")
	return u.String()
}
