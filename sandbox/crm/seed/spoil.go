package seed

import (
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/manifest"
)

// spoil gives the appointment its one defect.
func (m *maker) spoil(d dice, a *acme.Appointment, code manifest.Code, i int) {
	switch code {
	case manifest.StartMissing:
		a.Start = nil
	case manifest.EndMissing:
		a.End = nil
	case manifest.EndBeforeStart:
		a.Start, a.End = a.End, a.Start
	case manifest.TimeZoneUnknown:
		zone := pick(d, []string{"Mars/Olympus", "W. Europe Standard Time", "GMT+25"})
		a.Start.TimeZone, a.End.TimeZone = zone, zone
	case manifest.TimeInvalid:
		bad := pick(d, []string{"2026-02-30T10:00:00", "25:00", "tomorrow at ten"})
		a.Start.DateTime = bad
	case manifest.OwnerMissing:
		a.OwnerID = ""
	case manifest.AppRejected:
		a.ConferenceURL = "call me on the bridge"
	case manifest.OwnerUnmatched:
		a.OwnerID = m.set.Users[pick(d, m.outside)].ID
	case manifest.RecurrenceInvalid:
		a.Recurrence = &acme.Recurrence{RRule: pick(d, []string{"FREQ=FORTNIGHTLY", "every Monday", "FREQ=WEEKLY;BYDAY=XX"})}
	case manifest.RecurrenceTooDense:
		a.Recurrence = &acme.Recurrence{RRule: "FREQ=MINUTELY;INTERVAL=15;COUNT=8"}
	case manifest.TooOld:
		m.shift(a, -d.between(400, 700))
		a.Status = acme.Completed
	case manifest.BeyondHorizon:
		m.shift(a, d.between(500, 900))
		a.Status = acme.Scheduled
	default: // a defect of touch-points
	}
	if code != manifest.AppRejected && i%2 == 0 {
		a.ConferenceURL = ""
	}
}

// shift moves an appointment by so many days on the calendar.
func (m *maker) shift(a *acme.Appointment, days int) {
	for _, of := range []*acme.Moment{a.Start, a.End} {
		if local, err := time.Parse(localLayout, of.DateTime); err == nil {
			of.DateTime = local.AddDate(0, 0, days).Format(localLayout)
		}
	}
}
