package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// lockPeople keeps the two lanes from passing each other: one stores what a contact has become and looks which events name it,
// the other stores which contacts an event names and looks what they have become. Whoever comes second sees what the first has
// committed. It is taken last in a transaction and ends with it.
func lockPeople(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('people/' || $1, 0))`, tenant); err != nil {
		return fmt.Errorf("wait for the other lane's people: %w", err)
	}
	return nil
}

// storeLinks notes which contacts events name, and answers the records whose people have changed since they were mapped.
func storeLinks(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, links []acmesync.Link) ([]acmesync.Key, error) {
	if len(links) == 0 {
		return nil, nil
	}
	if err := lockPeople(ctx, tx, f.Tenant); err != nil {
		return nil, err
	}
	n := len(links)
	contacts, streams, ids, ends := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, l := range links {
		contacts[i], streams[i], ids[i], ends[i] = l.ContactID, string(l.Key.Stream), l.Key.AcmeID, stamp(l.EndsAt)
	}
	_, err := tx.ExecContext(later(ctx), `
		INSERT INTO links AS l (tenant, connection, contact_id, stream, acme_id, ends_at)
		SELECT DISTINCT ON (u.contact, u.stream, u.id) $1, $2, u.* FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[]) AS u (contact, stream, id, ends)
		ON CONFLICT (tenant, connection, contact_id, stream, acme_id) DO UPDATE SET ends_at = excluded.ends_at
		WHERE l.ends_at <> excluded.ends_at`,
		f.Tenant, f.Connection, pq.Array(contacts), pq.Array(streams), pq.Array(ids), pq.Array(ends))
	if err != nil {
		return nil, fmt.Errorf("store links: %w", err)
	}
	return outdated(ctx, tx, f, links)
}

// outdated compares the people that links were mapped with to those that are there now.
func outdated(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, links []acmesync.Link) ([]acmesync.Key, error) {
	seen := make(map[string]bool, len(links))
	var ids []string
	for _, l := range links {
		if l.Mapped && !seen[l.ContactID] {
			seen[l.ContactID] = true
			ids = append(ids, l.ContactID)
		}
	}
	now, err := behind(ctx, tx, f, ids, noBody)
	if err != nil {
		return nil, fmt.Errorf("look whether people have changed: %w", err)
	}
	var keys []acmesync.Key
	for _, l := range links {
		if l.Mapped && now[l.ContactID].Hash != l.Hash {
			keys = append(keys, l.Key)
		}
	}
	return keys, nil
}
