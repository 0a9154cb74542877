package calendar

import (
	"sync"

	"acmesync/app"
)

// figures counts what came to a workspace since the start of the process.
type figures struct {
	mu     sync.Mutex
	writes Writes
}

// Writes is how many write requests came, answered or not, and what became of their items.
type Writes struct {
	Requests  Requests `json:"requests"`
	Applied   int      `json:"applied"` // created, updated, deleted
	Unchanged int      `json:"unchanged"`
	Absent    int      `json:"absent"`
	Stale     int      `json:"stale"`
	Conflict  int      `json:"conflict"`
	Duplicate int      `json:"duplicate"`
	Rejected  int      `json:"rejected"`
	Failed    int      `json:"failed"`
	Events    Items    `json:"events"`
	Counts    Items    `json:"counts"`
}

// Requests is how many requests came with the workspace's token.
type Requests struct {
	Upsert int `json:"upsert"`
	Delete int `json:"delete"`
	Link   int `json:"link"`
	Counts int `json:"counts"`
	Writes int `json:"writes"` // the four together
	Reads  int `json:"reads"`
}

// Items is how many items got which answer.
type Items map[app.ResultStatus]int

func (f *figures) request(count func(*Requests)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	count(&f.writes.Requests)
}

func (f *figures) items(results []app.Result, counts bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &f.writes
	items := &w.Events
	if counts {
		items = &w.Counts
	}
	if *items == nil {
		*items = Items{}
	}
	for i := range results {
		(*items)[results[i].Status]++
		switch results[i].Status {
		case app.Created, app.Updated, app.Deleted:
			w.Applied++
		case app.Unchanged:
			w.Unchanged++
		case app.Absent:
			w.Absent++
		case app.Stale:
			w.Stale++
		case app.Conflict:
			w.Conflict++
		case app.Duplicate:
			w.Duplicate++
		case app.Rejected:
			w.Rejected++
		case app.Failed:
			w.Failed++
		}
	}
}

func (f *figures) snapshot() Writes {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.writes
	w.Events, w.Counts = copied(w.Events), copied(w.Counts)
	return w
}

func copied(from Items) Items {
	to := Items{}
	for status, n := range from {
		to[status] = n
	}
	return to
}
