package db

import (
	"context"
	"fmt"
	"strings"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// reachIndexes are what a person is found by; nil: not by that. The driver makes an empty value of nil, so statements take that for none.
func (db *DB) reachIndexes(ctx context.Context, t acmesync.TenantID, r acmesync.Reach) (email, phone []byte, err error) {
	if r.Email != "" {
		email, err = db.vault.blindIndex(ctx, t, strings.ToLower(r.Email))
	}
	if r.Phone != "" && err == nil {
		phone, err = db.vault.blindIndex(ctx, t, "tel:"+r.Phone)
	}
	return email, phone, err
}

// reindex has contacts found by what they are reached by now, though nothing about them has changed: numbers are read by the
// account's region, and those from before there was an index have none. No event is concerned.
func reindex(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, ids, hashes []string, emails, phones [][]byte) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE people AS p SET email_index = f.email, phone_index = f.phone
		FROM (
			SELECT l.at, nullif(u.email, '') AS email, nullif(u.phone, '') AS phone
			FROM unnest($3::text[], $4::uuid[], $5::bytea[], $6::bytea[]) AS u (id, hash, email, phone), LATERAL (
				SELECT ctid AS at, hash, email_index, phone_index FROM people
				WHERE tenant = $1 AND connection = $2 AND kind = 'contact' AND person_id = u.id OFFSET 0
			) l
			WHERE l.hash = u.hash AND (l.email_index, l.phone_index) IS DISTINCT FROM (nullif(u.email, ''), nullif(u.phone, ''))
		) f
		WHERE p.ctid = f.at`,
		f.Tenant, f.Connection, pq.Array(ids), pq.Array(hashes), pq.ByteaArray(emails), pq.ByteaArray(phones))
	if err != nil {
		return fmt.Errorf("index contacts anew: %w", err)
	}
	return nil
}

// maxReached bounds how many contacts of one address or number are told: more of them say no more than a few.
const maxReached = 20

// ContactsReached finds the contacts behind addresses and numbers, in the order they are asked for.
func (db *DB) ContactsReached(ctx context.Context, f acmesync.Fence, reaches []acmesync.Reach) ([]acmesync.Reached, error) {
	emails, phones := make([][]byte, len(reaches)), make([][]byte, len(reaches))
	for i, r := range reaches {
		var err error
		if emails[i], phones[i], err = db.reachIndexes(ctx, f.Tenant, r); err != nil {
			return nil, fmt.Errorf("look contacts of %s up: %w", f.Tenant, err)
		}
	}
	found := make([]acmesync.Reached, len(reaches))
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		byEmail, err := reachedBy(ctx, tx, f, "email_index", emails)
		if err != nil {
			return err
		}
		byPhone, err := reachedBy(ctx, tx, f, "phone_index", phones)
		if err != nil {
			return err
		}
		for i := range found {
			found[i] = acmesync.Reached{ByEmail: byEmail[i], ByPhone: byPhone[i]}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look contacts of %s up: %w", f.Tenant, err)
	}
	return found, nil
}

// reachedBy answers for each index who is behind the contacts that have it, each once.
func reachedBy(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, column string, indexes [][]byte) (map[int][]string, error) {
	var rows []struct {
		N  int    `db:"n"`
		ID string `db:"person_id"`
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT u.n - 1 AS n, p.person_id FROM unnest($3::bytea[]) WITH ORDINALITY AS u (idx, n), LATERAL (
			SELECT person_id FROM people
			WHERE tenant = $1 AND connection = $2 AND kind = 'contact' AND `+column+` = nullif(u.idx, '') ORDER BY person_id LIMIT $4
		) p`, f.Tenant, f.Connection, pq.ByteaArray(indexes), maxReached)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	people, err := behind(ctx, tx, f, ids, noBody)
	if err != nil {
		return nil, err
	}
	found, seen := map[int][]string{}, map[string]bool{}
	for _, r := range rows {
		id := people[r.ID].ID
		if once := fmt.Sprint(r.N, "/", id); !seen[once] {
			seen[once] = true
			found[r.N] = append(found[r.N], id)
		}
	}
	return found, nil
}
