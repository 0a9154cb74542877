// Package dbtest gives each test a database of its own on the cluster that TEST_DATABASE_URL
// names (a superuser's URL), copied from a template that is migrated once per schema.
package dbtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"acmesync/db"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

// Database is a migrated database that goes away with its test.
type Database struct {
	*db.DB
	Vault    *db.Vault
	Keyset   string
	URL      string // as acmesync_app, under row-level security
	OwnerURL string // as acmesync_owner
	SuperURL string
	Super    *sqlx.DB
}

const password = "test-only"

// New makes a database; the test fails at once where there is no cluster to make it on.
func New(t testing.TB) *Database {
	t.Helper()
	super := os.Getenv("TEST_DATABASE_URL")
	require.NotEmpty(t, super, "TEST_DATABASE_URL names no cluster: run the tests by `make test`")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)

	name := "test_" + randomHex(t)
	template := templateName(t)
	admin := open(t, super)
	conn, err := admin.Connx(ctx)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	// One process at a time: roles belong to the cluster, and copying a template wants it unused.
	_, err = conn.ExecContext(ctx, `SELECT pg_advisory_lock(7131)`)
	require.NoError(t, err)
	makeTemplate(ctx, t, conn, super, template)
	_, err = conn.ExecContext(ctx, fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s OWNER acmesync_owner`, name, template))
	require.NoError(t, err)
	_, err = conn.ExecContext(ctx, `SELECT pg_advisory_unlock(7131)`)
	require.NoError(t, err)

	keyset, err := db.NewKeyset()
	require.NoError(t, err)
	vault, err := db.NewVault(keyset)
	require.NoError(t, err)
	d := &Database{
		Vault: vault, Keyset: keyset,
		URL:      with(t, super, "acmesync_app", name),
		OwnerURL: with(t, super, "acmesync_owner", name),
		SuperURL: with(t, super, "", name),
	}
	d.Super = open(t, d.SuperURL)
	d.DB, err = db.Open(ctx, d.URL, vault)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = d.DB.Close()
		_ = d.Super.Close()
		_, _ = admin.Exec(fmt.Sprintf(`DROP DATABASE IF EXISTS %s WITH (FORCE)`, name))
		_ = admin.Close()
	})
	return d
}

func makeTemplate(ctx context.Context, t testing.TB, conn *sqlx.Conn, super, template string) {
	t.Helper()
	var there bool
	require.NoError(t, conn.GetContext(ctx, &there, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, template))
	if there {
		return
	}
	_, err := conn.ExecContext(ctx, `
		DO $$ BEGIN
			IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'acmesync_owner') THEN CREATE ROLE acmesync_owner LOGIN CREATEROLE CREATEDB; END IF;
			IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'acmesync_app') THEN CREATE ROLE acmesync_app LOGIN NOINHERIT; END IF;
		END $$;
		ALTER ROLE acmesync_owner LOGIN CREATEROLE PASSWORD '`+password+`';
		ALTER ROLE acmesync_app LOGIN PASSWORD '`+password+`';`)
	require.NoError(t, err)
	draft := template + "_draft"
	_, err = conn.ExecContext(ctx, `DROP DATABASE IF EXISTS `+draft+` WITH (FORCE)`)
	require.NoError(t, err)
	_, err = conn.ExecContext(ctx, `CREATE DATABASE `+draft+` OWNER acmesync_owner`)
	require.NoError(t, err)
	_, err = db.Migrate(ctx, with(t, super, "acmesync_owner", draft))
	require.NoError(t, err)
	_, err = conn.ExecContext(ctx, `ALTER DATABASE `+draft+` RENAME TO `+template)
	require.NoError(t, err)
}

// templateName changes with the migrations, so an old template is never taken for a new one.
func templateName(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	sum := sha256.New()
	files := os.DirFS(filepath.Join(filepath.Dir(here), "..", "migrations"))
	names, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	for _, n := range names {
		body, err := fs.ReadFile(files, n)
		require.NoError(t, err)
		sum.Write(body)
	}
	return "template_" + hex.EncodeToString(sum.Sum(nil)[:6])
}

func with(t testing.TB, super, role, database string) string {
	t.Helper()
	u, err := url.Parse(super)
	require.NoError(t, err)
	u.Path = "/" + database
	if role != "" {
		u.User = url.UserPassword(role, password)
	}
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String()
}

func open(t testing.TB, databaseURL string) *sqlx.DB {
	t.Helper()
	conn, err := sqlx.Connect("postgres", databaseURL)
	require.NoError(t, err)
	return conn
}

func randomHex(t testing.TB) string {
	t.Helper()
	b := make([]byte, 6)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return hex.EncodeToString(b)
}
