package seed

import (
	"fmt"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/manifest"
)

func parkedTouchpoints() []manifest.Code {
	return []manifest.Code{manifest.OccurredMissing, manifest.UserMissing, manifest.OccurredAfterLogged}
}

func (m *maker) touchpoints() {
	d := m.dice(3)
	defects := newDeck(m.Touchpoints)
	parked := parkedTouchpoints()
	for i, code := range parked {
		defects.deal(code, share(m.Touchpoints, 500), float64(i)/float64(len(parked)))
	}
	defects.deal(manifest.InternalNotCounted, m.Touchpoints*4/100, 0.2)
	defects.deal(manifest.BouncedNotCounted, m.Touchpoints*2/100, 0.5)
	if len(m.outside) > 0 {
		defects.deal(manifest.UserUnmatched, m.Touchpoints*3/100, 0.8)
	}
	for i := range m.Touchpoints {
		t := m.touchpoint(d, i)
		if code := defects.dealt[i]; code != "" {
			m.spoilTouchpoint(d, &t, code)
			m.set.Defects[t.ID] = code
		} else if d.chance(0.02) {
			at := m.Anchor.Add(-time.Minute - d.span(70*time.Hour))
			if at.After(t.LoggedAt) {
				t.DeletedAt, t.UpdatedAt = &at, at
				t.Version++
			}
		}
		m.set.Touchpoints = append(m.set.Touchpoints, t)
	}
}

// touchpoint is a good one: a call, or an email that was sent or forwarded.
func (m *maker) touchpoint(d dice, i int) acme.Touchpoint {
	user := m.set.Users[m.someone(d)]
	occurred := m.occurred(d, user)
	t := acme.Touchpoint{
		ID: fmt.Sprintf("tpt_%07d", i+1), Version: int64(d.between(1, 3)),
		Channel: acme.Call, Direction: pick(d, []acme.Direction{acme.Inbound, acme.Outbound, acme.Outbound}),
		UserID: user.ID, OccurredAt: &occurred,
	}
	if m.Contacts > 0 && !d.chance(0.05) {
		t.ContactID = m.set.Contacts[d.IntN(m.Contacts)].ID
	}
	if d.chance(0.45) {
		t.Channel, t.EmailStatus = acme.Email, "sent"
		if d.chance(0.05) {
			t.EmailStatus = "forwarded"
		}
	} else {
		length := int64(d.between(5, 2400)) * 1000
		t.DurationMS = &length
		t.OutcomeID = pick(d, m.set.Outcomes).ID
		if d.chance(0.01) {
			t.OutcomeID = "out-retired-0000"
		}
	}
	m.log(d, &t, i)
	return t
}

// occurred picks an instant in the user's office hours, or close to their midnight, or on a day the clocks change.
func (m *maker) occurred(d dice, user acme.User) time.Time {
	day := m.Anchor.AddDate(0, 0, -d.between(2, HistoryDays-1))
	minute := d.between(8*60, 18*60)
	switch roll := d.Float64(); {
	case roll < 0.03:
		minute = d.between(-6, 6)
	case roll < 0.04:
		if days := m.changes[user.TimeZone]; len(days) > 0 && days[0].Before(m.Anchor.AddDate(0, 0, -1)) {
			day, minute = days[0], d.between(0, 24*60-1)
		}
	}
	return time.Date(day.Year(), day.Month(), day.Day(), 0, minute, d.IntN(60), 0, m.zones[user.TimeZone]).UTC()
}

// log says when it was written down: mostly at once, sometimes days later.
func (m *maker) log(d dice, t *acme.Touchpoint, i int) {
	delay := time.Minute + d.span(20*time.Minute)
	if d.chance(0.04) {
		delay = 24*time.Hour + d.span(9*24*time.Hour)
	}
	t.LoggedAt = m.past(t.OccurredAt.Add(delay))
	t.UpdatedAt = t.LoggedAt
	if third := m.Touchpoints / 3; i >= third && i < third+min(m.Touchpoints/10, 1000) {
		t.Version = 1
		t.LoggedAt = m.Anchor.Add(-30 * time.Hour)
		if t.LoggedAt.Before(*t.OccurredAt) {
			t.LoggedAt = m.Anchor.Add(-time.Minute)
		}
		t.UpdatedAt = t.LoggedAt
		return
	}
	if t.Version > 1 {
		t.UpdatedAt = t.LoggedAt.Add(d.span(m.Anchor.Sub(t.LoggedAt)))
	}
}

func (m *maker) past(at time.Time) time.Time {
	if last := m.Anchor.Add(-time.Minute); at.After(last) {
		return last
	}
	return at
}

func (m *maker) spoilTouchpoint(d dice, t *acme.Touchpoint, code manifest.Code) {
	switch code {
	case manifest.OccurredMissing:
		t.OccurredAt = nil
	case manifest.UserMissing:
		t.UserID = ""
	case manifest.OccurredAfterLogged:
		late := t.LoggedAt.Add(48*time.Hour + d.span(72*time.Hour))
		t.OccurredAt = &late
	case manifest.InternalNotCounted:
		t.Direction = acme.Internal
	case manifest.BouncedNotCounted:
		t.Channel, t.EmailStatus, t.DurationMS, t.OutcomeID = acme.Email, "bounced", nil, ""
	case manifest.UserUnmatched:
		t.UserID = m.set.Users[pick(d, m.outside)].ID
	default: // a defect of appointments
	}
}
