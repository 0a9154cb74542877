package db

import (
	"context"
	"fmt"
	"strings"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Decide leaves the work orders of a decision, once per decision id, and answers how many records it concerns.
// The deliver lane carries them out; the caller marks and rings it.
func (db *DB) Decide(ctx context.Context, tenant acmesync.TenantID, fingerprint string, d acmesync.Decision) (int, error) {
	var n int
	err := db.inSealing(ctx, tenant, func(tx *sqlx.Tx) (err error) {
		n, err = db.decide(ctx, tx, tenant, fingerprint, d)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s review %s of %s: %w", d.Action, fingerprint, tenant, err)
	}
	return n, nil
}

func (db *DB) decide(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, fingerprint string, d acmesync.Decision) (int, error) {
	// The tenant before the review, as page commits lock them: a decision may have to raise the epoch.
	if _, err := tx.ExecContext(ctx, `SELECT 1 FROM tenants WHERE tenant = $1 FOR UPDATE`, tenant); err != nil {
		return 0, err
	}
	r, err := lockReview(ctx, tx, tenant, fingerprint)
	if err != nil {
		return 0, err
	}
	fresh, err := tx.ExecContext(ctx, `
		INSERT INTO commands (tenant, command_id, name, actor) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		tenant, d.ID, "review_"+string(d.Action), d.Actor)
	if err != nil {
		return 0, err
	}
	if rows, err := fresh.RowsAffected(); err != nil || rows == 0 {
		return 0, err
	}
	if !r.State.Lives() {
		return 0, &acmesync.Conflict{Code: "wrong_state", Message: fmt.Sprintf("nobody would carry it out while the tenant is %s: activate it first", r.State)}
	}
	var ids []string
	if err := tx.SelectContext(ctx, &ids, `
		SELECT acme_id FROM parked WHERE tenant = $1 AND fingerprint = $2 AND closed_at IS NULL
			AND (cardinality($3::text[]) = 0 OR acme_id = ANY ($3)) ORDER BY acme_id`,
		tenant, fingerprint, pq.Array(append([]string{}, d.IDs...))); err != nil {
		return 0, err
	}
	n := len(ids)
	if n == 0 {
		return 0, &acmesync.Conflict{Code: "nothing_open", Message: "the review has no open record this decision could be for"}
	}
	if d.Action == acmesync.OrderRetry {
		if ids, err = rereadRanges(ctx, tx, tenant, r.Stream, ids, d); err != nil {
			return 0, err
		}
		f := acmesync.Fence{Tenant: tenant, Connection: acmesync.MainConnection, Generation: r.Generation}
		if ids, err = believeAbsences(ctx, tx, f, r.Stream, ids, d); err != nil {
			return 0, err
		}
	}
	if err := db.storeOrders(ctx, tx, tenant, r.Generation, ordersFor(d, r.Stream, ids)); err != nil {
		return 0, err
	}
	if d.Action == acmesync.OrderDiscard {
		if _, err := tx.ExecContext(ctx, `
			UPDATE reviews SET state = 'compensating', state_since = now() WHERE tenant = $1 AND fingerprint = $2`, tenant, fingerprint); err != nil {
			return 0, err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE parked SET discarding = true WHERE tenant = $1 AND fingerprint = $2 AND closed_at IS NULL AND acme_id = ANY ($3)`,
			tenant, fingerprint, pq.Array(ids)); err != nil {
			return 0, err
		}
	}
	return n, auditTx(ctx, tx, tenant, d.Actor, "review_"+string(d.Action), fingerprint, d.Reason)
}

// orderSize bounds one order to what one round of the deliver lane does.
const orderSize = 500

func ordersFor(d acmesync.Decision, stream acmesync.Stream, ids []string) []acmesync.Order {
	var orders []acmesync.Order
	for len(ids) > 0 {
		n := min(len(ids), orderSize)
		orders = append(orders, acmesync.Order{Action: d.Action, Stream: stream, IDs: ids[:n], Actor: d.Actor, Reason: d.Reason})
		ids = ids[n:]
	}
	return orders
}

// lockedReview is what a decision needs to know besides the review's records.
type lockedReview struct {
	Stream     acmesync.Stream      `db:"stream"`
	State      acmesync.TenantState `db:"state"` // the tenant's
	Generation int64                `db:"generation"`
}

// lockReview keeps parking and closing out, and the tenant in its state, until the commit.
func lockReview(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, fingerprint string) (lockedReview, error) {
	var r lockedReview
	err := tx.GetContext(ctx, &r, `
		SELECT r.stream, t.state, t.generation FROM reviews r JOIN tenants t USING (tenant)
		WHERE r.tenant = $1 AND r.fingerprint = $2 FOR SHARE OF t FOR UPDATE OF r`, tenant, fingerprint)
	return r, notFound(err)
}

// rereadRanges sends the fetch lane back to the beginning of each parked range and answers the other ids. A stream without a
// watermark is at its very beginning and comes by the range anyway.
func rereadRanges(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, stream acmesync.Stream, ids []string, d acmesync.Decision) ([]string, error) {
	var records []string
	for _, id := range ids {
		from, isRange := strings.CutPrefix(id, acmesync.RangePrefix)
		if !isRange {
			records = append(records, id)
			continue
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE positions SET cursor = '', walking = false, due_at = now(), page_limit = 0, page_failures = 0,
				watermark_at = least(watermark_at, $3::timestamptz - interval '1 millisecond'), watermark_id = ''
			WHERE tenant = $1 AND stream = $2 AND watermark_at IS NOT NULL`, tenant, stream, from); err != nil {
			return nil, fmt.Errorf("go back to a range: %w", err)
		}
		// A page that is being read would put its own position over this one: it ends first.
		if _, err := tx.ExecContext(ctx, `UPDATE tenants SET epoch = epoch + 1 WHERE tenant = $1`, tenant); err != nil {
			return nil, fmt.Errorf("go back to a range: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE parked SET closed_at = now(), closed_how = 'retried', closed_by = $4, reason = $5
			WHERE tenant = $1 AND stream = $2 AND acme_id = $3`, tenant, stream, id, d.Actor, d.Reason); err != nil {
			return nil, fmt.Errorf("close a range: %w", err)
		}
	}
	return records, nil
}

// SettleReview resolves a review that has no open records left, opens one again whose discard has been carried out while others
// stay, and answers it as it is then. It locks the review's row as
// parking does, so a record parked at the same moment either keeps it open or opens it again.
func (db *DB) SettleReview(ctx context.Context, tenant acmesync.TenantID, fingerprint string) (acmesync.Review, error) {
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		if _, err := lockReview(ctx, tx, tenant, fingerprint); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			UPDATE reviews r SET noticed_at = now(), state = next.state,
				state_since = CASE WHEN next.state <> r.state THEN now() ELSE r.state_since END
			FROM (
				SELECT CASE WHEN count(p.acme_id) = 0 THEN 'resolved' WHEN before.state = 'resolved' THEN 'reopened'
					WHEN before.state = 'compensating' AND NOT coalesce(bool_or(p.discarding), false) THEN 'open' ELSE before.state END AS state
				FROM reviews before LEFT JOIN parked p ON p.tenant = before.tenant AND p.fingerprint = before.fingerprint AND p.closed_at IS NULL
				WHERE before.tenant = $1 AND before.fingerprint = $2 GROUP BY before.state
			) next
			WHERE r.tenant = $1 AND r.fingerprint = $2`, tenant, fingerprint)
		return err
	})
	if err != nil {
		return acmesync.Review{}, fmt.Errorf("settle review %s of %s: %w", fingerprint, tenant, err)
	}
	return db.Review(ctx, tenant, fingerprint)
}

// UnnoticedReviews lists open reviews that no workflow has looked at for an hour: whoever parked was stopped between its
// commit and its signal, or the workflow was terminated.
func (db *DB) UnnoticedReviews(ctx context.Context, tenant acmesync.TenantID) ([]string, error) {
	var fingerprints []string
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &fingerprints, `
			SELECT fingerprint FROM reviews WHERE tenant = $1 AND state <> 'resolved' AND coalesce(noticed_at, '-infinity') < now() - interval '1 hour'`, tenant)
	})
	if err != nil {
		return nil, fmt.Errorf("find unnoticed reviews of %s: %w", tenant, err)
	}
	return fingerprints, nil
}

// EndedReviews lists reviews that are not resolved though they have no open record: their tenant has ended.
func (db *DB) EndedReviews(ctx context.Context, tenant acmesync.TenantID) ([]string, error) {
	var fingerprints []string
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &fingerprints, `
			SELECT fingerprint FROM reviews r WHERE tenant = $1 AND state <> 'resolved'
				AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.tenant = r.tenant AND p.fingerprint = r.fingerprint AND p.closed_at IS NULL)`, tenant)
	})
	if err != nil {
		return nil, fmt.Errorf("find ended reviews of %s: %w", tenant, err)
	}
	return fingerprints, nil
}
