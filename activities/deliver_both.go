package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"

	"github.com/google/uuid"
)

// Delivery both ways, of tenants that want it: each appointment of a round is compared with what both sides last agreed on.
// Acme is written to first, at the version that was compared, then the app, at its version: whoever came between is read and
// merged again. Nothing of it is reached by a tenant whose appointments come from Acme alone.

// sides is what is known of an appointment beside Acme's record.
type sides struct {
	change  *app.Change // the app's event; nil: it never had one
	state   mapping.State
	agreed  bool // state is what both agreed on; else they never did
	flips   int
	wrote   acmesync.Side
	touched bool // state is to be written down
	merged  mapping.Merged
	lost    []acmesync.Overruled
}

const (
	mergeTries = 3 // passes over records that somebody changes meanwhile; then a little later
	maxFlips   = 6 // alternating writes of one record within an hour
	acmeAgain  = 10 * time.Second
)

// any tells whether a record is a series or stands for an instance of one, was it, or may be: those come from Acme alone.
func (s *serial) any() bool {
	return s.series != nil || s.place != nil || len(s.parts) > 0 || s.later
}

// mergeBoth brings the round's appointments together with what people have done in the app.
func (r *round) mergeBoth(ctx context.Context) error {
	if !r.bothWays() {
		return nil
	}
	var open []*candidate
	for _, c := range r.candidates {
		if c.key.Stream == acmesync.Appointments && c.ends == unsettled && !c.given && !c.serial.any() && c.entry.Steps&seriesSteps == 0 {
			open = append(open, c)
		}
	}
	if err := r.readAgreed(ctx, open); err != nil {
		return err
	}
	for try := 0; try < mergeTries && len(open) > 0; try++ {
		var err error
		if open, err = r.mergePass(ctx, open); err != nil {
			return err
		}
	}
	return r.births(ctx)
}

// mergePass merges and writes once; it answers those that somebody has changed meanwhile.
func (r *round) mergePass(ctx context.Context, open []*candidate) (again []*candidate, err error) {
	if err := r.readApp(ctx, open); err != nil {
		return nil, err
	}
	if err := r.adoptUnlinked(ctx, open); err != nil {
		return nil, err
	}
	var toAcme []*candidate
	for _, c := range open {
		r.mergeOne(c)
		if c.ends == unsettled && (len(c.both.merged.ToAcme) > 0 || c.fate != "") {
			toAcme = append(toAcme, c)
		}
	}
	if err := r.writeDownPending(ctx, toAcme); err != nil {
		return nil, err
	}
	for _, c := range toAcme {
		if c.ends != unsettled {
			continue
		}
		moved, err := r.tellAcme(ctx, c)
		if err != nil {
			return nil, err
		}
		if moved {
			c.held = true
			again = append(again, c)
		}
	}
	var upserts, removals []*candidate
	for _, c := range open {
		switch {
		case c.ends != unsettled || c.held:
		case c.event != nil && len(c.both.merged.AppFields) > 0:
			upserts = append(upserts, c)
		case c.event == nil && c.remove:
			removals = append(removals, c)
		default:
			r.agree(c)
		}
	}
	if err := r.inBatches(ctx, upserts, r.upsertBoth); err != nil {
		return nil, err
	}
	if err := r.inBatches(ctx, removals, r.removeBoth); err != nil {
		return nil, err
	}
	for _, c := range append(upserts, removals...) {
		if c.ends == unsettled && !c.refused {
			again = append(again, c)
		}
	}
	for _, c := range again {
		c.held = false
	}
	return again, nil
}

func (r *round) readAgreed(ctx context.Context, open []*candidate) error {
	if len(open) == 0 {
		return nil
	}
	ids := make([]string, len(open))
	for i, c := range open {
		ids[i], c.both = c.key.AcmeID, &sides{}
	}
	agreed, err := r.TwoWay.Agreed(ctx, r.fence, ids)
	if err != nil {
		return err
	}
	for _, c := range open {
		a, known := agreed[c.key.AcmeID]
		if !known {
			continue
		}
		if err := json.Unmarshal(a.Body, &c.both.state); err != nil {
			return fmt.Errorf("open what was agreed: %w", err)
		}
		c.both.agreed, c.both.flips = true, a.Flips
	}
	return nil
}

