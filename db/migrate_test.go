package db_test

import (
	"context"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/stretchr/testify/require"
)

// bare makes a database of the owner's without a schema and answers its name and the owner's URL.
func bare(t *testing.T, d *dbtest.Database, suffix string) (name, ownerURL string) {
	t.Helper()
	name = scalar[string](t, d, `SELECT current_database()`) + suffix
	exec(t, d, `CREATE DATABASE `+name+` OWNER acmesync_owner`)
	t.Cleanup(func() { _, _ = d.Super.Exec(`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`) })
	return name, inDatabase(t, d.OwnerURL, name)
}

func inDatabase(t *testing.T, databaseURL, name string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}

func openAs(t *testing.T, d *dbtest.Database, name string) *db.DB {
	t.Helper()
	opened, err := db.Open(t.Context(), inDatabase(t, d.URL, name), d.Vault)
	require.NoError(t, err)
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	files, err := os.ReadDir("migrations")
	require.NoError(t, err)

	t.Run("an empty database is refused with what to do", func(t *testing.T) {
		name, _ := bare(t, d, "_empty")
		require.ErrorContains(t, openAs(t, d, name).CheckSchema(ctx), "starter migrate up")
	})
	t.Run("several at once migrate it once; the others wait and find nothing to do", func(t *testing.T) {
		name, owner := bare(t, d, "_at_once")
		var mu sync.Mutex
		done := 0
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				applied, err := db.Migrate(ctx, owner)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				done += len(applied)
			})
		}
		all.Wait()
		require.Equal(t, len(files), done)
		require.NoError(t, openAs(t, d, name).CheckSchema(ctx))
	})
	t.Run("migrating again does nothing, and the status says when each step was applied", func(t *testing.T) {
		applied, err := db.Migrate(ctx, d.OwnerURL)
		require.NoError(t, err)
		require.Empty(t, applied)
		status, err := db.MigrationStatus(ctx, d.OwnerURL)
		require.NoError(t, err)
		require.Len(t, status, len(files))
		for _, m := range status {
			require.False(t, m.Applied.IsZero())
		}
	})
	t.Run("this program's own schema is taken", func(t *testing.T) {
		require.NoError(t, d.CheckSchema(ctx))
	})
	t.Run("an older schema is refused with both versions", func(t *testing.T) {
		exec(t, d, `UPDATE goose_db_version SET is_applied = false WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
		require.ErrorContains(t, d.CheckSchema(ctx), "run `starter migrate up`")
		exec(t, d, `UPDATE goose_db_version SET is_applied = true`)
	})
	t.Run("a newer schema is taken: programs are replaced after it", func(t *testing.T) {
		exec(t, d, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
		require.NoError(t, d.CheckSchema(ctx))
	})
	t.Run("a database that was left half-way is refused with what to do", func(t *testing.T) {
		name, owner := bare(t, d, "_half")
		conn, err := sqlx.Connect("postgres", owner)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = conn.Exec(`CREATE TABLE goose_db_version (version_id bigint, is_applied boolean)`)
		require.NoError(t, err)
		require.ErrorContains(t, openAs(t, d, name).CheckSchema(ctx), "starter migrate up")
	})
	t.Run("every column of a state says which states it may go to", func(t *testing.T) {
		require.Zero(t, scalar[int](t, d, `
			SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'state'
				AND coalesce(col_description(c.oid, a.attnum), '') NOT LIKE '%→%'`))
	})
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	count := func(table string) int {
		return scalar[int](t, d, `SELECT count(*) FROM pg_inherits WHERE inhparent = $1::regclass`, table)
	}

	t.Run("days ahead get their partitions once", func(t *testing.T) {
		before := count("envelopes")
		made, err := d.MakePartitions(ctx, 10)
		require.NoError(t, err)
		require.Equal(t, 6, made, "three days more, of two tables")
		made, err = d.MakePartitions(ctx, 10)
		require.NoError(t, err)
		require.Zero(t, made)
		require.Equal(t, before+3, count("envelopes"))
		require.Equal(t, count("envelopes"), count("arrivals"))
	})
	t.Run("no request makes more than a month", func(t *testing.T) {
		_, err := d.MakePartitions(ctx, 100_000)
		require.NoError(t, err)
		require.LessOrEqual(t, count("envelopes"), 33)
	})
	t.Run("partitions made later are indexed and stored like those made first", func(t *testing.T) {
		// Index names follow their table's: what is compared is what they are over.
		describe := func(offset int) string {
			return scalar[string](t, d, `
				SELECT string_agg(regexp_replace(pg_get_indexdef(i.indexrelid), '.* USING ', ''), E'\n' ORDER BY pg_get_indexdef(i.indexrelid))
					|| (SELECT a.attstorage::text FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = 'body')
				FROM pg_index i WHERE i.indrelid = ('envelopes_' || to_char((now() AT TIME ZONE 'UTC')::date + $1::int, 'YYYYMMDD'))::regclass GROUP BY i.indrelid`, offset)
		}
		require.Equal(t, describe(1), describe(20))
	})
	t.Run("rows that came while nobody made partitions stay where they are, and hinder no other day", func(t *testing.T) {
		activated(t, d, "alpha")
		today := scalar[string](t, d, `SELECT to_char((now() AT TIME ZONE 'UTC')::date, 'YYYYMMDD')`)
		tomorrow := scalar[string](t, d, `SELECT to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYYMMDD')`)
		for _, day := range []string{today, tomorrow} {
			exec(t, d, `DROP TABLE envelopes_`+day+`, arrivals_`+day)
		}
		f := begin(t, d, "alpha", acmesync.Fetch)
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "1"))
		require.Equal(t, 1, scalar[int](t, d, `SELECT count(*) FROM envelopes_rest`))
		made, err := d.MakePartitions(ctx, 7)
		require.NoError(t, err)
		require.Equal(t, 2, made, "tomorrow's")
		require.Len(t, claim(t, d, begin(t, d, "alpha", acmesync.Deliver)), 1)
	})
	t.Run("nobody waits long for a partition that has to wait for a long look itself", func(t *testing.T) {
		activated(t, d, "beta")
		day := scalar[string](t, d, `SELECT to_char((now() AT TIME ZONE 'UTC')::date + 20, 'YYYYMMDD')`)
		exec(t, d, `DROP TABLE envelopes_`+day)
		look := d.Super.MustBegin()
		_, err := look.Exec(`SELECT count(*) FROM envelopes`)
		require.NoError(t, err)
		type result struct {
			made int
			err  error
		}
		making := make(chan result, 1)
		go func() {
			made, err := d.MakePartitions(ctx, 20)
			making <- result{made, err}
		}()
		blocked(t, d)
		bounded, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		_, err = d.StoreHooks(bounded, []db.HookDelivery{{Endpoint: endpointOf(t, d, "beta"), Tenant: "beta", WebhookID: "w", BodySHA: []byte{1},
			Events: []db.HookEvent{{Stream: acmesync.Appointments, AcmeID: "1", Body: []byte("{}")}}}})
		require.NoError(t, err, "a hook waits")
		_, err = d.ClaimHints(bounded, begin(t, d, "beta", acmesync.Fetch), 10)
		require.NoError(t, err, "a lane waits")
		require.Equal(t, result{}, <-making, "it gives up for now")
		require.NoError(t, look.Rollback())
		made, err := d.MakePartitions(ctx, 20)
		require.NoError(t, err)
		require.Equal(t, 1, made, "the next sweep makes it")
	})
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	of := func(query string) error {
		_, err := d.Super.Exec(query)
		return err
	}
	t.Run("a full, read-only, stopping or interrupted Postgres is unavailable", func(t *testing.T) {
		for _, code := range []string{"53100", "53300", "25006", "57P01", "57P03", "08006", "58030", "57014"} {
			require.True(t, db.Unavailable(&pq.Error{Code: pqerror.Code(code)}), code)
		}
		require.True(t, db.Unavailable(of(`SET statement_timeout = '1ms'; SELECT pg_sleep(1)`)))
		require.True(t, db.Unavailable(context.DeadlineExceeded))
	})
	t.Run("what was asked being at fault is not", func(t *testing.T) {
		require.False(t, db.Unavailable(of(`SELECT 1/0`)))
		require.False(t, db.Unavailable(of(`INSERT INTO tenants (tenant, name) VALUES ('NOT VALID', 'x')`)))
		require.False(t, db.Unavailable(acmesync.ErrNotFound))
		require.False(t, db.Unavailable(nil))
	})
	t.Run("a database that is not there is", func(t *testing.T) {
		opened, err := db.Open(t.Context(), d.URL, d.Vault)
		require.NoError(t, err)
		require.NoError(t, opened.Ping(t.Context()))
		require.NoError(t, opened.Close())
		require.Error(t, opened.Ping(t.Context()))
	})
	t.Run("one that takes no writes does not answer as one that is well", func(t *testing.T) {
		exec(t, d, `ALTER ROLE acmesync_app IN DATABASE `+scalar[string](t, d, `SELECT current_database()`)+` SET default_transaction_read_only = on`)
		opened, err := db.Open(t.Context(), d.URL, d.Vault)
		require.NoError(t, err)
		defer func() { _ = opened.Close() }()
		require.ErrorContains(t, opened.Ping(t.Context()), "takes no writes")
	})
}
