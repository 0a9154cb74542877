package accounts

import (
	"slices"
	"time"

	"acmesync/acme"
)

// ContactInput is what a writer may say about a contact.
type ContactInput struct {
	Name   string   `json:"name"`
	Emails []string `json:"emails"`
	Phones []string `json:"phones"`
}

func (in ContactInput) onto(c acme.Contact) *acme.Contact {
	c.Name, c.Emails, c.Phones = in.Name, orEmpty(in.Emails), orEmpty(in.Phones)
	return &c
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// CreateContact adds a contact.
func (a *Account) CreateContact(in ContactInput, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		if before, found, err := a.answered(now, by); found || err != nil {
			return before, 0, err
		}
		if in.Name == "" {
			return Written{}, 0, invalid([]FieldError{{"name", "required"}})
		}
		c := in.onto(acme.Contact{ID: a.contacts.nextID(), Version: 1, CreatedAt: now, UpdatedAt: now})
		return a.commit(now, "create", by, change{c, "created"})
	})
}

// UpdateContact changes what edit changes.
func (a *Account) UpdateContact(id string, edit func(*ContactInput) error, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		old, err := alive(&a.contacts, id, by, now, "contact")
		if err != nil {
			return Written{}, 0, err
		}
		in := ContactInput{Name: old.Name, Emails: slices.Clone(old.Emails), Phones: slices.Clone(old.Phones)}
		if err := edit(&in); err != nil {
			return Written{}, 0, err
		}
		if in.Name == "" && old.PrivacyDeletedAt == nil {
			return Written{}, 0, invalid([]FieldError{{"name", "required"}})
		}
		c := in.onto(*old)
		c.Version, c.UpdatedAt = old.Version+1, now
		return a.commit(now, "update", by, change{c, "updated"})
	})
}

// ForgetContact erases what is known about a person; the contact itself stays.
func (a *Account) ForgetContact(id string, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		old, err := alive(&a.contacts, id, by, now, "contact")
		if err != nil {
			return Written{}, 0, err
		}
		c := ContactInput{}.onto(*old)
		c.PrivacyDeletedAt, c.Version, c.UpdatedAt = &now, old.Version+1, now
		return a.commit(now, "update", by, change{c, "updated"})
	})
}
