package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// Positions reads all streams of a tenant, in the order they are walked.
func (db *DB) Positions(ctx context.Context, f acmesync.Fence) ([]acmesync.Position, error) {
	var all []acmesync.Position
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(alone(ctx), &all, `
			SELECT stream, cursor, watermark_at, watermark_id, walking, backfilled_at IS NOT NULL AS backfilled,
				page_limit, page_failures, restarts, tail, coalesce(audit::text, '') AS audit, gaps,
				coalesce(extract(epoch FROM now() - polled_at), 0) AS polled_ago, due_at <= now() AS due, extract(epoch FROM due_at - now()) AS due_in, now() AS now
			FROM positions WHERE tenant = $1 AND connection = $2 AND generation = $3
			ORDER BY array_position(ARRAY['appointments', 'touchpoints', 'contacts'], stream)`,
			f.Tenant, f.Connection, f.Generation)
	})
	if err != nil {
		return nil, fmt.Errorf("read the positions of %s: %w", f.Tenant, err)
	}
	return all, nil
}

// SavePosition keeps a position that changed without rows: a refused cursor, a page that could not be read. Nothing was read then.
func (db *DB) SavePosition(ctx context.Context, f acmesync.Fence, p acmesync.Position) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		return savePosition(ctx, tx, f, p, false)
	})
	if err != nil {
		return fmt.Errorf("save the position of %s: %w", f.Tenant, err)
	}
	return nil
}

func savePosition(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, p acmesync.Position, read bool) error {
	_, err := tx.ExecContext(later(ctx), `
		UPDATE positions SET cursor = $4, watermark_at = $5, watermark_id = $6, walking = $7,
			backfilled_at = CASE WHEN $8 THEN coalesce(backfilled_at, now()) END,
			page_limit = $9, page_failures = $10, polled_at = CASE WHEN $17 THEN now() ELSE polled_at END, due_at = now() + $11 * interval '1 millisecond', restarts = $13, tail = $14, gaps = $15, audit = nullif($16, '')::uuid
		WHERE tenant = $1 AND connection = $2 AND stream = $3 AND generation = $12`,
		f.Tenant, f.Connection, p.Stream, p.Cursor, p.WatermarkAt, p.WatermarkID, p.Walking, p.Backfilled,
		p.PageLimit, p.PageFailures, p.PollAfter.Milliseconds(), f.Generation, p.Restarts, p.Tail, p.Gaps, p.Audit, read)
	if err != nil {
		return fmt.Errorf("save the position of %s: %w", p.Stream, err)
	}
	return nil
}
