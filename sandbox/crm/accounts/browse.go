package accounts

import (
	"slices"
	"strings"

	"acmesync/acme"
)

// What follows is for the pages: typed records, only living ones unless asked for by id.

// Users lists the account's users by id.
func (a *Account) Users() []*acme.User {
	a.mu.RLock()
	defer a.mu.RUnlock()
	users := make([]*acme.User, 0, len(a.users.rows))
	for _, r := range a.users.rows {
		users = append(users, r.record)
	}
	slices.SortFunc(users, func(x, y *acme.User) int { return strings.Compare(x.ID, y.ID) })
	return users
}

// Appointments lists the living appointments that keep wants, in no order.
func (a *Account) Appointments(keep func(*acme.Appointment) bool) []*acme.Appointment {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return living(&a.appointments, keep)
}

// Contacts lists up to n living contacts whose name, email, phone or id contains the text, newest change first.
func (a *Account) Contacts(text string, n int) []*acme.Contact {
	text = strings.ToLower(strings.TrimSpace(text))
	a.mu.RLock()
	defer a.mu.RUnlock()
	return newest(&a.contacts, n, func(c *acme.Contact) bool {
		has := func(value string) bool { return strings.Contains(strings.ToLower(value), text) }
		return has(c.Name) || has(c.ID) || slices.ContainsFunc(c.Emails, has) || slices.ContainsFunc(c.Phones, has)
	})
}

// Touchpoints lists the n living touch-points that changed last.
func (a *Account) Touchpoints(n int) []*acme.Touchpoint {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return newest(&a.touchpoints, n, func(*acme.Touchpoint) bool { return true })
}

// Appointment finds an appointment, deleted or not; nil: there is none.
func (a *Account) Appointment(id string) *acme.Appointment { return one(a, &a.appointments, id) }

// Contact finds a contact, deleted or not; nil: there is none.
func (a *Account) Contact(id string) *acme.Contact { return one(a, &a.contacts, id) }

// User finds a user; nil: there is none.
func (a *Account) User(id string) *acme.User { return one(a, &a.users, id) }

func one[T any](a *Account, t *table[T], id string) *T {
	a.mu.RLock()
	defer a.mu.RUnlock()
	r, found := t.get(id, a.now())
	if !found {
		return nil
	}
	return r.record
}

func living[T any](t *table[T], keep func(*T) bool) []*T {
	var found []*T
	for _, r := range t.rows {
		if r.head.deletedAt == nil && keep(r.record) {
			found = append(found, r.record)
		}
	}
	return found
}

func newest[T any](t *table[T], n int, keep func(*T) bool) []*T {
	found := make([]*T, 0, n)
	for _, e := range slices.Backward(t.index.entries) {
		if len(found) == n {
			break
		}
		if r := t.rows[e.id]; r.entry == e && r.head.deletedAt == nil && keep(r.record) {
			found = append(found, r.record)
		}
	}
	return found
}
