package dialects

import (
	"time"

	"acmesync/acme"
)

const wallLayout = "2006-01-02T15:04:05"

// instantOf is when a moment is; not ok: it cannot be said, because the time or its zone is none.
func instantOf(m *acme.Moment) (at time.Time, ok bool) {
	if t, err := time.Parse(time.RFC3339, m.DateTime); err == nil {
		return t.UTC(), true
	}
	wall, err := time.Parse(wallLayout, m.DateTime)
	if err != nil {
		return time.Time{}, false
	}
	zone, err := time.LoadLocation(m.TimeZone)
	if err != nil || m.TimeZone == "" || m.TimeZone == "Local" {
		return time.Time{}, false
	}
	return onClock(wall, zone), true
}

// onClock is when a zone's clocks show a time; one they skip is as far behind the change as if they had not.
func onClock(wall time.Time, zone *time.Location) time.Time {
	for _, side := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, seconds := wall.Add(side).In(zone).Zone()
		at := wall.Add(-time.Duration(seconds) * time.Second)
		if at.In(zone).Format(wallLayout) == wall.Format(wallLayout) {
			return at.UTC()
		}
	}
	_, seconds := wall.Add(-24 * time.Hour).In(zone).Zone()
	return wall.Add(-time.Duration(seconds) * time.Second).UTC()
}
