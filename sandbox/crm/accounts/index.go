package accounts

import (
	"cmp"
	"slices"
	"time"
)

// entry is one version of a record in the order of (updated_at, id).
type entry struct {
	at      int64 // updated_at in microseconds since 1970
	id      string
	raw     []byte
	deleted int64 // deleted_at in microseconds; 0: alive
	ended   int64 // when a newer version took its place; 0: it is the newest
}

func compareEntries(x, y *entry) int {
	return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.id, y.id))
}

// index keeps a resource's versions ordered, so that a page costs its own length. Replaced
// versions stay a while: a list that lags behind still shows them.
type index struct {
	entries []*entry
	ended   int
}

// keepEnded is the longest a list may lag behind.
const keepEnded = 10 * time.Minute

func (x *index) add(e *entry) {
	if n := len(x.entries); n == 0 || compareEntries(x.entries[n-1], e) <= 0 {
		x.entries = append(x.entries, e)
		return
	}
	at, _ := slices.BinarySearchFunc(x.entries, e, compareEntries)
	x.entries = slices.Insert(x.entries, at, e)
}

func (x *index) end(e *entry, now int64) {
	e.ended = now
	// ended counts since the last clearing, so that a burst of writes doesn't clear at every one.
	if x.ended++; x.ended < 1000 || x.ended < len(x.entries)/2 {
		return
	}
	x.ended = 0
	x.entries = slices.DeleteFunc(slices.Clone(x.entries), func(e *entry) bool {
		return e.ended != 0 && e.ended < now-keepEnded.Microseconds()
	})
}

// build orders a whole resource at once.
func (x *index) build(entries []*entry) {
	slices.SortFunc(entries, compareEntries)
	x.entries, x.ended = entries, 0
}

// window says which versions a list may show.
type window struct {
	since, after int64  // from since on, inclusive; after (after, afterID), exclusive
	afterID      string // empty: no position yet
	deletedFrom  int64  // deleted ones from here on are shown; math.MaxInt64: none
	asOf         int64  // what was written later does not show yet
	limit        int
	resumed      bool
}

// page returns up to limit entries and whether there are more.
func (x *index) page(w window) ([]*entry, bool) {
	from := &entry{at: w.since}
	if w.resumed {
		from = &entry{at: w.after, id: w.afterID}
	}
	at, _ := slices.BinarySearchFunc(x.entries, from, compareEntries)
	found := make([]*entry, 0, min(w.limit, len(x.entries)-at))
	for ; at < len(x.entries); at++ {
		e := x.entries[at]
		if e.at > w.asOf {
			break
		}
		if w.resumed && e.at == w.after && e.id == w.afterID {
			continue
		}
		if e.ended != 0 && e.ended <= w.asOf || e.deleted != 0 && e.deleted < w.deletedFrom {
			continue
		}
		if len(found) == w.limit {
			return found, true
		}
		found = append(found, e)
	}
	return found, false
}