// readApp reads what the app has of the records now.
func (r *round) readApp(ctx context.Context, open []*candidate) error {
	for len(open) > 0 {
		n := min(len(open), writeSize)
		byID := make(map[string]*candidate, n)
		ids := make([]string, n)
		for i, c := range open[:n] {
			ids[i] = acmesync.ExternalID(r.fence.Connection, c.key.AcmeID)
			byID[ids[i]], c.both.change = c, nil
		}
		changes, err := r.app.ChangesOf(ctx, nil, ids)
		if err != nil {
			return err
		}
		r.called = true
		for _, change := range changes {
			if c := byID[change.ExternalID]; c != nil {
				c.both.change = &change
			}
		}
		open = open[n:]
	}
	return nil
}

// mergeOne decides what an appointment comes to on both sides.
func (r *round) mergeOne(c *candidate) {
	b := c.both
	b.merged, c.fate = mapping.Merged{}, ""
	if c.entry.Code == acmesync.FlipLoop && c.by.Action != acmesync.OrderRetry {
		r.fail(c, flipLoop)
		return
	}
	if c.by.Action == acmesync.OrderMerge && c.entry.Code == acmesync.Discarded && c.item.Version == c.entry.Version {
		c.ends = duplicate // given up by a person: only a newer version brings it back
		return
	}
	there := b.change != nil && !b.change.Deleted
	switch {
	case c.event != nil && there:
		r.mergeFields(c)
	case c.event != nil && b.change != nil && b.change.Origin == app.OriginUser:
		r.deletedByHand(c)
	case c.event != nil:
		r.wholeToApp(c)
	case there:
		r.goneInAcme(c)
	default:
		c.remove = false
	}
	if c.ends == unsettled && b.flips >= maxFlips && c.by.Action != acmesync.OrderRetry && r.wouldWrite(c) {
		r.log.Warn("both sides keep changing a record back; it is parked", "acme_id", c.key.AcmeID)
		r.fail(c, flipLoop)
	}
}

var flipLoop = acmesync.Fault{Code: acmesync.FlipLoop,
	Message: "Acme and the app have overwritten each other many times within an hour. Find out which rule or program does that, then retry."}

func (r *round) wouldWrite(c *candidate) bool {
	return len(c.both.merged.ToAcme) > 0 || len(c.both.merged.AppFields) > 0 || c.fate != ""
}

func (r *round) mergeFields(c *candidate) {
	b := c.both
	r.base(c)
	b.state.Settle(c.item.Version, *c.event)
	b.merged = r.rules.Merge(b.state, mapping.Sides{Acme: *c.event, App: *b.change.Event, Newer: newer(c), Settled: settledBy(c)})
	if c.item.Deleted {
		b.merged.ToAcme = nil // a deleted record cannot be changed
	}
	if b.merged.Undecided() {
		for _, conflict := range b.merged.Conflicts {
			if conflict.Winner == "" {
				r.fail(c, undecided(conflict.Field))
				return
			}
		}
	}
	r.overrule(c)
}

// base is what the changes of both sides are measured by. Where nothing was agreed on yet, the ledger may know that the app
// was given this very event, or still has what it was given. Otherwise Acme's values stand, as they did before people's did.
func (r *round) base(c *candidate) {
	b := c.both
	if b.agreed {
		return
	}
	b.agreed, b.touched = true, true
	theirs := *b.change.Event
	theirs.ExternalID = c.event.ExternalID
	if c.entry.Mapped != "" && c.entry.Mapped == c.mapped {
		b.state = mapping.State{Acme: *c.event, App: *c.event}
		return
	}
	b.state = mapping.State{Acme: theirs, App: theirs}
}

func newer(c *candidate) acmesync.Side {
	if c.both.change.UpdatedAt.After(c.item.UpdatedAt) {
		return acmesync.AppSide
	}
	return acmesync.AcmeSide
}

// settledBy: whoever retries a record whose conflict was left to people takes Acme's values.
func settledBy(c *candidate) acmesync.Side {
	if c.by.Action == acmesync.OrderRetry {
		return acmesync.AcmeSide
	}
	return ""
}

func undecided(field string) acmesync.Fault {
	return acmesync.Fault{Code: acmesync.ConflictUndecided, Field: field,
		Message: "Acme and the app have different new values in this field. Make them alike on either side and it goes on by itself, or retry to take Acme's."}
}

