package db

import (
	"context"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// AuditEntry is one act of a person or of the product on its own behalf.
type AuditEntry struct {
	At     time.Time `json:"at" db:"at"`
	Actor  string    `json:"actor" db:"actor"`
	Action string    `json:"action" db:"action"`
	Target string    `json:"target,omitempty" db:"target"`
	Detail string    `json:"detail,omitempty" db:"detail"`
}

func auditTx(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, actor, action, target, detail string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (tenant, actor, action, target, detail) VALUES ($1, $2, $3, $4, $5)`,
		tenant, actor, action, target, detail)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// Audit lists what was done to a tenant, newest first.
func (db *DB) Audit(ctx context.Context, tenant acmesync.TenantID, limit int) ([]AuditEntry, error) {
	entries := []AuditEntry{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &entries, `
			SELECT at, actor, action, target, detail FROM audit WHERE tenant = $1 ORDER BY seq DESC LIMIT $2`, tenant, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit log of %s: %w", tenant, err)
	}
	return entries, nil
}
