package db

import (
	"context"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// Holds lists what a tenant waits for, oldest first.
func (db *DB) Holds(ctx context.Context, tenant acmesync.TenantID) ([]acmesync.Hold, error) {
	holds := []acmesync.Hold{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, `
			SELECT dependency, stream, kind, reason, since, tries, next_at FROM holds WHERE tenant = $1 ORDER BY since`, tenant)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var h acmesync.Hold
			if err := rows.Scan(&h.Dependency, &h.Stream, &h.Kind, &h.Reason, &h.Since, &h.Tries, &h.NextAt); err != nil {
				return err
			}
			holds = append(holds, h)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read the holds of %s: %w", tenant, err)
	}
	return holds, nil
}

// HeldNow lists the holds whose next try is not due yet.
func (db *DB) HeldNow(ctx context.Context, tenant acmesync.TenantID, d acmesync.Dependency) ([]acmesync.Stream, error) {
	var streams []acmesync.Stream
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(alone(ctx), &streams, `
			SELECT stream FROM holds WHERE tenant = $1 AND dependency = $2 AND next_at > now()`, tenant, d)
	})
	if err != nil {
		return nil, fmt.Errorf("read the holds of %s: %w", tenant, err)
	}
	return streams, nil
}

// Hold notes that a dependency is down or refuses. Each further try doubles the wait from 1 s to 5 min, with up to a
// quarter of it on top so that tenants do not come back together; wait > 0 is the time the other side named instead.
func (db *DB) Hold(ctx context.Context, f acmesync.Fence, h acmesync.Hold, wait time.Duration) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO holds AS h (tenant, connection, dependency, stream, kind, reason, next_at)
			VALUES ($1, $2, $3, $4, $5, $6, now() + greatest($7::bigint * interval '1 millisecond', interval '1 second') * (1 + random() / 4))
			ON CONFLICT (tenant, connection, dependency, stream) DO UPDATE SET kind = excluded.kind, reason = excluded.reason,
				tries = h.tries + 1,
				next_at = now() + (1 + random() / 4) * CASE WHEN $7::bigint > 0 THEN $7::bigint * interval '1 millisecond'
					ELSE least(interval '1 second' * power(2, least(h.tries, 10)), interval '5 minutes') END`,
			f.Tenant, f.Connection, h.Dependency, h.Stream, h.Kind, h.Reason, wait.Milliseconds())
		return err
	})
	if err != nil {
		return fmt.Errorf("hold %s of %s: %w", h.Dependency, f.Tenant, err)
	}
	return nil
}

// Release ends the hold on a stream of a dependency that has just answered for it, and the hold on all of them. It answers
// how many holds on other streams are left: their own success has to end them.
func (db *DB) Release(ctx context.Context, f acmesync.Fence, d acmesync.Dependency, stream acmesync.Stream) (left int, err error) {
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &left, `
			WITH ended AS (DELETE FROM holds WHERE tenant = $1 AND dependency = $2 AND stream IN ('', $3))
			SELECT count(*) FROM holds WHERE tenant = $1 AND dependency = $2 AND stream NOT IN ('', $3)`, f.Tenant, d, stream)
	})
	if err != nil {
		return 0, fmt.Errorf("release %s of %s: %w", d, f.Tenant, err)
	}
	return left, nil
}
