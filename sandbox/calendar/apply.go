package calendar

import (
	"bytes"
	"fmt"
	"time"

	"acmesync/app"
)

// batch applies one bulk write to a workspace. It works under the workspace's lock and queues its
// journal lines before giving the lock back, so that lines stand in the order of their effects.
type batch struct {
	w     *workspace
	zones *zones
	at    time.Time // when the request had been read
	lines []byte
	same  []byte // what all lines say, made once
	event []byte // scratch
	live  bool   // whether anything a page shows has changed
	told  []app.ChangeEvent
}

// upsert answers by the contract: first the key, then the revision, only then the content, so that
// repeating an old write is stale or unchanged whatever it holds.
func (b *batch) upsert(e *app.Event) app.Result {
	if f := checkKey(e.ExternalID, e.Revision); f != nil {
		return f.result()
	}
	held := b.w.entries[e.ExternalID]
	if held != nil && e.Revision <= held.revision {
		return refuseOld(held, e.Revision)
	}
	if r, moved := movedOn(held, e.IfVersion); moved {
		return r
	}
	beside := e.AllowDuplicate
	e.IfVersion, e.AllowDuplicate = 0, false
	owner := b.w.userByID[e.OwnerID]
	if owner == nil {
		return (&fault{"unknown_user", "owner_id", "no such user in this workspace"}).result()
	}
	when, f := b.zones.checkEvent(e, b.w.zone)
	if f != nil {
		return f.result()
	}
	if held == nil && !beside && b.w.faults.Load().RefuseDuplicates {
		if twin := b.w.twin(owner, when); twin != nil {
			return app.Result{Status: app.Duplicate, ID: eventID(twin.number), Version: twin.version}
		}
	}
	b.event = app.AppendEvent(b.event[:0], e)
	if held != nil && held.number != 0 && bytes.Equal(withoutKey(held.content), withoutKey(b.event)) {
		held.revision = e.Revision
		b.line("event.revision", keyLine{ExternalID: e.ExternalID, Revision: e.Revision})
		return app.Result{Status: app.Unchanged, ID: eventID(held.number), Revision: e.Revision, Version: held.version}
	}
	number, created := b.w.put(&entry{revision: e.Revision, when: when, owner: owner, updated: b.at}, e.ExternalID, b.event)
	status := app.Updated
	if created {
		status = app.Created
	}
	b.head("event.put")
	id := eventID(number)
	b.lines = append(b.lines, `,"id":"`...)
	b.lines = append(b.lines, id...)
	b.lines = append(b.lines, `","result":"`...)
	b.lines = append(b.lines, status...)
	b.lines = append(b.lines, `","event":`...)
	b.lines = append(b.lines, b.event...)
	b.lines = append(b.lines, "}\n"...)
	b.arrived(e.ExternalID, e.Revision, status)
	return app.Result{Status: status, ID: id, Revision: e.Revision, Version: b.tell(number)}
}

// refuseOld answers a write that is not newer. A tombstone refuses its own revision as well: the
// write that made it was another one.
func refuseOld(held *entry, revision int64) app.Result {
	r := app.Result{Status: app.Stale, Revision: held.revision}
	if held.number != 0 {
		r.ID, r.Version = eventID(held.number), held.version
		if revision == held.revision {
			r.Status = app.Unchanged
		}
	}
	return r
}

// movedOn answers a write that is based on another version than the event's. One based on an event that is not there any
// more is based on another version too.
func movedOn(held *entry, version int64) (app.Result, bool) {
	switch {
	case version == 0 || held != nil && held.version == version:
		return app.Result{}, false
	case held == nil:
		return app.Result{Status: app.Conflict}, true
	}
	r := app.Result{Status: app.Conflict, Revision: held.revision, Version: held.version}
	if held.number != 0 {
		r.ID = eventID(held.number)
	}
	return r, true
}

func (b *batch) delete(ref *app.EventRef) app.Result {
	if f := checkKey(ref.ExternalID, ref.Revision); f != nil {
		return f.result()
	}
	held := b.w.entries[ref.ExternalID]
	if held != nil && ref.Revision < held.revision {
		return refuseOld(held, ref.Revision)
	}
	if held != nil && held.number == 0 && ref.Revision == held.revision {
		return app.Result{Status: app.Absent, Revision: held.revision}
	}
	if r, moved := movedOn(held, ref.IfVersion); moved {
		return r
	}
	status, number := app.Absent, 0
	if held != nil {
		number = held.number
	}
	if b.w.bury(ref.ExternalID, ref.Revision, b.at, app.OriginIntegration) {
		status = app.Deleted
		b.tell(number)
		b.arrived(ref.ExternalID, ref.Revision, status)
	}
	b.line("event.delete", keyLine{ExternalID: ref.ExternalID, Revision: ref.Revision, Result: status})
	return app.Result{Status: status, Revision: ref.Revision}
}

func (b *batch) setCount(c *app.Count) app.Result {
	if b.w.userByID[c.UserID] == nil {
		return (&fault{"unknown_user", "user_id", "no such user in this workspace"}).result()
	}
	if f := checkCount(c); f != nil {
		return f.result()
	}
	key := cellKey{c.UserID, c.Day, c.Channel, c.Direction}
	before := 0
	if held := b.w.cells[key]; held != nil {
		switch before = held.count; {
		case c.Revision < held.revision:
			return app.Result{Status: app.Stale, Revision: held.revision}
		case c.Revision == held.revision:
			return app.Result{Status: app.Unchanged, Revision: held.revision}
		}
	}
	b.w.set(key, c.Count, c.Revision)
	status := app.Unchanged
	if before != c.Count {
		status, b.live = app.Updated, true
	}
	b.head("count.set")
	b.lines = fmt.Appendf(b.lines, `,"result":"%s","count":`, status)
	b.lines = app.AppendCount(b.lines, c)
	b.lines = append(b.lines, "}\n"...)
	return app.Result{Status: status, Revision: c.Revision}
}

func (b *batch) arrived(externalID string, revision int64, status app.ResultStatus) {
	b.live = true
	b.w.arrivals.add(externalID, revision, status, b.at)
}

// withoutKey is an encoded event from its owner on: what it says, whatever its revision. The
// separator cannot stand inside a JSON string, where its quotes would be escaped.
func withoutKey(event []byte) []byte {
	_, rest, _ := bytes.Cut(event, []byte(`,"owner_id":`))
	return rest
}
