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
		err := r.mapOne(c)
		var skip *mapping.Skip
		var fault *acmesync.Fault
		var malformed *acme.Error
		switch {
		case err == nil && c.event != nil:
			r.spare(c)
		case err == nil:
		case errors.As(err, &skip):
			c.result.State, c.result.Code, c.result.Field = acmesync.Skipped, skip.Code, skip.Field
			c.remove = mayBeThere(c)
			r.noFact(c)
		case errors.As(err, &fault):
			r.fail(c, *fault)
		case errors.As(err, &malformed):
			r.fail(c, acmesync.Fault{Code: acmesync.Unreadable, Field: malformed.Field,
				Message: "This field is not what Acme's contract says. Have the record repaired in Acme, or retry once it is."})
		default:
			r.log.Error("a defect of ours; the record is parked", "stream", c.key.Stream, "acme_id", c.key.AcmeID, "error", err)
			r.Alerts.Alert(ctx, r.fence.Tenant, "A record could not be handled because of a defect: "+string(c.key.Stream)+" "+c.key.AcmeID)
			r.fail(c, acmesync.Fault{Code: acmesync.InternalDefect, Message: "acmesync itself failed on this record. It is reported; retry after the next release."})
		}
		if c.ends == unsettled && c.event == nil && !c.remove {
			c.ends = done
		}
	}
	return nil
}

// mapOne maps one record; a panic is a defect of ours with this record, and the process lives.
func (r *round) mapOne(c *candidate) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("mapping panicked: %v", p)
		}
	}()
	if c.poison {
		return errors.New("the record has ended every attempt that opened it")
	}
	if len(c.item.Raw) > maxRecord {
		return &acmesync.Fault{Code: acmesync.TooLarge, Message: "The record is larger than 1 MB. Shorten it in Acme."}
	}
	if c.key.Stream == acmesync.Touchpoints {
		return r.mapTouchpoint(c)
	}
	a, err := acme.DecodeAppointment(c.item.Raw)
	if err != nil {
		return err
	}
	found := make([]acme.Contact, 0, len(a.ContactIDs))
	for _, id := range a.ContactIDs {
		if contact, ok := r.contacts[id]; ok {
			found = append(found, contact)
		}
	}
	event, err := r.rules.Appointment(a, found, r.staff, r.occasion(c))
	if err != nil {
		return err
	}
	event.ExternalID = acmesync.ExternalID(r.fence.Connection, c.key.AcmeID)
	c.event = &event
	return nil
}

// occasion tells the mapping what it has to know beside the record.
func (r *round) occasion(c *candidate) mapping.Occasion {
	return mapping.Occasion{Now: r.pages[0].Claimed, Delivered: c.entry.Steps >= acmesync.StepWritten}
}

// maxRecord bounds one record.
const maxRecord = 1 << 20

func (r *round) mapTouchpoint(c *candidate) error {
	t, err := acme.DecodeTouchpoint(c.item.Raw)
	if err != nil {
		return err
	}
	fact, err := r.rules.Touchpoint(t, r.staff, r.occasion(c))
	if err != nil {
		return err
	}
	r.commit.Facts = append(r.commit.Facts, fact)
	return nil
}

// noFact takes a touch-point out of the counts, if it was ever in them.
func (r *round) noFact(c *candidate) {
	if c.key.Stream == acmesync.Touchpoints && c.known {
		r.commit.NoFacts = append(r.commit.NoFacts, c.key.AcmeID)
	}
}

func (r *round) tombstone(c *candidate) {
	c.result.State = acmesync.Deleted
	c.remove = mayBeThere(c)
	r.noFact(c)
	if !c.remove {
		c.ends = done
	}
}

// fail parks a candidate. What the app holds of it stays as it is: a person decides.
func (r *round) fail(c *candidate, f acmesync.Fault) {
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
	for id, p := range people {
		if r.contacts[id], err = acme.DecodeContact(p.Body); err != nil {
			return nil, fmt.Errorf("open a contact: %w", err)
		}
	}
	return people, nil
}
