package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// zeroHash equals no record's: a write is due whatever the record says.
const zeroHash = "00000000-0000-0000-0000-000000000000"

// ledgerLookup joins laterally from unnest: `= any(array)` would use only the key's prefix on a table whose
// statistics are not there yet and read every row of the tenant once per key. A test holds the plan to this.
const ledgerLookup = `
	SELECT l.acme_id, l.version, l.source_at, l.hash, l.state, l.code, l.field, l.revision, l.app_id, l.steps, l.owner_id, l.updated_at, coalesce(l.mapped::text, '')
	FROM unnest($4::text[]) AS u (id), LATERAL (
		SELECT * FROM ledger WHERE tenant = $1 AND connection = $2 AND stream = $3 AND acme_id = u.id OFFSET 0
	) l`

// Ledger reads entries by Acme's id; records without one are left out.
func (db *DB) Ledger(ctx context.Context, f acmesync.Fence, stream acmesync.Stream, ids []string) (map[string]acmesync.LedgerEntry, error) {
	var entries map[string]acmesync.LedgerEntry
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) (err error) {
		entries, err = readLedger(alone(ctx), tx, f, stream, ids)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger of %s: %w", f.Tenant, err)
	}
	return entries, nil
}

func readLedger(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, stream acmesync.Stream, ids []string) (map[string]acmesync.LedgerEntry, error) {
	rows, err := tx.QueryxContext(ctx, ledgerLookup, f.Tenant, f.Connection, stream, pq.Array(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	entries := make(map[string]acmesync.LedgerEntry, len(ids))
	for rows.Next() {
		e := acmesync.LedgerEntry{Key: acmesync.Key{Stream: stream}}
		if err := rows.Scan(&e.Key.AcmeID, &e.Version, &e.SourceAt, &e.Hash, &e.State, &e.Code, &e.Field, &e.Revision,
			&e.AppID, &e.Steps, &e.OwnerID, &e.UpdatedAt, &e.Mapped); err != nil {
			return nil, err
		}
		entries[e.Key.AcmeID] = e
	}
	return entries, rows.Err()
}

func upsertLedger(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, entries []acmesync.LedgerEntry) error {
	if len(entries) == 0 {
		return nil
	}
	n := len(entries)
	streams, ids, hashes, sources := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	states, codes, fields, owners, appIDs := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	versions, revisions, steps, mapped := make([]int64, n), make([]int64, n), make([]int64, n), make([]string, n)
	for i, e := range entries {
		streams[i], ids[i], versions[i], revisions[i], steps[i] = string(e.Key.Stream), e.Key.AcmeID, e.Version, e.Revision, int64(e.Steps)
		hashes[i], states[i], codes[i], fields[i], owners[i], appIDs[i] = e.Hash, string(e.State), string(e.Code), e.Field, e.OwnerID, e.AppID
		if hashes[i] == "" {
			hashes[i] = zeroHash
		}
		if mapped[i] = e.Mapped; e.Mapped == "" {
			mapped[i] = zeroHash
		}
		sources[i] = stamp(e.SourceAt)
	}
	_, err := tx.ExecContext(later(ctx), `
		INSERT INTO ledger AS l (tenant, connection, generation, stream, acme_id, version, revision, steps, hash, source_at, state, code, field, owner_id, app_id, mapped)
		SELECT $1, $2, $3, u.stream, u.id, u.version, u.revision, u.steps, u.hash, u.source_at, u.state, u.code, u.field, u.owner, u.app,
			nullif(u.mapped, '`+zeroHash+`')
		FROM unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::smallint[], $9::uuid[],
			$10::timestamptz[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::uuid[])
			AS u (stream, id, version, revision, steps, hash, source_at, state, code, field, owner, app, mapped)
		ON CONFLICT (tenant, connection, stream, acme_id) DO UPDATE SET generation = excluded.generation, version = excluded.version,
			revision = excluded.revision, steps = excluded.steps, hash = excluded.hash, source_at = excluded.source_at,
			state = excluded.state, code = excluded.code, field = excluded.field, owner_id = excluded.owner_id,
			app_id = excluded.app_id, mapped = excluded.mapped, updated_at = now()`,
		f.Tenant, f.Connection, f.Generation, pq.Array(streams), pq.Array(ids), pq.Array(versions), pq.Array(revisions), pq.Array(steps),
		pq.Array(hashes), pq.Array(sources), pq.Array(states), pq.Array(codes), pq.Array(fields), pq.Array(owners), pq.Array(appIDs), pq.Array(mapped))
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}
