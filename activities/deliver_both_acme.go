package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"

	"github.com/google/uuid"
)

// writeDownPending notes what is about to be sent to Acme: if the answer is lost, the next merge knows our own change from
// somebody else's.
func (r *round) writeDownPending(ctx context.Context, toAcme []*candidate) error {
	var notes []acmesync.Agreed
	for _, c := range toAcme {
		if c.fate != "" {
			continue
		}
		b := c.both
		expected, err := r.expected(c)
		if err != nil {
			var fault *acmesync.Fault
			if !errors.As(err, &fault) {
				fault = &acmesync.Fault{Code: acmesync.AcmeRejected, Field: b.merged.ToAcme[0],
					Message: "What people have changed in the app cannot be an appointment. Change it in the app, then it is tried by itself."}
			}
			r.fail(c, *fault)
			continue
		}
		b.state.Pending = &mapping.Pending{Version: c.item.Version, Fields: b.merged.ToAcme, Acme: expected, App: *b.change.Event}
		body, err := json.Marshal(b.state)
		if err != nil {
			return fmt.Errorf("write down what is sent to Acme: %w", err)
		}
		notes = append(notes, acmesync.Agreed{AcmeID: c.key.AcmeID, AcmeVersion: c.item.Version, AppVersion: b.change.Version, Body: body})
	}
	if len(notes) == 0 {
		return nil
	}
	return r.TwoWay.CommitTwoWay(ctx, r.fence, acmesync.TwoWay{Agreed: notes})
}

// expected is what Acme's record is going to map to.
func (r *round) expected(c *candidate) (app.Event, error) {
	patch, err := r.rules.Patch(c.both.merged.ToAcme, *c.both.change.Event, r.staff)
	if err != nil {
		return app.Event{}, err
	}
	if slices.Contains(c.both.merged.ToAcme, "attendees") {
		patch.ContactIDs = &c.both.contactIDs
	}
	c.patch = patch
	a, err := acme.DecodeAppointment(c.item.Raw)
	if err != nil {
		return app.Event{}, err
	}
	a = mapping.Patched(a, patch)
	return r.rules.Appointment(a, named(r.contacts, a.ContactIDs), r.staff, r.occasion(c))
}

// tellAcme writes an appointment in Acme; moved says that it is another one there now, and is to be merged again.
func (r *round) tellAcme(ctx context.Context, c *candidate) (moved bool, err error) {
	if r.acmeDown {
		r.postpone(c, acmeAgain)
		return false, nil
	}
	if err := r.budget.take(ctx, r.attempt, true); err != nil {
		return false, err
	}
	item, err := r.askAcme(ctx, c)
	switch acme.KindOf(err) {
	case "":
		if err != nil {
			return false, err
		}
	case acme.KindConflict, acme.KindGone:
		return r.refresh(ctx, c)
	case acme.KindRejected, acme.KindMalformed:
		r.fail(c, refusedByAcme(err))
		return false, nil
	default:
		return false, r.acmeFailed(ctx, c, err)
	}
	r.result.Wrote++
	back := c.fate == undelete
	if err := r.acmeTook(ctx, c, item); err != nil {
		return false, err
	}
	return back && c.event != nil, nil
}

func (r *round) askAcme(ctx context.Context, c *candidate) (acme.Item, error) {
	id := c.key.AcmeID
	switch c.fate {
	case acmesync.FateRemove:
		if c.placed != nil { // alone it would give the instance back to the series
			if err := r.exclude(ctx, placeOf(*c.placed)); err != nil {
				return c.item, err
			}
		}
		return c.item, r.acme.DeleteAppointment(ctx, id, c.item.Version)
	case acmesync.FateMark:
		canceled := acme.Canceled
		return r.acme.UpdateAppointment(ctx, id, uuid.NewString(), c.item.Version, acme.AppointmentPatch{Status: &canceled})
	case undelete:
		return r.acme.UndeleteAppointment(ctx, id)
	default:
		return r.acme.UpdateAppointment(ctx, id, uuid.NewString(), c.item.Version, c.patch)
	}
}

