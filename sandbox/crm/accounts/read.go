package accounts

import (
	"math"
	"time"

	"acmesync/acme"
)

// reader is what lists and lookups need of a table, whatever its records are.
type reader interface {
	page(w window) ([]*entry, bool)
	find(id string, now time.Time) (raw []byte, version int64, found bool)
}

func (a *Account) reader(resource acme.Resource) reader {
	switch resource {
	case acme.Users:
		return &a.users
	case acme.Contacts:
		return &a.contacts
	case acme.Appointments:
		return &a.appointments
	default:
		return &a.touchpoints
	}
}

// Position is where a page ended.
type Position struct {
	At int64 // updated_at in microseconds since 1970
	ID string
}

// ListQuery asks for a page of a resource.
type ListQuery struct {
	Since          time.Time // zero: from the beginning
	After          *Position // nil: the first page
	IncludeDeleted bool
	Limit          int
	Lag            time.Duration // how far the list is behind
}

// Listing is a page: encoded records in order.
type Listing struct {
	IDs  []string
	Raws [][]byte
	Next *Position // nil: nothing follows
}

// List returns one page.
func (a *Account) List(resource acme.Resource, q ListQuery) Listing {
	now := a.now()
	w := window{
		since: math.MinInt64, limit: q.Limit,
		deletedFrom: math.MaxInt64, asOf: math.MaxInt64,
	}
	if !q.Since.IsZero() {
		w.since = ceilMicro(q.Since)
	}
	if q.After != nil {
		w.resumed, w.after, w.afterID = true, q.After.At, q.After.ID
	}
	if q.IncludeDeleted {
		w.deletedFrom = now.Add(-keepDeleted).UnixMicro()
	}
	if q.Lag > 0 {
		w.asOf = now.Add(-q.Lag).UnixMicro()
	}

	a.mu.RLock()
	entries, more := a.reader(resource).page(w)
	a.mu.RUnlock()

	l := Listing{IDs: make([]string, len(entries)), Raws: make([][]byte, len(entries))}
	for i, e := range entries {
		l.IDs[i], l.Raws[i] = e.id, e.raw
	}
	if more {
		end := entries[len(entries)-1]
		l.Next = &Position{At: end.at, ID: end.id}
	}
	return l
}

// ceilMicro keeps a since that is finer than Acme's clock from showing what lies before it.
func ceilMicro(t time.Time) int64 {
	micro := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		micro++
	}
	return micro
}

// Get returns an encoded record and its version, deleted ones included.
func (a *Account) Get(resource acme.Resource, id string) (raw []byte, version int64, found bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.reader(resource).find(id, a.now())
}

// Batch returns the encoded records of the ids, each once, and the ids that are unknown.
func (a *Account) Batch(resource acme.Resource, ids []string) (raws [][]byte, missing []string) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	now, from, seen := a.now(), a.reader(resource), map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		if raw, _, found := from.find(id, now); found {
			raws = append(raws, raw)
		} else {
			missing = append(missing, id)
		}
	}
	return raws, missing
}
