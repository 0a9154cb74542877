package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// An event that was made in the app becomes an appointment in three calls: it is made in Acme, its contacts are attached, the
// event is linked. An intent is on disk before the first and goes after the last. Whatever is lost in between is looked up
// before it is repeated: the appointment bears the intent's operation, and the operation names the event.

// birth is one such event on its way.
type birth struct {
	candidate *candidate // its end is counted where it was ordered; of an intent that an earlier round left there is no page
	intent    acmesync.Intent
	asked     frozen
	item      acme.Item // from IntentMade on
	lookUp    bool      // the intent is older than this round: it may have been carried out
}

// frozen is what an intent keeps: it is sent again as it was.
type frozen struct {
	Input    acme.AppointmentInput `json:"input"`
	Contacts []string              `json:"contacts,omitempty"`
	Note     acmesync.Code         `json:"note,omitempty"` // what is to be said of the event once it is linked
	Event    app.Event             `json:"event"`          // as the app had it then
	Version  int64                 `json:"version"`
}

func operationOf(c acmesync.ConnectionID, appID string) string {
	return "acmesync/" + string(c) + "/" + appID
}

// bornAs tells which of the app's events an appointment was made of by us.
func bornAs(c acmesync.ConnectionID, externalRef string) (appID string, ours bool) {
	return strings.CutPrefix(externalRef, "acmesync/"+string(c)+"/")
}

// born takes up events that were made in the app.
func (r *round) born(ctx context.Context, page int, o acmesync.Order, made []app.Change, newest map[acmesync.Key]*candidate) error {
	if len(made) == 0 {
		return nil
	}
	ids := make([]string, len(made))
	for i, change := range made {
		ids[i] = change.ID
	}
	entries, err := r.Ledger.Ledger(ctx, r.fence, acmesync.AppEvents, ids)
	if err != nil {
		return err
	}
	for _, change := range made {
		entry, known := entries[change.ID]
		r.bornOne(page, o, change, entry, known, newest)
	}
	return nil
}

func (r *round) bornOne(page int, o acmesync.Order, change app.Change, entry acmesync.LedgerEntry, known bool, newest map[acmesync.Key]*candidate) {
	c := &candidate{
		key: acmesync.Key{Stream: acmesync.AppEvents, AcmeID: change.ID}, page: page, by: o, appID: change.ID, entry: entry, known: known,
	}
	if _, twice := newest[c.key]; twice {
		r.count(page, superseded)
		return
	}
	c.result = acmesync.LedgerEntry{Key: c.key, Version: change.Version, SourceAt: change.UpdatedAt, State: acmesync.InStep, AppID: change.ID}
	r.order(newest, c, false)
	c.ends = unsettled
	if change.Deleted { // what an intent has made of it is taken back by the intent
		c.result.State, c.ends = acmesync.Deleted, duplicate
		if c.known {
			c.ends = done
		}
		return
	}
	r.newborn = append(r.newborn, &birth{candidate: c, asked: frozen{Event: *change.Event, Version: change.Version}})
}

// births carries out what is open: intents of earlier rounds first, so that nothing is made twice.
func (r *round) births(ctx context.Context) error {
	all, err := r.openIntents(ctx)
	if err != nil {
		return err
	}
	var fresh acmesync.TwoWay
	for _, b := range all {
		if b.lookUp {
			continue
		}
		if err := r.freeze(ctx, b); err != nil {
			return err
		}
		if b.candidate.ends == unsettled && !b.candidate.held {
			fresh.Intents = append(fresh.Intents, b.intent)
		}
	}
	if len(fresh.Intents) > 0 {
		if err := r.TwoWay.CommitTwoWay(ctx, r.fence, fresh); err != nil {
			return err
		}
	}
	var made []*birth
	for _, b := range all {
		if b.candidate.ends != unsettled {
			continue
		}
		if err := r.makeInAcme(ctx, b); err != nil {
			return err
		}
		if b.candidate.ends == unsettled && !b.candidate.held {
			made = append(made, b)
		}
	}
	if err := r.linkInApp(ctx, made); err != nil {
		return err
	}
	for _, b := range all {
		r.settleBirth(b)
	}
	return nil
}

