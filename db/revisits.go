package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// TakeRevisits turns up to limit revisits that are due into hints and answers how many.
func (db *DB) TakeRevisits(ctx context.Context, f acmesync.Fence, limit int) (int, error) {
	var due []acmesync.Key
	err := db.inLazily(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, `
			SELECT stream, acme_id FROM revisits WHERE tenant = $1 AND connection = $2 AND due_at <= now() ORDER BY due_at LIMIT $3`,
			f.Tenant, f.Connection, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k acmesync.Key
			if err := rows.Scan(&k.Stream, &k.AcmeID); err != nil {
				return err
			}
			due = append(due, k)
		}
		if err := rows.Err(); err != nil || len(due) == 0 {
			return err
		}
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if err := storeHints(ctx, tx, f, due); err != nil {
			return err
		}
		streams, ids := make([]string, len(due)), make([]string, len(due))
		for i, k := range due {
			streams[i], ids[i] = string(k.Stream), k.AcmeID
		}
		_, err = tx.ExecContext(ctx, `
			DELETE FROM revisits r USING unnest($3::text[], $4::text[]) AS u (stream, id)
			WHERE r.tenant = $1 AND r.connection = $2 AND r.stream = u.stream AND r.acme_id = u.id AND r.due_at <= now()`,
			f.Tenant, f.Connection, pq.Array(streams), pq.Array(ids))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("take revisits of %s: %w", f.Tenant, err)
	}
	return len(due), nil
}

func storeRevisits(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, revisits []acmesync.Revisit) error {
	if len(revisits) == 0 {
		return nil
	}
	n := len(revisits)
	streams, ids, due := make([]string, n), make([]string, n), make([]string, n)
	for i, r := range revisits {
		streams[i], ids[i], due[i] = string(r.Key.Stream), r.Key.AcmeID, stamp(r.At)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO revisits AS r (tenant, connection, stream, acme_id, due_at)
		SELECT $1, $2, u.* FROM unnest($3::text[], $4::text[], $5::timestamptz[]) AS u (stream, id, due)
		ON CONFLICT (tenant, connection, stream, acme_id) DO UPDATE SET due_at = excluded.due_at WHERE r.due_at <> excluded.due_at`,
		f.Tenant, f.Connection, pq.Array(streams), pq.Array(ids), pq.Array(due))
	if err != nil {
		return fmt.Errorf("store revisits: %w", err)
	}
	return nil
}
