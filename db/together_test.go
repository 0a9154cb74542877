package db_test

import (
	"errors"
	"testing"
	"time"

	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

func TestTogether(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	d.Pool(1)
	ctx := t.Context()
	exec(t, d, `CREATE TABLE notes (n int PRIMARY KEY, a text, b bytea, c timestamptz, d boolean); GRANT ALL ON notes TO acmesync_app`)
	const insert = `INSERT INTO notes (n, a, b, c, d) VALUES ($1, $2, $3, $4, $5)`
	notes := func() int { return scalar[int](t, d, `SELECT count(*) FROM notes`) }
	// warm has the connection be one that was used just now.
	warm := func(t *testing.T) {
		t.Helper()
		require.NoError(t, d.Ping(ctx))
		require.NoError(t, db.In(ctx, d.DB, "alpha", func(tx *sqlx.Tx) error {
			var one int
			return tx.GetContext(ctx, &one, `SELECT $1::int`, 1)
		}))
	}
	named := func(t *testing.T) string {
		t.Helper()
		var tenant string
		require.NoError(t, db.In(ctx, d.DB, "beta", func(tx *sqlx.Tx) error {
			return tx.GetContext(db.Alone(ctx), &tenant, `SELECT current_setting('acmesync.tenant', $1::boolean)`, true)
		}))
		return tenant
	}

	t.Run("parameters arrive as they are, whatever is in them", func(t *testing.T) {
		warm(t)
		text, raw, at := `it's "\' $1; DROP TABLE notes; -- \\ {} é`, []byte{0, '\'', '\\', 255}, time.Now().UTC().Truncate(time.Microsecond)
		var got struct {
			A string
			B []byte
			C time.Time
			D *bool
		}
		require.NoError(t, db.In(ctx, d.DB, "alpha", func(tx *sqlx.Tx) error {
			if _, err := tx.ExecContext(db.Later(ctx), insert, 1, text, raw, at, nil); err != nil {
				return err
			}
			return tx.GetContext(ctx, &got, `SELECT a, b, c, d FROM notes WHERE n = $1`, 1)
		}))
		require.Equal(t, text, got.A)
		require.Equal(t, raw, got.B)
		require.True(t, at.Equal(got.C))
		require.Nil(t, got.D)
	})
	t.Run("a zero byte is refused as in any text", func(t *testing.T) {
		warm(t)
		before := notes()
		require.Error(t, db.In(ctx, d.DB, "alpha", func(tx *sqlx.Tx) error {
			_, err := tx.ExecContext(db.Later(ctx), insert, 2, "a\x00b", nil, nil, nil)
			return err
		}))
		require.Equal(t, before, notes())
	})
	t.Run("what waits is committed, and what fails takes all of it along", func(t *testing.T) {
		warm(t)
		before := notes()
		put := func(ns ...int) error {
			return db.In(ctx, d.DB, "alpha", func(tx *sqlx.Tx) error {
				for _, n := range ns {
					if _, err := tx.ExecContext(db.Later(ctx), insert, n, "", nil, nil, true); err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, put(10, 11))
		require.Equal(t, before+2, notes())
		require.ErrorContains(t, put(12, 10), "notes_pkey")
		require.Equal(t, before+2, notes())
		require.NoError(t, put(12))
		require.Equal(t, before+3, notes())
	})
	t.Run("what waits is forgotten by a transaction that is given up", func(t *testing.T) {
		warm(t)
		before := notes()
		gone := errors.New("given up")
		require.ErrorIs(t, db.In(ctx, d.DB, "alpha", func(tx *sqlx.Tx) error {
			_, err := tx.ExecContext(db.Later(ctx), insert, 20, "", nil, nil, true)
			require.NoError(t, err)
			return gone
		}), gone)
		warm(t)
		require.Equal(t, before, notes())
	})
	t.Run("a query alone sees its own tenant, and leaves neither it nor a failure behind", func(t *testing.T) {
		warm(t)
		require.Equal(t, "beta", named(t))
		require.ErrorContains(t, db.In(ctx, d.DB, "alpha", func(tx *sqlx.Tx) error {
			var n int
			return tx.GetContext(db.Alone(ctx), &n, `SELECT 1 / $1::int`, 0)
		}), "division by zero")
		require.Equal(t, "beta", named(t))
		var tenant *string
		require.NoError(t, db.Raw(d.DB).Get(&tenant, `SELECT nullif(current_setting('acmesync.tenant', true), '')`))
		require.Nil(t, tenant)
	})
	t.Run("nothing follows a query that was to be alone", func(t *testing.T) {
		warm(t)
		require.ErrorContains(t, db.In(ctx, d.DB, "alpha", func(tx *sqlx.Tx) error {
			var n int
			require.NoError(t, tx.GetContext(db.Alone(ctx), &n, `SELECT $1::int`, 1))
			_, err := tx.ExecContext(db.Later(ctx), insert, 30, "", nil, nil, true)
			require.ErrorContains(t, err, "ended")
			return tx.GetContext(ctx, &n, `SELECT $1::int`, 1)
		}), "ended")
		require.Equal(t, "beta", named(t))
	})
	t.Run("a connection that died while it idled is replaced", func(t *testing.T) {
		warm(t)
		exec(t, d, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user`)
		<-time.After(1100 * time.Millisecond) // until it is not taken to be there any more
		require.Equal(t, "beta", named(t))
	})
}
