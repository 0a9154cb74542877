package activities

import (
	"context"
	"encoding/json"
	"errors"
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
	Event    app.Event             `json:"event"` // as the app had it then
	Version  int64                 `json:"version"`
}

func operationOf(c acmesync.ConnectionID, appID string) string {
	return "acmesync/" + string(c) + "/" + appID
}

// bornAs tells which of the app's events an appointment was made of by us.
func bornAs(c acmesync.ConnectionID, externalRef string) (appID string, ours bool) {
	return strings.CutPrefix(externalRef, "acmesync/"+string(c)+"/")
}

// born takes up an event that was made in the app.
func (r *round) born(ctx context.Context, page int, o acmesync.Order, change app.Change, newest map[acmesync.Key]*candidate) error {
	c := &candidate{key: acmesync.Key{Stream: acmesync.AppEvents, AcmeID: change.ID}, page: page, by: o, appID: change.ID}
	if _, twice := newest[c.key]; twice {
		r.count(page, superseded)
		return nil
	}
	entries, err := r.Ledger.Ledger(ctx, r.fence, acmesync.AppEvents, []string{change.ID})
	if err != nil {
		return err
	}
	c.entry, c.known = entries[change.ID]
	c.result = acmesync.LedgerEntry{Key: c.key, Version: change.Version, SourceAt: change.UpdatedAt, State: acmesync.InStep, AppID: change.ID}
	r.order(newest, c, false)
	c.ends = unsettled
	if change.Deleted { // what an intent has made of it is taken back by the intent
		c.result.State, c.ends = acmesync.Deleted, duplicate
		if c.known {
			c.ends = done
		}
		return nil
	}
	r.births0 = append(r.births0, &birth{candidate: c, asked: frozen{Event: *change.Event, Version: change.Version}})
	return nil
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
	for _, b := range r.births0 {
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
	for _, b := range r.births0 {
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
	if b.asked.Contacts, err = r.contactsOf(ctx, e.Attendees); err != nil {
		return err
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

// contactsOf finds the customers that an event names among Acme's contacts, by e-mail.
func (r *round) contactsOf(ctx context.Context, attendees []app.Attendee) ([]string, error) {
	var emails []string
	for _, a := range attendees {
		if a.Email != "" {
			emails = append(emails, a.Email)
		}
	}
	if len(emails) == 0 {
		return nil, nil
	}
	found, err := r.TwoWay.ContactsByEmail(ctx, r.fence, emails)
	if err != nil {
		return nil, err
	}
	var ids []string
	seen := map[string]bool{}
	for _, email := range emails {
		if id := found[email]; id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// makeInAcme looks an older intent up, makes the appointment where it is not there, and attaches its contacts.
func (r *round) makeInAcme(ctx context.Context, b *birth) error {
	c := b.candidate
	if r.acmeDown || c.held {
		r.postponeBirth(c)
		return nil
	}
	if b.lookUp {
		if err := r.budget.take(ctx, r.attempt, true); err != nil {
			return err
		}
		there, err := r.acme.AppointmentsByRef(ctx, b.intent.Operation)
		if err != nil {
			return r.acmeFailed(ctx, c, err)
		}
		if len(there) > 0 {
			b.item, b.intent.Step = there[0], max(b.intent.Step, acmesync.IntentMade)
		}
	}
	if b.item.ID == "" {
		if err := r.budget.take(ctx, r.attempt, true); err != nil {
			return err
		}
		item, err := r.acme.CreateAppointment(ctx, b.intent.Operation, b.asked.Input)
		if err != nil {
			return r.birthFailed(ctx, b, err)
		}
		b.item, b.intent.Step = item, acmesync.IntentMade
		r.result.Wrote++
	}
	b.intent.AcmeID = b.item.ID
	if b.intent.Step < acmesync.IntentAttached && len(b.asked.Contacts) > 0 && !b.item.Deleted {
		if err := r.budget.take(ctx, r.attempt, true); err != nil {
			return err
		}
		item, err := r.acme.AttachContacts(ctx, b.item.ID, b.asked.Contacts)
		if err != nil {
			return r.birthFailed(ctx, b, err)
		}
		b.item = item
	}
	b.intent.Step = acmesync.IntentAttached
	return nil
}

func (r *round) postponeBirth(c *candidate) {
	if !c.held {
		r.postpone(c, acmeAgain)
	}
}

// birthFailed takes back what was half made where Acme has refused for good: the event parks, and stays in the app.
func (r *round) birthFailed(ctx context.Context, b *birth, err error) error {
	var fromAcme *acme.Error
	if !errors.As(err, &fromAcme) || (fromAcme.Kind != acme.KindRejected && fromAcme.Kind != acme.KindConflict && fromAcme.Kind != acme.KindGone) {
		return r.acmeFailed(ctx, b.candidate, err)
	}
	if fromAcme.Kind == acme.KindConflict && fromAcme.Code != acme.CodeDuplicate {
		return r.acmeFailed(ctx, b.candidate, err) // the same request is under way still
	}
	if b.item.ID != "" {
		if err := r.acme.DeleteAppointment(ctx, b.item.ID, 0); err != nil {
			return r.acmeFailed(ctx, b.candidate, err)
		}
	}
	fault := refusedByAcme(err)
	if fromAcme.Code == acme.CodeDuplicate {
		fault = acmesync.Fault{Code: acmesync.DuplicateInAcme, Field: "start",
			Message: "Acme has an appointment of the same owner, start and customer already, and its event is in the calendar too. Delete one of the two events in the app, or retry once Acme's is gone."}
	}
	b.intent.Done = true
	r.fail(b.candidate, fault)
	return nil
}

// linkInApp gives the events their external ids. What happened to an event while its appointment was made is a change like
// any other: it is compared with what was frozen.
func (r *round) linkInApp(ctx context.Context, made []*birth) error {
	for len(made) > 0 {
		n := min(len(made), writeSize)
		revision, err := r.nextRevision()
		if err != nil {
			return err
		}
		links := make([]app.EventLink, n)
		for i, b := range made[:n] {
			links[i] = app.EventLink{ID: b.candidate.appID, ExternalID: acmesync.ExternalID(r.fence.Connection, b.item.ID), Revision: revision}
		}
		results, err := r.app.LinkEvents(ctx, links)
		if err != nil {
			return err
		}
		r.called = true
		for i, b := range made[:n] {
			if err := r.linked(ctx, b, results[i]); err != nil {
				return err
			}
		}
		made = made[n:]
	}
	return nil
}

func (r *round) linked(ctx context.Context, b *birth, res app.Result) error {
	c := b.candidate
	switch {
	case res.Status == app.Updated || res.Status == app.Unchanged:
		b.intent.Done, c.ends = true, done
		r.took++
		return r.enterBorn(ctx, b.item, c.appID, b.asked.Event, res)
	case res.Status == app.Rejected && res.Code == "unknown_event":
		// Deleted while it was being made: so is the appointment, by the tenant's rule.
		if r.rules.DeletedInApp() != acmesync.FateKeep {
			if err := r.acme.DeleteAppointment(ctx, b.item.ID, 0); err != nil {
				return r.acmeFailed(ctx, c, err)
			}
		}
		b.intent.Done, c.ends = true, done
		c.result.State = acmesync.Deleted
	case res.Status == app.Rejected:
		b.intent.Done = true
		r.fail(c, rejected(res.Field))
	default:
		c.refused, c.alone = true, false
	}
	return nil
}

// enterBorn writes the new appointment into the ledger, in step: both sides have it. A look at it follows, as at any record
// that Acme tells of.
func (r *round) enterBorn(ctx context.Context, item acme.Item, appID string, had app.Event, res app.Result) error {
	key := acmesync.Key{Stream: acmesync.Appointments, AcmeID: item.ID}
	c := &candidate{key: key, page: -1, both: &sides{}}
	if err := r.remap(ctx, c, item); err != nil {
		return err
	}
	r.commit.Hints = append(r.commit.Hints, key)
	if c.event == nil {
		return nil // changed in Acme meanwhile: the look decides
	}
	c.result.Hash, c.result.Mapped = "", c.mapped
	c.result.AppID, c.result.Steps, c.result.Revision = appID, acmesync.StepWritten, res.Revision
	r.commit.Entries = append(r.commit.Entries, c.result)
	had.ExternalID = c.event.ExternalID
	c.both.state = mapping.State{Acme: *c.event, App: had}
	c.both.change, c.both.wrote = &app.Change{Version: res.Version}, acmesync.AcmeSide
	r.remember(c)
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

// adoptUnlinked links appointments that bear our reference and that the ledger does not know: their link was lost, or has not
// been made yet.
func (r *round) adoptUnlinked(ctx context.Context, open []*candidate) error {
	byApp := map[string]*candidate{}
	var ids []string
	for _, c := range open {
		if c.known || c.both.change != nil || c.event == nil {
			continue
		}
		a, err := acme.DecodeAppointment(c.item.Raw)
		if err != nil {
			continue
		}
		if appID, ours := bornAs(r.fence.Connection, a.ExternalRef); ours {
			byApp[appID], ids = c, append(ids, appID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	changes, err := r.app.ChangesOf(ctx, ids, nil)
	if err != nil {
		return err
	}
	intents, err := r.TwoWay.Intents(ctx, r.fence)
	if err != nil {
		return err
	}
	for _, i := range intents {
		if c := byApp[i.AppID]; c != nil { // the intent itself goes on with it, at the end of this round
			c.ends, c.held = superseded, true
			r.commit.Hints = append(r.commit.Hints, c.key)
			delete(byApp, i.AppID)
		}
	}
	for _, change := range changes {
		c := byApp[change.ID]
		if c == nil || change.ExternalID != "" {
			continue
		}
		if change.Deleted {
			c.both.change = &change // people have deleted it before it was linked
			continue
		}
		revision, err := r.nextRevision()
		if err != nil {
			return err
		}
		results, err := r.app.LinkEvents(ctx, []app.EventLink{{
			ID: change.ID, ExternalID: acmesync.ExternalID(r.fence.Connection, c.key.AcmeID), Revision: revision,
		}})
		if err != nil {
			return err
		}
		if s := results[0].Status; s == app.Updated || s == app.Unchanged {
			change.Version = results[0].Version
			change.ExternalID = c.event.ExternalID
			c.both.change, c.both.agreed = &change, true
			c.both.state = mapping.State{Acme: *c.event, App: *change.Event}
		}
	}
	return nil
}
