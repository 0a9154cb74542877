package activities

import (
	"context"
	"time"

	"acmesync"
)

// A record that the app answers it cannot take now is asked for again more and more seldom. One that is refused again and
// again while the app takes others is no matter of time: it parks. Where nothing else was there to be taken, it takes longer.
const (
	refusedTries = 8  // about four minutes
	refusedAlone = 12 // about twenty-five minutes, and the only record of its last request
)

// loadRefusals reads once an attempt what the app did not take: nobody else writes it.
func (l *deliverLane) loadRefusals(ctx context.Context) error {
	if l.refusals != nil {
		return nil
	}
	all, err := l.Ledger.Refusals(ctx, l.fence)
	if err != nil {
		return err
	}
	l.refusals = make(map[acmesync.Key]acmesync.Refusal, len(all))
	for _, r := range all {
		l.refusals[r.Key] = r
	}
	return nil
}

// noteRefusals counts what the app did not take in this round, and parks what it will never take.
func (r *round) noteRefusals() {
	for _, c := range r.candidates {
		before, refusedBefore := r.refusals[c.key]
		if !c.refused {
			if refusedBefore && c.ends != unsettled {
				r.commit.Settled = append(r.commit.Settled, c.key)
			}
			continue
		}
		before.Key = c.key
		before.Tries++
		before.Others = before.Others || r.took > 0
		if (before.Others && before.Tries >= refusedTries) || (c.alone && before.Tries >= refusedAlone) {
			r.log.Error("the app does not take a record; it is parked", "stream", c.key.Stream, "acme_id", c.key.AcmeID, "tries", before.Tries)
			r.fail(c, acmesync.Fault{Code: acmesync.DestinationError,
				Message: "The app answers again and again that it cannot take this record now. Ask the app's support, then retry."})
			r.commit.Settled = append(r.commit.Settled, c.key)
			continue
		}
		r.commit.Refused = append(r.commit.Refused, before)
		r.again(c.page, acmesync.Again(before.Tries))
	}
	if r.took == 0 {
		return
	}
	named := make(map[acmesync.Key]bool, len(r.candidates))
	for _, c := range r.candidates {
		named[c.key] = true
	}
	for key, other := range r.refusals {
		if !named[key] && !other.Others {
			other.Others = true
			r.commit.Refused = append(r.commit.Refused, other)
		}
	}
}

// again puts a page off for as long as the record of it that is due first.
func (r *round) again(page int, after time.Duration) {
	e := &r.ends[page]
	r.putOff[page]++
	if e.RetryAfter == 0 || after < e.RetryAfter {
		e.RetryAfter = after
	}
}

// rememberRefusals takes over what was committed.
func (r *round) rememberRefusals() {
	for _, key := range r.commit.Settled {
		delete(r.refusals, key)
	}
	for _, refusal := range r.commit.Refused {
		r.refusals[refusal.Key] = refusal
	}
}
