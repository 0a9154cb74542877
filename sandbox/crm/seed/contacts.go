package seed

import (
	"fmt"
	"strings"
	"time"

	"acmesync/acme"
)

func (m *maker) contacts() {
	d := m.dice(1)
	for i := range m.Contacts {
		c := m.contact(d, i)
		m.fate(d, &c, i)
		m.set.Contacts = append(m.set.Contacts, c)
	}
}

func (m *maker) contact(d dice, i int) acme.Contact {
	names := namesOf(m.Region)
	name := pick(d, names.first) + " " + pick(d, names.last)
	created := m.Anchor.Add(-24*time.Hour - d.span(400*24*time.Hour))
	c := acme.Contact{
		ID: fmt.Sprintf("con_%06d", i+1), Version: 1, Name: name,
		Emails: m.emails(d, name, i), Phones: phones(d, m.Region),
		CreatedAt: created, UpdatedAt: created,
	}
	if d.chance(0.3) {
		c.Version = int64(d.between(2, 6))
		c.UpdatedAt = created.Add(d.span(m.Anchor.Sub(created)))
	}
	return c
}

func (m *maker) emails(d dice, name string, i int) []string {
	first, last, _ := strings.Cut(strings.ToLower(ascii(name)), " ")
	address := fmt.Sprintf("%s.%s%d@mail.example", first, strings.ReplaceAll(last, " ", ""), i+1)
	switch roll := d.Float64(); {
	case roll < 0.10:
		return []string{}
	case roll < 0.12:
		return []string{"n/a"}
	case roll < 0.20:
		return []string{strings.ToUpper(address), first + fmt.Sprint(i+1) + "@work.example"}
	}
	return []string{address}
}

// fate merges, forgets or deletes one contact in fifty. Dates are recent: what was deleted
// thirty days ago Acme has forgotten.
func (m *maker) fate(d dice, c *acme.Contact, i int) {
	roll, at := d.Float64(), m.Anchor.Add(-time.Hour-d.span(70*time.Hour))
	switch {
	case roll < 0.012 && i > 0:
		c.MergedInto, c.DeletedAt = m.set.Contacts[d.IntN(i)].ID, &at
	case roll < 0.017:
		c.Name, c.Emails, c.Phones, c.PrivacyDeletedAt = "", []string{}, []string{}, &at
	case roll < 0.020:
		c.DeletedAt = &at
	default:
		return
	}
	c.Version++
	c.UpdatedAt = at
}
