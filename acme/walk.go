package acme

import (
	"encoding/binary"
	"hash/fnv"
)

// Walk watches over the pages of one walk, whoever answers: a list that comes back to where it was, or that goes on
// without records, would be read for ever. It remembers one page at a time, the one it takes as its mark moving further
// and further ahead, and so finds any circle within about three times its length. The zero value is ready.
type Walk struct {
	steps, limit  int
	cursor, items uint64 // of the mark
	seen          int    // how often the mark's records came again
	empty         int    // pages without a record, in a row
}

// Bounds of a walk. Records may come twice where a list moves under its reader; three times the same page is no accident.
const (
	maxSamePage   = 3
	maxEmptyPages = 100
)

// Step takes the page that a cursor has brought; a walk's first page has none, and begins the watch anew.
func (w *Walk) Step(r Resource, cursor string, page Page) error {
	if cursor == "" {
		*w = Walk{}
	}
	if page.NextCursor == "" {
		return nil
	}
	op := "list " + string(r)
	if w.empty++; len(page.Items) > 0 {
		w.empty = 0
	}
	if w.empty > maxEmptyPages {
		return misspoken(op, 0, CodeEmptyPages)
	}
	at, items := fingerprint(page.NextCursor), fingerprintOf(page.Items)
	if w.steps > 0 && at == w.cursor {
		return misspoken(op, 0, CodePagingLoop)
	}
	if w.steps > 0 && len(page.Items) > 0 && items == w.items {
		if w.seen++; w.seen >= maxSamePage {
			return misspoken(op, 0, CodePagingLoop)
		}
	}
	if w.steps++; w.steps >= w.limit {
		w.cursor, w.items, w.seen = at, items, 0
		w.limit = max(1, 2*w.limit)
	}
	return nil
}

func fingerprint(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

func fingerprintOf(items []Item) uint64 {
	h := fnv.New64a()
	var number [8]byte
	for _, item := range items {
		_, _ = h.Write([]byte(item.ID))
		binary.LittleEndian.PutUint64(number[:], uint64(item.Version)) //nolint:gosec // only compared
		_, _ = h.Write(number[:])
		if item.ID == "" {
			_, _ = h.Write(item.Raw)
		}
	}
	return h.Sum64()
}
