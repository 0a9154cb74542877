package seed

import (
	"fmt"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/manifest"
)

const localLayout = "2006-01-02T15:04:05"

// parkedAppointments are the defects somebody has to repair.
func parkedAppointments() []manifest.Code {
	return []manifest.Code{
		manifest.StartMissing, manifest.EndMissing, manifest.EndBeforeStart, manifest.TimeZoneUnknown,
		manifest.TimeInvalid, manifest.OwnerMissing, manifest.AppRejected, manifest.RecurrenceInvalid, manifest.RecurrenceTooDense,
	}
}

func (m *maker) appointments() {
	d := m.dice(2)
	defects := newDeck(m.Appointments)
	parked := parkedAppointments()
	for i, code := range parked {
		defects.deal(code, share(m.Appointments, 300), float64(i)/float64(len(parked)))
	}
	if len(m.outside) > 0 {
		defects.deal(manifest.OwnerUnmatched, m.Appointments*3/100, 0.3)
	}
	defects.deal(manifest.TooOld, share(m.Appointments, 150), 0.15)
	defects.deal(manifest.BeyondHorizon, share(m.Appointments, 200), 0.85)
	defects.deal(inSeries, m.Appointments*2/100, 0.6)

	series := &seriesMaker{}
	for i := range m.Appointments {
		a := m.appointment(d, i)
		switch code := defects.dealt[i]; code {
		case "":
			m.mess(d, &a)
			m.remove(d, &a)
		case inSeries:
			series.add(d, &a)
		default:
			m.spoil(d, &a, code, i)
			m.set.Defects[a.ID] = code
		}
		m.set.Appointments = append(m.set.Appointments, a)
	}
	m.clockChanges()
}

// appointment is a good one, in office hours of its owner.
func (m *maker) appointment(d dice, i int) acme.Appointment {
	owner := m.set.Users[m.someone(d)]
	local := m.Anchor.AddDate(0, 0, d.between(-HistoryDays, FutureDays-5))
	if local.Weekday() == time.Sunday {
		local = local.AddDate(0, 0, d.between(1, 5))
	}
	local = local.Add(time.Duration(d.between(8*4, 18*4)) * 15 * time.Minute)
	length := time.Duration(pick(d, []int{30, 30, 45, 60, 60, 90})) * time.Minute

	a := acme.Appointment{
		ID: fmt.Sprintf("apt_%06d", i+1), Version: int64(d.between(1, 5)),
		Start: wall(local, owner.TimeZone), End: wall(local.Add(length), owner.TimeZone),
		OwnerID: owner.ID, ContactIDs: []string{}, Origin: "user",
		Location: pick(d, places()),
	}
	a.Subject = pick(d, topics(m.AccountID))
	if m.Contacts > 0 {
		c := m.set.Contacts[d.IntN(m.Contacts)]
		a.ContactIDs = []string{c.ID}
		if c.Name != "" {
			a.Subject += ", " + c.Name
		}
	}
	if d.chance(0.4) {
		a.NotesHTML = "<p>Please bring the <b>papers</b> of last time.</p>"
	}
	if d.chance(0.15) {
		a.ConferenceURL = pick(d, links())
	}
	a.Status = m.status(d, local)
	m.dates(d, &a, local, i)
	return a
}

// someone picks a user the app knows.
func (m *maker) someone(d dice) int {
	if len(m.inApp) == 0 {
		return d.IntN(len(m.set.Users))
	}
	return pick(d, m.inApp)
}

func wall(local time.Time, zone string) *acme.Moment {
	return &acme.Moment{DateTime: local.Format(localLayout), TimeZone: zone}
}

func (m *maker) status(d dice, local time.Time) acme.AppointmentStatus {
	roll := d.Float64()
	switch {
	case roll < 0.07:
		return acme.Canceled
	case local.After(m.Anchor):
		return acme.Scheduled
	case roll < 0.13:
		return acme.NoShow
	}
	return acme.Completed
}

// dates says when the record was made and last changed. One import left a seventh of all records
// with the same instant, more than any page holds.
func (m *maker) dates(d dice, a *acme.Appointment, local time.Time, i int) {
	if third := m.Appointments / 3; i >= third && i < third+min(m.Appointments/7, 600) {
		a.Origin = "import"
		a.CreatedAt = m.Anchor.AddDate(0, 0, -HistoryDays-2)
		a.UpdatedAt = a.CreatedAt
		a.Version = 1
		return
	}
	made := local
	if made.After(m.Anchor) {
		made = m.Anchor
	}
	a.CreatedAt = made.Add(-time.Hour - d.span(20*24*time.Hour))
	a.UpdatedAt = a.CreatedAt
	if a.Version > 1 {
		a.UpdatedAt = a.CreatedAt.Add(d.span(m.Anchor.Sub(a.CreatedAt)))
	}
}

// remove deletes one good appointment in forty, not long ago.
func (m *maker) remove(d dice, a *acme.Appointment) {
	if !d.chance(0.025) {
		return
	}
	at := m.Anchor.Add(-time.Minute - d.span(70*time.Hour))
	a.DeletedAt, a.UpdatedAt = &at, at
	a.Version++
	if at.Before(a.CreatedAt) {
		a.CreatedAt = at
	}
}
