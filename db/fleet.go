package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// Overdue lists tenants that need the sweep: a lane that should have run two minutes ago and is not alive, a mark nobody
// answered, a review without a workflow, a cleanup that is due.
func (db *DB) Overdue(ctx context.Context, limit int) ([]acmesync.Overdue, error) {
	var all []acmesync.Overdue
	err := db.as(ctx, fleetRole, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &all, `
			SELECT t.tenant, t.state, min(n.reason) AS reason, bool_or(n.reason = 'cleanup') AS cleanup FROM tenants t JOIN (
				SELECT tenant, CASE WHEN marked_at IS NULL THEN 'lane' ELSE 'ring' END AS reason FROM lanes
				WHERE least(due_at, marked_at) < now() - interval '2 minutes' AND coalesce(alive_at, '-infinity') < now() - interval '2 minutes'
				UNION ALL
				SELECT tenant, 'lane' FROM lanes WHERE alive_at < now() - interval '2 minutes'
				UNION ALL
				SELECT tenant, 'review' FROM reviews WHERE state <> 'resolved' AND state_since < now() - interval '1 minute'
					AND coalesce(noticed_at, '-infinity') < now() - interval '1 hour'
				UNION ALL
				SELECT tenant, 'cleanup' FROM cleanups WHERE due_at < now() - interval '1 minute'
			) n USING (tenant)
			WHERE t.state IN ('starting', 'active') OR n.reason = 'cleanup'
			GROUP BY 1, 2 ORDER BY 1 LIMIT $1`, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("find overdue tenants: %w", err)
	}
	return all, nil
}

// Living lists tenants that should have a workflow, after the given id, in order.
func (db *DB) Living(ctx context.Context, after acmesync.TenantID, limit int) ([]acmesync.TenantID, error) {
	var ids []acmesync.TenantID
	err := db.as(ctx, fleetRole, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &ids, `
			SELECT tenant FROM tenants WHERE state IN ('starting', 'active', 'paused', 'needs_reauth') AND tenant > $1
			ORDER BY tenant LIMIT $2`, after, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list living tenants: %w", err)
	}
	return ids, nil
}

// LivingCount counts tenants that should have a workflow.
func (db *DB) LivingCount(ctx context.Context) (int64, error) {
	var n int64
	err := db.as(ctx, fleetRole, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &n, `SELECT count(*) FROM tenants WHERE state IN ('starting', 'active', 'paused', 'needs_reauth')`)
	})
	if err != nil {
		return 0, fmt.Errorf("count living tenants: %w", err)
	}
	return n, nil
}

// MakePartitions prepares the inbox's partitions for the days ahead and answers how many it made.
func (db *DB) MakePartitions(ctx context.Context, daysAhead int) (int, error) {
	var n int
	err := db.as(ctx, fleetRole, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &n, `SELECT make_partitions($1)`, daysAhead)
	})
	if err != nil {
		return 0, fmt.Errorf("make partitions: %w", err)
	}
	return n, nil
}

// Completed moves a tenant from starting to active once its first sync is complete: every stream read to its end and
// nothing of it waiting. It answers whether it did.
func (db *DB) Completed(ctx context.Context, f acmesync.Fence) (bool, error) {
	var done bool
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE tenants t SET state = 'active', state_since = now(), state_reason = 'first sync complete', version = version + 1
			WHERE tenant = $1 AND state = 'starting' AND generation = $2
				AND NOT EXISTS (SELECT 1 FROM positions WHERE tenant = $1 AND backfilled_at IS NULL)
				AND EXISTS (SELECT 1 FROM positions WHERE tenant = $1)
				AND NOT EXISTS (SELECT 1 FROM envelopes WHERE tenant = $1 AND lane = 'deliver' AND ended_at IS NULL)
				AND NOT EXISTS (SELECT 1 FROM cells WHERE tenant = $1 AND changed > sent AND refused = '')`, f.Tenant, f.Generation)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		done = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("complete the first sync of %s: %w", f.Tenant, err)
	}
	return done, nil
}
