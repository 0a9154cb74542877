package activities

import (
	"context"
	"errors"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

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
		if err := r.budget.take(ctx, r.attempt, true); err != nil {
			return err
		}
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
		c.result.Note(b.asked.Note)
		r.took++
		return r.enterBorn(ctx, b.item, c.appID, b.asked.Event, res)
	case res.Status == app.Rejected && res.Code == "unknown_event":
		// Deleted while it was being made: so is the appointment, by the tenant's rule.
		if r.rules.DeletedInApp() != acmesync.FateKeep {
			if err := r.budget.take(ctx, r.attempt, true); err != nil {
				return err
			}
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
