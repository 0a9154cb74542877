package accounts

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"acmesync/acme"
)

// Author is who writes.
type Author struct {
	By     string // see Write.By
	Origin string // what the record's origin becomes, and the event's: user, import or the API client's name
}

// Request is what identifies a write beside its content.
type Request struct {
	Author
	IdempotencyKey string // empty: none
	Fingerprint    string // of the body
	IfMatch        int64  // 0: any version
}

// Written is the outcome of a write.
type Written struct {
	Raw      []byte // the record as it now is
	ID       string
	Version  int64
	Replayed bool // the same request had been here before
}

// change is one record that a write replaces.
type change struct {
	record any    // *acme.Appointment, …
	event  string // created, updated, deleted, undeleted, merged; empty: nobody is told
}

// write runs one write under the account's lock and returns when it is on disk.
func (a *Account) write(do func(now time.Time) (Written, int64, error)) (Written, error) {
	a.mu.Lock()
	written, position, err := do(a.tick())
	a.mu.Unlock()
	if err != nil || written.Replayed {
		return written, err
	}
	return written, a.journal.Sync(position)
}

// commit journals the changes, applies them and tells the subscribers. The first change is the write's outcome.
func (a *Account) commit(now time.Time, op string, by Request, changes ...change) (Written, int64, error) {
	w := Write{Op: op, By: by.By}
	if by.IdempotencyKey != "" {
		w.Idempotency = &Idempotency{Key: by.IdempotencyKey, Fingerprint: by.Fingerprint}
	}
	for _, c := range changes {
		resource, h := a.identify(c.record)
		raw, err := json.Marshal(c.record)
		if err != nil {
			return Written{}, 0, fmt.Errorf("encode record: %w", err)
		}
		w.Records = append(w.Records, Record{Resource: resource, Record: raw})
		if c.event != "" {
			w.Events = append(w.Events, acme.Event{
				EventID: "evt_" + token(12), AccountID: a.info.ID,
				Type:     strings.TrimSuffix(string(resource), "s") + "." + c.event,
				ObjectID: h.id, Version: h.version, OccurredAt: now, Attempt: 1, Origin: by.Origin,
			})
		}
	}
	position, err := a.append(Line{At: now, Kind: LineWrite, Write: &w})
	if err != nil {
		return Written{}, 0, err
	}
	for i, c := range changes {
		a.apply(c.record, w.Records[i].Record, now)
		a.countWrite(c.record, by.By)
	}
	_, h := a.identify(changes[0].record)
	written := Written{Raw: w.Records[0].Record, ID: h.id, Version: h.version}
	a.remember(now, w.Idempotency, written)
	for id, s := range a.subscriptions {
		if events := s.wants(w.Events); len(events) > 0 && a.settings.tells(s.Carrier) {
			a.notifier.Notify(a, id, events)
		}
	}
	return written, position, nil
}

func (a *Account) countWrite(record any, by string) {
	_, h := a.identify(record)
	if a.writes[h.id] == nil {
		a.writes[h.id] = map[string]int{}
	}
	a.writes[h.id][by]++
}

// Writes is how often each record was written and by whom (see Write.By), since the start of the process.
func (a *Account) Writes() map[string]map[string]int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	all := make(map[string]map[string]int, len(a.writes))
	for id, by := range a.writes {
		all[id] = maps.Clone(by)
	}
	return all
}

func (a *Account) identify(record any) (acme.Resource, head) {
	switch r := record.(type) {
	case *acme.User:
		return acme.Users, a.users.describe(r)
	case *acme.Contact:
		return acme.Contacts, a.contacts.describe(r)
	case *acme.Appointment:
		return acme.Appointments, a.appointments.describe(r)
	case *acme.Touchpoint:
		return acme.Touchpoints, a.touchpoints.describe(r)
	}
	panic(fmt.Sprintf("no such record: %T", record))
}

// apply makes a journaled record the newest of its id.
func (a *Account) apply(record any, raw []byte, now time.Time) {
	switch r := record.(type) {
	case *acme.User:
		a.users.put(r, raw, nil, now)
	case *acme.Contact:
		a.contacts.put(r, raw, nil, now)
	case *acme.Appointment:
		a.forgetDuplicates(r.ID)
		if entry, bad := a.judge.Appointment(r); bad {
			a.appointments.put(r, raw, &entry, now)
		} else {
			a.appointments.put(r, raw, nil, now)
		}
		a.noteDuplicates(r)
	case *acme.Touchpoint:
		if entry, bad := a.judge.Touchpoint(r); bad {
			a.touchpoints.put(r, raw, &entry, now)
		} else {
			a.touchpoints.put(r, raw, nil, now)
		}
	}
}

func (a *Account) replayWrite(at time.Time, w *Write) error {
	var first head
	for i, r := range w.Records {
		var record any
		switch r.Resource {
		case acme.Users:
			record = new(acme.User)
		case acme.Contacts:
			record = new(acme.Contact)
		case acme.Appointments:
			record = new(acme.Appointment)
		case acme.Touchpoints:
			record = new(acme.Touchpoint)
		default:
			return fmt.Errorf("unknown resource %q", r.Resource)
		}
		if err := json.Unmarshal(r.Record, record); err != nil {
			return fmt.Errorf("decode %s: %w", r.Resource, err)
		}
		a.apply(record, r.Record, at)
		_, h := a.identify(record)
		if i == 0 {
			first = h
		}
		if h.updatedAt.After(a.last) {
			a.last = h.updatedAt
		}
	}
	if len(w.Records) > 0 {
		a.remember(at, w.Idempotency, Written{Raw: w.Records[0].Record, ID: first.id, Version: first.version})
	}
	for id, s := range a.subscriptions {
		if a.settings.tells(s.Carrier) {
			a.backlog.emitted(id, s.wants(w.Events))
		}
	}
	return nil
}

// token returns n random bytes as text.
func token(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
