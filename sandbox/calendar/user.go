package calendar

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"acmesync/app"
)

// What people do in their calendars. The pages call this, and so do tests; like the admin API it has no key.

// userEvent is what a person says of an event: the contract's fields laid over what is there. Start and end may be
// given as the wall clock of the workspace shows them.
type userEvent struct {
	app.Event
	StartLocal string `json:"start_local"` // "2006-01-02T15:04"
	EndLocal   string `json:"end_local"`
}

func (s *Sandbox) userCreates(w *workspace, res http.ResponseWriter, req *http.Request) {
	e := userEvent{Event: app.Event{Status: app.StatusConfirmed, Visibility: app.VisibilityFull}}
	if len(w.users) > 0 {
		e.OwnerID = w.users[0].ID
	}
	if s.readUser(w, res, req, &e) {
		s.userWrites(w, res, http.StatusCreated, func(*entry) *app.Event { return &e.Event }, 0)
	}
}

func (s *Sandbox) userEdits(w *workspace, res http.ResponseWriter, req *http.Request) {
	number := eventNumber(req.PathValue("event"))
	var patch json.RawMessage
	if !s.readAdmin(res, req, &patch) {
		return
	}
	var fault error
	s.userWrites(w, res, http.StatusOK, func(held *entry) *app.Event {
		var e userEvent
		stored, err := held.stored()
		if err == nil {
			e.Event = stored.Event
			err = layOver(patch, &e, w)
		}
		if fault = err; err != nil {
			return nil
		}
		e.ExternalID, e.Revision = held.external, stored.Revision
		return &e.Event
	}, number)
	if fault != nil {
		s.badAdmin(res, fault)
	}
}

func (s *Sandbox) userDeletes(w *workspace, res http.ResponseWriter, req *http.Request) {
	number := eventNumber(req.PathValue("event"))
	b := batch{w: w, zones: &s.zones, at: time.Now().UTC()}
	w.mu.Lock()
	deleted := w.remove(number, b.at)
	var ticket uint64
	if deleted {
		b.head("event.remove")
		b.lines = append(b.lines, `,"id":"`+eventID(number)+"\"}\n"...)
		b.tell(number)
		ticket = s.journal.append(b.lines)
		s.tell(w, b.told)
	}
	w.mu.Unlock()
	if !deleted {
		s.refuse(res, problem{status: http.StatusNotFound, code: "not_found", message: "no such event"})
		return
	}
	w.changes.announce()
	if err := s.journal.wait(ticket); err != nil {
		s.defect(res, err)
		return
	}
	res.WriteHeader(http.StatusNoContent)
}

func (s *Sandbox) readUser(w *workspace, res http.ResponseWriter, req *http.Request, e *userEvent) bool {
	var fields json.RawMessage
	if !s.readAdmin(res, req, &fields) {
		return false
	}
	if err := layOver(fields, e, w); err != nil {
		s.badAdmin(res, err)
		return false
	}
	return true
}

// layOver sets the fields that are named. A moment is replaced as a whole: a day must not keep the hour it had.
func layOver(fields json.RawMessage, e *userEvent, w *workspace) error {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(fields, &named); err != nil {
		return err
	}
	if _, there := named["start"]; there {
		e.Start = app.Moment{}
	}
	if _, there := named["end"]; there {
		e.End = app.Moment{}
	}
	if _, there := named["attendees"]; there {
		e.Attendees = nil
	}
	if err := json.Unmarshal(fields, e); err != nil {
		return err
	}
	for local, moment := range map[string]*app.Moment{e.StartLocal: &e.Start, e.EndLocal: &e.End} {
		if local == "" {
			continue
		}
		at, err := time.ParseInLocation("2006-01-02T15:04", local, w.zone)
		if err != nil {
			return err
		}
		*moment = app.Moment{DateTime: at.UTC().Format(instantLayout), TimeZone: w.zone.String()}
	}
	e.IfVersion, e.AllowDuplicate = 0, false
	return nil
}

