package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Doubt notes that the app is about to be written to about records that the ledger knows: until the round is committed nobody is
// sure what the app holds of them. Whatever comes of them next is written, even where it equals what the ledger remembers, and
// what is not to be there is removed. It is flushed to disk before it answers.
func (db *DB) Doubt(ctx context.Context, f acmesync.Fence, keys []acmesync.Key) error {
	if len(keys) == 0 {
		return nil
	}
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		return doubtKeys(ctx, tx, f, keys)
	})
	if err != nil {
		return fmt.Errorf("doubt what the app of %s holds: %w", f.Tenant, err)
	}
	return nil
}

func doubtKeys(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, keys []acmesync.Key) error {
	if len(keys) == 0 {
		return nil
	}
	streams, ids := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		streams[i], ids[i] = string(k.Stream), k.AcmeID
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE ledger SET hash = '`+zeroHash+`', mapped = NULL, steps = steps | (stream = 'appointments')::int
		WHERE ctid = ANY (ARRAY(
			SELECT l.ctid FROM unnest($3::text[], $4::text[]) AS u (stream, id), LATERAL (
				SELECT ctid FROM ledger WHERE tenant = $1 AND connection = $2 AND stream = u.stream AND acme_id = u.id OFFSET 0
			) l))`, f.Tenant, f.Connection, pq.Array(streams), pq.Array(ids))
	if err != nil {
		return fmt.Errorf("doubt records: %w", err)
	}
	return nil
}

// doubtAll forgets what the app holds of all of a tenant's records, so that whatever is read of them next is written.
func doubtAll(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence) error {
	for _, q := range []string{
		`UPDATE ledger SET hash = '` + zeroHash + `', mapped = NULL WHERE tenant = $1 AND connection = $2 AND steps > 0`,
		`UPDATE instances SET mapped = NULL WHERE tenant = $1 AND connection = $2`,
	} {
		if _, err := tx.ExecContext(ctx, q, f.Tenant, f.Connection); err != nil {
			return fmt.Errorf("doubt all that the app holds: %w", err)
		}
	}
	return nil
}
