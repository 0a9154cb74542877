package accounts

import (
	"fmt"
	"time"

	"acmesync/sandbox/crm/manifest"
)

// head is what every resource's records have.
type head struct {
	id        string
	version   int64
	updatedAt time.Time
	deletedAt *time.Time
}

// table holds one resource: its newest records and their order.
type table[T any] struct {
	idFormat string
	describe func(*T) head
	rows     map[string]*row[T]
	index    index
	highest  int  // the highest number in an id of idFormat
	ready    bool // false while the journal is replayed: the index is built once, at the end
}

type row[T any] struct {
	record *T
	head   head
	raw    []byte
	entry  *entry
	listed *manifest.Entry // nil: nothing is wrong with it
}

func newTable[T any](idFormat string, describe func(*T) head) table[T] {
	return table[T]{idFormat: idFormat, describe: describe, rows: map[string]*row[T]{}}
}

// nextID names a new record.
func (t *table[T]) nextID() string {
	t.highest++
	return fmt.Sprintf(t.idFormat, t.highest)
}

// put replaces a record by its newer version.
func (t *table[T]) put(record *T, raw []byte, listed *manifest.Entry, now time.Time) {
	h := t.describe(record)
	var number int
	if n, _ := fmt.Sscanf(h.id, t.idFormat, &number); n == 1 {
		t.highest = max(t.highest, number)
	}
	r := &row[T]{record: record, head: h, raw: raw, listed: listed, entry: &entry{at: h.updatedAt.UnixMicro(), id: h.id, raw: raw}}
	if h.deletedAt != nil {
		r.entry.deleted = h.deletedAt.UnixMicro()
	}
	old := t.rows[h.id]
	t.rows[h.id] = r
	if !t.ready {
		return
	}
	if old != nil {
		t.index.end(old.entry, now.UnixMicro())
	}
	t.index.add(r.entry)
}

// open ends the replay.
func (t *table[T]) open() {
	entries := make([]*entry, 0, len(t.rows))
	for _, r := range t.rows {
		entries = append(entries, r.entry)
	}
	t.index.build(entries)
	t.ready = true
}

// get finds a record, deleted ones included as long as they are kept.
func (t *table[T]) get(id string, now time.Time) (*row[T], bool) {
	r, found := t.rows[id]
	if !found || gone(r.head, now) {
		return nil, false
	}
	return r, true
}

func gone(h head, now time.Time) bool {
	return h.deletedAt != nil && now.Sub(*h.deletedAt) > keepDeleted
}

func (t *table[T]) page(w window) ([]*entry, bool) { return t.index.page(w) }

func (t *table[T]) find(id string, now time.Time) (raw []byte, version int64, found bool) {
	r, found := t.get(id, now)
	if !found {
		return nil, 0, false
	}
	return r.raw, r.head.version, true
}
