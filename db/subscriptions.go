package db

import (
	"context"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// SubscriptionDue answers the subscription a tenant has (empty: none) and whether it is to be looked at.
func (db *DB) SubscriptionDue(ctx context.Context, f acmesync.Fence) (id string, due bool, err error) {
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.QueryRowContext(ctx, `
			SELECT subscription_id, coalesce(subscription_due <= now(), false) FROM connections WHERE tenant = $1 AND connection = $2`,
			f.Tenant, f.Connection).Scan(&id, &due)
	})
	if err != nil {
		return "", false, fmt.Errorf("look at the subscription of %s: %w", f.Tenant, err)
	}
	return id, due, nil
}

// CommitSubscription keeps a subscription and, where it is new, the secret its deliveries are signed with: the one before
// stays good for a day, deliveries signed with it may be under way.
func (db *DB) CommitSubscription(ctx context.Context, f acmesync.Fence, id, secret string, lookAgain time.Duration) error {
	err := db.inSealing(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE connections SET subscription_id = $3, subscription_due = now() + $4 * interval '1 millisecond',
				subscribed_at = CASE WHEN subscription_id = $3 THEN subscribed_at ELSE now() END
			WHERE tenant = $1 AND connection = $2`, f.Tenant, f.Connection, id, lookAgain.Milliseconds()); err != nil {
			return err
		}
		if secret == "" {
			return nil
		}
		return db.rotateHookSecret(ctx, tx, f.Tenant, secret)
	})
	if err != nil {
		return fmt.Errorf("keep the subscription of %s: %w", f.Tenant, err)
	}
	return nil
}

func (db *DB) rotateHookSecret(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, secret string) error {
	secrets, err := db.readSecrets(ctx, tx, tenant, "hook_secret")
	if err != nil {
		return err
	}
	if present := secrets["hook_secret"]; present != "" && present != secret {
		if err := db.putSecret(ctx, tx, tenant, "hook_secret_old", present); err != nil {
			return err
		}
	}
	return db.putSecret(ctx, tx, tenant, "hook_secret", secret)
}

// Cleanups lists what a tenant's end has left to be undone, whatever it was tried before.
func (db *DB) Cleanups(ctx context.Context, tenant acmesync.TenantID) ([]acmesync.Cleanup, error) {
	var all []acmesync.Cleanup
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &all, `SELECT kind, target, tries FROM cleanups WHERE tenant = $1 ORDER BY kind DESC, target`, tenant)
	})
	if err != nil {
		return nil, fmt.Errorf("read the cleanups of %s: %w", tenant, err)
	}
	return all, nil
}

// CleanedUp strikes a cleanup off.
func (db *DB) CleanedUp(ctx context.Context, tenant acmesync.TenantID, c acmesync.Cleanup) error {
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM cleanups WHERE tenant = $1 AND kind = $2 AND target = $3`, tenant, c.Kind, c.Target)
		return err
	})
	if err != nil {
		return fmt.Errorf("strike a cleanup of %s off: %w", tenant, err)
	}
	return nil
}

// PutOffCleanup notes a failed try; the sweep comes back after a minute, later up to an hour.
func (db *DB) PutOffCleanup(ctx context.Context, tenant acmesync.TenantID, c acmesync.Cleanup) error {
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE cleanups SET tries = tries + 1, due_at = now() + least(interval '1 minute' * power(2, least(tries, 6)), interval '1 hour')
			WHERE tenant = $1 AND kind = $2 AND target = $3`, tenant, c.Kind, c.Target)
		return err
	})
	if err != nil {
		return fmt.Errorf("put a cleanup of %s off: %w", tenant, err)
	}
	return nil
}

// Written lists records whose events the app holds, in order of id, for a cleanup to remove them. It clears their hashes
// first: the removal may happen and its commit not, because the tenant was activated meanwhile or the attempt was cut off,
// and then the next walk has to write them again.
func (db *DB) Written(ctx context.Context, f acmesync.Fence, after string, limit int) ([]acmesync.LedgerEntry, error) {
	var written []acmesync.LedgerEntry
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		var ids []string
		if err := tx.SelectContext(ctx, &ids, `
			SELECT acme_id FROM ledger WHERE tenant = $1 AND connection = $2 AND stream = 'appointments' AND steps > 0 AND acme_id > $3
			ORDER BY acme_id LIMIT $4`, f.Tenant, f.Connection, after, limit); err != nil {
			return err
		}
		entries, err := readLedger(ctx, tx, f, acmesync.Appointments, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			e := entries[id]
			e.Hash, e.Mapped = "", ""
			written = append(written, e)
		}
		return upsertLedger(ctx, tx, f, written)
	})
	if err != nil {
		return nil, fmt.Errorf("list what was written for %s: %w", f.Tenant, err)
	}
	return written, nil
}

// CommitRemoved notes events that a cleanup took out of the app.
func (db *DB) CommitRemoved(ctx context.Context, f acmesync.Fence, entries []acmesync.LedgerEntry) error {
	return db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		return upsertLedger(ctx, tx, f, entries)
	})
}
