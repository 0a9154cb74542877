package seed

import (
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/manifest"
)

// seriesMaker remembers the last master, so that exceptions have one to belong to.
type seriesMaker struct {
	master *acme.Appointment
	dealt  int
}

// spoil gives the appointment its one defect.
func (m *maker) spoil(d dice, a *acme.Appointment, code manifest.Code, i int, series *seriesMaker) {
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
	case manifest.RecurrenceUnsupported:
		series.add(d, a)
	default: // a defect of touch-points
	}
	if code != manifest.AppRejected && i%2 == 0 {
		a.ConferenceURL = ""
	}
}

// add makes every third one a master and the others its exceptions.
func (s *seriesMaker) add(d dice, a *acme.Appointment) {
	s.dealt++
	start, err := time.Parse(localLayout, a.Start.DateTime)
	if err != nil {
		return
	}
	if s.dealt%3 == 1 {
		a.Recurrence = &acme.Recurrence{
			RRule:   pick(d, []string{"FREQ=WEEKLY;COUNT=10", "FREQ=DAILY;COUNT=5", "FREQ=MONTHLY;BYDAY=1MO;COUNT=6"}),
			ExDates: []string{start.AddDate(0, 0, 7).Format(localLayout)},
		}
		kept := *a
		s.master = &kept
		return
	}
	first, err := time.Parse(localLayout, s.master.Start.DateTime)
	if err != nil {
		return
	}
	a.SeriesID = s.master.ID
	a.OwnerID = s.master.OwnerID
	a.OriginalStart = wall(first.AddDate(0, 0, 7*(s.dealt%3)), s.master.Start.TimeZone)
}
