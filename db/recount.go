package db

import (
	"context"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// recountedAtOnce bounds one statement; all of a recount are one transaction.
const recountedAtOnce = 2_000

// Recount notes in which zone each of the app's users lives, and puts the facts of those who live in another one now on the day
// that dayOf answers, cells with them. It answers how many facts have moved. The lane that calls it is the only one to write
// facts: what it stored before was counted in the zones before, what comes after in these.
func (db *DB) Recount(ctx context.Context, f acmesync.Fence, zones map[string]string, dayOf func(zone string, at time.Time) string) (int, error) {
	moved := 0
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		relocated, err := noteZones(ctx, tx, f, zones)
		if err != nil || len(relocated) == 0 {
			return err
		}
		facts, err := misplaced(ctx, tx, f, relocated, func(x acmesync.Fact) string { return dayOf(zones[x.UserID], x.OccurredAt) })
		if err != nil {
			return err
		}
		moved = len(facts)
		for len(facts) > 0 {
			n := min(len(facts), recountedAtOnce)
			if err := storeFacts(ctx, tx, f, facts[:n], nil); err != nil {
				return err
			}
			facts = facts[n:]
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count the touch-points of %s by new zones: %w", f.Tenant, err)
	}
	return moved, nil
}

// noteZones answers whose zone is another one than was noted.
func noteZones(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, zones map[string]string) ([]string, error) {
	users, names := make([]string, 0, len(zones)), make([]string, 0, len(zones))
	for user, zone := range zones {
		users, names = append(users, user), append(names, zone)
	}
	var relocated []string
	err := tx.SelectContext(ctx, &relocated, `
		INSERT INTO counted_in AS c (tenant, connection, app_user, time_zone)
		SELECT $1, $2, u.* FROM unnest($3::text[], $4::text[]) AS u
		ON CONFLICT (tenant, connection, app_user) DO UPDATE SET time_zone = excluded.time_zone WHERE c.time_zone <> excluded.time_zone
		RETURNING app_user`, f.Tenant, f.Connection, pq.Array(users), pq.Array(names))
	return relocated, err
}

// misplaced are the facts of some users that stand on another day than they should, already put on the right one.
func misplaced(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, users []string, dayOf func(acmesync.Fact) string) ([]acmesync.Fact, error) {
	rows, err := tx.QueryxContext(ctx, `
		SELECT acme_id, user_id, day::text, channel, direction, occurred_at FROM facts
		WHERE tenant = $1 AND connection = $2 AND user_id = ANY ($3)`, f.Tenant, f.Connection, pq.Array(users))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var facts []acmesync.Fact
	for rows.Next() {
		var x acmesync.Fact
		if err := rows.Scan(&x.AcmeID, &x.UserID, &x.Day, &x.Channel, &x.Direction, &x.OccurredAt); err != nil {
			return nil, err
		}
		if day := dayOf(x); day != x.Day {
			x.Day = day
			facts = append(facts, x)
		}
	}
	return facts, rows.Err()
}
