package calendar

import (
	"time"

	"acmesync/app"
)

// writes counts who has changed an event how often, so that tests can tell an echo.
type writes struct {
	User        int `json:"user"`
	Integration int `json:"integration"`
}

func (n *writes) count(origin string) {
	if origin == app.OriginUser {
		n.User++
	} else {
		n.Integration++
	}
}

// gone is what is remembered of a deleted event.
type gone struct {
	external string
	version  int64
	origin   string
	at       time.Time
	writes   writes
}

// mark gives an event's change the workspace's next version.
func (w *workspace) mark(e *entry, origin string) {
	w.log = append(w.log, e.number)
	e.version, e.origin = int64(len(w.log)), origin
	e.writes.count(origin)
}

// drop takes an event out of the calendar and remembers that it was there.
func (w *workspace) drop(e *entry, at time.Time, origin string) {
	w.order[e.number-1] = nil
	w.log = append(w.log, e.number)
	g := &gone{external: e.external, version: int64(len(w.log)), origin: origin, at: at, writes: e.writes}
	g.writes.count(origin)
	w.gone[e.number] = g
}

// event finds a live event by number; nil if there is none.
func (w *workspace) event(number int) *entry {
	if number < 1 || number > len(w.order) {
		return nil
	}
	return w.order[number-1]
}

// twin finds a live event that a person made for the same owner and time; nil if there is none.
func (w *workspace) twin(owner *person, when span) *entry {
	for _, e := range w.order {
		if e != nil && e.external == "" && e.owner == owner && e.when == when {
			return e
		}
	}
	return nil
}

// remove deletes an event as a person does.
func (w *workspace) remove(number int, at time.Time) (deleted bool) {
	e := w.event(number)
	switch {
	case e == nil:
		return false
	case e.external != "":
		return w.bury(e.external, e.revision, at, app.OriginUser)
	}
	w.drop(e, at, app.OriginUser)
	return true
}

// link gives an event that a person made an external id.
func (w *workspace) link(e *entry, externalID string, revision int64, at time.Time) {
	e.external, e.revision, e.updated = externalID, revision, at
	w.entries[externalID] = e
	w.live++
	w.mark(e, app.OriginIntegration)
}

// change is an event's newest one; false for a number that never was an event's.
func (w *workspace) change(number int) (changed, bool) {
	if e := w.event(number); e != nil {
		return changed{entry: *e}, true
	}
	if g := w.gone[number]; g != nil {
		return changed{number: number, gone: g}, true
	}
	return changed{}, false
}

// changed is a copy of what a change is answered from; it is encoded outside the lock.
type changed struct {
	entry  entry
	number int
	gone   *gone // nil: entry
}

func (c changed) version() int64 {
	if c.gone != nil {
		return c.gone.version
	}
	return c.entry.version
}

func (c changed) shown() (app.Change, error) {
	if g := c.gone; g != nil {
		return app.Change{ID: eventID(c.number), ExternalID: g.external, Version: g.version, Origin: g.origin, Deleted: true, UpdatedAt: g.at}, nil
	}
	held, err := c.entry.stored()
	if err != nil {
		return app.Change{}, err
	}
	return app.Change{
		ID: held.ID, ExternalID: c.entry.external, Version: c.entry.version, Origin: c.entry.origin,
		UpdatedAt: held.UpdatedAt, Event: &held.Event,
	}, nil
}
