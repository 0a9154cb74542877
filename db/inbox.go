package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"acmesync"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Backlog adds up what waits in a tenant's inbox for the deliver lane.
func (db *DB) Backlog(ctx context.Context, tenant acmesync.TenantID) (acmesync.Backlog, error) {
	var b acmesync.Backlog
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(alone(ctx), &b, `
			SELECT coalesce(sum(bytes), 0) AS bytes, coalesce(sum(records), 0) AS records
			FROM envelopes WHERE tenant = $1 AND lane = 'deliver' AND ended_at IS NULL`, tenant)
	})
	if err != nil {
		return b, fmt.Errorf("measure the backlog of %s: %w", tenant, err)
	}
	return b, nil
}

// ClaimHints takes due hints of the fetch lane, oldest first. Only what was claimed before a read may be ended by it. While the
// app is held there are none: hints stay hints, as the records would only wait.
func (db *DB) ClaimHints(ctx context.Context, f acmesync.Fence, limit int) ([]acmesync.Hint, error) {
	var hints []acmesync.Hint
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(alone(ctx), `
			SELECT day::text, id, stream, coalesce(acme_id, ''), version, tries, received_at FROM envelopes
			WHERE tenant = $1 AND lane = 'fetch' AND ended_at IS NULL AND due_at <= now() AND generation = $2
				AND NOT EXISTS (SELECT 1 FROM holds WHERE tenant = $1 AND dependency = 'app' AND next_at > now())
			ORDER BY priority, id LIMIT $3`, f.Tenant, f.Generation, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var h acmesync.Hint
			if err := rows.Scan(&h.Envelope.Day, &h.Envelope.ID, &h.Key.Stream, &h.Key.AcmeID, &h.Version, &h.Tries, &h.ReceivedAt); err != nil {
				return err
			}
			hints = append(hints, h)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("claim hints of %s: %w", f.Tenant, err)
	}
	return hints, nil
}

// ClaimPages takes due envelopes of the deliver lane, live before backfill, up to a number of records and bytes (at least
// one envelope), and commits that they are being tried before any body is opened. One that was tried three times comes alone.
func (db *DB) ClaimPages(ctx context.Context, f acmesync.Fence, maxRecords, maxBytes int) ([]acmesync.Page, error) {
	type row struct {
		acmesync.Page
		sealed []byte
		keyID  string
	}
	days, ids, err := db.nextPages(ctx, f, maxRecords, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("claim pages of %s: %w", f.Tenant, err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []row
	err = db.inLazily(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		found, err := tx.QueryxContext(alone(ctx), `
			WITH claimed AS (
				UPDATE envelopes e SET tries = e.tries + 1 WHERE e.tenant = $1 AND `+named(days)+` AND `+stillOpen+` RETURNING e.*
			)
			SELECT day::text, id, kind, way, stream, priority, schema, tries - 1, records - done - duplicate - superseded - parked, rest, body, key_id, now(),
				(SELECT concat_ws('/', users_read_at, app_users_read_at) FROM connections WHERE tenant = $1 AND connection = $4)
			FROM claimed ORDER BY priority, id`, f.Tenant, pq.Array(days), pq.Array(ids), f.Connection)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var r row
			if err := found.Scan(&r.Envelope.Day, &r.Envelope.ID, &r.Kind, &r.Way, &r.Stream, &r.Priority, &r.Schema, &r.Tries,
				&r.Records, pq.Array(&r.Rest), &r.sealed, &r.keyID, &r.Claimed, &r.StaffStamp); err != nil {
				return err
			}
			rows = append(rows, r)
		}
		return found.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("claim pages of %s: %w", f.Tenant, err)
	}
	pages := make([]acmesync.Page, len(rows))
	for i, r := range rows {
		r.Body, err = db.openBody(ctx, f.Tenant, envelopeBody(r.Envelope.ID), r.keyID, r.sealed)
		if errors.Is(err, errUnopenable) {
			r.Body, r.Sealed, err = r.sealed, true, nil // one bad envelope must not hold up its neighbours
		}
		if err != nil {
			return nil, fmt.Errorf("claim pages of %s: %w", f.Tenant, err)
		}
		pages[i] = r.Page
	}
	return pages, nil
}

// nextPages chooses what is claimed next. Choosing and writing are two statements: in one, Postgres without statistics would
// read everything that waits to find the few rows that were chosen. The fence is looked at, not held: what is claimed past it
// is refused at its commit, and only an attempt that works counts tries.
func (db *DB) nextPages(ctx context.Context, f acmesync.Fence, maxRecords, maxBytes int) (days, ids []string, err error) {
	var next []struct {
		fenceState
		Day *string `db:"day"`
		ID  *string `db:"id"`
	}
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(alone(ctx), &next, `
		WITH due AS (
			SELECT day, id, tries, row_number() OVER w AS n, sum(records) OVER w AS total, sum(bytes) OVER w AS size
			FROM (
				SELECT day, id, tries, priority, records, bytes FROM envelopes
				WHERE tenant = $1 AND lane = 'deliver' AND ended_at IS NULL AND due_at <= now() AND generation = $2
				ORDER BY priority, id LIMIT 256
			) first
			WINDOW w AS (ORDER BY priority, id)
		), chosen AS (
			SELECT day::text, id FROM due
			WHERE n = 1 OR (total <= $3 AND size <= $4 AND tries < $5
				AND NOT EXISTS (SELECT 1 FROM due bad WHERE bad.n < due.n AND bad.tries >= $5))
		)
		SELECT t.epoch, t.generation, l.token = $7 AS newest, c.day, c.id
		FROM tenants t JOIN lanes l ON l.tenant = t.tenant AND l.lane = $6 AND l.shard = 0 LEFT JOIN chosen c ON true
		WHERE t.tenant = $1`, f.Tenant, f.Generation, maxRecords, maxBytes, acmesync.PoisonTries, f.Lane, f.Token)
	})
	if err != nil {
		return nil, nil, err
	}
	if len(next) == 0 {
		return nil, nil, fmt.Errorf("check the fence: %w", acmesync.ErrNotFound)
	}
	if err := next[0].against(f); err != nil {
		return nil, nil, err
	}
	for _, one := range next {
		if one.ID != nil {
			days, ids = append(days, *one.Day), append(ids, *one.ID)
		}
	}
	return days, ids, nil
}

