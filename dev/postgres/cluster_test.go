package postgres_test

import (
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"acmesync/dev/ports"
	"acmesync/dev/postgres"
	"acmesync/dev/process"
)

func supervisor() *process.Supervisor {
	return &process.Supervisor{Spawner: process.NewSpawner(), Console: &process.Console{Out: io.Discard}}
}

// cluster is one on a free port whose files are removed after the test.
func cluster(t *testing.T, data string) *postgres.Cluster {
	t.Helper()
	free, err := ports.Free(1)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, postgres.Forget(data)) })
	return &postgres.Cluster{Data: data, Port: free[0], Fast: true, Source: postgres.Source{Chosen: os.Getenv("DEV_POSTGRES_HOME")}}
}

func run(t *testing.T, c *postgres.Cluster) *process.Running {
	t.Helper()
	s := supervisor()
	require.NoError(t, c.Prepare(t.Context(), s))
	running := s.Start(c.Program())
	t.Cleanup(running.Stop)
	require.NoError(t, running.WaitReady(t.Context()))
	require.NoError(t, c.EnsureRoles(t.Context()))
	return running
}

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func one(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	var value string
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&value))
	return value
}

func TestCluster(t *testing.T) {
	t.Parallel()

	t.Run("it starts, stops, and has its data again", func(t *testing.T) {
		t.Parallel()
		data := filepath.Join(t.TempDir(), "postgres")
		c := cluster(t, data)
		running := run(t, c)
		_, err := open(t, c.URL(postgres.Owner, postgres.Database)).ExecContext(t.Context(), "CREATE TABLE kept AS SELECT 'still here' AS word")
		require.NoError(t, err)
		running.Stop()
		require.Error(t, open(t, c.URL(postgres.Owner, postgres.Database)).PingContext(t.Context()))

		again := cluster(t, data)
		run(t, again)
		require.Equal(t, "still here", one(t, open(t, again.URL(postgres.Owner, postgres.Database)), "SELECT word FROM kept"))
	})

	t.Run("a folder that only its owner can enter is no hindrance", func(t *testing.T) {
		t.Parallel()
		closed := filepath.Join(t.TempDir(), "closed")
		require.NoError(t, os.Mkdir(closed, 0o700))
		c := cluster(t, filepath.Join(closed, "postgres"))
		run(t, c)
		require.Equal(t, "1", one(t, open(t, c.URL(postgres.App, postgres.Database)), "SELECT 1"))
	})

	t.Run("the roles have the rights they need and no more", func(t *testing.T) {
		t.Parallel()
		c := cluster(t, filepath.Join(t.TempDir(), "postgres"))
		run(t, c)
		db := open(t, c.URL(postgres.Superuser, "postgres"))
		const rights = `SELECT concat_ws('-', rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin) FROM pg_roles WHERE rolname = `
		require.Equal(t, "f-f-t-t-t", one(t, db, rights+"'acmesync_owner'"))
		require.Equal(t, "f-f-f-f-t", one(t, db, rights+"'acmesync_app'"))
		require.Equal(t, "acmesync_owner", one(t, db, `SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'acmesync'`))
		require.Equal(t, "200", one(t, db, "SHOW max_connections"))
		require.Empty(t, one(t, db, "SHOW unix_socket_directories"))
	})

	t.Run("a wrong password is refused", func(t *testing.T) {
		t.Parallel()
		c := cluster(t, filepath.Join(t.TempDir(), "postgres"))
		run(t, c)
		other := cluster(t, filepath.Join(t.TempDir(), "postgres"))
		require.NoError(t, other.Prepare(t.Context(), supervisor()))
		other.Port = c.Port
		require.ErrorContains(t, open(t, other.URL(postgres.App, postgres.Database)).PingContext(t.Context()), "password")
	})

	t.Run("a killed server comes back with what was committed", func(t *testing.T) {
		t.Parallel()
		c := cluster(t, filepath.Join(t.TempDir(), "postgres"))
		run(t, c)
		db := open(t, c.URL(postgres.Superuser, "postgres"))
		_, err := db.ExecContext(t.Context(), "CREATE TABLE kept AS SELECT 1 AS n")
		require.NoError(t, err)
		raw, err := os.ReadFile(filepath.Join(c.Where(), "pgdata", "postmaster.pid"))
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(firstNumber(raw), syscall.SIGKILL))
		require.Eventually(t, func() bool {
			var n int
			return db.QueryRowContext(t.Context(), "SELECT n FROM kept").Scan(&n) == nil && killed(c, raw)
		}, 30*time.Second, 50*time.Millisecond)
	})

	t.Run("data of another version is refused and kept", func(t *testing.T) {
		t.Parallel()
		c := cluster(t, filepath.Join(t.TempDir(), "postgres"))
		require.NoError(t, c.Prepare(t.Context(), supervisor()))
		version := filepath.Join(c.Where(), "pgdata", "PG_VERSION")
		require.NoError(t, os.WriteFile(version, []byte("12\n"), 0o600))
		require.ErrorContains(t, c.Prepare(t.Context(), supervisor()), "the data was made by version 12")
		require.FileExists(t, version)
	})

	t.Run("without its data folder the database is forgotten", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("only root's database lies outside its data folder")
		}
		data := filepath.Join(t.TempDir(), "postgres")
		c := cluster(t, data)
		require.NoError(t, c.Prepare(t.Context(), supervisor()))
		old := filepath.Join(c.Where(), "pgdata", "left-over")
		require.NoError(t, os.WriteFile(old, nil, 0o600))
		require.NoError(t, os.RemoveAll(data))
		require.NoError(t, c.Prepare(t.Context(), supervisor()))
		require.NoFileExists(t, old)
	})
}

func TestSource(t *testing.T) {
	t.Parallel()

	t.Run("an installation that was named but is not there is an error", func(t *testing.T) {
		t.Parallel()
		c := cluster(t, filepath.Join(t.TempDir(), "postgres"))
		c.Source = postgres.Source{Chosen: t.TempDir()}
		require.ErrorContains(t, c.Prepare(t.Context(), supervisor()), "DEV_POSTGRES_HOME cannot be used")
	})
}

func firstNumber(raw []byte) (n int) {
	for _, digit := range raw {
		if digit < '0' || digit > '9' {
			break
		}
		n = n*10 + int(digit-'0')
	}
	return n
}

// killed tells whether another server runs than the one of the old pid file.
func killed(c *postgres.Cluster, old []byte) bool {
	raw, err := os.ReadFile(filepath.Join(c.Where(), "pgdata", "postmaster.pid"))
	return err == nil && !errors.Is(err, os.ErrNotExist) && firstNumber(raw) != firstNumber(old)
}
