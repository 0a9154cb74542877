package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Missed counts records that a poll brought as news although no webhook of the last hour had named them.
func (db *DB) Missed(ctx context.Context, f acmesync.Fence, stream acmesync.Stream, ids []string, versions []int64) (int, error) {
	var n int
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &n, `
			SELECT count(*) FROM unnest($4::text[], $5::bigint[]) AS u (id, version)
			LEFT JOIN LATERAL (
				SELECT l.version FROM ledger l WHERE l.tenant = $1 AND l.connection = $2 AND l.stream = $3 AND l.acme_id = u.id OFFSET 0
			) known ON true
			WHERE u.version > coalesce(known.version, 0) AND NOT EXISTS (
				SELECT 1 FROM envelopes e WHERE e.tenant = $1 AND e.acme_id = u.id AND e.stream = $3 AND e.way NOT IN ('poll', 'hint', 'order')
					AND e.received_at > now() - interval '1 hour'
			)`, f.Tenant, f.Connection, stream, pq.Array(ids), pq.Array(versions))
	})
	if err != nil {
		return 0, fmt.Errorf("count what webhooks missed for %s: %w", f.Tenant, err)
	}
	return n, nil
}

// TrustHooks notes how many records a poll found that webhooks had missed, and answers whether webhooks have proven
// themselves: some have come, and for an hour none was missed.
func (db *DB) TrustHooks(ctx context.Context, f acmesync.Fence, missed int) (bool, error) {
	var proven bool
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		return tx.GetContext(ctx, &proven, `
			UPDATE connections SET found_by_poll = found_by_poll + $3, missed_at = CASE WHEN $3 > 0 THEN now() ELSE missed_at END
			WHERE tenant = $1 AND connection = $2
			RETURNING hook_seen_at IS NOT NULL AND coalesce(missed_at < now() - interval '1 hour', true)`, f.Tenant, f.Connection, missed)
	})
	if err != nil {
		return false, fmt.Errorf("weigh the webhooks of %s: %w", f.Tenant, notFound(err))
	}
	return proven, nil
}
