package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

func (db *DB) wrappedKeys(ctx context.Context, tenant acmesync.TenantID) (map[string][]byte, error) {
	keys := map[string][]byte{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, `SELECT key_id, wrapped FROM tenant_keys WHERE tenant = $1`, tenant)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var wrapped []byte
			if err := rows.Scan(&id, &wrapped); err != nil {
				return err
			}
			keys[id] = wrapped
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys of tenant %s: %w", tenant, err)
	}
	return keys, nil
}

func (db *DB) storeTenantKeys(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID) error {
	wrapped, err := db.vault.newTenantKeys(tenant)
	if err != nil {
		return err
	}
	for id, w := range wrapped {
		_, err := tx.ExecContext(ctx, `INSERT INTO tenant_keys (tenant, key_id, wrapped) VALUES ($1, $2, $3)`, tenant, id, w)
		if err != nil {
			return fmt.Errorf("store key %s: %w", id, err)
		}
	}
	return nil
}

// SetCredentials seals a connection's secrets; an empty one leaves the stored one as it is.
func (db *DB) SetCredentials(ctx context.Context, tenant acmesync.TenantID, c acmesync.Credentials, actor string) error {
	return db.inSealing(ctx, tenant, func(tx *sqlx.Tx) error {
		if err := db.putSecret(ctx, tx, tenant, "acme_api_key", c.AcmeAPIKey); err != nil {
			return err
		}
		if err := db.putSecret(ctx, tx, tenant, "app_token", c.AppToken); err != nil {
			return err
		}
		if err := db.putFilesKey(ctx, tx, tenant, c); err != nil {
			return err
		}
		if err := db.putSecret(ctx, tx, tenant, "lookup_token", c.LookupToken); err != nil {
			return err
		}
		// Attempts that hold the old ones end at their next page.
		if _, err := tx.ExecContext(ctx, `UPDATE tenants SET epoch = epoch + 1, version = version + 1 WHERE tenant = $1`, tenant); err != nil {
			return fmt.Errorf("raise the epoch: %w", err)
		}
		return auditTx(ctx, tx, tenant, actor, "set_credentials", "", "")
	})
}

// Credentials opens a connection's secrets; missing ones are empty.
func (db *DB) Credentials(ctx context.Context, tenant acmesync.TenantID) (acmesync.Credentials, error) {
	var c acmesync.Credentials
	secrets, err := db.secrets(ctx, tenant, "acme_api_key", "app_token", "lookup_token")
	if err != nil {
		return c, err
	}
	c.AcmeAPIKey, c.AppToken, c.LookupToken = secrets["acme_api_key"], secrets["app_token"], secrets["lookup_token"]
	return c, db.filesKey(ctx, tenant, &c)
}

// HookSecrets opens the secrets a tenant's webhooks may be signed with: the present one, and
// the one before for a day after a change.
func (db *DB) HookSecrets(ctx context.Context, tenant acmesync.TenantID) ([]string, error) {
	secrets, err := db.secrets(ctx, tenant, "hook_secret", "hook_secret_old")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range []string{"hook_secret", "hook_secret_old"} {
		if s := secrets[name]; s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

// HookProfile is how a tenant's webhooks are spoken: the profile of its configuration, empty where it is Acme's own.
func (db *DB) HookProfile(ctx context.Context, tenant acmesync.TenantID) ([]byte, error) {
	var document []byte
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &document, `SELECT coalesce(config->'profile', 'null') FROM tenants WHERE tenant = $1`, tenant)
	})
	if err != nil {
		return nil, fmt.Errorf("read the profile of %s: %w", tenant, notFound(err))
	}
	return document, nil
}

// HookTopics are the SNS topics that a tenant's configuration names.
func (db *DB) HookTopics(ctx context.Context, tenant acmesync.TenantID) ([]string, error) {
	var topics []string
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &topics, `
			SELECT topic FROM tenants, jsonb_array_elements_text(coalesce(config->'sns'->'topics', '[]')) topic WHERE tenant = $1`, tenant)
	})
	if err != nil {
		return nil, fmt.Errorf("read the topics of %s: %w", tenant, err)
	}
	return topics, nil
}

func (db *DB) putSecret(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, name, value string) error {
	if value == "" {
		return nil
	}
	at := place{table: "secrets", column: "sealed", row: string(acmesync.MainConnection) + "/" + name}
	sealed, keyID, err := db.vault.seal(ctx, tenant, at, []byte(value))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO secrets (tenant, connection, name, sealed, key_id) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant, connection, name) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id, set_at = now()`,
		tenant, acmesync.MainConnection, name, sealed, keyID)
	if err != nil {
		return fmt.Errorf("store secret %s: %w", name, err)
	}
	return nil
}

func (db *DB) secrets(ctx context.Context, tenant acmesync.TenantID, names ...string) (map[string]string, error) {
	var out map[string]string
	err := db.inSealing(ctx, tenant, func(tx *sqlx.Tx) (err error) {
		out, err = db.readSecrets(ctx, tx, tenant, names...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the secrets of tenant %s: %w", tenant, err)
	}
	return out, nil
}

func (db *DB) readSecrets(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, names ...string) (map[string]string, error) {
	var rows []struct {
		Name   string `db:"name"`
		Sealed []byte `db:"sealed"`
		KeyID  string `db:"key_id"`
	}
	q, args, err := sqlx.In(`
		SELECT name, sealed, key_id FROM secrets WHERE tenant = ? AND connection = ? AND name IN (?)
			AND (name <> 'hook_secret_old' OR set_at > now() - interval '24 hours')`,
		tenant, acmesync.MainConnection, names)
	if err != nil {
		return nil, err
	}
	if err := tx.SelectContext(ctx, &rows, tx.Rebind(q), args...); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range rows {
		at := place{table: "secrets", column: "sealed", row: string(acmesync.MainConnection) + "/" + r.Name}
		plain, err := db.vault.open(ctx, tenant, at, r.KeyID, r.Sealed)
		if err != nil {
			return nil, err
		}
		out[r.Name] = string(plain)
	}
	return out, nil
}
