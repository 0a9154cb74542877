package db

import (
	"context"
	"fmt"
	"slices"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// storeAbsences has records that Acme does not show any more removed, as long as they are few enough to be believed.
func (db *DB) storeAbsences(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, all []acmesync.Absent) error {
	for _, a := range all {
		believed, rest, err := believedOf(ctx, tx, f, a)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			withheld, err := db.withhold(ctx, tx, f, acmesync.Absent{Stream: a.Stream, IDs: rest})
			if err != nil {
				return err
			}
			if !withheld {
				believed = append(believed, rest...)
			}
		}
		if len(believed) == 0 {
			continue
		}
		gone := acmesync.Order{Action: acmesync.OrderGone, Stream: a.Stream, IDs: believed}
		if err := db.storeOrders(ctx, tx, f.Tenant, f.Generation, []acmesync.Order{gone}); err != nil {
			return err
		}
	}
	return nil
}

// believedOf are the records that a person believes to be gone, and the others.
func believedOf(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, a acmesync.Absent) (believed, rest []string, err error) {
	if err := tx.SelectContext(ctx, &believed, `
		DELETE FROM absences x USING unnest($4::text[]) AS u (id)
		WHERE x.tenant = $1 AND x.connection = $2 AND x.stream = $3 AND x.acme_id = u.id AND x.believed
			AND x.seen_at > now() - interval '1 day' RETURNING x.acme_id`,
		f.Tenant, f.Connection, a.Stream, pq.Array(a.IDs)); err != nil {
		return nil, nil, fmt.Errorf("look who believes in absences: %w", err)
	}
	sure := make(map[string]bool, len(believed))
	for _, id := range believed {
		sure[id] = true
	}
	for _, id := range a.IDs {
		if !sure[id] {
			rest = append(rest, id)
		}
	}
	return believed, rest, nil
}

// withhold is the mass-delete guard: it counts what became absent within an hour, and comes down where that is more than the
// bounds allow. Then a review asks a person, and whatever was not deleted before that stays.
func (db *DB) withhold(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, a acmesync.Absent) (withheld bool, err error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM absences WHERE tenant = $1 AND NOT withheld AND seen_at < now() - interval '1 hour' * CASE WHEN believed THEN 24 ELSE 1 END`,
		f.Tenant); err != nil {
		return false, fmt.Errorf("forget old absences: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO absences (tenant, connection, stream, acme_id) SELECT DISTINCT $1, $2, $3, u.id FROM unnest($4::text[]) AS u (id) ON CONFLICT DO NOTHING`,
		f.Tenant, f.Connection, a.Stream, pq.Array(a.IDs)); err != nil {
		return false, fmt.Errorf("count absences: %w", err)
	}
	var absent, live int64
	if err := tx.GetContext(ctx, &absent, `SELECT count(*) FROM absences WHERE tenant = $1 AND connection = $2 AND stream = $3 AND NOT believed`,
		f.Tenant, f.Connection, a.Stream); err != nil {
		return false, fmt.Errorf("count absences: %w", err)
	}
	if absent <= acmesync.AbsentAtMost {
		return false, nil
	}
	// What was deleted within the hour counts among all that there were. More are not counted than it takes to believe it.
	if err := tx.GetContext(ctx, &live, `
		SELECT count(*) FROM (SELECT 1 FROM ledger l WHERE tenant = $1 AND connection = $2 AND stream = $3 AND (state <> 'deleted' OR EXISTS (
			SELECT 1 FROM absences x WHERE x.tenant = l.tenant AND x.connection = l.connection AND x.stream = l.stream AND x.acme_id = l.acme_id))
			LIMIT $4) counted`,
		f.Tenant, f.Connection, a.Stream, absent*100/acmesync.AbsentPercent+1); err != nil {
		return false, fmt.Errorf("count what is there: %w", err)
	}
	if absent*100 <= live*acmesync.AbsentPercent {
		return false, nil
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE absences x SET withheld = true FROM unnest($4::text[]) AS u (id)
		WHERE x.tenant = $1 AND x.connection = $2 AND x.stream = $3 AND x.acme_id = u.id`, f.Tenant, f.Connection, a.Stream, pq.Array(a.IDs)); err != nil {
		return false, fmt.Errorf("withhold absent records: %w", err)
	}
	return true, db.park(ctx, tx, f, []acmesync.ParkedRecord{{
		Key: acmesync.Key{Stream: a.Stream, AcmeID: acmesync.AbsentPrefix + string(a.Stream)},
		Fault: acmesync.Fault{Code: acmesync.MassDelete, Field: "list", Message: fmt.Sprintf(
			"Acme does not show %d of %d records any more. Nothing was deleted. Look in Acme whether they are really gone: "+
				"retry reads them once more and deletes what is still absent, discard keeps them.", absent, live)},
	}})
}

// believeAbsences carries out that a person believes a stream's absent records to be gone: they are read again, and what is still
// absent then is deleted. It answers the other ids of the decision.
func believeAbsences(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, stream acmesync.Stream, ids []string, d acmesync.Decision) ([]string, error) {
	all := acmesync.AbsentPrefix + string(stream)
	if !slices.Contains(ids, all) {
		return ids, nil
	}
	var absent []string
	if err := tx.SelectContext(ctx, &absent, `
		UPDATE absences SET believed = true, withheld = false, seen_at = now() WHERE tenant = $1 AND connection = $2 AND stream = $3 AND withheld RETURNING acme_id`,
		f.Tenant, f.Connection, stream); err != nil {
		return nil, fmt.Errorf("believe absences: %w", err)
	}
	keys := make([]acmesync.Key, len(absent))
	for i, id := range absent {
		keys[i] = acmesync.Key{Stream: stream, AcmeID: id}
	}
	if err := storeHints(ctx, tx, f, keys); err != nil {
		return nil, err
	}
	closed := acmesync.ClosedRecord{Key: acmesync.Key{Stream: stream, AcmeID: all}, How: "retried", By: d.Actor, Reason: d.Reason}
	if err := closeParked(ctx, tx, f, []acmesync.ClosedRecord{closed}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == all }), nil
}

// keepAbsent forgets absences that a person has decided against: their events stay.
func keepAbsent(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, closed []acmesync.ClosedRecord) error {
	for _, c := range closed {
		if c.Key.AcmeID != acmesync.AbsentPrefix+string(c.Key.Stream) || c.How != "discarded" {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM absences WHERE tenant = $1 AND connection = $2 AND stream = $3 AND withheld`,
			f.Tenant, f.Connection, c.Key.Stream); err != nil {
			return fmt.Errorf("keep absent records: %w", err)
		}
	}
	return nil
}