// userWrites makes an event (number 0) or replaces one by what say says; nil: not.
func (s *Sandbox) userWrites(w *workspace, res http.ResponseWriter, status int, say func(held *entry) *app.Event, number int) {
	b := batch{w: w, zones: &s.zones, at: time.Now().UTC()}
	w.mu.Lock()
	held := w.event(number)
	if number != 0 && held == nil {
		w.mu.Unlock()
		s.refuse(res, problem{status: http.StatusNotFound, code: "not_found", message: "no such event"})
		return
	}
	e := say(held)
	if e == nil {
		w.mu.Unlock()
		return
	}
	if number == 0 {
		e.ExternalID, e.Revision = "", 0
	}
	done, f := b.user(number, e)
	var ticket uint64
	var stored app.StoredEvent
	var err error
	if f == nil {
		ticket = s.journal.append(b.lines)
		s.tell(w, b.told)
		stored, err = done.stored()
	}
	w.mu.Unlock()
	if f != nil {
		s.refuse(res, problem{status: http.StatusUnprocessableEntity, code: f.code, message: f.message, field: f.field, because: f.code})
		return
	}
	w.changes.announce()
	if err == nil {
		err = s.journal.wait(ticket)
	}
	if err != nil {
		s.defect(res, err)
		return
	}
	write(res, status, stored)
}

// user writes what a person has done.
func (b *batch) user(number int, e *app.Event) (*entry, *fault) {
	owner := b.w.userByID[e.OwnerID]
	if owner == nil {
		return nil, &fault{"unknown_user", "owner_id", "no such user in this workspace"}
	}
	when, f := b.zones.checkEvent(e, b.w.zone)
	if f != nil {
		return nil, f
	}
	held := b.w.userPut(number, &entry{revision: e.Revision, when: when, owner: owner, updated: b.at}, app.AppendEvent(nil, e))
	b.head("event.user")
	b.lines = append(b.lines, `,"id":"`+eventID(held.number)+`","event":`...)
	b.lines = append(b.lines, held.content...)
	b.lines = append(b.lines, "}\n"...)
	b.tell(held.number)
	return held, nil
}

// userPut makes or replaces an event for a person without asking questions. Its revision stays the integration's.
func (w *workspace) userPut(number int, e *entry, content []byte) *entry {
	held := w.event(number)
	if held == nil {
		held = &entry{number: len(w.order) + 1}
		w.order = append(w.order, held)
	}
	e.number, e.external, e.revision, e.writes, e.content = held.number, held.external, held.revision, held.writes, content
	*held = *e
	w.mark(held, app.OriginUser)
	return held
}

func (s *Sandbox) replayUser(w *workspace, l *line) error {
	b := batch{w: w, zones: &s.zones, at: l.At}
	if _, f := b.user(eventNumber(strings.Clone(l.ID)), l.Event); f != nil {
		return &json.UnsupportedValueError{Str: f.message}
	}
	return nil
}

// link gives an event that a person made an external id.
func (b *batch) link(l *app.EventLink) app.Result {
	if f := checkKey(l.ExternalID, l.Revision); f != nil {
		return f.result()
	}
	e := b.w.event(eventNumber(l.ID))
	if e == nil {
		return (&fault{"unknown_event", "id", "no such event, or no longer"}).result()
	}
	if e.external == l.ExternalID {
		return app.Result{Status: app.Unchanged, ID: l.ID, Revision: e.revision, Version: e.version}
	}
	if e.external != "" || b.w.entries[l.ExternalID] != nil {
		return (&fault{"taken", "external_id", "the event or the external id belongs to another"}).result()
	}
	b.w.link(e, strings.Clone(l.ExternalID), l.Revision, b.at)
	b.head("event.link")
	tail, err := json.Marshal(struct {
		ID         string `json:"id"`
		ExternalID string `json:"external_id"`
		Revision   int64  `json:"revision"`
	}{l.ID, l.ExternalID, l.Revision})
	if err != nil {
		panic(err) // strings and a number always encode
	}
	tail[0] = ','
	b.lines = append(append(b.lines, tail...), '\n')
	return app.Result{Status: app.Updated, ID: l.ID, Revision: l.Revision, Version: b.tell(e.number)}
}