func (db *DB) storePages(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, pages []acmesync.NewPage) error {
	for _, p := range pages {
		id, err := newEnvelopeID()
		if err != nil {
			return err
		}
		sealed, keyID, err := db.sealBody(ctx, f.Tenant, envelopeBody(id), p.Body)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(later(ctx), `
			WITH known_now AS (
				INSERT INTO known (tenant, connection, stream, acme_id)
				SELECT $2, $3, $6, id FROM unnest($11::text[]) AS u (id) ON CONFLICT DO NOTHING
			), arrived AS (
				INSERT INTO arrivals (tenant, connection, stream, way, envelope, ids) VALUES ($2, $3, $6, $5, $1, $11)
			)
			INSERT INTO envelopes (id, tenant, connection, generation, lane, kind, way, stream, priority, records, bytes, body, key_id)
			VALUES ($1, $2, $3, $4, 'deliver', 'page', $5, $6, $7, $8, length($9::bytea), $9::bytea, $10)`,
			id, f.Tenant, f.Connection, f.Generation, p.Way, p.Stream, p.Priority, p.Records, sealed, keyID, pq.Array(p.IDs)); err != nil {
			return fmt.Errorf("store a page of %s: %w", p.Stream, err)
		}
		if p.Audit == "" {
			continue
		}
		if _, err := tx.ExecContext(later(ctx), `
			INSERT INTO audit_seen (tenant, audit, id) SELECT DISTINCT $1, $2::uuid, $3 || '/' || u.id FROM unnest($4::text[]) AS u (id) ON CONFLICT DO NOTHING`,
			f.Tenant, p.Audit, string(p.Stream), pq.Array(p.IDs)); err != nil {
			return fmt.Errorf("note what a list has shown: %w", err)
		}
	}
	return nil
}

// storeOrders leaves work for the deliver lane.
func (db *DB) storeOrders(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, generation int64, orders []acmesync.Order) error {
	for _, o := range orders {
		id, err := newEnvelopeID()
		if err != nil {
			return err
		}
		body, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("write an order: %w", err)
		}
		sealed, keyID, err := db.sealBody(ctx, tenant, envelopeBody(id), body)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(later(ctx), `
			INSERT INTO envelopes (id, tenant, connection, generation, lane, kind, way, stream, records, bytes, body, key_id)
			VALUES ($1, $2, $3, $4, 'deliver', 'order', 'order', $5, $6, length($7::bytea), $7::bytea, $8)`,
			id, tenant, acmesync.MainConnection, generation, o.Stream, len(o.IDs), sealed, keyID); err != nil {
			return fmt.Errorf("leave an order to %s: %w", o.Action, err)
		}
		if o.Action != acmesync.OrderPark {
			continue
		}
		// Acme named the record, though it cannot show it: it is known, and the ledger will say that it is parked.
		if _, err := tx.ExecContext(later(ctx), `
			INSERT INTO known (tenant, connection, stream, acme_id) SELECT $1, $2, $3, id FROM unnest($4::text[]) AS u (id) ON CONFLICT DO NOTHING`,
			tenant, acmesync.MainConnection, o.Stream, pq.Array(o.IDs)); err != nil {
			return fmt.Errorf("note parked records as known: %w", err)
		}
	}
	return nil
}

// newEnvelopeID draws a time-ordered id: envelopes of one process sort as they came.
func newEnvelopeID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("draw an envelope id: %w", err)
	}
	return id.String(), nil
}
