package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

func personBody(kind acmesync.PersonKind, id string) place {
	return place{table: "people", column: "body", row: string(kind) + "/" + id}
}

// storePeople keeps newer versions of people. A contact that changed, or that comes after events that name it, leaves a hint
// per event that is not over; one that was forgotten leaves one for past events too. Call it last in a transaction: it may
// wait for the other lane.
func (db *DB) storePeople(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, people []acmesync.Person) error {
	if len(people) == 0 {
		return nil
	}
	n := len(people)
	kinds, ids, hashes, merged, keyIDs := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	versions, bodies, emails, phones := make([]int64, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i, p := range people {
		kinds[i], ids[i], hashes[i], merged[i], versions[i] = string(p.Kind), p.ID, p.Hash, p.MergedInto, p.Version
		var err error
		if bodies[i], keyIDs[i], err = db.sealBody(ctx, f.Tenant, personBody(p.Kind, p.ID), p.Body); err != nil {
			return err
		}
		if emails[i], phones[i], err = db.reachIndexes(ctx, f.Tenant, acmesync.Reach{Email: p.Email, Phone: p.Phone}); err != nil {
			return err
		}
	}
	var changed []struct {
		Kind acmesync.PersonKind `db:"kind"`
		ID   string              `db:"person_id"`
	}
	err := tx.SelectContext(ctx, &changed, `
		INSERT INTO people AS p (tenant, connection, kind, person_id, version, hash, merged_into, email_index, phone_index, body, key_id)
		SELECT DISTINCT ON (u.kind, u.id) $1, $2, u.kind, u.id, u.version, u.hash, u.merged, nullif(u.email, ''), nullif(u.phone, ''), u.body, u.key
		FROM unnest($3::text[], $4::text[], $5::bigint[], $6::uuid[], $7::text[], $8::bytea[], $9::bytea[], $10::bytea[], $11::text[])
			AS u (kind, id, version, hash, merged, email, phone, body, key)
		ORDER BY u.kind, u.id, u.version DESC
		ON CONFLICT (tenant, connection, kind, person_id) DO UPDATE SET version = excluded.version, hash = excluded.hash,
			merged_into = excluded.merged_into, email_index = excluded.email_index, phone_index = excluded.phone_index, body = excluded.body, key_id = excluded.key_id, read_at = now()
		WHERE p.hash <> excluded.hash AND p.version <= excluded.version
		RETURNING kind, person_id`,
		f.Tenant, f.Connection, pq.Array(kinds), pq.Array(ids), pq.Array(versions), pq.Array(hashes), pq.Array(merged),
		pq.ByteaArray(emails), pq.ByteaArray(phones), pq.ByteaArray(bodies), pq.Array(keyIDs))
	if err != nil {
		return fmt.Errorf("store people: %w", err)
	}
	if err := reindex(ctx, tx, f, ids, hashes, emails, phones); err != nil {
		return err
	}
	forgotten := map[string]bool{}
	for _, p := range people {
		if p.Kind == acmesync.ContactPerson && p.Forgotten {
			forgotten[p.ID] = true
		}
	}
	var contacts []string
	var all []bool
	for _, c := range changed {
		if c.Kind == acmesync.ContactPerson {
			contacts, all = append(contacts, c.ID), append(all, forgotten[c.ID])
		}
	}
	if len(contacts) == 0 {
		return nil
	}
	if err := lockPeople(ctx, tx, f.Tenant); err != nil {
		return err
	}
	touched, err := touchedRecords(ctx, tx, f, contacts, all)
	if err != nil {
		return err
	}
	return storeHints(ctx, tx, f, touched)
}

// touchedRecords finds the events that name changed contacts: those that are not over, or all of them.
func touchedRecords(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, contacts []string, all []bool) ([]acmesync.Key, error) {
	rows, err := tx.QueryxContext(ctx, `
		SELECT DISTINCT l.stream, l.acme_id FROM unnest($3::text[], $4::boolean[]) AS u (id, past), LATERAL (
			SELECT stream, acme_id FROM links WHERE tenant = $1 AND connection = $2 AND contact_id = u.id AND (u.past OR ends_at > now()) OFFSET 0
		) l`,
		f.Tenant, f.Connection, pq.Array(contacts), pq.Array(all))
	if err != nil {
		return nil, fmt.Errorf("find records of changed people: %w", err)
	}
	defer rows.Close()
	var keys []acmesync.Key
	for rows.Next() {
		var k acmesync.Key
		if err := rows.Scan(&k.Stream, &k.AcmeID); err != nil {
			return nil, fmt.Errorf("find records of changed people: %w", err)
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// UnknownContacts answers which of the ids are no people yet: they are to be read with the page that names them.
func (db *DB) UnknownContacts(ctx context.Context, f acmesync.Fence, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var unknown []string
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(alone(ctx), &unknown, `
			SELECT u.id FROM unnest($3::text[]) AS u (id)
			LEFT JOIN LATERAL (
				SELECT 1 AS there FROM people WHERE tenant = $1 AND connection = $2 AND kind = 'contact' AND person_id = u.id OFFSET 0
			) p ON true
			WHERE p.there IS NULL`, f.Tenant, f.Connection, pq.Array(ids))
	})
	if err != nil {
		return nil, fmt.Errorf("find unknown contacts of %s: %w", f.Tenant, err)
	}
	return unknown, nil
}

// Staff opens all of a tenant's users on one side.
func (db *DB) Staff(ctx context.Context, f acmesync.Fence, kind acmesync.PersonKind) (map[string]acmesync.Person, error) {
	return db.people(ctx, f, `
		SELECT person_id, kind, person_id, version, hash, merged_into, body, key_id
		FROM people WHERE tenant = $1 AND connection = $2 AND kind = $3`, kind)
}

func (db *DB) people(ctx context.Context, f acmesync.Fence, query string, arg any) (map[string]acmesync.Person, error) {
	type row struct {
		acmesync.Person
		asked, keyID string
	}
	var all []row
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, query, f.Tenant, f.Connection, arg)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r row
			if err := rows.Scan(&r.asked, &r.Kind, &r.ID, &r.Version, &r.Hash, &r.MergedInto, &r.Body, &r.keyID); err != nil {
				return err
			}
			all = append(all, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read people of %s: %w", f.Tenant, err)
	}
	people := make(map[string]acmesync.Person, len(all))
	for _, r := range all {
		body, err := db.openBody(ctx, f.Tenant, personBody(r.Kind, r.ID), r.keyID, r.Body)
		if err != nil {
			return nil, fmt.Errorf("read people of %s: %w", f.Tenant, err)
		}
		r.Body = body
		people[r.asked] = r.Person
	}
	return people, nil
}

// readAt is when a side's list of users was last read whole.
var readAt = map[acmesync.PersonKind]string{acmesync.UserPerson: "users_read_at", acmesync.AppUserPerson: "app_users_read_at"}

// StaffStale reports whether a side's list of users is to be read again: every 10 minutes, and after an activation. The stamp
// changes whenever either side's users were read.
func (db *DB) StaffStale(ctx context.Context, f acmesync.Fence, kind acmesync.PersonKind) (stale bool, stamp string, err error) {
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.QueryRowxContext(alone(ctx), `
			SELECT coalesce(`+readAt[kind]+` < now() - interval '10 minutes', true), concat_ws('/', users_read_at, app_users_read_at)
			FROM connections WHERE tenant = $1 AND connection = $2`, f.Tenant, f.Connection).Scan(&stale, &stamp)
	})
	if err != nil {
		return false, "", fmt.Errorf("look at the users of %s: %w", f.Tenant, notFound(err))
	}
	return stale, stamp, nil
}

// CommitStaff keeps a side's users as just read.
func (db *DB) CommitStaff(ctx context.Context, f acmesync.Fence, kind acmesync.PersonKind, people []acmesync.Person) error {
	err := db.inSealing(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if err := db.storePeople(ctx, tx, f, people); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE connections SET `+readAt[kind]+` = now() WHERE tenant = $1 AND connection = $2`, f.Tenant, f.Connection)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the users of %s: %w", f.Tenant, err)
	}
	return nil
}
