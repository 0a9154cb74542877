package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// auditColumns add up what an audit has found so far.
const auditColumns = `
	a.audit, a.state, a.actor, a.reason, a.started_at, a.ended_at, a.complete, a.records, a.events, a.counts, a.cursor,
	coalesce(d.found, 0) AS found, coalesce(d.healed, 0) AS healed, a.state = 'done' AND a.complete AND coalesce(d.open, 0) = 0 AS equal
	FROM audits a LEFT JOIN LATERAL (
		SELECT count(*) AS found, count(*) FILTER (WHERE outcome = 'healed') AS healed,
			count(*) FILTER (WHERE outcome NOT IN ('healed', 'parked')) AS open
		FROM audit_differences d WHERE d.tenant = a.tenant AND d.audit = a.audit
	) d ON true`

// Audits lists a tenant's audits, newest first.
func (db *DB) Audits(ctx context.Context, tenant acmesync.TenantID, limit int) ([]acmesync.Audit, error) {
	all := []acmesync.Audit{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &all, `SELECT `+auditColumns+` WHERE a.tenant = $1 ORDER BY a.started_at DESC, a.audit LIMIT $2`, tenant, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list the audits of %s: %w", tenant, err)
	}
	return all, nil
}

// OneAudit reads one; ErrNotFound if there is none.
func (db *DB) OneAudit(ctx context.Context, tenant acmesync.TenantID, id string) (acmesync.Audit, error) {
	var a acmesync.Audit
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &a, `SELECT `+auditColumns+` WHERE a.tenant = $1 AND a.audit::text = $2`, tenant, id)
	})
	if err != nil {
		return a, fmt.Errorf("read audit %s of %s: %w", id, tenant, notFound(err))
	}
	return a, nil
}

// AuditOf reads the audit that a command has begun; ErrNotFound if there is none.
func (db *DB) AuditOf(ctx context.Context, tenant acmesync.TenantID, commandID string) (acmesync.Audit, error) {
	var a acmesync.Audit
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &a, `SELECT `+auditColumns+` WHERE a.tenant = $1 AND a.command_id = $2`, tenant, commandID)
	})
	if err != nil {
		return a, fmt.Errorf("read the audit of command %s: %w", commandID, notFound(err))
	}
	return a, nil
}

// Differences lists what an audit has found, in the order of side, stream and id, after the given one.
func (db *DB) Differences(ctx context.Context, tenant acmesync.TenantID, audit string, after acmesync.Difference, limit int) ([]acmesync.Difference, error) {
	all := []acmesync.Difference{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &all, `
			SELECT side, stream, id, kind, outcome, found_at, healed_at FROM audit_differences
			WHERE tenant = $1 AND audit::text = $2 AND (side, stream, id) > ($3, $4, $5) ORDER BY side, stream, id LIMIT $6`,
			tenant, audit, after.Side, after.Stream, after.ID, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list the differences of audit %s: %w", audit, err)
	}
	return all, nil
}

// beginAudit has every stream read from its beginning, contacts among them, for an audit under the command's own id.
func beginAudit(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, c acmesync.Command) error {
	var open bool
	if err := tx.GetContext(ctx, &open, `SELECT EXISTS (SELECT 1 FROM audits WHERE tenant = $1 AND ended_at IS NULL)`, tenant); err != nil {
		return fmt.Errorf("look for an audit: %w", err)
	}
	if open {
		return &acmesync.Conflict{Code: "audit_running", Message: "an audit of this tenant is under way: wait for its end, or cancel it"}
	}
	if err := openAudit(ctx, tx, tenant, c, c.Reason); err != nil {
		return err
	}
	if err := walkAgain(ctx, tx, tenant, c); err != nil {
		return err
	}
	return walkForAudit(ctx, tx, tenant)
}

func openAudit(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, c acmesync.Command, reason string) error {
	id, err := newEnvelopeID()
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO audits (tenant, audit, connection, generation, actor, command_id, reason)
		SELECT t.tenant, $2, $3, t.generation, $4, $5, $6 FROM tenants t WHERE t.tenant = $1`,
		tenant, id, acmesync.MainConnection, c.Actor, c.ID, reason); err != nil {
		return fmt.Errorf("open an audit: %w", err)
	}
	return nil
}

// walkForAudit gives the open audit the walks that begin now. Contacts are read from their beginning too, and people have no rows
// in the ledger: their walk is no part of the audit.
func walkForAudit(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID) error {
	if _, err := tx.ExecContext(ctx, `
		UPDATE positions p SET audit = CASE WHEN p.stream IN ('appointments', 'touchpoints') THEN a.audit END, gaps = 0,
			cursor = CASE WHEN p.stream = 'contacts' THEN '' ELSE p.cursor END,
			walking = p.walking AND p.stream <> 'contacts',
			watermark_at = CASE WHEN p.stream <> 'contacts' THEN p.watermark_at END, due_at = now()
		FROM audits a WHERE p.tenant = $1 AND a.tenant = $1 AND a.ended_at IS NULL AND p.stream <> 'app_events'`, tenant); err != nil {
		return fmt.Errorf("walk for an audit: %w", err)
	}
	return nil
}

// CancelAudit ends the open audit of a tenant; ErrNotFound if there is none. What it has begun to heal is healed all the same.
func (db *DB) CancelAudit(ctx context.Context, tenant acmesync.TenantID, audit, actor string) error {
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		// The tenant first, as commits lock it: a step that is under way ends at its fence.
		if _, err := tx.ExecContext(ctx, `UPDATE tenants SET epoch = epoch + 1 WHERE tenant = $1`, tenant); err != nil {
			return err
		}
		var found string
		if err := tx.GetContext(ctx, &found, `SELECT audit FROM audits WHERE tenant = $1 AND audit::text = $2 AND ended_at IS NULL FOR UPDATE`,
			tenant, audit); err != nil {
			return notFound(err)
		}
		if err := cancelAudit(ctx, tx, tenant, "cancelled by "+actor); err != nil {
			return err
		}
		return auditTx(ctx, tx, tenant, actor, "cancel_audit", audit, "")
	})
	if err != nil {
		return fmt.Errorf("cancel audit %s of %s: %w", audit, tenant, err)
	}
	return nil
}

func cancelAudit(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, reason string) error {
	for _, q := range []string{
		`UPDATE positions SET audit = NULL, gaps = 0 WHERE tenant = $1 AND audit IS NOT NULL`,
		`DELETE FROM audit_seen WHERE tenant = $1`,
	} {
		if _, err := tx.ExecContext(ctx, q, tenant); err != nil {
			return fmt.Errorf("let an audit go: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE audits SET state = 'cancelled', ended_at = now(), reason = $2 WHERE tenant = $1 AND ended_at IS NULL`,
		tenant, reason); err != nil {
		return fmt.Errorf("cancel an audit: %w", err)
	}
	return nil
}
