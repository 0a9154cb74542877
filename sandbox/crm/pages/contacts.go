package pages

import (
	"net/http"
	"strconv"
	"strings"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

type contactsPage struct {
	Query string
	Rows  []*acme.Contact
	Most  int
}

func (p *Pages) contacts(v *visit) error {
	page := contactsPage{Query: v.r.FormValue("q"), Most: 60}
	page.Rows = v.account.Contacts(page.Query, page.Most)
	return p.show(v, http.StatusOK, "contacts.html", "contacts", page)
}

type contactPage struct {
	*acme.Contact
	EmailLines, PhoneLines string
	Appointments           []*acme.Appointment
}

func (p *Pages) contact(v *visit) error {
	c := v.account.Contact(v.r.PathValue("id"))
	if c == nil {
		return &accounts.Refusal{Code: "not_found", Message: "There is no such contact."}
	}
	names := func(a *acme.Appointment) bool {
		for _, id := range a.ContactIDs {
			if id == c.ID {
				return true
			}
		}
		return false
	}
	return p.show(v, http.StatusOK, "contact.html", "contacts", contactPage{
		Contact: c, EmailLines: strings.Join(c.Emails, "\n"), PhoneLines: strings.Join(c.Phones, "\n"),
		Appointments: v.account.Appointments(names),
	})
}

// contactOf reads the form: name, emails and phones, one per line.
func contactOf(v *visit) accounts.ContactInput {
	lines := func(name string) []string {
		list := []string{}
		for line := range strings.Lines(v.r.FormValue(name)) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return list
	}
	return accounts.ContactInput{Name: strings.TrimSpace(v.r.FormValue("name")), Emails: lines("emails"), Phones: lines("phones")}
}

func (p *Pages) createContact(v *visit) error {
	written, err := v.account.CreateContact(contactOf(v), v.by())
	if err != nil {
		return err
	}
	return v.goTo("/contacts/" + written.ID)
}

func (p *Pages) saveContact(v *visit) error {
	by := v.by()
	by.IfMatch, _ = strconv.ParseInt(v.r.FormValue("version"), 10, 64)
	_, err := v.account.UpdateContact(v.r.PathValue("id"), func(in *accounts.ContactInput) error {
		*in = contactOf(v)
		return nil
	}, by)
	if err != nil {
		return err
	}
	return v.goTo("/contacts/" + v.r.PathValue("id"))
}
