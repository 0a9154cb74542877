package activities

import (
	"context"
	"time"

	"acmesync"
	"acmesync/app"
	"acmesync/mapping"
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
	company
}

const (
	mergeTries = 3 // passes over records that somebody changes meanwhile; then a little later
	maxFlips   = 6 // alternating writes of one record within an hour
	acmeAgain  = 10 * time.Second
)

// any tells whether a record is a series or stands for an instance of one, was it, or may be.
func (s *serial) any() bool {
	return s.series != nil || s.place != nil || len(s.parts) > 0 || s.later
}

// mergeBoth brings the round's appointments together with what people have done in the app.
func (r *round) mergeBoth(ctx context.Context) error {
	if !r.bothWays() {
		return nil
	}
	var open []*candidate
	var placed []acmesync.Instance
	for _, c := range r.candidates {
		if c.key.Stream != acmesync.Appointments || c.ends != unsettled || c.given {
			continue
		}
		if c.placed != nil {
			placed, open = append(placed, *c.placed), append(open, c)
		} else if !c.serial.any() && c.entry.Steps&seriesSteps == 0 {
			open = append(open, c)
		}
	}
	if len(placed) > 0 { // no event of a series is written that is not known here, see DoubtInstances
		if err := r.Ledger.DoubtInstances(ctx, r.fence, placed); err != nil {
			return err
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

// leaveToMark ends the merge of an event that is to stay, cancelled, as its appointment is deleted: markCancelled goes on with it.
// Nothing is agreed on any more, so what people do with it stays in the app.
func (r *round) leaveToMark(c *candidate) {
	r.commit.TwoWay.Forgotten = append(r.commit.TwoWay.Forgotten, c.key.AcmeID)
	r.commit.TwoWay.Overruled = append(r.commit.TwoWay.Overruled, c.both.lost...)
	c.both = nil
}

// mergePass merges and writes once; it answers those that somebody has changed meanwhile.
func (r *round) mergePass(ctx context.Context, open []*candidate) (again []*candidate, err error) {
	if err := r.readApp(ctx, open); err != nil {
		return nil, err
	}
	if err := r.adoptUnlinked(ctx, open); err != nil {
		return nil, err
	}
	if err := r.meet(ctx, open); err != nil {
		return nil, err
	}
	var toAcme []*candidate
	for _, c := range open {
		r.mergeOne(c)
		if c.ends == unsettled {
			if err := r.attendants(ctx, c); err != nil {
				return nil, err
			}
		}
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
		case c.mark:
			r.leaveToMark(c)
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
