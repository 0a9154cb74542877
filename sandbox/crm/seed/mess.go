package seed

import (
	"time"

	"acmesync/acme"
)

func otherZones() []string {
	return []string{"Europe/London", "Asia/Kolkata", "America/Sao_Paulo", "Pacific/Auckland", "America/St_Johns", "Asia/Kathmandu", "UTC"}
}

// mess makes a good appointment odd in ways that must still be carried over.
func (m *maker) mess(d dice, a *acme.Appointment) {
	local, err := time.Parse(localLayout, a.Start.DateTime)
	if err != nil {
		return
	}
	switch roll := d.Float64(); {
	case roll < 0.03: // all day, end exclusive
		a.Start = &acme.Moment{Date: local.Format(time.DateOnly)}
		a.End = &acme.Moment{Date: local.AddDate(0, 0, d.between(1, 3)).Format(time.DateOnly)}
	case roll < 0.04: // over several days
		a.End = wall(local.AddDate(0, 0, d.between(1, 3)), a.Start.TimeZone)
	case roll < 0.08: // in a zone that is not the owner's
		zone := pick(d, otherZones())
		a.Start.TimeZone, a.End.TimeZone = zone, zone
	case roll < 0.10: // with an offset of its own
		a.Start, a.End = m.offset(a.Start), m.offset(a.End)
	}
	if d.chance(0.04) {
		a.IsPrivate = true
	}
	if d.chance(0.03) {
		a.Subject = pick(d, oddSubjects())
	}
	if d.chance(0.008) {
		a.NotesHTML = longNotes()
	}
	switch roll := d.Float64(); {
	case roll < 0.03:
		a.ContactIDs = []string{}
	case roll < 0.08 && m.Contacts > 3:
		a.ContactIDs = m.several(d, d.between(2, 4))
	}
}

func (m *maker) offset(of *acme.Moment) *acme.Moment {
	at, err := time.ParseInLocation(localLayout, of.DateTime, m.zones[of.TimeZone])
	if err != nil {
		return of
	}
	return &acme.Moment{DateTime: at.Format(time.RFC3339), TimeZone: of.TimeZone}
}

// several picks different contacts, next to each other in the list.
func (m *maker) several(d dice, n int) []string {
	first := d.IntN(m.Contacts - n)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = m.set.Contacts[first+i].ID
	}
	return ids
}

// clockChanges moves appointments onto the days the clocks change: into the hour that does
// not exist or exists twice.
func (m *maker) clockChanges() {
	good := 0
	for i := range m.set.Appointments {
		a := &m.set.Appointments[i]
		if m.set.Defects[a.ID] != "" || a.DeletedAt != nil || a.Start.Date != "" {
			continue
		}
		days := m.changes[a.Start.TimeZone]
		if len(days) == 0 {
			continue
		}
		day := days[good%len(days)]
		start := day.Add(pick2(good, 90*time.Minute, 150*time.Minute))
		a.Start, a.End = wall(start, a.Start.TimeZone), wall(day.Add(5*time.Hour), a.Start.TimeZone)
		if good++; good == 8 {
			return
		}
	}
}

func pick2(i int, a, b time.Duration) time.Duration {
	if i/2%2 == 0 {
		return a
	}
	return b
}

// changeDays lists the days inside the plan on which the zone's clocks change.
func (m *maker) changeDays(zone *time.Location) []time.Time {
	var days []time.Time
	for n := -HistoryDays + 1; n < FutureDays; n++ {
		day := m.Anchor.AddDate(0, 0, n)
		_, before := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone).Zone()
		_, after := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, zone).Zone()
		if before != after {
			days = append(days, day)
		}
	}
	return days
}
