package seed

import (
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/manifest"
)

// inSeries marks in a deck what is dealt to be part of a series; it is no defect.
const inSeries manifest.Code = "in_series"

// seriesMaker remembers the last master, so that exceptions have one to belong to.
type seriesMaker struct {
	master *acme.Appointment
	dealt  int
}

func seriesRules() []string {
	return []string{
		"FREQ=WEEKLY;COUNT=10", "FREQ=DAILY;COUNT=5", "FREQ=MONTHLY;BYDAY=1MO;COUNT=6", "FREQ=WEEKLY;INTERVAL=2;COUNT=8",
		"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=4", "FREQ=WEEKLY",
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
			RRule:   pick(d, seriesRules()),
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