// acmeTook takes over what Acme has now.
func (r *round) acmeTook(ctx context.Context, c *candidate, item acme.Item) error {
	b := c.both
	b.wrote = acmesync.AcmeSide
	switch c.fate {
	case acmesync.FateRemove:
		c.result.State, c.result.Code, c.result.Field = acmesync.Deleted, "", ""
		c.result.Steps, c.result.AppID, c.result.Hash = 0, "", ""
		r.commit.TwoWay.Forgotten = append(r.commit.TwoWay.Forgotten, c.key.AcmeID)
		c.event, c.ends = nil, done
		if c.placed != nil {
			r.commit.NoInstances = append(r.commit.NoInstances, *c.placed)
		}
		return nil
	case acmesync.FateMark:
		if err := r.remap(ctx, c, item); err != nil || c.event == nil {
			return err
		}
		r.leftDeleted(c)
		return nil
	case acmesync.FateKeep:
	case undelete:
		if err := r.remap(ctx, c, item); err != nil || c.event == nil {
			return err
		}
		c.fate = ""
		b.state.Acme = *c.event // it came back as it was: what people have changed in the app is theirs alone, and is merged next
		return nil
	}
	sent, seen := b.merged.ToAcme, *b.change.Event
	b.state.Pending = nil
	if err := r.remap(ctx, c, item); err != nil {
		return err
	}
	if c.event == nil { // changed so that it is not carried over any more
		return nil
	}
	b.state.Agree(sent, *c.event, seen)
	merged := r.rules.Merge(b.state, mapping.Sides{Acme: *c.event, App: seen, Newer: newer(c), Settled: settledBy(c), Strangers: b.strangers})
	b.merged.ToApp, b.merged.AppFields, b.merged.ToAcme = merged.ToApp, merged.AppFields, nil
	b.touched = true
	r.remember(c)
	return nil
}

// refresh reads an appointment again that has changed in Acme since it was read.
func (r *round) refresh(ctx context.Context, c *candidate) (moved bool, err error) {
	c.both.state.Pending = nil
	if err := r.budget.take(ctx, r.attempt, true); err != nil {
		return false, err
	}
	batch, err := r.acme.BatchGet(ctx, acme.Appointments, []string{c.key.AcmeID})
	if err != nil {
		return false, r.acmeFailed(ctx, c, err)
	}
	if len(batch.Items) != 1 {
		r.commit.Hints = append(r.commit.Hints, c.key) // whether it is gone is for a hint to say
		c.ends = superseded
		return false, nil
	}
	if unknown, err := r.unknownPeople(ctx, batch.Items); err != nil || unknown[c.key.AcmeID] {
		r.commit.Hints = append(r.commit.Hints, c.key) // fetch reads the people with it
		c.ends = superseded
		return false, err
	}
	return true, r.remap(ctx, c, batch.Items[0])
}

// remap maps a candidate anew from another version of its record.
func (r *round) remap(ctx context.Context, c *candidate, item acme.Item) error {
	c.item, c.event, c.mapped, c.remove, c.ends, c.again = item, nil, "", false, unsettled, true
	missing := false
	for _, id := range item.ContactIDs {
		_, known := r.contacts[id]
		missing = missing || !known
	}
	all, kept := r.candidates, r.contacts
	r.candidates = []*candidate{c}
	defer func() { r.candidates = all }()
	if missing {
		hashes, err := r.contactHashes(ctx, true)
		if err != nil {
			return err
		}
		for id, contact := range kept {
			r.contacts[id] = contact
		}
		for id, hash := range r.hashes {
			hashes[id] = hash
		}
		r.hashes = hashes
	}
	c.hash = r.hash(c, r.hashes)
	if err := r.mapAll(ctx); err != nil {
		return err
	}
	if c.placed != nil && c.place != nil && placeOf(*c.place) == placeOf(*c.placed) {
		if c.event != nil {
			c.event.ExternalID = acmesync.ExternalID(r.fence.Connection, c.eventID())
			c.mapped = mapping.EventHash(*c.event)
		}
	} else if c.placed != nil || c.serial.any() { // it has become a series, or one of its instances: that is no business of a merge
		c.ends = superseded
		r.commit.Hints = append(r.commit.Hints, c.key)
	}
	if c.ends == done && c.event == nil { // left out: what the app has of it is for the merge to say
		c.ends = unsettled
	}
	return nil
}

// acmeFailed decides about a call to Acme that failed: the record waits, its neighbours in the app go on.
func (r *round) acmeFailed(ctx context.Context, c *candidate, err error) error {
	f := sortFailure(err)
	switch f.verdict() {
	case repeat, reauth:
		return err
	case wait:
		if err := r.Budgets.LearnBudget(ctx, r.connection.LimitOwner, 0, 0, max(f.retryAfter, time.Second)); err != nil {
			return err
		}
	case hold, restart, park, vanish:
	}
	r.log.Warn("Acme does not take a change from the app now; it is tried again", "kind", f.kind, "error", f.err)
	r.acmeDown = true
	r.postpone(c, max(acmeAgain, f.retryAfter))
	return nil
}

// postpone leaves a candidate to a later round.
func (r *round) postpone(c *candidate, after time.Duration) {
	c.held = true
	if c.page >= 0 {
		r.again(c.page, after)
	}
}

func refusedByAcme(err error) acmesync.Fault {
	var fromAcme *acme.Error
	field := ""
	if errors.As(err, &fromAcme) {
		field = fromAcme.Field
	}
	return acmesync.Fault{Code: acmesync.AcmeRejected, Field: field,
		Message: "Acme refuses what people have changed in the app because of the field named here. Change it in the app; the next version is tried by itself."}
}
