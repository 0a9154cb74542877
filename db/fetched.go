package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// CommitFetched stores a read: rows and position in one transaction. It may be flushed to disk a moment later
// (synchronous_commit off): nobody was promised anything, and a lost commit is read from Acme again.
func (db *DB) CommitFetched(ctx context.Context, f acmesync.Fence, r acmesync.Fetched) error {
	err := db.readKeys(ctx, f.Tenant)
	if err != nil {
		return fmt.Errorf("commit what was fetched for %s: %w", f.Tenant, err)
	}
	err = db.inLazily(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if err := db.storePages(ctx, tx, f, r.Pages); err != nil {
			return err
		}
		if err := db.storeOrders(ctx, tx, f.Tenant, f.Generation, r.Orders); err != nil {
			return err
		}
		if err := db.storeAbsences(ctx, tx, f, r.Absent); err != nil {
			return err
		}
		if err := endHints(ctx, tx, f, r.Ended); err != nil {
			return err
		}
		if err := putOffHints(ctx, tx, f, r.Later); err != nil {
			return err
		}
		if err := storeHints(ctx, tx, f, r.Hints); err != nil {
			return err
		}
		if err := db.park(ctx, tx, f, r.Parked); err != nil {
			return err
		}
		if r.Position != nil {
			if err := savePosition(ctx, tx, f, *r.Position, true); err != nil {
				return err
			}
		}
		return db.storePeople(ctx, tx, f, r.People)
	})
	if err != nil {
		return fmt.Errorf("commit what was fetched for %s: %w", f.Tenant, err)
	}
	return nil
}

// stillOpen says that an envelope e has not ended, in words that do not offer the index of all that waits: where an envelope
// is named by its key or its record, Postgres without statistics would read everything that waits for the tenant instead.
const stillOpen = `coalesce(e.ended_at, 'infinity') = 'infinity'`

func endHints(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, ended []acmesync.EndedHint) error {
	if len(ended) == 0 {
		return nil
	}
	var days, ids, columns, outcomes []string
	for _, e := range ended {
		days, ids = append(days, e.Envelope.Day), append(ids, e.Envelope.ID)
		columns, outcomes = append(columns, string(e.Column)), append(outcomes, string(e.Outcome))
	}
	_, err := tx.ExecContext(later(ctx), `
		UPDATE envelopes e SET ended_at = now(), outcome = nullif(u.outcome, ''),
			done = (u.col = 'done')::int, duplicate = (u.col = 'duplicate')::int,
			superseded = (u.col = 'superseded')::int, parked = (u.col = 'parked')::int
		FROM unnest($2::date[], $3::uuid[], $4::text[], $5::text[]) AS u (day, id, col, outcome)
		WHERE e.tenant = $1 AND e.day = u.day AND e.id = u.id AND `+named(days)+` AND `+stillOpen,
		f.Tenant, pq.Array(days), pq.Array(ids), pq.Array(columns), pq.Array(outcomes))
	if err != nil {
		return fmt.Errorf("end hints: %w", err)
	}
	return nil
}

func putOffHints(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, off []acmesync.LaterHint) error {
	if len(off) == 0 {
		return nil
	}
	var days, ids []string
	var after []int64
	for _, l := range off {
		days, ids, after = append(days, l.Envelope.Day), append(ids, l.Envelope.ID), append(after, l.After.Milliseconds())
	}
	_, err := tx.ExecContext(later(ctx), `
		UPDATE envelopes e SET tries = tries + 1, due_at = now() + u.after * interval '1 millisecond'
		FROM unnest($2::date[], $3::uuid[], $4::bigint[]) AS u (day, id, after)
		WHERE e.tenant = $1 AND e.day = u.day AND e.id = u.id AND `+named(days)+` AND `+stillOpen,
		f.Tenant, pq.Array(days), pq.Array(ids), pq.Array(after))
	if err != nil {
		return fmt.Errorf("put hints off: %w", err)
	}
	return nil
}

// storeHints leaves reasons to look for the fetch lane itself. One that waits already is enough.
func storeHints(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, keys []acmesync.Key) error {
	if len(keys) == 0 {
		return nil
	}
	var ids, streams, acmeIDs []string
	for _, k := range keys {
		id, err := newEnvelopeID()
		if err != nil {
			return err
		}
		ids, streams, acmeIDs = append(ids, id), append(streams, string(k.Stream)), append(acmeIDs, k.AcmeID)
	}
	_, err := tx.ExecContext(later(ctx), `
		INSERT INTO envelopes (id, tenant, connection, generation, lane, kind, way, stream, acme_id, due_at)
		SELECT DISTINCT ON (u.stream, u.acme_id) u.id, $1, $2, $3, 'fetch', 'hint', 'order', u.stream, u.acme_id, now() + interval '2 seconds'
		FROM unnest($4::uuid[], $5::text[], $6::text[]) AS u (id, stream, acme_id) LEFT JOIN LATERAL (
			SELECT true AS there FROM envelopes e WHERE e.tenant = $1 AND e.acme_id = u.acme_id AND e.stream = u.stream
				AND e.lane = 'fetch' AND e.tries = 0 AND `+stillOpen+` LIMIT 1
		) waiting ON true
		WHERE waiting.there IS NULL`,
		f.Tenant, f.Connection, f.Generation, pq.Array(ids), pq.Array(streams), pq.Array(acmeIDs))
	if err != nil {
		return fmt.Errorf("store hints: %w", err)
	}
	return nil
}
