package db

import (
	"cmp"
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// storeFacts moves facts and the cells they touch together: a fact that was there leaves its old cell, one that counts
// enters its new one. The same fact again touches nothing. Rows may be told by their place: under the fence nobody else moves them.
func storeFacts(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, facts []acmesync.Fact, gone []string) error {
	if len(facts) == 0 && len(gone) == 0 {
		return nil
	}
	facts = lastOfEach(facts)
	n := len(facts)
	ids, users, days, channels := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	directions, at := make([]string, n), make([]string, n)
	for i, x := range facts {
		ids[i], users[i], days[i], channels[i], directions[i], at[i] = x.AcmeID, x.UserID, x.Day, x.Channel, x.Direction, stamp(x.OccurredAt)
	}
	_, err := tx.ExecContext(later(ctx), `
		WITH fresh AS (
			SELECT * FROM unnest($3::text[], $4::text[], $5::date[], $6::text[], $7::text[], $8::timestamptz[])
				AS u (acme_id, user_id, day, channel, direction, occurred_at)
		), touched AS (
			SELECT acme_id FROM fresh UNION SELECT unnest($9::text[])
		), before AS (
			SELECT o.* FROM touched, LATERAL (
				SELECT ctid AS place, * FROM facts WHERE tenant = $1 AND connection = $2 AND acme_id = touched.acme_id OFFSET 0
			) o
		), removed AS (
			DELETE FROM facts WHERE ctid = ANY (ARRAY (
				SELECT b.place FROM before b WHERE NOT EXISTS (SELECT 1 FROM fresh WHERE fresh.acme_id = b.acme_id)
			))
		), kept AS (
			INSERT INTO facts AS o (tenant, connection, acme_id, user_id, day, channel, direction, occurred_at)
			SELECT $1, $2, acme_id, user_id, day, channel, direction, occurred_at FROM fresh
			ON CONFLICT (tenant, connection, acme_id) DO UPDATE SET user_id = excluded.user_id, day = excluded.day,
				channel = excluded.channel, direction = excluded.direction, occurred_at = excluded.occurred_at
			WHERE (o.user_id, o.day, o.channel, o.direction, o.occurred_at)
				IS DISTINCT FROM (excluded.user_id, excluded.day, excluded.channel, excluded.direction, excluded.occurred_at)
		), moved AS (
			SELECT user_id, day, channel, direction, -1 AS d FROM before
			UNION ALL
			SELECT user_id, day, channel, direction, 1 FROM fresh
		), delta AS (
			SELECT user_id, day, channel, direction, sum(d)::int AS d FROM moved GROUP BY 1, 2, 3, 4 HAVING sum(d) <> 0
		)
		INSERT INTO cells AS c (tenant, connection, user_id, day, channel, direction, n)
		SELECT $1, $2, user_id, day, channel, direction, d FROM delta
		ON CONFLICT (tenant, connection, user_id, day, channel, direction) DO UPDATE SET n = c.n + excluded.n, changed = c.changed + 1, due_at = NULL`,
		f.Tenant, f.Connection, pq.Array(ids), pq.Array(users), pq.Array(days), pq.Array(channels), pq.Array(directions), pq.Array(at), pq.Array(gone))
	if err != nil {
		return fmt.Errorf("store facts: %w", err)
	}
	return nil
}

// lastOfEach keeps one fact per record: what it came to last.
func lastOfEach(facts []acmesync.Fact) []acmesync.Fact {
	at := make(map[string]int, len(facts))
	kept := make([]acmesync.Fact, 0, len(facts))
	for _, f := range facts {
		if i, twice := at[f.AcmeID]; twice {
			kept[i] = f
			continue
		}
		at[f.AcmeID] = len(kept)
		kept = append(kept, f)
	}
	return kept
}

// DueCells reads counts that changed since they were sent, in one snapshot.
func (db *DB) DueCells(ctx context.Context, f acmesync.Fence, limit int) ([]acmesync.Cell, error) {
	var cells []acmesync.Cell
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(alone(ctx), &cells, `
			SELECT user_id, day::text AS day, channel, direction, n, changed, tries FROM cells
			WHERE tenant = $1 AND connection = $2 AND changed > sent AND coalesce(due_at, '-infinity') <= now() LIMIT $3`, f.Tenant, f.Connection, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read due counts of %s: %w", f.Tenant, err)
	}
	return cells, nil
}

// CommitCells notes which counts were sent. One that changed meanwhile stays due: only what was read counts as sent. What the
// app did not take stays due too, later. The cells are there, so nothing is inserted: a conflict alone finds each by its key,
// whatever Postgres thinks of the table.
func (db *DB) CommitCells(ctx context.Context, f acmesync.Fence, sent []acmesync.Cell, refused []acmesync.RefusedCell) error {
	n := len(sent) + len(refused)
	users, days, channels, directions := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	changed, codes, waits := make([]int64, n), make([]string, n), make([]int64, n)
	put := func(i int, c acmesync.Cell, code string) {
		users[i], days[i], channels[i], directions[i], changed[i], codes[i] = c.UserID, c.Day, c.Channel, c.Direction, c.Changed, code
	}
	for i, c := range sent {
		put(i, c, "")
	}
	for i, c := range refused {
		at := len(sent) + i
		put(at, c.Cell, cmp.Or(c.Code, "refused"))
		waits[at] = acmesync.Again(c.Tries + 1).Milliseconds()
	}
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO cells AS c (tenant, connection, user_id, day, channel, direction, changed, refused, sent, due_at)
			SELECT $1, $2, u.user_id, u.day, u.channel, u.direction, u.changed, u.code, u.changed,
				CASE WHEN u.code <> '' THEN now() + u.wait * interval '1 millisecond' END
			FROM unnest($3::text[], $4::date[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::bigint[])
				AS u (user_id, day, channel, direction, changed, code, wait)
			ON CONFLICT (tenant, connection, user_id, day, channel, direction) DO UPDATE SET
				sent = CASE WHEN excluded.refused = '' THEN excluded.sent ELSE c.sent END, refused = excluded.refused, due_at = excluded.due_at,
				tries = CASE WHEN excluded.refused = '' THEN 0 ELSE c.tries + 1 END
			WHERE c.sent < excluded.sent`,
			f.Tenant, f.Connection, pq.Array(users), pq.Array(days), pq.Array(channels), pq.Array(directions), pq.Array(changed),
			pq.Array(codes), pq.Array(waits))
		return err
	})
	if err != nil {
		return fmt.Errorf("note sent counts of %s: %w", f.Tenant, err)
	}
	return nil
}
