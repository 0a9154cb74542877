package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// CommitDelivered writes a round down. It is flushed to disk before it answers: the app has the writes already,
// and the ledger must not fall behind it by more than the round that was under way.
func (db *DB) CommitDelivered(ctx context.Context, f acmesync.Fence, d acmesync.Delivered) error {
	err := db.inSealing(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if err := upsertLedger(ctx, tx, f, d.Entries); err != nil {
			return err
		}
		if err := endPages(ctx, tx, f, d.Ended); err != nil {
			return err
		}
		if err := closeParked(ctx, tx, f, d.Closed); err != nil {
			return err
		}
		if err := db.park(ctx, tx, f, d.Parked); err != nil {
			return err
		}
		if err := storeLinks(ctx, tx, f, d.Links); err != nil {
			return err
		}
		if err := storeRefusals(ctx, tx, f, d.Refused, d.Settled); err != nil {
			return err
		}
		if err := storeHints(ctx, tx, f, d.Hints); err != nil {
			return err
		}
		return storeFacts(ctx, tx, f, d.Facts, d.NoFacts)
	})
	if err != nil {
		return fmt.Errorf("commit what was delivered for %s: %w", f.Tenant, err)
	}
	return nil
}

func endPages(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, pages []acmesync.EndedPage) error {
	for _, p := range pages {
		var rest any
		if len(p.Rest) > 0 {
			rest = pq.Array(p.Rest)
		}
		_, err := tx.ExecContext(ctx, `
			UPDATE envelopes e SET done = done + $4, duplicate = duplicate + $5, superseded = superseded + $6, parked = parked + $7,
				rest = $8::text[], tries = least(tries, $10), ended_at = CASE WHEN $8::text[] IS NULL THEN now() END,
				due_at = CASE WHEN $8::text[] IS NULL THEN due_at ELSE now() + $9 * interval '1 millisecond' END
			WHERE tenant = $1 AND `+named([]string{p.Envelope.Day})+` AND `+stillOpen,
			f.Tenant, pq.Array([]string{p.Envelope.Day}), pq.Array([]string{p.Envelope.ID}), p.Done, p.Duplicate, p.Superseded, p.Parked, rest, p.RetryAfter.Milliseconds(), acmesync.PoisonTries)
		if err != nil {
			return fmt.Errorf("end an envelope: %w", err)
		}
	}
	return nil
}

func storeLinks(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, links []acmesync.Link) error {
	if len(links) == 0 {
		return nil
	}
	n := len(links)
	contacts, streams, ids, ends := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, l := range links {
		contacts[i], streams[i], ids[i], ends[i] = l.ContactID, string(l.Key.Stream), l.Key.AcmeID, stamp(l.EndsAt)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO links AS l (tenant, connection, contact_id, stream, acme_id, ends_at)
		SELECT DISTINCT ON (u.contact, u.stream, u.id) $1, $2, u.* FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[]) AS u (contact, stream, id, ends)
		WHERE u.ends > now()
		ON CONFLICT (tenant, connection, contact_id, stream, acme_id) DO UPDATE SET ends_at = excluded.ends_at
		WHERE l.ends_at <> excluded.ends_at`,
		f.Tenant, f.Connection, pq.Array(contacts), pq.Array(streams), pq.Array(ids), pq.Array(ends))
	if err != nil {
		return fmt.Errorf("store links: %w", err)
	}
	return nil
}

// ReleasePages lets claimed pages go untouched: a hold came between, and their tries are not to count.
func (db *DB) ReleasePages(ctx context.Context, f acmesync.Fence, pages []acmesync.Page) error {
	days, ids := make([]string, len(pages)), make([]string, len(pages))
	for i, p := range pages {
		days[i], ids[i] = p.Envelope.Day, p.Envelope.ID
	}
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			UPDATE envelopes e SET tries = greatest(e.tries - 1, 0) WHERE e.tenant = $1 AND `+named(days)+` AND `+stillOpen, f.Tenant, pq.Array(days), pq.Array(ids))
		return err
	})
	if err != nil {
		return fmt.Errorf("let pages of %s go: %w", f.Tenant, err)
	}
	return nil
}
