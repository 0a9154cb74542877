package mapping

import (
	"net/mail"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

const (
	maxAttendees  = 200 // the app takes no more
	maxName       = 200 // characters, as the next
	maxTypedPhone = 40  //
	maxEmail      = 254 // bytes, RFC 5321

	forgotten = "(deleted contact)"
	nameless  = "(no name)"
)

// attendees maps contacts in their order, each once: two of an appointment's contacts may have been merged into one.
func attendees(contacts []acme.Contact, region string) []app.Attendee {
	var out []app.Attendee
	seen := make(map[string]bool, len(contacts))
	for _, c := range contacts {
		if seen[c.ID] || len(out) == maxAttendees {
			continue
		}
		seen[c.ID] = true
		switch {
		case c.PrivacyDeletedAt != nil:
			out = append(out, app.Attendee{Name: forgotten})
		case c.DeletedAt == nil:
			out = append(out, attendee(c, region))
		}
	}
	return out
}

func attendee(c acme.Contact, region string) app.Attendee {
	a := app.Attendee{Name: clip(strings.TrimSpace(c.Name), maxName), Email: email(c.Emails), Phone: phone(c.Phones, region)}
	for _, stand := range []string{a.Email, a.Phone, nameless} {
		if a.Name == "" {
			a.Name = stand
		}
	}
	return a
}

// Reach is how a contact is found by what its attendees in the app show. One that is deleted is not to be found.
func (r *Rules) Reach(c acme.Contact) acmesync.Reach {
	if c.DeletedAt != nil || c.PrivacyDeletedAt != nil {
		return acmesync.Reach{}
	}
	return r.reach(email(c.Emails), phone(c.Phones, r.settings.Region))
}

// ReachOf is how an attendee whom people have typed in the app is looked up among contacts.
func (r *Rules) ReachOf(a app.Attendee) acmesync.Reach {
	return r.reach(email([]string{a.Email}), a.Phone)
}

func (r *Rules) reach(email, phone string) acmesync.Reach {
	number, ok := e164(phone, r.settings.Region)
	if !ok {
		number = "" // what is no number tells nobody from another
	}
	return acmesync.Reach{Email: email, Phone: number}
}

// email is the first address that can be written to, its domain in lower case. The part before the @ is the
// mailbox's own affair.
func email(typed []string) string {
	for _, text := range typed {
		parsed, err := mail.ParseAddress(strings.TrimSpace(text))
		if err != nil || len(parsed.Address) > maxEmail {
			continue
		}
		// An address that only works in quotes comes back without them.
		if again, err := mail.ParseAddress(parsed.Address); err != nil || again.Address != parsed.Address {
			continue
		}
		at := strings.LastIndexByte(parsed.Address, '@')
		return parsed.Address[:at] + strings.ToLower(parsed.Address[at:])
	}
	return ""
}

// phone is the first number that exists, as E.164 and with its extension as RFC 3966 writes it
// ("+12125550123;ext=12"), so that it can be dialled from anywhere. If there is none, people may still make
// something of what was typed first.
func phone(typed []string, region string) string {
	first := ""
	for _, text := range typed {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if dialled, ok := e164(text, region); ok {
			return dialled
		}
		if first == "" {
			first = clip(text, maxTypedPhone)
		}
	}
	return first
}

func e164(text, region string) (string, bool) {
	number, err := phonenumbers.Parse(text, strings.ToUpper(region))
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", false
	}
	dialled := phonenumbers.Format(number, phonenumbers.E164)
	if ext := number.GetExtension(); ext != "" {
		dialled += ";ext=" + ext
	}
	return dialled, true
}
