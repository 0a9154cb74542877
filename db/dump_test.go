package db_test

import (
	"testing"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

// dump answers every row of a tenant, table by table, as the superuser sees them.
func dump(t testing.TB, d *dbtest.Database, tenant acmesync.TenantID) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range tenantTables(t, d) {
		all[table] = scalar[string](t, d, `SELECT coalesce(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM `+table+` r WHERE tenant = $1`, tenant)
	}
	return all
}

// tenantTables are all tables that say whose a row is.
func tenantTables(t testing.TB, d *dbtest.Database) []string {
	t.Helper()
	var tables []string
	require.NoError(t, d.Super.Select(&tables, `
		SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`))
	require.NotEmpty(t, tables)
	return tables
}
