package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// KeyHolders answers which record stands for each of the appointments that are known by these keys; ones that none stands for
// are left out. The deliver lane alone writes them, under its fence.
func (db *DB) KeyHolders(ctx context.Context, f acmesync.Fence, keys []string) (map[string]acmesync.BusinessKey, error) {
	holders := map[string]acmesync.BusinessKey{}
	if len(keys) == 0 {
		return holders, nil
	}
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, `
			SELECT b.acme_id, b.key, b.source_at FROM unnest($3::uuid[]) AS u (key), LATERAL (
				SELECT * FROM business_keys WHERE tenant = $1 AND connection = $2 AND key = u.key AND holds OFFSET 0
			) b`, f.Tenant, f.Connection, pq.Array(keys))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			h := acmesync.BusinessKey{Holds: true}
			if err := rows.Scan(&h.AcmeID, &h.Key, &h.SourceAt); err != nil {
				return err
			}
			holders[h.Key] = h
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("look up the same appointments of %s: %w", f.Tenant, err)
	}
	return holders, nil
}

// storeKeys keeps which records are the same appointment, and answers those that have to be looked at again: who has lost an
// appointment to another, and who waited for one that is free now.
func storeKeys(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, keys []acmesync.BusinessKey, unkeyed, lost []string) ([]acmesync.Key, error) {
	if len(keys) == 0 && len(unkeyed) == 0 {
		return nil, nil
	}
	n := len(keys)
	ids, values, sources, holds := make([]string, n), make([]string, n), make([]string, n), make([]bool, n)
	for i, k := range keys {
		ids[i], values[i], sources[i], holds[i] = k.AcmeID, k.Key, stamp(k.SourceAt), k.Holds
	}
	var freed []string
	if err := tx.SelectContext(ctx, &freed, `
		SELECT key FROM business_keys WHERE tenant = $1 AND connection = $2 AND acme_id = ANY ($3) AND holds`,
		f.Tenant, f.Connection, pq.Array(append(append([]string{}, ids...), unkeyed...))); err != nil {
		return nil, fmt.Errorf("look what was held: %w", err)
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{`DELETE FROM business_keys WHERE tenant = $1 AND connection = $2 AND acme_id = ANY ($3)`, []any{pq.Array(unkeyed)}},
		{`UPDATE business_keys SET holds = false WHERE tenant = $1 AND connection = $2 AND acme_id = ANY ($3)`, []any{pq.Array(lost)}},
		{`INSERT INTO business_keys (tenant, connection, acme_id, key, source_at, holds)
			SELECT $1, $2, u.* FROM unnest($3::text[], $4::uuid[], $5::timestamptz[], $6::boolean[]) AS u
			ON CONFLICT (tenant, connection, acme_id) DO UPDATE SET key = excluded.key, source_at = excluded.source_at, holds = excluded.holds`,
			[]any{pq.Array(ids), pq.Array(values), pq.Array(sources), pq.Array(holds)}},
	} {
		if _, err := tx.ExecContext(ctx, step.query, append([]any{f.Tenant, f.Connection}, step.args...)...); err != nil {
			return nil, fmt.Errorf("keep the same appointments: %w", err)
		}
	}
	var again []string
	if err := tx.SelectContext(ctx, &again, `
		SELECT DISTINCT ON (b.key) b.acme_id FROM business_keys b
		WHERE b.tenant = $1 AND b.connection = $2 AND b.key = ANY ($3::uuid[]) AND NOT EXISTS (
			SELECT 1 FROM business_keys h WHERE h.tenant = b.tenant AND h.connection = b.connection AND h.key = b.key AND h.holds
		) ORDER BY b.key, b.source_at DESC, b.acme_id DESC`, f.Tenant, f.Connection, pq.Array(freed)); err != nil {
		return nil, fmt.Errorf("look who waited: %w", err)
	}
	again = append(again, lost...)
	if _, err := tx.ExecContext(ctx, `
		UPDATE ledger SET hash = '`+zeroHash+`' WHERE tenant = $1 AND connection = $2 AND stream = 'appointments' AND acme_id = ANY ($3)`,
		f.Tenant, f.Connection, pq.Array(again)); err != nil {
		return nil, fmt.Errorf("look at the same appointments again: %w", err)
	}
	hints := make([]acmesync.Key, len(again))
	for i, id := range again {
		hints[i] = acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}
	}
	return hints, nil
}
