package activities

import (
	"encoding/json"

	"acmesync"
	"acmesync/app"
	"acmesync/mapping"
)

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
	b.merged = r.rules.Merge(b.state, mapping.Sides{Acme: *c.event, App: *b.change.Event, Newer: newer(c), Settled: settledBy(c), Strangers: b.strangers})
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
	if c.made != nil { // the appointment was made of the event as it was then
		b.state = mapping.State{Acme: *c.event, App: *c.made.Event}
		return
	}
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
	moved := !b.agreed && c.made == nil && c.entry.Mapped != c.mapped || b.agreed && !mapping.Same(b.state.Acme, *c.event)
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
		if c.fate == acmesync.FateKeep || c.item.Deleted || c.fate == acmesync.FateMark && c.event.Status == app.StatusCancelled {
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
	r.keepPlace(c)
}

// goneInAcme: the appointment is deleted in Acme, or is not to be carried over any more, and the app has its event.
func (r *round) goneInAcme(c *candidate) {
	b := c.both
	moved := b.agreed && !mapping.Same(b.state.App, *b.change.Event)
	if !c.item.Deleted || !moved {
		c.remove = !c.mark
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
		c.fate, c.mark, c.stays = undelete, false, false
	case acmesync.AcmeSide:
		for _, f := range mapping.ChangedFields(b.state.App, *b.change.Event) {
			b.lost = append(b.lost, acmesync.Overruled{AcmeID: c.key.AcmeID, Field: f.Field, Policy: r.rules.Policy("deleted"), Winner: winner, Lost: f.After})
		}
		c.remove = !c.mark
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
		c.result.Note(c.both.note)
		r.remember(c)
	}
	r.commit.TwoWay.Overruled = append(r.commit.TwoWay.Overruled, c.both.lost...)
	r.keepPlace(c)
}

// keepPlace writes down what the app has of an instance that an exception stands for.
func (r *round) keepPlace(c *candidate) {
	if c.placed == nil {
		return
	}
	own := *c.placed
	own.AppID, own.Revision, own.Mapped = "", 0, ""
	if c.event != nil {
		own.AppID, own.Revision, own.Mapped = c.result.AppID, c.result.Revision, c.mapped
	}
	r.commit.Instances = append(r.commit.Instances, own)
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
