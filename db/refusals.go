package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Refusals reads the records that the app could not take when it was last asked.
func (db *DB) Refusals(ctx context.Context, f acmesync.Fence) ([]acmesync.Refusal, error) {
	var all []acmesync.Refusal
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, `
			SELECT stream, acme_id, tries, others FROM refusals WHERE tenant = $1 AND connection = $2`, f.Tenant, f.Connection)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r acmesync.Refusal
			if err := rows.Scan(&r.Key.Stream, &r.Key.AcmeID, &r.Tries, &r.Others); err != nil {
				return err
			}
			all = append(all, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read what the app did not take of %s: %w", f.Tenant, err)
	}
	return all, nil
}

// storeRefusals keeps what the app did not take this time and forgets what it has taken, or what is parked now.
func storeRefusals(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, refused []acmesync.Refusal, settled []acmesync.Key) error {
	if len(refused) > 0 {
		n := len(refused)
		streams, ids, tries, others := make([]string, n), make([]string, n), make([]int64, n), make([]bool, n)
		for i, r := range refused {
			streams[i], ids[i], tries[i], others[i] = string(r.Key.Stream), r.Key.AcmeID, int64(r.Tries), r.Others
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO refusals (tenant, connection, stream, acme_id, tries, others)
			SELECT $1, $2, u.* FROM unnest($3::text[], $4::text[], $5::int[], $6::boolean[]) AS u
			ON CONFLICT (tenant, connection, stream, acme_id) DO UPDATE SET tries = excluded.tries, others = excluded.others`,
			f.Tenant, f.Connection, pq.Array(streams), pq.Array(ids), pq.Array(tries), pq.Array(others)); err != nil {
			return fmt.Errorf("keep what the app did not take: %w", err)
		}
	}
	if len(settled) > 0 {
		streams, ids := make([]string, len(settled)), make([]string, len(settled))
		for i, k := range settled {
			streams[i], ids[i] = string(k.Stream), k.AcmeID
		}
		if _, err := tx.ExecContext(ctx, `
			DELETE FROM refusals r USING unnest($3::text[], $4::text[]) AS u (stream, id)
			WHERE r.tenant = $1 AND r.connection = $2 AND r.stream = u.stream AND r.acme_id = u.id`,
			f.Tenant, f.Connection, pq.Array(streams), pq.Array(ids)); err != nil {
			return fmt.Errorf("forget what the app has taken: %w", err)
		}
	}
	return nil
}
