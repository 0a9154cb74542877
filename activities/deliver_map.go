package activities

import (
	"context"
	"errors"
	"fmt"

	"acmesync"
	"acmesync/acme"
	"acmesync/mapping"
)

// mapAll makes of each candidate what it comes to: an event to write, one to remove, a fact, a skip or a fault.
func (r *round) mapAll(ctx context.Context) error {
	if r.contacts == nil {
		if _, err := r.openContacts(ctx, func(c *candidate) bool { return c.ends == unsettled && !c.item.Deleted }); err != nil {
			return err
		}
	}
	for _, c := range r.candidates {
		if c.ends != unsettled || c.given {
			continue
		}
		c.result = acmesync.LedgerEntry{
			Key: c.key, Version: c.item.Version, SourceAt: c.item.UpdatedAt, Hash: c.hash, State: acmesync.InStep,
			Revision: c.entry.Revision, AppID: c.entry.AppID, Steps: c.entry.Steps, OwnerID: c.item.OwnerID,
			Mapped: c.entry.Mapped,
		}
		if c.item.Deleted {
			r.tombstone(c)
			continue
		}
		if r.full(c) {
			continue
		}
		err := r.mapOne(c)
		switch {
		case err == nil && c.event != nil && c.place == nil && c.entry.Delivered() && !c.again && r.rules.KeepsFirst():
			c.ends = done
		case err == nil && c.event != nil:
			r.spare(c)
		}
		if err != nil {
			r.sortOut(ctx, c, err)
		}
		if c.ends == unsettled && c.event == nil && c.series == nil && !c.remove {
			c.ends = done
		}
	}
	return nil
}

// mapOne makes an event or a fact of a record.
func (r *round) mapOne(c *candidate) error {
	if c.poison {
		return errors.New("the record has ended every attempt that opened it")
	}
	counterpart, err := r.rules.Record(c.key.Stream, c.item, r.contacts, r.staff, r.occasion(c))
	c.place = counterpart.Place
	if err != nil {
		return err
	}
	if counterpart.Series != nil {
		r.expandInto(c, counterpart.Series)
	}
	if counterpart.Fact != nil {
		r.commit.Facts = append(r.commit.Facts, *counterpart.Fact)
	}
	if counterpart.Event != nil {
		c.event = counterpart.Event
		c.event.ExternalID = acmesync.ExternalID(r.fence.Connection, c.key.AcmeID)
	}
	return nil
}

// sortOut skips or parks a candidate that has no counterpart.
func (r *round) sortOut(ctx context.Context, c *candidate, err error) {
	state, why, defect := mapping.Verdict(err)
	if defect {
		r.log.Error("a defect of ours; the record is parked", "stream", c.key.Stream, "acme_id", c.key.AcmeID, "error", err)
		r.Alerts.Alert(ctx, r.fence.Tenant, "A record could not be handled because of a defect: "+string(c.key.Stream)+" "+c.key.AcmeID)
	}
	if state == acmesync.Parked {
		r.fail(c, why)
		return
	}
	c.result.State, c.result.Code, c.result.Field = state, why.Code, why.Field
	c.remove = mayBeThere(c)
	r.noFact(c)
	var s *mapping.Skip
	if errors.As(err, &s) && !s.Again.IsZero() {
		r.revisit(c, s)
	}
}

// occasion tells the mapping what it has to know beside the record.
func (r *round) occasion(c *candidate) mapping.Occasion {
	return mapping.Occasion{Now: r.pages[0].Claimed, Delivered: c.entry.Carried()}
}

// noFact takes a touch-point out of the counts, if it was ever in them.
func (r *round) noFact(c *candidate) {
	if c.key.Stream == acmesync.Touchpoints && c.known {
		r.commit.NoFacts = append(r.commit.NoFacts, c.key.AcmeID)
	}
}

// revisit notes a candidate that waits for its time alone, each time it comes by: its time may have changed.
func (r *round) revisit(c *candidate, s *mapping.Skip) {
	r.commit.Revisits = append(r.commit.Revisits, acmesync.Revisit{Key: c.key, At: s.Again})
	if c.known && c.hash == c.entry.Hash && c.entry.Code == s.Code && !c.remove && !c.again {
		c.ends = duplicate
	}
}

func (r *round) tombstone(c *candidate) {
	c.result.State = acmesync.Deleted
	r.depart(c, mayBeThere(c))
	r.noFact(c)
	if !c.remove && !c.mark {
		c.ends = done
	}
}

// fail parks a candidate. What the app holds of it stays as it is: a person decides.
func (r *round) fail(c *candidate, f acmesync.Fault) {
	if c.of != nil {
		c.ends, c = parked, c.of
	}
	c.fault, c.ends, c.event, c.remove = &f, parked, nil, false
	c.result.State, c.result.Code, c.result.Field = acmesync.Parked, f.Code, f.Field
	r.noFact(c)
}

// openContacts opens the people that appointments name.
func (r *round) openContacts(ctx context.Context, which func(*candidate) bool) (map[string]acmesync.Person, error) {
	people, err := r.People.Contacts(ctx, r.fence, r.contactIDs(which))
	if err != nil {
		return nil, err
	}
	r.contacts = make(map[string]acme.Contact, len(people))
	r.contactsAs = make(map[string]string, len(people))
	for id, p := range people {
		r.contactsAs[id] = p.Hash
		if r.contacts[id], err = acme.DecodeContact(p.Body); err != nil {
			return nil, fmt.Errorf("open a contact: %w", err)
		}
	}
	return people, nil
}
