package calendar

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"acmesync/app"
)

// line is one line of the journal; doc.go says which op has which fields.
type line struct {
	Op         string           `json:"op"`
	At         time.Time        `json:"at"`
	Workspace  string           `json:"workspace"`
	Name       string           `json:"name,omitempty"`
	TimeZone   string           `json:"time_zone,omitempty"`
	Token      string           `json:"token,omitempty"`
	Users      []app.User       `json:"users,omitempty"`
	ID         string           `json:"id,omitempty"`
	Result     app.ResultStatus `json:"result,omitempty"`
	ExternalID string           `json:"external_id,omitempty"`
	Revision   int64            `json:"revision,omitempty"`
	Event      *app.Event       `json:"event,omitempty"`
	Count      *app.Count       `json:"count,omitempty"`
	Hook       *subscription    `json:"hook,omitempty"`
}

type keyLine struct {
	ExternalID string           `json:"external_id"`
	Revision   int64            `json:"revision"`
	Result     app.ResultStatus `json:"result,omitempty"`
}

// head opens a line; an op and a workspace's id need no quoting.
func (b *batch) head(op string) {
	if b.same == nil {
		b.same = fmt.Appendf(nil, `","at":"%s","workspace":"%s"`, b.at.Format(time.RFC3339Nano), b.w.id)
	}
	b.lines = append(b.lines, `{"op":"`...)
	b.lines = append(b.lines, op...)
	b.lines = append(b.lines, b.same...)
}

func (b *batch) line(op string, rest keyLine) {
	b.head(op)
	tail, err := json.Marshal(rest)
	if err != nil {
		panic(err) // strings and a number always encode
	}
	tail[0] = ','
	b.lines = append(b.lines, tail...)
	b.lines = append(b.lines, '\n')
}

// replay does again what a line says was done.
func (s *Sandbox) replay(raw []byte) error {
	var l line
	if err := decode(raw, &l); err != nil {
		return fmt.Errorf("read line: %w", err)
	}
	if l.Op == "workspace" {
		w, err := s.newWorkspace(strings.Clone(l.Workspace), l.Name, l.TimeZone, l.Token, l.Users)
		if err == nil {
			err = s.add(w)
		}
		return err
	}
	w := s.byID[l.Workspace]
	if w == nil {
		return fmt.Errorf("workspace %q is not known yet", l.Workspace)
	}
	switch {
	case l.Op == "event.put" && l.Event != nil:
		owner := w.userByID[l.Event.OwnerID]
		if owner == nil {
			return fmt.Errorf("event %q: unknown owner", l.Event.ExternalID)
		}
		when, f := s.zones.checkEvent(l.Event, w.zone)
		if f != nil {
			return fmt.Errorf("event %q: %s", l.Event.ExternalID, f.message)
		}
		w.put(&entry{revision: l.Event.Revision, when: when, owner: owner, updated: l.At},
			l.Event.ExternalID, app.AppendEvent(nil, l.Event))
		w.arrivals.add(l.Event.ExternalID, l.Event.Revision, l.Result, l.At)
	case l.Op == "event.revision" && w.entries[l.ExternalID] != nil:
		w.entries[l.ExternalID].revision = l.Revision
	case l.Op == "event.delete":
		if w.bury(l.ExternalID, l.Revision, l.At, app.OriginIntegration) {
			w.arrivals.add(l.ExternalID, l.Revision, app.Deleted, l.At)
		}
	case l.Op == "count.set" && l.Count != nil:
		w.set(cellKey{l.Count.UserID, l.Count.Day, l.Count.Channel, l.Count.Direction}, l.Count.Count, l.Count.Revision)
	case l.Op == "event.user" && l.Event != nil:
		return s.replayUser(w, &l)
	case l.Op == "event.remove":
		w.remove(eventNumber(l.ID), l.At)
	case l.Op == "event.link":
		if e := w.event(eventNumber(l.ID)); e != nil {
			w.link(e, l.ExternalID, l.Revision, l.At)
		}
	case l.Op == "webhook.put" && l.Hook != nil:
		w.putHook(l.Hook)
	case l.Op == "webhook.delete":
		w.dropHook(l.ID)
	default:
		return fmt.Errorf("no such op: %q", l.Op)
	}
	return nil
}