// overrule keeps the values that lost.
func (r *round) overrule(c *candidate) {
	c.both.lost = c.both.lost[:0]
	for _, conflict := range c.both.merged.Conflicts {
		c.both.lost = append(c.both.lost, acmesync.Overruled{
			AcmeID: c.key.AcmeID, Field: conflict.Field, Policy: conflict.Policy, Winner: conflict.Winner, Lost: conflict.Lost,
		})
	}
}

// wholeToApp makes the event in the app, or makes it again.
func (r *round) wholeToApp(c *candidate) {
	c.both.merged = mapping.Merged{ToApp: *c.event, AppFields: []string{"deleted"}}
}

// deletedByHand: people have deleted the event in the app.
func (r *round) deletedByHand(c *candidate) {
	b := c.both
	moved := !b.agreed && c.entry.Mapped != c.mapped || b.agreed && !mapping.Same(b.state.Acme, *c.event)
	if c.entry.Code == acmesync.DeletedInApp && !moved {
		c.ends = duplicate
		return
	}
	winner := acmesync.AppSide
	if moved && !c.item.Deleted {
		switch r.rules.Policy("deleted") {
		case acmesync.NewestWins:
			winner = newer(c)
		case acmesync.ReviewConflict:
			winner = settledBy(c)
		case acmesync.AcmeWins:
			winner = acmesync.AcmeSide
		case acmesync.AppWins:
		}
	}
	switch winner {
	case acmesync.AcmeSide:
		b.lost = []acmesync.Overruled{{AcmeID: c.key.AcmeID, Field: "deleted", Policy: r.rules.Policy("deleted"), Winner: winner, Lost: "deleted in the app"}}
		r.wholeToApp(c)
	case acmesync.AppSide:
		c.fate = r.rules.DeletedInApp()
		if c.fate == acmesync.FateKeep || c.item.Deleted {
			c.fate = ""
			r.leftDeleted(c)
		}
	default:
		r.fail(c, undecided("deleted"))
	}
}

// leftDeleted ends an appointment whose event stays deleted in the app.
func (r *round) leftDeleted(c *candidate) {
	c.result.State, c.result.Code, c.result.Field = acmesync.Skipped, acmesync.DeletedInApp, ""
	c.result.Steps, c.result.AppID = 0, ""
	c.both.state.Acme, c.both.agreed = *c.event, true
	r.remember(c)
	c.event, c.ends = nil, done
}

// goneInAcme: the appointment is deleted in Acme, or is not to be carried over any more, and the app has its event.
func (r *round) goneInAcme(c *candidate) {
	b := c.both
	moved := b.agreed && !mapping.Same(b.state.App, *b.change.Event)
	if !c.item.Deleted || !moved {
		c.remove = true
		return
	}
	winner := acmesync.AcmeSide
	switch r.rules.Policy("deleted") {
	case acmesync.AppWins:
		winner = acmesync.AppSide
	case acmesync.NewestWins:
		winner = newer(c)
	case acmesync.ReviewConflict:
		winner = settledBy(c)
	case acmesync.AcmeWins:
	}
	switch winner {
	case acmesync.AppSide:
		c.fate = undelete
	case acmesync.AcmeSide:
		for _, f := range mapping.ChangedFields(b.state.App, *b.change.Event) {
			b.lost = append(b.lost, acmesync.Overruled{AcmeID: c.key.AcmeID, Field: f.Field, Policy: r.rules.Policy("deleted"), Winner: winner, Lost: f.After})
		}
		c.remove = true
	default:
		r.fail(c, undecided("deleted"))
	}
}

// undelete brings an appointment back into Acme; it is no end a tenant can choose.
const undelete acmesync.Fate = "undelete"

// agree ends a candidate: both sides are alike, as far as they are to be.
func (r *round) agree(c *candidate) {
	c.ends = done
	c.result.Mapped = c.mapped
	if c.event == nil {
		c.result.AppID, c.result.Steps = "", 0
		r.commit.TwoWay.Forgotten = append(r.commit.TwoWay.Forgotten, c.key.AcmeID)
	} else {
		if b := c.both; b.change != nil && !b.change.Deleted {
			c.result.AppID, c.result.Steps, c.result.Revision = b.change.ID, acmesync.StepWritten, max(c.result.Revision, b.change.Event.Revision)
			b.state.App = *b.change.Event
		}
		c.both.state.Acme = *c.event
		r.remember(c)
	}
	r.commit.TwoWay.Overruled = append(r.commit.TwoWay.Overruled, c.both.lost...)
}

