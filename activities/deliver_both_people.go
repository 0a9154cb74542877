package activities

import (
	"context"
	"slices"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// company is who is at an event beside those whom Acme has at the appointment.
type company struct {
	strangers  []app.Attendee // whom Acme does not know
	known      []string       // the others, as contacts
	note       acmesync.Code  // why there are strangers
	contactIDs []string       // what Acme is asked to have
}

// meet finds out which of the attendees whom Acme does not have at an appointment are contacts.
func (r *round) meet(ctx context.Context, open []*candidate) error {
	var asked []app.Attendee
	var whose []*candidate
	for _, c := range open {
		c.both.company = company{}
		if c.event == nil || c.both.change == nil || c.both.change.Deleted {
			continue
		}
		there := c.both.change.Event.Attendees
		for _, i := range r.rules.Unpaired(there, c.event.Attendees) {
			asked, whose = append(asked, there[i]), append(whose, c)
		}
	}
	ids, many, err := r.contactsOf(ctx, asked)
	if err != nil {
		return err
	}
	for i, c := range whose {
		p := &c.both.company
		if ids[i] != "" {
			p.known = append(p.known, ids[i])
			continue
		}
		p.strangers = append(p.strangers, asked[i])
		if p.note == "" || many[i] {
			p.note = unknownNote(many[i])
		}
	}
	return nil
}

// attendants says which contacts an appointment is to have where people have changed who is there. Those that do not show in the
// app stay: nobody has seen them there.
func (r *round) attendants(ctx context.Context, c *candidate) error {
	b := c.both
	at := slices.Index(b.merged.ToAcme, "attendees")
	if at < 0 {
		return nil
	}
	ids := r.stay(c.item.ContactIDs, r.contacts, *c.event, *b.change.Event)
	for _, id := range b.company.known {
		ids = appendNew(ids, id)
	}
	if slices.Equal(ids, c.item.ContactIDs) {
		b.merged.ToAcme = slices.Delete(b.merged.ToAcme, at, at+1)
		return nil
	}
	b.company.contactIDs = ids
	return r.alsoOpen(ctx, ids)
}

// stay are the contacts of an appointment who are at the event in the app, or who never showed there.
func (r *round) stay(ids []string, contacts map[string]acme.Contact, acmes, apps app.Event) []string {
	gone := r.rules.Unpaired(acmes.Attendees, apps.Attendees)
	var all []string
	for _, id := range ids {
		contact, known := contacts[id]
		shown, ok := r.rules.Attendee(contact)
		if place := slices.Index(acmes.Attendees, shown); known && ok && place >= 0 && slices.Contains(gone, place) {
			continue
		}
		all = append(all, id)
	}
	return all
}

func appendNew(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

func unknownNote(many bool) acmesync.Code {
	if many {
		return acmesync.AttendeeAmbiguous
	}
	return acmesync.AttendeeUnknown
}

// alsoOpen opens contacts that no record of the round has named so far.
func (r *round) alsoOpen(ctx context.Context, ids []string) error {
	var missing []string
	for _, id := range ids {
		if _, open := r.contacts[id]; !open {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	people, err := r.People.Contacts(ctx, r.fence, missing)
	if err != nil {
		return err
	}
	for id, p := range people {
		if r.contacts[id], err = acme.DecodeContact(p.Body); err != nil {
			return err
		}
		r.contactsAs[id], r.hashes[id] = p.Hash, p.Hash
	}
	return nil
}

// named are the contacts of these ids that are known, in their order.
func named(contacts map[string]acme.Contact, ids []string) []acme.Contact {
	var found []acme.Contact
	for _, id := range ids {
		if contact, ok := contacts[id]; ok {
			found = append(found, contact)
		}
	}
	return found
}
