package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// driftColumns of a row, as they are read.
const driftColumns = `stream, field, finding, first_seen, last_seen, records, clean, alerted_at, resolved_at`

// mostDrifts bounds a list; more drifts than that are one: another Acme.
const mostDrifts = 1000

// Drifts lists how a tenant's Acme has drifted: what holds first, then what has changed back, each the newest first.
func (db *DB) Drifts(ctx context.Context, tenant acmesync.TenantID) ([]acmesync.Drift, error) {
	all := []acmesync.Drift{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &all, `
			SELECT `+driftColumns+` FROM drift WHERE tenant = $1
			ORDER BY resolved_at IS NOT NULL, first_seen DESC, stream, field, finding LIMIT $2`, tenant, mostDrifts)
	})
	if err != nil {
		return nil, fmt.Errorf("read the drift of %s: %w", tenant, err)
	}
	return all, nil
}

// DriftState is what is remembered of a stream's fields between two looks.
func (db *DB) DriftState(ctx context.Context, f acmesync.Fence, stream acmesync.Stream) (acmesync.DriftState, error) {
	state := acmesync.DriftState{Stream: stream, Fields: map[string]acmesync.FieldHistory{}}
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		var fields []byte
		err := tx.GetContext(ctx, &fields, `
			SELECT fields FROM drift_fields WHERE tenant = $1 AND connection = $2 AND stream = $3`, f.Tenant, f.Connection, stream)
		if err == nil {
			err = json.Unmarshal(fields, &state.Fields)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return tx.SelectContext(ctx, &state.Open, `
			SELECT `+driftColumns+` FROM drift
			WHERE tenant = $1 AND connection = $2 AND stream = $3 AND resolved_at IS NULL`, f.Tenant, f.Connection, stream)
	})
	if err != nil {
		return acmesync.DriftState{}, fmt.Errorf("read the drift of %s: %w", f.Tenant, err)
	}
	return state, nil
}

// CommitDrift keeps a look, and answers what people have not been told of. It counts as told from this commit on: whoever dies
// before telling leaves it in the list.
func (db *DB) CommitDrift(ctx context.Context, f acmesync.Fence, look acmesync.DriftLook) (news []acmesync.Drift, err error) {
	fields, err := json.Marshal(look.Fields)
	if err != nil {
		return nil, fmt.Errorf("write the fields of %s: %w", look.Stream, err)
	}
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO drift_fields (tenant, connection, stream, fields) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant, connection, stream) DO UPDATE SET fields = excluded.fields, looked_at = now()`,
			f.Tenant, f.Connection, look.Stream, string(fields)); err != nil {
			return fmt.Errorf("keep the fields: %w", err)
		}
		if err := storeClean(ctx, tx, f, look); err != nil {
			return err
		}
		return seenDrift(ctx, tx, f, look.Seen, &news)
	})
	if err != nil {
		return nil, fmt.Errorf("keep the drift of %s: %w", f.Tenant, err)
	}
	return news, nil
}

// storeClean counts records that did not show what others had, and resolves what has not shown for long enough.
func storeClean(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, look acmesync.DriftLook) error {
	all := append(append([]acmesync.Drift{}, look.Clean...), look.Mended...)
	if len(all) == 0 {
		return nil
	}
	fields, findings, clean, mended := make([]string, len(all)), make([]string, len(all)), make([]int64, len(all)), make([]bool, len(all))
	for i, d := range all {
		fields[i], findings[i], clean[i], mended[i] = d.Field, string(d.Finding), d.Clean, i >= len(look.Clean)
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE drift d SET clean = u.clean, resolved_at = CASE WHEN u.mended THEN now() END
		FROM unnest($4::text[], $5::text[], $6::bigint[], $7::boolean[]) AS u (field, finding, clean, mended)
		WHERE d.tenant = $1 AND d.connection = $2 AND d.stream = $3 AND d.field = u.field AND d.finding = u.finding AND d.resolved_at IS NULL`,
		f.Tenant, f.Connection, look.Stream, pq.Array(fields), pq.Array(findings), pq.Array(clean), pq.Array(mended)); err != nil {
		return fmt.Errorf("keep what has not drifted: %w", err)
	}
	return nil
}

// seenDrift keeps what a look has shown. What had been resolved begins anew.
func seenDrift(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, seen []acmesync.Drift, news *[]acmesync.Drift) error {
	if len(seen) == 0 {
		return nil
	}
	fields, findings, records := make([]string, len(seen)), make([]string, len(seen)), make([]int64, len(seen))
	for i, d := range seen {
		fields[i], findings[i], records[i] = d.Field, string(d.Finding), d.Records
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO drift AS d (tenant, connection, stream, field, finding, records)
		SELECT $1, $2, $3, u.* FROM unnest($4::text[], $5::text[], $6::bigint[]) AS u
		ON CONFLICT (tenant, connection, stream, field, finding) DO UPDATE SET last_seen = now(), clean = 0, resolved_at = NULL,
			first_seen = CASE WHEN d.resolved_at IS NULL THEN d.first_seen ELSE now() END,
			alerted_at = CASE WHEN d.resolved_at IS NULL THEN d.alerted_at END,
			records = CASE WHEN d.resolved_at IS NULL THEN d.records ELSE 0 END + excluded.records`,
		f.Tenant, f.Connection, seen[0].Stream, pq.Array(fields), pq.Array(findings), pq.Array(records)); err != nil {
		return fmt.Errorf("keep what has drifted: %w", err)
	}
	return tx.SelectContext(ctx, news, `
		UPDATE drift SET alerted_at = now()
		WHERE tenant = $1 AND connection = $2 AND stream = $3 AND resolved_at IS NULL AND alerted_at IS NULL
		RETURNING `+driftColumns, f.Tenant, f.Connection, seen[0].Stream)
}
