package db

import (
	"context"
	"errors"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

func parkedBody(id string) place { return place{table: "parked", column: "body", row: id} }

// park keeps records that failed for a reason of their own, each with the review that owns it. It locks the review's row,
// as closing does: a review closes only where no open record is left, and parking into a resolved one opens it again.
func (db *DB) park(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, records []acmesync.ParkedRecord) error {
	if len(records) == 0 {
		return nil
	}
	n := len(records)
	streams, ids, fingerprints, codes := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	fields, messages, bodyIDs, keyIDs := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	kinds, versions, bodies := make([]string, n), make([]int64, n), make([][]byte, n)
	for i, r := range records {
		streams[i], ids[i], codes[i], fields[i] = string(r.Key.Stream), r.Key.AcmeID, string(r.Fault.Code), r.Fault.Field
		fingerprints[i], messages[i], versions[i] = acmesync.Fingerprint(r.Key.Stream, r.Fault.Code, r.Fault.Field), r.Fault.Message, r.Version
		kinds[i] = string(acmesync.RecordsReview)
		if r.Fault.Code == acmesync.StreamBlocked {
			kinds[i] = string(acmesync.BlockedReview)
		}
		var err error
		if bodyIDs[i], err = newEnvelopeID(); err != nil {
			return err
		}
		if r.Body == nil {
			continue
		}
		if bodies[i], keyIDs[i], err = db.sealBody(ctx, f.Tenant, parkedBody(bodyIDs[i]), r.Body); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO reviews AS r (tenant, fingerprint, connection, kind, stream, code, field, state)
		SELECT DISTINCT ON (u.fingerprint) $1, u.fingerprint, $2, u.kind, u.stream, u.code, u.field, 'open'
		FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS u (fingerprint, kind, stream, code, field)
		ORDER BY u.fingerprint
		ON CONFLICT (tenant, fingerprint) DO UPDATE SET
			state = CASE WHEN r.state = 'resolved' THEN 'reopened' ELSE r.state END,
			state_since = CASE WHEN r.state = 'resolved' THEN now() ELSE r.state_since END,
			noticed_at = CASE WHEN r.state = 'resolved' THEN NULL ELSE r.noticed_at END`,
		f.Tenant, f.Connection, pq.Array(fingerprints), pq.Array(kinds), pq.Array(streams), pq.Array(codes), pq.Array(fields)); err != nil {
		return fmt.Errorf("open reviews: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO parked AS p (tenant, connection, stream, acme_id, fingerprint, code, field, message, version, body_id, body, key_id)
		SELECT DISTINCT ON (u.stream, u.id) $1, $2, u.stream, u.id, u.fingerprint, u.code, u.field, u.message, u.version, u.body_id,
			CASE WHEN u.key <> '' THEN u.body END, u.key
		FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::uuid[], $11::bytea[], $12::text[])
			WITH ORDINALITY AS u (stream, id, fingerprint, code, field, message, version, body_id, body, key, n)
		ORDER BY u.stream, u.id, u.n DESC
		ON CONFLICT (tenant, connection, stream, acme_id) DO UPDATE SET fingerprint = excluded.fingerprint, code = excluded.code,
			field = excluded.field, message = excluded.message, version = excluded.version, body_id = excluded.body_id,
			body = excluded.body, key_id = excluded.key_id, tries = p.tries + 1, parked_at = now(),
			closed_at = NULL, closed_how = '', closed_by = '', reason = '', discarding = false
		WHERE NOT (p.acme_id LIKE 'raw:%' AND p.closed_how = 'discarded')`, // the very same bytes, given up by a person
		f.Tenant, f.Connection, pq.Array(streams), pq.Array(ids), pq.Array(fingerprints), pq.Array(codes), pq.Array(fields),
		pq.Array(messages), pq.Array(versions), pq.Array(bodyIDs), pq.ByteaArray(bodies), pq.Array(keyIDs)); err != nil {
		return fmt.Errorf("park records: %w", err)
	}
	return nil
}

func closeParked(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, closed []acmesync.ClosedRecord) error {
	if len(closed) == 0 {
		return nil
	}
	n := len(closed)
	streams, ids, how, by, why := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, c := range closed {
		streams[i], ids[i], how[i], by[i], why[i] = string(c.Key.Stream), c.Key.AcmeID, c.How, c.By, c.Reason
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE parked p SET closed_at = now(), closed_how = u.how, closed_by = u.by_whom, reason = u.reason
		FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS u (stream, id, how, by_whom, reason)
		WHERE p.tenant = $1 AND p.connection = $2 AND p.stream = u.stream AND p.acme_id = u.id AND p.closed_at IS NULL`,
		f.Tenant, f.Connection, pq.Array(streams), pq.Array(ids), pq.Array(how), pq.Array(by), pq.Array(why))
	if err != nil {
		return fmt.Errorf("close parked records: %w", err)
	}
	return nil
}

const selectReviews = `
	SELECT r.tenant, r.fingerprint, r.kind, r.stream, r.code, r.field, r.state, r.state_since, r.opened_at,
		(SELECT count(*) FROM parked p WHERE p.tenant = r.tenant AND p.fingerprint = r.fingerprint AND p.closed_at IS NULL) AS open
	FROM reviews r`

// Reviews lists reviews of all tenants, or of one, that are not resolved; with all, resolved ones too. Newest first.
func (db *DB) Reviews(ctx context.Context, tenant acmesync.TenantID, all bool, limit int) ([]acmesync.Review, error) {
	reviews := []acmesync.Review{}
	list := func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &reviews, selectReviews+`
			WHERE ($1 = '' OR r.tenant = $1) AND ($2 OR r.state <> 'resolved') ORDER BY r.opened_at DESC, r.fingerprint LIMIT $3`,
			tenant, all, limit)
	}
	var err error
	if tenant == "" {
		err = db.as(ctx, fleetRole, list)
	} else {
		err = db.in(ctx, tenant, list)
	}
	if err != nil {
		return nil, fmt.Errorf("list reviews: %w", err)
	}
	return reviews, nil
}

// Review reads one; ErrNotFound if there is none.
func (db *DB) Review(ctx context.Context, tenant acmesync.TenantID, fingerprint string) (acmesync.Review, error) {
	var r acmesync.Review
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &r, selectReviews+` WHERE r.tenant = $1 AND r.fingerprint = $2`, tenant, fingerprint)
	})
	if err != nil {
		return r, fmt.Errorf("read review %s of %s: %w", fingerprint, tenant, notFound(err))
	}
	return r, nil
}

// ParkedRecords lists a review's records, open ones first, without their bodies.
func (db *DB) ParkedRecords(ctx context.Context, tenant acmesync.TenantID, fingerprint string, limit int) ([]acmesync.ParkedRecord, error) {
	records := []acmesync.ParkedRecord{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, `
			SELECT stream, acme_id, code, field, message, version, tries, parked_at FROM parked
			WHERE tenant = $1 AND fingerprint = $2 AND closed_at IS NULL ORDER BY parked_at, acme_id LIMIT $3`, tenant, fingerprint, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r acmesync.ParkedRecord
			if err := rows.Scan(&r.Key.Stream, &r.Key.AcmeID, &r.Fault.Code, &r.Fault.Field, &r.Fault.Message, &r.Version, &r.Tries, &r.ParkedAt); err != nil {
				return err
			}
			records = append(records, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read the records of review %s: %w", fingerprint, err)
	}
	return records, nil
}

// OpenParked opens parked records for the deliver lane; closed ones are left out, and one without a body, or
// with a body that does not open, comes without.
func (db *DB) OpenParked(ctx context.Context, f acmesync.Fence, stream acmesync.Stream, ids []string) ([]acmesync.ParkedRecord, error) {
	type row struct {
		acmesync.ParkedRecord
		bodyID, keyID string
	}
	var found []row
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, `
			SELECT p.stream, p.acme_id, p.code, p.field, p.message, p.version, p.tries, p.parked_at, p.body_id, p.body, p.key_id
			FROM unnest($4::text[]) AS u (id), LATERAL (
				SELECT * FROM parked WHERE tenant = $1 AND connection = $2 AND stream = $3 AND acme_id = u.id OFFSET 0
			) p WHERE p.closed_at IS NULL`, f.Tenant, f.Connection, stream, pq.Array(ids))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r row
			if err := rows.Scan(&r.Key.Stream, &r.Key.AcmeID, &r.Fault.Code, &r.Fault.Field, &r.Fault.Message, &r.Version, &r.Tries, &r.ParkedAt,
				&r.bodyID, &r.Body, &r.keyID); err != nil {
				return err
			}
			found = append(found, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("open parked records of %s: %w", f.Tenant, err)
	}
	records := make([]acmesync.ParkedRecord, len(found))
	for i, r := range found {
		if r.Body != nil {
			r.Body, err = db.openBody(ctx, f.Tenant, parkedBody(r.bodyID), r.keyID, r.Body)
			if errors.Is(err, errUnopenable) {
				r.Body, err = nil, nil // as good as none: the record is read from Acme again
			}
			if err != nil {
				return nil, fmt.Errorf("open parked records of %s: %w", f.Tenant, err)
			}
		}
		records[i] = r.ParkedRecord
	}
	return records, nil
}
