package manifest

import (
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"acmesync/acme"
)

// What an integration shows by default of a series: instances that are over for at most historyDays, and begin in horizonDays.
const (
	historyDays = 90
	horizonDays = 365
)

// Expansion is what of a master lies in that window: the original starts of its instances, as Original writes them.
type Expansion map[string]bool

// rule reads a master's rule; the code says why it cannot.
func (j *Judge) rule(a *acme.Appointment, start time.Time) (*rrule.Set, Code) {
	text := strings.ToUpper(a.Recurrence.RRule)
	for _, dense := range []string{"FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=HOURLY"} {
		if strings.Contains(text, dense) {
			return nil, RecurrenceTooDense
		}
	}
	option, err := rrule.StrToROptionInLocation(text, start.Location())
	if err != nil {
		return nil, RecurrenceInvalid
	}
	option.Dtstart = start
	r, err := rrule.NewRRule(*option)
	if err != nil {
		return nil, RecurrenceInvalid
	}
	set := &rrule.Set{}
	set.RRule(r)
	for _, ex := range a.Recurrence.ExDates {
		at, err := time.ParseInLocation(localLayout, ex, start.Location())
		if err != nil {
			return nil, RecurrenceInvalid
		}
		set.ExDate(at)
	}
	return set, ""
}

// Expand lists a good master's instances around now. Clocks that leave its hour out are none of its concern: the seed
// keeps series in office hours.
func (j *Judge) Expand(a *acme.Appointment, now time.Time) Expansion {
	start, _ := j.instant(a.Start)
	end, _ := j.instant(a.End)
	if zone, known := j.location(a.Start.TimeZone); known && a.Start.Date == "" {
		start = start.In(zone)
	}
	x := Expansion{}
	set, code := j.rule(a, start)
	if code != "" {
		return x
	}
	from, until := now.AddDate(0, 0, -historyDays), now.AddDate(0, 0, horizonDays)
	if a.Start.Date != "" {
		from, until = from.Add(-12*time.Hour), until.Add(14*time.Hour)
	}
	for _, at := range set.Between(from.Add(start.Sub(end)), until, true) {
		x[original(at, a.Start.Date != "")] = true
	}
	return x
}

// Original names the instance that an exception stands for; false: it names none.
func (j *Judge) Original(a *acme.Appointment) (string, bool) {
	if a.OriginalStart == nil {
		return "", false
	}
	at, code := j.instant(a.OriginalStart)
	return original(at, a.OriginalStart.Date != ""), code == ""
}

func original(at time.Time, wholeDay bool) string {
	if wholeDay {
		return at.Format(dateLayout)
	}
	return at.UTC().Format(time.RFC3339)
}

// Events counts the events that an integration ends with: one for each record that is neither deleted nor listed, but for a master
// one for each instance for which no exception stands.
func (j *Judge) Events(all []*acme.Appointment, now time.Time) int {
	listed := map[string]Kind{}
	taken := map[string][]string{}
	for _, a := range all {
		if entry, bad := j.Appointment(a); bad {
			listed[a.ID] = entry.Kind
		}
		if a.DeletedAt == nil && a.Recurrence == nil && a.SeriesID != "" && listed[a.ID] != Park {
			if at, ok := j.Original(a); ok {
				taken[a.SeriesID] = append(taken[a.SeriesID], at)
			}
		}
	}
	n := 0
	for _, a := range all {
		switch {
		case a.DeletedAt != nil, listed[a.ID] != "":
		case a.Recurrence == nil:
			n++
		default:
			for at := range j.Expand(a, now) {
				if !slices.Contains(taken[a.ID], at) {
					n++
				}
			}
		}
	}
	return n
}