// remember writes down what both sides agree on by now.
func (r *round) remember(c *candidate) {
	body, err := json.Marshal(c.both.state)
	if err != nil {
		r.log.Error("what was agreed cannot be written down", "acme_id", c.key.AcmeID, "error", err)
		return
	}
	a := acmesync.Agreed{AcmeID: c.key.AcmeID, AcmeVersion: c.item.Version, Body: body, Wrote: c.both.wrote}
	if c.both.change != nil {
		a.AppVersion = c.both.change.Version
	}
	for i := range r.commit.TwoWay.Agreed {
		if r.commit.TwoWay.Agreed[i].AcmeID == a.AcmeID {
			r.commit.TwoWay.Agreed[i] = a
			return
		}
	}
	r.commit.TwoWay.Agreed = append(r.commit.TwoWay.Agreed, a)
}

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
	c.patch = patch
	a, err := acme.DecodeAppointment(c.item.Raw)
	if err != nil {
		return app.Event{}, err
	}
	return r.rules.Appointment(mapping.Patched(a, patch), nil, r.staff, r.occasion(c))
}

// tellAcme writes an appointment in Acme; moved says that it has changed there meanwhile: it was read again.
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
	return false, r.acmeTook(ctx, c, item)
}

func (r *round) askAcme(ctx context.Context, c *candidate) (acme.Item, error) {
	id := c.key.AcmeID
	switch c.fate {
	case acmesync.FateRemove:
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
		b.state.Acme = *c.event // it came back as it was: what people changed in the app is theirs alone
		b.touched = true
		r.commit.Hints = append(r.commit.Hints, c.key) // and is taken to Acme by the next look
		r.agreeLater(c)
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
	merged := r.rules.Merge(b.state, mapping.Sides{Acme: *c.event, App: seen, Newer: newer(c), Settled: settledBy(c)})
	b.merged.ToApp, b.merged.AppFields, b.merged.ToAcme = merged.ToApp, merged.AppFields, nil
	b.touched = true
	r.remember(c)
	return nil
}

// agreeLater writes down the state as it is and leaves the rest to the next look.
func (r *round) agreeLater(c *candidate) {
	r.remember(c)
	r.postpone(c, retryRest)
	c.held = true
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
	if c.serial.any() { // it has become a series, or one of its instances: that is no business of a merge
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

func (r *round) upsertBoth(ctx context.Context, batch []*candidate) error {
	revision, err := r.nextRevision()
	if err != nil {
		return err
	}
	events := make([]app.Event, len(batch))
	for i, c := range batch {
		events[i] = c.both.merged.ToApp
		events[i].ExternalID, events[i].Revision = acmesync.ExternalID(r.fence.Connection, c.key.AcmeID), revision
		if c.both.change != nil {
			events[i].IfVersion = c.both.change.Version
		}
	}
	results, err := r.app.UpsertEvents(ctx, events)
	if err != nil {
		return err
	}
	return r.takeBoth(ctx, batch, results, revision)
}

func (r *round) removeBoth(ctx context.Context, batch []*candidate) error {
	revision, err := r.nextRevision()
	if err != nil {
		return err
	}
	refs := make([]app.EventRef, len(batch))
	for i, c := range batch {
		refs[i] = app.EventRef{ExternalID: acmesync.ExternalID(r.fence.Connection, c.key.AcmeID), Revision: revision, IfVersion: c.both.change.Version}
	}
	results, err := r.app.DeleteEvents(ctx, refs)
	if err != nil {
		return err
	}
	return r.takeBoth(ctx, batch, results, revision)
}

// takeBoth reads the app's answer item by item. An event that somebody has changed meanwhile is merged again.
func (r *round) takeBoth(ctx context.Context, batch []*candidate, results []app.Result, revision int64) error {
	for i, c := range batch {
		if results[i].Status == app.Conflict {
			continue
		}
		if err := r.take(ctx, batch[i:i+1], results[i:i+1], revision); err != nil {
			return err
		}
		if c.ends != done {
			continue
		}
		b := c.both
		if c.event == nil {
			r.agree(c)
			continue
		}
		b.change = &app.Change{ID: results[i].ID, Version: results[i].Version, Event: &b.merged.ToApp}
		b.merged.ToApp.Revision = revision
		if b.wrote == acmesync.AcmeSide {
			b.wrote = "" // one round, both ways: nobody has written anything back
		} else {
			b.wrote = acmesync.AppSide
		}
		r.agree(c)
	}
	return nil
}
