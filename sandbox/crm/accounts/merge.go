package accounts

import (
	"slices"
	"time"
)

// MergeContact moves all a contact has to another one: its emails and phones, and its place in
// appointments and touch-points. The outcome is the survivor.
func (a *Account) MergeContact(id, into string, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		gone, found := a.contacts.get(id, now)
		if !found {
			return Written{}, 0, notFound("contact")
		}
		if gone.record.MergedInto != "" {
			return Written{}, 0, &Refusal{Code: "already_merged", Message: "The contact was merged before.", ExistingID: gone.record.MergedInto}
		}
		survivor, err := alive(&a.contacts, into, Request{}, now, "contact")
		if err != nil || into == id {
			return Written{}, 0, &Refusal{Code: "invalid_parameter", Message: "It cannot be merged into that contact.", Details: []FieldError{{"into", "unknown"}}}
		}
		kept, lost := *survivor, *gone.record
		kept.Emails = union(kept.Emails, lost.Emails)
		kept.Phones = union(kept.Phones, lost.Phones)
		kept.Version, kept.UpdatedAt = kept.Version+1, now
		lost.MergedInto, lost.DeletedAt, lost.UpdatedAt, lost.Version = into, &now, now, lost.Version+1

		changes := []change{{&kept, "updated"}, {&lost, "merged"}}
		changes = append(changes, a.renameInAppointments(id, into, now)...)
		changes = append(changes, a.renameInTouchpoints(id, into, now)...)
		return a.commit(now, "merge", by, changes...)
	})
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, value := range b {
		if !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	return all
}

func (a *Account) renameInAppointments(id, into string, now time.Time) []change {
	var changes []change
	for _, e := range a.appointments.index.entries {
		r := a.appointments.rows[e.id]
		if r.entry != e || r.head.deletedAt != nil || !slices.Contains(r.record.ContactIDs, id) {
			continue
		}
		p := *r.record
		p.ContactIDs = nil
		for _, contact := range r.record.ContactIDs {
			if contact == id {
				contact = into
			}
			p.ContactIDs = union(p.ContactIDs, []string{contact})
		}
		p.Version, p.UpdatedAt = p.Version+1, now
		changes = append(changes, change{&p, "updated"})
	}
	return changes
}

func (a *Account) renameInTouchpoints(id, into string, now time.Time) []change {
	var changes []change
	for _, e := range a.touchpoints.index.entries {
		r := a.touchpoints.rows[e.id]
		if r.entry != e || r.head.deletedAt != nil || r.record.ContactID != id {
			continue
		}
		t := *r.record
		t.ContactID, t.Version, t.UpdatedAt = into, t.Version+1, now
		changes = append(changes, change{&t, "updated"})
	}
	return changes
}
