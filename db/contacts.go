package db

import (
	"context"
	"errors"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Contacts opens people by id, following merges (at most 5 deep); an id without a person is left out.
// The answer is keyed by the id asked for.
func (db *DB) Contacts(ctx context.Context, f acmesync.Fence, ids []string) (map[string]acmesync.Person, error) {
	found, err := db.behind(ctx, f, ids, `body, key_id`)
	if err != nil {
		return nil, err
	}
	people := make(map[string]acmesync.Person, len(found))
	opened := make(map[string]acmesync.Person, len(found))
	for id, r := range found {
		p, again := opened[r.ID]
		if !again {
			p = r.Person
			p.Body, err = db.openBody(ctx, f.Tenant, personBody(p.Kind, p.ID), r.KeyID, p.Body)
			if errors.Is(err, errUnopenable) {
				continue // as if nobody had read it yet: its events go without it until it changes
			}
			if err != nil {
				return nil, fmt.Errorf("read people of %s: %w", f.Tenant, err)
			}
			opened[r.ID] = p
		}
		people[id] = p
	}
	return people, nil
}

// ContactHashes answers who is behind each id, as a hash: merges are followed as in Contacts, bodies are not opened.
func (db *DB) ContactHashes(ctx context.Context, f acmesync.Fence, ids []string) (map[string]string, error) {
	found, err := db.behind(ctx, f, ids, noBody)
	if err != nil {
		return nil, err
	}
	hashes := make(map[string]string, len(found))
	for id, r := range found {
		hashes[id] = r.Hash
	}
	return hashes, nil
}

// sealedPerson is a person as the table holds them.
type sealedPerson struct {
	acmesync.Person
	KeyID string
}

// maxMerges bounds how far a contact is followed to the one that took it over.
const maxMerges = 5

// noBody stands where a person's sealed body is not wanted.
const noBody = `''::bytea AS body, '' AS key_id`

func (db *DB) behind(ctx context.Context, f acmesync.Fence, ids []string, sealed string) (map[string]sealedPerson, error) {
	var found map[string]sealedPerson
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) (err error) {
		found, err = behind(ctx, tx, f, ids, sealed)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read people of %s: %w", f.Tenant, err)
	}
	return found, nil
}

// behind reads who is behind each id. Merges are rare and followed here, one look per step: a recursive query for all of
// them costs several times as much where there are none, and looks so dear to Postgres that it compiles it each time.
func behind(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, ids []string, sealed string) (map[string]sealedPerson, error) {
	people := make(map[string]sealedPerson, len(ids))
	look := ids
	for step := 0; len(look) > 0 && step <= maxMerges; step++ {
		found, err := peopleOf(ctx, tx, f, look, sealed)
		if err != nil {
			return nil, err
		}
		look = nil
		for _, p := range found {
			people[p.ID] = p
			if _, known := people[p.MergedInto]; p.MergedInto != "" && !known {
				look = append(look, p.MergedInto)
			}
		}
	}
	out := make(map[string]sealedPerson, len(ids))
	for _, id := range ids {
		p, found := people[id]
		if !found {
			continue
		}
		for range maxMerges {
			into, known := people[p.MergedInto]
			if !known || p.MergedInto == "" {
				break
			}
			p = into
		}
		out[id] = p
	}
	return out, nil
}

func peopleOf(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, ids []string, sealed string) ([]sealedPerson, error) {
	rows, err := tx.QueryxContext(ctx, `
		SELECT p.person_id, p.version, p.hash, p.merged_into, p.body, p.key_id FROM unnest($3::text[]) AS u (id), LATERAL (
			SELECT person_id, version, hash, merged_into, `+sealed+` FROM people
			WHERE tenant = $1 AND connection = $2 AND kind = 'contact' AND person_id = u.id OFFSET 0
		) p`, f.Tenant, f.Connection, pq.Array(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make([]sealedPerson, 0, len(ids))
	for rows.Next() {
		p := sealedPerson{Person: acmesync.Person{Kind: acmesync.ContactPerson}}
		if err := rows.Scan(&p.ID, &p.Version, &p.Hash, &p.MergedInto, &p.Body, &p.KeyID); err != nil {
			return nil, err
		}
		found = append(found, p)
	}
	return found, rows.Err()
}
