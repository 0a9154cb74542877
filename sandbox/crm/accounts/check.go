package accounts

import (
	"time"
	"unicode/utf8"

	"acmesync/acme"
	"acmesync/sandbox/crm/manifest"
)

// checkAppointment holds writers of today to what imports of the past were not held to.
func (a *Account) checkAppointment(p *acme.Appointment) error {
	var wrong []FieldError
	refuse := func(field, code string) { wrong = append(wrong, FieldError{field, code}) }

	switch n := utf8.RuneCountInString(p.Subject); {
	case n == 0:
		refuse("subject", "required")
	case n > 500:
		refuse("subject", "too_long")
	}
	switch p.Status {
	case acme.Scheduled, acme.Completed, acme.Canceled, acme.NoShow:
	default:
		refuse("status", "unknown")
	}
	if p.OwnerID != "" {
		if _, known := a.users.rows[p.OwnerID]; !known {
			refuse("owner_id", "unknown")
		}
	}
	for _, id := range p.ContactIDs {
		if _, known := a.contacts.rows[id]; !known {
			refuse("contact_ids", "unknown")
		}
	}
	for field, moment := range map[string]*acme.Moment{"start": p.Start, "end": p.End} {
		if moment == nil {
			refuse(field, "required")
		}
	}
	if len(wrong) == 0 {
		if entry, bad := a.judge.Appointment(&acme.Appointment{OwnerID: anyInApp, Start: p.Start, End: p.End}); bad && entry.Kind == manifest.Park {
			wrong = append(wrong, timeFault(entry.Code))
		}
	}
	if len(wrong) > 0 {
		return invalid(wrong)
	}
	return nil
}

// anyInApp stands for an owner about whom there is nothing to say: only the times are judged.
const anyInApp = "*"

func timeFault(code manifest.Code) FieldError {
	switch code {
	case manifest.EndBeforeStart:
		return FieldError{"end", "before_start"}
	case manifest.TimeZoneUnknown:
		return FieldError{"start", "time_zone_unknown"}
	default:
		return FieldError{"start", "malformed"}
	}
}

// checkTouchpoint is the same for touch-points.
func (a *Account) checkTouchpoint(t *acme.Touchpoint, now time.Time) error {
	var wrong []FieldError
	refuse := func(field, code string) { wrong = append(wrong, FieldError{field, code}) }

	if t.Channel != acme.Call && t.Channel != acme.Email {
		refuse("channel", "unknown")
	}
	if t.Direction != acme.Inbound && t.Direction != acme.Outbound && t.Direction != acme.Internal {
		refuse("direction", "unknown")
	}
	if _, known := a.users.rows[t.UserID]; !known {
		refuse("user_id", "unknown")
	}
	if _, known := a.contacts.rows[t.ContactID]; t.ContactID != "" && !known {
		refuse("contact_id", "unknown")
	}
	switch {
	case t.OccurredAt == nil:
		refuse("occurred_at", "required")
	case t.OccurredAt.Sub(now) > 24*time.Hour:
		refuse("occurred_at", "in_the_future")
	}
	if t.DurationMS != nil && *t.DurationMS < 0 {
		refuse("duration_ms", "negative")
	}
	switch t.EmailStatus {
	case "", "sent", "bounced", "forwarded":
	default:
		refuse("email_status", "unknown")
	}
	if len(wrong) > 0 {
		return invalid(wrong)
	}
	return nil
}
