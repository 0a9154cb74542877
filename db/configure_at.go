package db

import (
	"context"
	"encoding/json"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// ConfigureAt replaces a tenant's configuration if the tenant still has the version the change was made for, else it is
// a Conflict; lanes notice at their next page.
func (db *DB) ConfigureAt(ctx context.Context, id acmesync.TenantID, version int64, c acmesync.Config, actor string) error {
	config, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	err = db.in(ctx, id, func(tx *sqlx.Tx) error {
		var now int64
		if err := tx.GetContext(ctx, &now, `SELECT version FROM tenants WHERE tenant = $1 FOR UPDATE`, id); err != nil {
			return notFound(err)
		}
		if now != version {
			return &acmesync.Conflict{Code: "version_changed", Message: "the tenant was changed in the meantime: read it again"}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE tenants SET config = $2, epoch = epoch + 1, version = version + 1 WHERE tenant = $1`, id, string(config)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE positions SET due_at = now() WHERE tenant = $1`, id); err != nil {
			return err
		}
		return auditTx(ctx, tx, id, actor, "configure", "", string(config))
	})
	if err != nil {
		return fmt.Errorf("configure tenant %s: %w", id, err)
	}
	return nil
}