// openIntents joins what was left open with what this round brings.
func (r *round) openIntents(ctx context.Context) ([]*birth, error) {
	intents, err := r.TwoWay.Intents(ctx, r.fence)
	if err != nil {
		return nil, err
	}
	brought := map[string]*birth{}
	for _, b := range r.newborn {
		brought[b.candidate.appID] = b
	}
	var all []*birth
	for _, i := range intents {
		b := brought[i.AppID]
		if b == nil {
			key := acmesync.Key{Stream: acmesync.AppEvents, AcmeID: i.AppID}
			b = &birth{candidate: &candidate{key: key, page: -1, appID: i.AppID, given: true}}
			b.candidate.result = acmesync.LedgerEntry{Key: key, State: acmesync.InStep, AppID: i.AppID}
		}
		b.intent, b.lookUp = i, true
		if err := json.Unmarshal(i.Body, &b.asked); err != nil {
			return nil, fmt.Errorf("open an intent: %w", err)
		}
		delete(brought, i.AppID)
		all = append(all, b)
	}
	for _, b := range r.newborn {
		if brought[b.candidate.appID] != nil {
			all = append(all, b)
		}
	}
	return all, nil
}

// freeze decides what is asked of Acme, or that nothing is.
func (r *round) freeze(ctx context.Context, b *birth) error {
	c, e := b.candidate, b.asked.Event
	if r.acmeDown {
		r.postpone(c, acmeAgain)
		c.ends = unsettled
		return nil
	}
	input, err := r.rules.Input(e, r.staff)
	if err == nil {
		// What would not come back from Acme as an event must not be made there: it would be taken out of the calendar.
		_, err = r.rules.Appointment(mapping.Made(input), nil, r.staff, mapping.Occasion{Now: r.pages[0].Claimed})
	}
	if err != nil {
		r.sortOut(ctx, c, err)
		c.remove = false
		if c.ends == unsettled {
			c.ends = done
		}
		return nil
	}
	ids, many, err := r.contactsOf(ctx, e.Attendees)
	if err != nil {
		return err
	}
	for i, id := range ids {
		switch {
		case many[i]:
			b.asked.Note = acmesync.AttendeeAmbiguous
		case id == "" && b.asked.Note == "":
			b.asked.Note = acmesync.AttendeeUnknown
		case id != "" && !slices.Contains(b.asked.Contacts, id):
			b.asked.Contacts = append(b.asked.Contacts, id)
		}
	}
	operation := operationOf(r.fence.Connection, c.appID)
	input.ExternalRef = operation
	b.asked.Input = input
	body, err := json.Marshal(b.asked)
	if err != nil {
		return fmt.Errorf("write down an intent: %w", err)
	}
	b.intent = acmesync.Intent{Operation: operation, AppID: c.appID, Body: body}
	return nil
}

// settleBirth notes how far an intent has come, and ends one that no page of this round answers for.
func (r *round) settleBirth(b *birth) {
	c := b.candidate
	if b.intent.Operation != "" && (b.intent.Done || b.intent.Step > acmesync.IntentOpen) {
		r.commit.TwoWay.Intents = append(r.commit.TwoWay.Intents, b.intent)
	}
	if c.page >= 0 || slices.ContainsFunc(r.candidates, func(other *candidate) bool { return other.key == c.key && other.ends == done }) {
		return
	}
	switch c.ends {
	case done:
		r.commit.Entries = append(r.commit.Entries, c.result)
	case parked:
		r.commit.Entries = append(r.commit.Entries, c.result)
		r.commit.Parked = append(r.commit.Parked, acmesync.ParkedRecord{Key: c.key, Fault: *c.fault, Version: c.result.Version})
	case unsettled, duplicate, superseded:
	}
}
