package pages

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

const (
	mostTouchpoints = 60
	clockLayout     = "2006-01-02T15:04"
)

type touchpointsPage struct {
	Rows     []touchpointRow
	Now      string
	Outcomes []acme.Outcome
	Users    []*acme.User
	Contacts []*acme.Contact
}

type touchpointRow struct {
	*acme.Touchpoint
	When, Logged, User, Contact, Outcome, Length string
}

// touchpoints lists what was logged last, with the form to log more.
func (p *Pages) touchpoints(v *visit) error {
	page := touchpointsPage{
		Now: p.Now().In(v.zone).Format(clockLayout), Outcomes: v.account.Info().Outcomes,
		Users: v.account.Users(), Contacts: v.account.Contacts("", mostContacts),
	}
	for _, t := range v.account.Touchpoints(mostTouchpoints) {
		page.Rows = append(page.Rows, p.touchpointRow(v, t))
	}
	return p.show(v, http.StatusOK, "touchpoints.html", "touchpoints", page)
}

func (p *Pages) touchpointRow(v *visit, t *acme.Touchpoint) touchpointRow {
	row := touchpointRow{Touchpoint: t, When: "unknown", Logged: t.LoggedAt.In(v.zone).Format("2 Jan 15:04"), User: t.UserID, Contact: t.ContactID, Outcome: t.EmailStatus}
	if t.OccurredAt != nil {
		row.When = t.OccurredAt.In(v.zone).Format("Mon 2 Jan 15:04")
	}
	if u := v.account.User(t.UserID); u != nil {
		row.User = u.Name
	}
	if c := v.account.Contact(t.ContactID); c != nil && c.Name != "" {
		row.Contact = c.Name
	}
	for _, o := range v.account.Info().Outcomes {
		if o.ID == t.OutcomeID {
			row.Outcome = o.Label
		}
	}
	if t.DurationMS != nil {
		row.Length = (time.Duration(*t.DurationMS) * time.Millisecond).Round(time.Second).String()
	}
	return row
}

// createTouchpoint logs a call or an email; occurred_at is by the user's own clock, empty is now.
func (p *Pages) createTouchpoint(v *visit) error {
	value := func(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }
	at := p.Now().UTC()
	if text := value("occurred_at"); text != "" {
		parsed, err := time.ParseInLocation(clockLayout, text, v.zone)
		if err != nil {
			return &accounts.Refusal{Code: "invalid", Message: "When did it happen?", Details: []accounts.FieldError{{Field: "occurred_at", Code: "malformed"}}}
		}
		at = parsed
	}
	in := accounts.TouchpointInput{
		Channel: acme.Channel(value("channel")), Direction: acme.Direction(value("direction")),
		UserID: value("user_id"), ContactID: value("contact_id"), OccurredAt: &at,
	}
	if in.UserID == "" {
		in.UserID = v.user.ID
	}
	if in.Channel == acme.Email {
		in.EmailStatus = value("email_status")
	} else {
		in.OutcomeID = value("outcome_id")
		if minutes, err := strconv.Atoi(value("minutes")); err == nil {
			length := int64(minutes) * 60_000
			in.DurationMS = &length
		}
	}
	if _, err := v.account.CreateTouchpoint(in, v.by()); err != nil {
		return err
	}
	return v.goTo("/touchpoints")
}

func (p *Pages) deleteTouchpoint(v *visit) error {
	if _, err := v.account.Delete(acme.Touchpoints, v.r.PathValue("id"), v.by()); err != nil {
		return err
	}
	return v.goTo("/touchpoints")
}
