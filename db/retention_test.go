package db_test

import (
	"fmt"
	"testing"

	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestRetention(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	activated(t, d, "alpha")
	// day makes the partition of a day that lies back; envelope puts one into it that ended so many days ago, or is open (-1).
	day := func(ago int) {
		for _, table := range []string{"envelopes", "arrivals"} {
			exec(t, d, fmt.Sprintf(`DO $$ DECLARE d date := (now() AT TIME ZONE 'UTC')::date - %d; part text := '%s' || to_char(d, '_YYYYMMDD'); BEGIN
				EXECUTE format('CREATE TABLE public.%%I PARTITION OF public.%s FOR VALUES FROM (%%L) TO (%%L)', part, d, d + 1);
				EXECUTE format('ALTER TABLE public.%%I OWNER TO %%I', part, (SELECT tableowner FROM pg_tables WHERE tablename = '%s'));
			END $$`, ago, table, table, table))
		}
	}
	envelope := func(id string, ago, ended int) {
		exec(t, d, `
			INSERT INTO envelopes (day, id, tenant, connection, generation, lane, kind, way, stream, records, done, body, bytes, received_at, ended_at)
			SELECT (now() AT TIME ZONE 'UTC')::date - $2::int, $1::uuid, 'alpha', 'main', 1, 'deliver', 'page', 'poll', 'appointments', 3,
				CASE WHEN $3 < 0 THEN 0 ELSE 3 END, 'sealed', 6, now() - $2 * interval '1 day', CASE WHEN $3 >= 0 THEN now() - $3 * interval '1 day' END`,
			"00000000-0000-0000-0000-0000000000"+id, ago, ended)
	}
	for _, ago := range []int{120, 100, 20} {
		day(ago)
	}
	envelope("01", 120, 119) // forgotten whole
	envelope("02", 120, 119)
	envelope("03", 100, 99) // its day holds an open one: kept
	envelope("04", 100, -1)
	envelope("05", 20, 19) // loses its body
	envelope("06", 20, 1)  // ended late: keeps it
	envelope("07", 0, 0)
	exec(t, d, `INSERT INTO hook_ids (endpoint, webhook_id, tenant, body_sha, received_at) VALUES ('e', 'old', 'alpha', '', now() - interval '31 days'), ('e', 'young', 'alpha', '', now())`)
	before, err := d.Balance(t.Context(), "alpha")
	require.NoError(t, err)

	tidied, err := d.Tidy(t.Context())
	require.NoError(t, err)
	require.False(t, tidied.More)

	t.Run("a day in which all has ended long ago is gone, and its counts stay", func(t *testing.T) {
		require.Equal(t, 1, tidied.Days)
		require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE id IN ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002')`))
		require.Equal(t, 6, scalar[int](t, d, `SELECT received FROM arrival_totals WHERE tenant = 'alpha' AND stream = 'appointments'`))
		after, err := d.Balance(t.Context(), "alpha")
		require.NoError(t, err)
		require.Equal(t, before[0].Arrivals, after[0].Arrivals)
	})
	t.Run("what is open stays with its body, however old", func(t *testing.T) {
		require.Equal(t, 2, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE day = (now() AT TIME ZONE 'UTC')::date - 100`))
		require.Equal(t, 1, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE ended_at IS NULL AND body IS NOT NULL`))
	})
	t.Run("a body goes a week after its envelope has ended", func(t *testing.T) {
		require.Equal(t, 1, tidied.Bodies)
		require.Equal(t, "00000000-0000-0000-0000-000000000006", scalar[string](t, d, `
			SELECT string_agg(id::text, ' ') FROM envelopes WHERE day = (now() AT TIME ZONE 'UTC')::date - 20 AND body IS NOT NULL`))
	})
	t.Run("a webhook's id is known for a month", func(t *testing.T) {
		require.Equal(t, 1, tidied.Hooks)
		require.Equal(t, "young", scalar[string](t, d, `SELECT string_agg(webhook_id, ' ') FROM hook_ids`))
	})
	t.Run("it looks again after an hour, not before", func(t *testing.T) {
		exec(t, d, `UPDATE envelopes SET ended_at = now() - interval '8 days' WHERE id = '00000000-0000-0000-0000-000000000006'`)
		again, err := d.Tidy(t.Context())
		require.NoError(t, err)
		require.Zero(t, again)
		exec(t, d, `UPDATE chores SET done_at = now() - interval '2 hours' WHERE name = 'tidy'`)
		again, err = d.Tidy(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, again.Bodies)
	})
}
