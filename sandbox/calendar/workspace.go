package calendar

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	json "github.com/goccy/go-json"

	"acmesync/app"
)

// workspace is one customer of the app. What is above mu never changes.
type workspace struct {
	id, name, token string
	zone            *time.Location
	users           []app.User
	userByID        map[string]*person

	faults  atomic.Pointer[Faults]
	figures figures
	changes changes

	mu       sync.RWMutex
	entries  map[string]*entry // by external id, tombstones included
	order    []*entry          // by the number of the app's own id, less one; nil once deleted
	live     int               // of those with an external id
	cells    map[cellKey]*cell
	sum      int
	arrivals arrivals
	log      []int         // the number of the event each version changed; version n is entry n-1
	gone     map[int]*gone // deleted events by number
	hooks    []*subscription
}

// person is a user with what the pages need of them.
type person struct {
	app.User
	colour int // 1 to 8
}

// entry is an event, or with number 0 the tombstone of one.
type entry struct {
	number   int
	last     int    // of a tombstone: the number of the event that was deleted
	external string // empty: made in the app and not linked
	revision int64
	version  int64
	origin   string
	writes   writes
	content  []byte // the event as JSON; its revision may be older than the entry's
	when     span
	owner    *person
	updated  time.Time
}

type cellKey struct{ user, day, channel, direction string }

type cell struct {
	count    int
	revision int64
}

func eventID(number int) string { return "e_" + strconv.Itoa(number) }

// eventNumber is 0 for what is no event id.
func eventNumber(id string) int {
	digits, ok := strings.CutPrefix(id, "e_")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || eventID(n) != id {
		return 0
	}
	return n
}

// put creates or replaces an event of an integration without asking questions.
func (w *workspace) put(e *entry, externalID string, content []byte) (number int, created bool) {
	held := w.entries[externalID]
	if held == nil {
		held = &entry{}
		externalID = strings.Clone(externalID)
		w.entries[externalID] = held
	} else {
		externalID = held.external
	}
	if created = held.number == 0; created {
		w.order = append(w.order, held)
		w.live++
		held.number = len(w.order)
		held.writes = writes{}
	}
	e.number, e.content, e.external, e.writes = held.number, bytes.Clone(content), externalID, held.writes
	*held = *e
	w.mark(held, app.OriginIntegration)
	return held.number, created
}

// bury leaves a tombstone and says whether there was an event.
func (w *workspace) bury(externalID string, revision int64, at time.Time, origin string) (deleted bool) {
	held := w.entries[externalID]
	if held == nil {
		externalID = strings.Clone(externalID)
		w.entries[externalID] = &entry{external: externalID, revision: revision}
		return false
	}
	if deleted = held.number != 0; deleted {
		w.drop(held, at, origin)
		w.live--
	}
	last := held.last
	if deleted {
		last = held.number
	}
	*held = entry{external: held.external, revision: revision, last: last, version: held.version}
	if deleted {
		held.version = int64(len(w.log))
	}
	return deleted
}

// set changes a cell without asking questions.
func (w *workspace) set(key cellKey, count int, revision int64) {
	held := w.cells[key]
	if held == nil {
		held = &cell{}
		w.cells[key.clone()] = held
	}
	w.sum += count - held.count
	held.count, held.revision = count, revision
}

// clone frees the key from the request body its parts may point into.
func (k cellKey) clone() cellKey {
	return cellKey{strings.Clone(k.user), strings.Clone(k.day), strings.Clone(k.channel), strings.Clone(k.direction)}
}

// stored is the entry as the app answers reads.
func (e *entry) stored() (app.StoredEvent, error) {
	out := app.StoredEvent{ID: eventID(e.number), UpdatedAt: e.updated}
	if err := json.Unmarshal(e.content, &out.Event); err != nil {
		return out, err
	}
	out.Revision, out.ExternalID = e.revision, e.external
	return out, nil
}
