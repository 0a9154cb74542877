package activities

import (
	"context"
	"time"

	"acmesync"
	"acmesync/mapping"
)

// settle commits what a round came to: ledger rows, parked rows, facts, links and envelope ends together.
func (r *round) settle(ctx context.Context) error {
	r.gather()
	r.noteRefusals()
	r.giveUp()
	for _, c := range r.candidates {
		r.settleOne(c)
	}
	r.settleWaiting()
	for i := range r.ends {
		if len(r.ends[i].Rest) > r.putOff[i] {
			r.ends[i].RetryAfter = retryRest
		}
	}
	r.commit.Ended = append(r.commit.Ended, r.ends...)
	r.commit.Instances = lastOfEach(r.commit.Instances)
	if err := r.Ledger.CommitDelivered(ctx, r.fence, r.commit); err != nil {
		return err
	}
	r.rememberRefusals()
	r.fencedAt = time.Now()
	r.counted = r.counted && len(r.commit.Facts) == 0 && len(r.commit.NoFacts) == 0
	if len(r.commit.Hints) > 0 || r.revisitSoon() {
		r.wake(ctx, acmesync.Fetch)
	}
	r.notices.parked(r.commit.Parked)
	r.noticeClosed()
	return nil
}

// revisitSoon: the fetch lane polls at least once a day and sees then what is due; what comes before that it has to be told.
func (r *round) revisitSoon() bool {
	for _, v := range r.commit.Revisits {
		if v.At.Before(r.pages[0].Claimed.Add(24 * time.Hour)) {
			return true
		}
	}
	return false
}

func (r *round) settleOne(c *candidate) {
	if c.ends == unsettled {
		r.ends[c.page].Rest = append(r.ends[c.page].Rest, c.named())
		if c.later {
			r.putOff[c.page]++
		}
		return
	}
	r.count(c.page, c.ends)
	if c.ends == duplicate || c.ends == superseded {
		return
	}
	r.noteDifference(c)
	r.commit.Entries = append(r.commit.Entries, c.result)
	r.noteKey(c)
	if c.fault != nil {
		r.commit.Parked = append(r.commit.Parked, acmesync.ParkedRecord{
			Key: c.key, Fault: *c.fault, Version: c.item.Version, Body: c.item.Raw,
		})
		return
	}
	if c.known && c.entry.State == acmesync.Parked {
		closed := acmesync.ClosedRecord{Key: c.key, How: "newer_version", By: "acmesync"}
		switch c.by.Action {
		case acmesync.OrderRetry:
			closed.How, closed.By, closed.Reason = "retried", c.by.Actor, c.by.Reason
		case acmesync.OrderDiscard:
			closed.How, closed.By, closed.Reason = "discarded", c.by.Actor, c.by.Reason
		default:
		}
		r.commit.Closed = append(r.commit.Closed, closed)
	}
	if c.event != nil && !c.mark {
		c.endsAt = mapping.EndsAt(*c.event)
	}
	if !c.endsAt.IsZero() {
		r.link(c)
	}
}

// lastOfEach keeps what was said last of each instance: an exception and its series may both have had to do with one.
func lastOfEach(all []acmesync.Instance) []acmesync.Instance {
	at := make(map[place]int, len(all))
	var each []acmesync.Instance
	for _, i := range all {
		if n, twice := at[placeOf(i)]; twice {
			each[n] = i
			continue
		}
		at[placeOf(i)], each = len(each), append(each, i)
	}
	return each
}

// named is how a candidate's envelope names it.
func (c *candidate) named() string {
	if c.appID != "" {
		return c.appID
	}
	return c.key.AcmeID
}

// link remembers which contacts an event names, and what they were when it was mapped.
func (r *round) link(c *candidate) {
	ends := c.endsAt
	for _, id := range c.item.ContactIDs {
		r.commit.Links = append(r.commit.Links, acmesync.Link{ContactID: id, Key: c.key, EndsAt: ends, Mapped: true, Hash: r.contactsAs[id]})
		if into := r.contacts[id].ID; into != "" && into != id {
			r.commit.Links = append(r.commit.Links, acmesync.Link{ContactID: into, Key: c.key, EndsAt: ends})
		}
	}
}

// retryRest is when the rest of a partial answer is tried again.
const retryRest = 2 * time.Second

// noticeClosed has reviews told that records of theirs are parked no longer, or by another review now.
func (r *round) noticeClosed() {
	for _, c := range r.candidates {
		if !c.known || c.entry.State != acmesync.Parked {
			continue
		}
		fingerprint := acmesync.Fingerprint(c.key.Stream, c.entry.Code, c.entry.Field)
		moved := c.fault != nil && acmesync.Fingerprint(c.key.Stream, c.fault.Code, c.fault.Field) != fingerprint
		if c.ends == done || moved {
			r.notices.add(fingerprint)
		}
	}
}

// countsAtOnce is how many counts one request to the app carries.
const countsAtOnce = 500

// sendCounts sends absolute counts that changed since they were sent, zero included, until none is due.
func (l *deliverLane) sendCounts(ctx context.Context) error {
	for {
		cells, err := l.Counts.DueCells(ctx, l.fence, countsAtOnce)
		if err != nil || len(cells) == 0 {
			return err
		}
		if err := l.sendCells(ctx, cells); err != nil {
			return err
		}
	}
}
