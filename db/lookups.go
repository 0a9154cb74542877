package db

import (
	"context"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

func lookupBody(name string, index []byte) place {
	return place{table: "lookups", column: "body", row: fmt.Sprintf("%s/%x", name, index)}
}

// Lookups reads what a third party has answered for keys; those never asked for are left out. Fresh says whether an answer is
// younger than it may be.
func (db *DB) Lookups(ctx context.Context, f acmesync.Fence, name string, keys []string, expires time.Duration) (map[string]acmesync.Lookup, error) {
	indexes, byIndex, err := db.lookupIndexes(ctx, f.Tenant, name, keys)
	if err != nil {
		return nil, fmt.Errorf("read look-ups of %s: %w", f.Tenant, err)
	}
	type row struct {
		acmesync.Lookup
		index []byte
		keyID string
	}
	var rows []row
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		found, err := tx.QueryxContext(ctx, `
			SELECT l.key_index, l.found, l.body, l.key_id, l.read_at > now() - $5 * interval '1 second' FROM unnest($4::bytea[]) AS u (idx), LATERAL (
				SELECT * FROM lookups WHERE tenant = $1 AND connection = $2 AND name = $3 AND key_index = u.idx OFFSET 0
			) l`, f.Tenant, f.Connection, name, pq.ByteaArray(indexes), expires.Seconds())
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var r row
			if err := found.Scan(&r.index, &r.Found, &r.Body, &r.keyID, &r.Fresh); err != nil {
				return err
			}
			rows = append(rows, r)
		}
		return found.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read look-ups of %s: %w", f.Tenant, err)
	}
	all := make(map[string]acmesync.Lookup, len(rows))
	for _, r := range rows {
		if r.Found {
			if r.Body, err = db.openBody(ctx, f.Tenant, lookupBody(name, r.index), r.keyID, r.Body); err != nil {
				continue // as good as never asked for
			}
		}
		all[byIndex[string(r.index)]] = r.Lookup
	}
	return all, nil
}

// CommitLookups keeps answers of a third party.
func (db *DB) CommitLookups(ctx context.Context, f acmesync.Fence, name string, answers map[string]acmesync.Lookup) error {
	keys := make([]string, 0, len(answers))
	for key := range answers {
		keys = append(keys, key)
	}
	indexes, byIndex, err := db.lookupIndexes(ctx, f.Tenant, name, keys)
	if err != nil {
		return fmt.Errorf("keep look-ups of %s: %w", f.Tenant, err)
	}
	bodies, keyIDs, found := make([][]byte, len(indexes)), make([]string, len(indexes)), make([]bool, len(indexes))
	for i, index := range indexes {
		a := answers[byIndex[string(index)]]
		if found[i] = a.Found; !a.Found {
			continue
		}
		if bodies[i], keyIDs[i], err = db.sealBody(ctx, f.Tenant, lookupBody(name, index), a.Body); err != nil {
			return fmt.Errorf("keep look-ups of %s: %w", f.Tenant, err)
		}
	}
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO lookups AS l (tenant, connection, name, key_index, found, body, key_id)
			SELECT $1, $2, $3, u.idx, u.found, CASE WHEN u.found THEN u.body END, u.key
			FROM unnest($4::bytea[], $5::boolean[], $6::bytea[], $7::text[]) AS u (idx, found, body, key)
			ON CONFLICT (tenant, connection, name, key_index) DO UPDATE SET found = excluded.found, body = excluded.body, key_id = excluded.key_id, read_at = now()`,
			f.Tenant, f.Connection, name, pq.ByteaArray(indexes), pq.BoolArray(found), pq.ByteaArray(bodies), pq.Array(keyIDs))
		if err != nil {
			return err
		}
		// No answer may be older than 30 days: they are about people.
		_, err = tx.ExecContext(ctx, `DELETE FROM lookups WHERE tenant = $1 AND connection = $2 AND read_at < now() - interval '31 days'`, f.Tenant, f.Connection)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep look-ups of %s: %w", f.Tenant, err)
	}
	return nil
}

// lookupIndexes are the blind indexes of keys, in their order, and the keys by them.
func (db *DB) lookupIndexes(ctx context.Context, tenant acmesync.TenantID, name string, keys []string) (indexes [][]byte, keyOf map[string]string, err error) {
	keyOf = make(map[string]string, len(keys))
	for _, key := range keys {
		index, err := db.vault.blindIndex(ctx, tenant, "lookup/"+name+"/"+key)
		if err != nil {
			return nil, nil, err
		}
		if _, twice := keyOf[string(index)]; twice {
			continue
		}
		keyOf[string(index)] = key
		indexes = append(indexes, index)
	}
	return indexes, keyOf, nil
}
