package db

import (
	"context"
	"encoding/json"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// filesSecret is what a bucket is read with, as it is sealed: both parts together, so that no secret meets another's key.
type filesSecret struct {
	KeyID  string `json:"key_id,omitempty"`
	Secret string `json:"secret"`
}

func filesSecretPlace() place {
	return place{table: "connections", column: "files_secret", row: string(acmesync.MainConnection)}
}

// putFilesKey seals what the bucket is read with; none leaves the stored one as it is.
func (db *DB) putFilesKey(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, c acmesync.Credentials) error {
	if c.FilesSecret == "" {
		return nil
	}
	text, err := json.Marshal(filesSecret{KeyID: c.FilesKeyID, Secret: c.FilesSecret})
	if err != nil {
		return fmt.Errorf("write the key of the files: %w", err)
	}
	sealed, keyID, err := db.vault.seal(ctx, tenant, filesSecretPlace(), text)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE connections SET files_secret = $3, files_key_id = $4 WHERE tenant = $1 AND connection = $2`,
		tenant, acmesync.MainConnection, sealed, keyID); err != nil {
		return fmt.Errorf("store the key of the files: %w", err)
	}
	return nil
}

// filesKey opens what the bucket is read with.
func (db *DB) filesKey(ctx context.Context, tenant acmesync.TenantID, c *acmesync.Credentials) error {
	var found []struct {
		Sealed []byte `db:"files_secret"`
		KeyID  string `db:"files_key_id"`
	}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(alone(ctx), &found, `
			SELECT files_secret, files_key_id FROM connections WHERE tenant = $1 AND connection = $2 AND files_secret IS NOT NULL`,
			tenant, acmesync.MainConnection)
	})
	if err != nil || len(found) == 0 {
		return err
	}
	text, err := db.vault.open(ctx, tenant, filesSecretPlace(), found[0].KeyID, found[0].Sealed)
	if err != nil {
		return err
	}
	var key filesSecret
	if err := json.Unmarshal(text, &key); err != nil {
		return fmt.Errorf("read the key of the files: %w", err)
	}
	c.FilesKeyID, c.FilesSecret = key.KeyID, key.Secret
	return nil
}
