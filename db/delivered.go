package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

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
		if err := keepAbsent(ctx, tx, f, d.Closed); err != nil {
			return err
		}
		if err := noteDifferences(ctx, tx, f, d.Audit, d.Differences); err != nil {
			return err
		}
		if err := db.park(ctx, tx, f, d.Parked); err != nil {
			return err
		}
		if err := storeRefusals(ctx, tx, f, d.Refused, d.Settled); err != nil {
			return err
		}
		if err := storeFacts(ctx, tx, f, d.Facts, d.NoFacts); err != nil {
			return err
		}
		again, err := broughtBy(ctx, tx, f, d.Reread)
		if err != nil {
			return err
		}
		same, err := storeKeys(ctx, tx, f, d.Keys, d.Unkeyed, d.KeysLost)
		if err != nil {
			return err
		}
		changed, err := storeLinks(ctx, tx, f, d.Links)
		if err != nil {
			return err
		}
		if err := db.storeTwoWay(ctx, tx, f, d.TwoWay); err != nil {
			return err
		}
		if err := storeRevisits(ctx, tx, f, d.Revisits); err != nil {
			return err
		}
		masters, err := storeSeries(ctx, tx, f, d)
		if err != nil {
			return err
		}
		return storeHints(ctx, tx, f, slices.Concat(d.Hints, again, same, changed, masters))
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
		_, err := tx.ExecContext(later(ctx), `
			UPDATE envelopes e SET done = done + $4, duplicate = duplicate + $5, superseded = superseded + $6, parked = parked + $7,
				rest = CASE WHEN $11 THEN rest ELSE $8::text[] END, tries = CASE WHEN $11 THEN tries ELSE least(tries, $10) END,
				ended_at = CASE WHEN $8::text[] IS NULL AND NOT $11 THEN now() END,
				due_at = CASE WHEN $8::text[] IS NULL AND NOT $11 THEN due_at ELSE now() + $9 * interval '1 millisecond' END
			WHERE tenant = $1 AND `+named([]string{p.Envelope.Day})+` AND `+stillOpen,
			f.Tenant, pq.Array([]string{p.Envelope.Day}), pq.Array([]string{p.Envelope.ID}), p.Done, p.Duplicate, p.Superseded, p.Parked, rest,
			p.RetryAfter.Milliseconds(), acmesync.PoisonTries, p.Open)
		if err != nil {
			return fmt.Errorf("end an envelope: %w", err)
		}
	}
	return nil
}

// broughtBy names the records that pages had brought when they were fetched.
func broughtBy(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, pages []acmesync.EnvelopeID) ([]acmesync.Key, error) {
	var keys []acmesync.Key
	for _, p := range pages {
		var ids []string
		var stream acmesync.Stream
		err := tx.QueryRowContext(ctx, `SELECT stream, ids FROM arrivals WHERE tenant = $1 AND envelope = $2 AND day BETWEEN $3::date - 1 AND $3::date + 1`,
			f.Tenant, p.ID, p.Day).Scan(&stream, pq.Array(&ids))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look up what a page had brought: %w", err)
		}
		for _, id := range ids {
			keys = append(keys, acmesync.Key{Stream: stream, AcmeID: id})
		}
	}
	return keys, nil
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
