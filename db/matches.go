package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// CommitMatches notes which user of the app each of Acme's users is, "" for none, and leaves a hint for each record whose owner
// is somebody else now than when it was delivered. It answers how many. Records are delivered by the lane that calls this, and
// by nobody else: what it delivered before was mapped with the matches before, what comes after with these.
func (db *DB) CommitMatches(ctx context.Context, f acmesync.Fence, matches map[string]string) (int, error) {
	users, appUsers := make([]string, 0, len(matches)), make([]string, 0, len(matches))
	for user, appUser := range matches {
		users, appUsers = append(users, user), append(appUsers, appUser)
	}
	var keys []acmesync.Key
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		rows, err := tx.QueryxContext(ctx, `
			WITH changed AS (
				INSERT INTO matches AS m (tenant, connection, user_id, app_user)
				SELECT $1, $2, u.* FROM unnest($3::text[], $4::text[]) AS u
				ON CONFLICT (tenant, connection, user_id) DO UPDATE SET app_user = excluded.app_user WHERE m.app_user <> excluded.app_user
				RETURNING user_id
			)
			SELECT stream, acme_id FROM ledger
			WHERE tenant = $1 AND connection = $2 AND state <> 'deleted' AND owner_id IN (SELECT user_id FROM changed)`,
			f.Tenant, f.Connection, pq.Array(users), pq.Array(appUsers))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k acmesync.Key
			if err := rows.Scan(&k.Stream, &k.AcmeID); err != nil {
				return err
			}
			keys = append(keys, k)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return storeHints(ctx, tx, f, keys)
	})
	if err != nil {
		return 0, fmt.Errorf("note who is who at %s: %w", f.Tenant, err)
	}
	return len(keys), nil
}
