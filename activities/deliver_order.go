package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"acmesync"
	"acmesync/acme"
)

// openOrder makes candidates of the records an order names. A record that is not there to be worked on ends at once.
func (r *round) openOrder(ctx context.Context, page int, newest map[acmesync.Key]*candidate) error {
	var o acmesync.Order
	if spent(r.pages[page]) {
		r.parkPage(page, acmesync.Fault{Code: acmesync.InternalDefect, Field: "envelope",
			Message: "This envelope ended every attempt to open it. It is kept as it came; report it, then discard it."})
		return nil
	}
	if err := json.Unmarshal(r.pages[page].Body, &o); err != nil {
		r.unreadable(ctx, page, err)
		return nil
	}
	if r.pages[page].Rest != nil {
		o.IDs = r.pages[page].Rest
	}
	if o.Action == acmesync.OrderRetry && o.Stream == acmesync.AppEvents {
		return r.appNews(ctx, page, o, newest) // there is no body of it: the app is asked
	}
	switch o.Action {
	case acmesync.OrderRetry:
		return r.retry(ctx, page, o, newest)
	case acmesync.OrderMerge:
		return r.appNews(ctx, page, o, newest)
	case acmesync.OrderDiscard:
		return r.discard(ctx, page, o, newest)
	case acmesync.OrderGone:
		return r.gone(ctx, page, o, newest)
	case acmesync.OrderPark:
		return r.parkNamed(ctx, page, o, newest)
	}
	return fmt.Errorf("open an order: there is no action %q", o.Action)
}

// retry delivers parked records again, from the body they were parked with; one without a body is read from Acme again.
func (r *round) retry(ctx context.Context, page int, o acmesync.Order, newest map[acmesync.Key]*candidate) error {
	parkedNow, err := r.openParked(ctx, o)
	if err != nil {
		return err
	}
	for _, id := range o.IDs {
		p, open := parkedNow[id]
		switch {
		case !open:
			r.count(page, done)
		case p.Body == nil && strings.HasPrefix(id, acmesync.RawPrefix):
			r.count(page, parked) // nobody knows which record it is
		case p.Body == nil:
			r.commit.Hints = append(r.commit.Hints, p.Key)
			r.count(page, done)
		default:
			items, err := acme.ReadItems(acme.JoinItems([]acme.Item{{Raw: p.Body}}))
			if err != nil || len(items) != 1 || items[0].ID == "" {
				r.count(page, parked) // unreadable as before: only a new version or a discard helps
				continue
			}
			r.add(newest, &candidate{key: p.Key, item: items[0], way: acmesync.ByOrder, page: page, again: true, by: o})
		}
	}
	return nil
}

// discard gives parked records up: what was written of them is taken out of the app, then they are skipped.
func (r *round) discard(ctx context.Context, page int, o acmesync.Order, newest map[acmesync.Key]*candidate) error {
	entries, err := r.Ledger.Ledger(ctx, r.fence, o.Stream, o.IDs)
	if err != nil {
		return err
	}
	for _, id := range o.IDs {
		key := acmesync.Key{Stream: o.Stream, AcmeID: id}
		e, known := entries[id]
		if !known { // a raw item or a range: no record of ours, only its parked row is closed
			r.commit.Closed = append(r.commit.Closed, acmesync.ClosedRecord{Key: key, How: "discarded", By: o.Actor, Reason: o.Reason})
			r.count(page, done)
			continue
		}
		if e.State != acmesync.Parked {
			r.count(page, done)
			continue
		}
		c := &candidate{key: key, page: page, entry: e, known: true, by: o, item: acme.Item{ID: id, Version: e.Version, UpdatedAt: e.SourceAt}}
		c.result = e
		c.result.State, c.result.Code, c.result.Field = acmesync.Skipped, acmesync.Discarded, ""
		r.order(newest, c, e.Steps >= acmesync.StepWritten)
	}
	return nil
}

// gone makes tombstones of records that Acme does not have any more.
func (r *round) gone(ctx context.Context, page int, o acmesync.Order, newest map[acmesync.Key]*candidate) error {
	entries, err := r.Ledger.Ledger(ctx, r.fence, o.Stream, o.IDs)
	if err != nil {
		return err
	}
	for _, id := range o.IDs {
		e, known := entries[id]
		if !known || e.State == acmesync.Deleted {
			r.count(page, done)
			continue
		}
		c := &candidate{key: e.Key, page: page, entry: e, known: true, by: o, item: acme.Item{ID: id, Version: e.Version, UpdatedAt: e.SourceAt}}
		c.result = e
		c.result.State, c.result.Code, c.result.Field, c.result.Hash = acmesync.Deleted, "", "", ""
		r.noFact(c)
		r.depart(c, e.Steps >= acmesync.StepWritten)
		r.order(newest, c, c.remove)
	}
	return nil
}

// parkNamed parks records that Acme cannot answer for.
func (r *round) parkNamed(ctx context.Context, page int, o acmesync.Order, newest map[acmesync.Key]*candidate) error {
	entries, err := r.Ledger.Ledger(ctx, r.fence, o.Stream, o.IDs)
	if err != nil {
		return err
	}
	for _, id := range o.IDs {
		c := &candidate{key: acmesync.Key{Stream: o.Stream, AcmeID: id}, page: page, by: o, given: true}
		c.entry, c.known = entries[id]
		c.result = c.entry
		c.result.Key = c.key
		c.fault, c.ends = &acmesync.Fault{Code: o.Code,
			Message: "Acme fails whenever it is asked for this record, alone too. Ask Acme's support, then retry."}, parked
		c.result.State, c.result.Code, c.result.Field = acmesync.Parked, o.Code, ""
		c.result.Hash = "" // whatever Acme answers next is to be written; until then what both sides have stands
		r.order(newest, c, false)
	}
	return nil
}

// order adds a candidate that an order has settled but for what has to be taken out of the app first. A record that the
// round works on already is left to the next one: one key is committed once.
func (r *round) order(newest map[acmesync.Key]*candidate, c *candidate, remove bool) {
	if _, twice := newest[c.key]; twice {
		r.ends[c.page].Rest = append(r.ends[c.page].Rest, c.named())
		return
	}
	newest[c.key] = c
	c.remove, c.given = remove, true
	if !remove && !c.mark && c.ends == unsettled {
		c.ends = done
	}
	r.candidates = append(r.candidates, c)
}

func (r *round) openParked(ctx context.Context, o acmesync.Order) (map[string]acmesync.ParkedRecord, error) {
	found, err := r.Reviews.OpenParked(ctx, r.fence, o.Stream, o.IDs)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]acmesync.ParkedRecord, len(found))
	for _, p := range found {
		byID[p.Key.AcmeID] = p
	}
	return byID, nil
}
