package activities

import (
	"context"

	"acmesync"
)

// compare asks two questions of each candidate: is it news, and is a write due?
func (r *round) compare(ctx context.Context) error {
	byStream := map[acmesync.Stream][]string{}
	for _, c := range r.candidates {
		byStream[c.key.Stream] = append(byStream[c.key.Stream], c.key.AcmeID)
	}
	entries := map[acmesync.Key]acmesync.LedgerEntry{}
	for stream, ids := range byStream {
		found, err := r.Ledger.Ledger(ctx, r.fence, stream, ids)
		if err != nil {
			return err
		}
		for id, e := range found {
			entries[acmesync.Key{Stream: stream, AcmeID: id}] = e
		}
	}
	hashes, err := r.contactHashes(ctx, len(entries) == 0)
	if err != nil {
		return err
	}
	r.hashes = hashes
	for _, c := range r.candidates {
		if c.given {
			continue
		}
		c.entry, c.known = entries[c.key]
		if c.known && stale(c) {
			r.noteAlive(c)
			c.ends = superseded
			continue
		}
		c.hash = r.hash(c, hashes)
		if c.known && c.entry.Code == acmesync.Discarded && c.item.Version == c.entry.Version && !c.again {
			c.ends = duplicate // given up by a person: only a newer version brings it back
			continue
		}
		hash := c.hash
		if c.entry.Steps&acmesync.StepSeries != 0 {
			hash = r.seriesHash(hash)
		}
		if c.known && hash == c.entry.Hash && !c.again && c.entry.Code != acmesync.BeyondHorizon { // time alone brings that one in
			c.ends = duplicate
		}
	}
	return nil
}

// stale: an older version than the ledger's is no news. A tombstone made because Acme did not find the record any more is
// undone by a read by id, not by a page that may have been read before.
func stale(c *candidate) bool {
	if c.item.Version != c.entry.Version {
		return c.item.Version < c.entry.Version
	}
	return c.entry.State == acmesync.Deleted && !c.item.Deleted && (c.way == acmesync.ByPoll || c.way == acmesync.ByAudit)
}

// hash covers all a write depends on: the record as it arrived, its people, the rules.
func (r *round) hash(c *candidate, contacts map[string]string) string {
	parts := make([][]byte, 0, 4+len(c.item.ContactIDs))
	parts = append(parts, c.item.Raw, []byte(r.rules.Stamp()))
	if c.key.Stream == acmesync.Appointments {
		for _, id := range c.item.ContactIDs {
			parts = append(parts, []byte(contacts[id]))
		}
	}
	parts = append(parts, []byte(r.staffKey(c.item.OwnerID)))
	return hashOf(parts...)
}

func (r *round) contactIDs(which func(*candidate) bool) []string {
	seen := map[string]bool{}
	ids := []string{}
	for _, c := range r.candidates {
		if c.key.Stream != acmesync.Appointments || c.given || !which(c) {
			continue
		}
		for _, id := range c.item.ContactIDs {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// contactHashes says who is behind the contacts that records name. Where all records are new each is going to be mapped: then
// its people are opened right here instead of being looked up twice.
func (r *round) contactHashes(ctx context.Context, allNew bool) (map[string]string, error) {
	if !allNew {
		ids := r.contactIDs(func(c *candidate) bool { return c.ends == unsettled })
		return r.People.ContactHashes(ctx, r.fence, ids)
	}
	people, err := r.openContacts(ctx, func(c *candidate) bool { return c.ends == unsettled })
	if err != nil {
		return nil, err
	}
	hashes := make(map[string]string, len(people))
	for id, p := range people {
		hashes[id] = p.Hash
	}
	return hashes, nil
}
