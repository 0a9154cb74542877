package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Configure gives a tenant a new configuration and answers its version. It raises the epoch: a page that is being worked on
// under the old one is committed before this or refused. A change made for an older version is a Conflict.
func (db *DB) Configure(ctx context.Context, id acmesync.TenantID, c acmesync.ConfigChange) (int64, error) {
	document, err := json.Marshal(c.Config)
	if err != nil {
		return 0, fmt.Errorf("write the configuration: %w", err)
	}
	version := c.Over + 1
	err = db.inSealing(ctx, id, func(tx *sqlx.Tx) error {
		var now int64
		if err := tx.GetContext(ctx, &now, `SELECT rules FROM tenants WHERE tenant = $1 FOR UPDATE`, id); err != nil {
			return notFound(err)
		}
		if now != c.Over {
			return &acmesync.Conflict{Code: "version_changed",
				Message: fmt.Sprintf("the configuration is at version %d by now: read it again", now)}
		}
		if err := storeConfig(ctx, tx, id, version, document, c.Actor, c.Note); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE tenants SET config = $2, rules = $3, epoch = epoch + 1, version = version + 1 WHERE tenant = $1`, id, string(document), version); err != nil {
			return err
		}
		if err := db.retryUnder(ctx, tx, id, version, c); err != nil {
			return err
		}
		if err := walkStreams(ctx, tx, id, c.Walk); err != nil {
			return err
		}
		return auditTx(ctx, tx, id, c.Actor, "configure", fmt.Sprintf("version %d", version), c.Detail)
	})
	if err != nil {
		return 0, fmt.Errorf("configure tenant %s: %w", id, err)
	}
	return version, nil
}

func storeConfig(ctx context.Context, tx *sqlx.Tx, id acmesync.TenantID, version int64, document []byte, actor, note string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO configs (tenant, version, document, actor, note) VALUES ($1, $2, $3, $4, $5)`,
		id, version, string(document), actor, note)
	if err != nil {
		return fmt.Errorf("keep the configuration: %w", err)
	}
	return nil
}

// retryUnder leaves retries of the reviews that the new configuration may have fixed. One that has closed meanwhile, or a tenant
// that does not live, is no reason to refuse the configuration.
func (db *DB) retryUnder(ctx context.Context, tx *sqlx.Tx, id acmesync.TenantID, version int64, c acmesync.ConfigChange) error {
	for _, fingerprint := range slices.Sorted(slices.Values(c.Retry)) {
		_, err := db.decide(ctx, tx, id, fingerprint, acmesync.Decision{
			ID: fmt.Sprintf("config/%d/%s", version, fingerprint), Action: acmesync.OrderRetry,
			Actor: fmt.Sprintf("config v%d", version), Reason: "the configuration was changed",
		})
		var conflict *acmesync.Conflict
		if err != nil && !errors.As(err, &conflict) && !errors.Is(err, acmesync.ErrNotFound) {
			return err
		}
	}
	return nil
}

// walkStreams sends streams back to their beginning and lets every stream be polled: by how often, if by nothing else, the
// change may have been about. Contacts and users are named where they are to be read as if for the first time.
func walkStreams(ctx context.Context, tx *sqlx.Tx, id acmesync.TenantID, streams []acmesync.Stream) error {
	for _, q := range []string{
		lockLanes,
		`UPDATE lanes SET due_at = now() WHERE tenant = $1`,
		`UPDATE positions SET due_at = now() WHERE tenant = $1`,
	} {
		if _, err := tx.ExecContext(ctx, q, id); err != nil {
			return fmt.Errorf("make everything due: %w", err)
		}
	}
	if len(streams) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE positions SET cursor = '', walking = false, watermark_at = NULL, watermark_id = '', backfilled_at = NULL,
			page_limit = 0, page_failures = 0
		WHERE tenant = $1 AND stream = ANY ($2)`, id, pq.Array(texts(streams))); err != nil {
		return fmt.Errorf("go back to the beginning: %w", err)
	}
	if !slices.Contains(streams, acmesync.Users) {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE connections SET users_read_at = NULL, subscription_due = now() WHERE tenant = $1`, id); err != nil {
		return fmt.Errorf("have the users read again: %w", err)
	}
	return nil
}

// Configs lists a tenant's configurations before the given version (0: from the newest on), newest first, without documents.
func (db *DB) Configs(ctx context.Context, id acmesync.TenantID, before int64, limit int) ([]acmesync.ConfigVersion, error) {
	all := []acmesync.ConfigVersion{}
	err := db.in(ctx, id, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &all, `
			SELECT version, actor, note, created_at FROM configs WHERE tenant = $1 AND ($2 = 0 OR version < $2) ORDER BY version DESC LIMIT $3`,
			id, before, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list the configurations of %s: %w", id, err)
	}
	return all, nil
}

// Config reads one configuration of a tenant's; ErrNotFound if there is none of that version.
func (db *DB) Config(ctx context.Context, id acmesync.TenantID, version int64) (acmesync.ConfigVersion, error) {
	var c acmesync.ConfigVersion
	err := db.in(ctx, id, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &c, `SELECT version, document, actor, note, created_at FROM configs WHERE tenant = $1 AND version = $2`, id, version)
	})
	if err != nil {
		return c, fmt.Errorf("read version %d of the configuration of %s: %w", version, id, notFound(err))
	}
	return c, nil
}
