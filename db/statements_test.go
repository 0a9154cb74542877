package db_test

import (
	"testing"

	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestStatements(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	d.Pool(1)
	raw := db.Raw(d.DB)
	exec(t, d, `CREATE TABLE changing (a int); GRANT SELECT ON changing TO acmesync_app; INSERT INTO changing VALUES (1)`)
	const query = `SELECT * FROM changing WHERE a = $1`
	ask := func() error {
		rows, err := raw.Query(query, 1)
		if err != nil {
			return err
		}
		defer rows.Close()
		n := 0
		for rows.Next() {
			n++
		}
		require.Equal(t, 1, n)
		return rows.Err()
	}
	prepared := func() int {
		var n int
		require.NoError(t, raw.Get(&n, `SELECT count(*) FROM pg_prepared_statements WHERE statement = $1`, query))
		return n
	}

	t.Run("a connection prepares a statement once", func(t *testing.T) {
		require.NoError(t, ask())
		require.NoError(t, ask())
		require.Equal(t, 1, prepared())
	})
	t.Run("one that a change of the schema has made useless is prepared anew", func(t *testing.T) {
		exec(t, d, `ALTER TABLE changing ADD COLUMN b int`)
		require.ErrorContains(t, ask(), "cached plan must not change result type")
		require.NoError(t, ask())
		require.Equal(t, 1, prepared())
	})
	t.Run("a plan that is made while a table is small does not read all of it", func(t *testing.T) {
		exec(t, d, `CREATE TABLE growing (a int PRIMARY KEY); GRANT SELECT ON growing TO acmesync_app;
			INSERT INTO growing VALUES (1); ANALYZE growing`)
		var plan []string
		require.NoError(t, raw.Select(&plan, `EXPLAIN SELECT * FROM growing WHERE a = $1`, 1))
		require.NotContains(t, plan[0], "Seq Scan")
	})
	t.Run("one that is gone is prepared anew", func(t *testing.T) {
		var name string
		require.NoError(t, raw.Get(&name, `SELECT name FROM pg_prepared_statements WHERE statement = $1`, query))
		_, err := raw.Exec(`DEALLOCATE "` + name + `"`)
		require.NoError(t, err)
		require.ErrorContains(t, ask(), "does not exist")
		require.NoError(t, ask())
		require.Equal(t, 1, prepared())
	})
}
