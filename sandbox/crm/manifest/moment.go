package manifest

import (
	"time"

	"acmesync/acme"
)

const (
	localLayout = "2006-01-02T15:04:05"
	dateLayout  = "2006-01-02"
)

// instant reads a moment; the code says why it cannot. Bare dates are read in UTC, which is
// enough to compare two of them.
func (j *Judge) instant(m *acme.Moment) (time.Time, Code) {
	if m.Date != "" {
		at, err := time.Parse(dateLayout, m.Date)
		if err != nil || m.DateTime != "" {
			return time.Time{}, TimeInvalid
		}
		return at, ""
	}
	zone, known := j.location(m.TimeZone)
	if !known {
		return time.Time{}, TimeZoneUnknown
	}
	if at, err := time.Parse(time.RFC3339, m.DateTime); err == nil {
		return at, ""
	}
	at, err := time.ParseInLocation(localLayout, m.DateTime, zone)
	if err != nil {
		return time.Time{}, TimeInvalid
	}
	return at, ""
}

// location refuses "Local", which Go knows and nobody else does.
func (j *Judge) location(name string) (*time.Location, bool) {
	zone, asked := j.zones[name]
	if !asked {
		if loaded, err := time.LoadLocation(name); err == nil && name != "Local" {
			zone = loaded
		}
		if j.zones == nil {
			j.zones = map[string]*time.Location{}
		}
		j.zones[name] = zone
	}
	return zone, zone != nil
}
