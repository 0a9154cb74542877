package accounts

import (
	"time"

	"acmesync/acme"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm/manifest"
	"acmesync/sandbox/crm/seed"
)

// importBatch is how many imported records share an updated_at, an accepted write and a flock of events.
const importBatch = 100

// Import makes n new records of a resource as somebody's upload would. A code spoils every one of
// them in that way; empty: they are as good and messy as seeded ones.
func (a *Account) Import(resource acme.Resource, n int, code manifest.Code) error {
	if resource != acme.Appointments && resource != acme.Touchpoints && resource != acme.Contacts {
		return invalid([]FieldError{{"kind", "unknown"}})
	}
	for n > 0 {
		size := min(n, importBatch)
		_, err := a.write(func(now time.Time) (Written, int64, error) {
			changes, err := a.importChanges(resource, size, code, now)
			if err != nil {
				return Written{}, 0, err
			}
			return a.commit(now, "import", Request{Author: Author{By: "import", Origin: "import"}}, changes...)
		})
		if err != nil {
			return err
		}
		n -= size
	}
	return nil
}

func (a *Account) importChanges(resource acme.Resource, n int, code manifest.Code, now time.Time) ([]change, error) {
	set, err := seed.More(a.plan(now), resource, n, a.seq, code)
	if err != nil {
		return nil, &Refusal{Code: "invalid", Message: err.Error(), Details: []FieldError{{"code", "impossible"}}}
	}
	contact := func(id string) string { // the seed counts contacts from one, as the account did
		if _, known := a.contacts.rows[id]; known {
			return id
		}
		return ""
	}
	changes := make([]change, 0, n)
	for i := range set.Contacts {
		c := &set.Contacts[i]
		c.ID, c.Version, c.CreatedAt, c.UpdatedAt = a.contacts.nextID(), 1, now, now
		changes = append(changes, change{c, "created"})
	}
	for i := range set.Appointments {
		p := &set.Appointments[i]
		p.ID, p.Version, p.Origin, p.CreatedAt, p.UpdatedAt = a.appointments.nextID(), 1, "import", now, now
		changes = append(changes, change{p, "created"})
	}
	for i := range set.Touchpoints {
		t := &set.Touchpoints[i]
		t.ContactID = contact(t.ContactID)
		t.ID, t.Version, t.LoggedAt, t.UpdatedAt = a.touchpoints.nextID(), 1, now, now
		if code == manifest.OccurredAfterLogged {
			late := now.Add(72 * time.Hour)
			t.OccurredAt = &late
		}
		changes = append(changes, change{t, "created"})
	}
	return changes, nil
}

// plan is what the account's data were made from, dated today.
func (a *Account) plan(now time.Time) seed.Plan {
	people := make([]business.Person, len(a.info.Staff))
	for i, member := range a.info.Staff {
		user := a.users.rows[member.UserID].record
		people[i] = business.Person{Name: user.Name, Email: user.Email, TimeZone: user.TimeZone, Active: user.Active, InApp: member.InApp}
	}
	return seed.Plan{
		AccountID: a.info.ID, TimeZone: a.info.TimeZone, Region: a.info.Region, People: people,
		Seed: a.info.Seed, Anchor: now.Truncate(24 * time.Hour), Contacts: len(a.contacts.rows),
	}
}
