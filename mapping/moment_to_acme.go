package mapping

import (
	"errors"
	"time"

	"acmesync/acme"
	"acmesync/app"
)

// MomentToAcme is the way back: what Acme has to hold so that moment makes m of it again. A time is written as clocks
// in its zone show it, so that people in Acme see what people in the app see. Only the second of two
// like-named times, when clocks go back, is written with its offset: the bare time would be the first.
func MomentToAcme(m app.Moment) (acme.Moment, error) {
	if m.Date != "" {
		if _, ok := readDate(m.Date); !ok || m.DateTime != "" {
			return acme.Moment{}, errors.New("a moment of the app's is not a day of the calendar")
		}
		return acme.Moment{Date: m.Date}, nil
	}
	r, ok := readTime(m.DateTime)
	if !ok || !r.hasOffset {
		return acme.Moment{}, errors.New("a moment of the app's is not a time")
	}
	at := r.wall.Add(-r.offset)
	var known zones
	zone, ok := known.load(m.TimeZone)
	if !ok {
		return acme.Moment{DateTime: at.Format(instantLayout), TimeZone: "UTC"}, nil
	}
	return writeMoment(at, zone, m.TimeZone), nil
}

// writeMoment writes an instant as clocks in the zone show it.
func writeMoment(at time.Time, zone *time.Location, name string) acme.Moment {
	local := at.In(zone)
	year := local.Year()
	if year < 1 || year > 9999 {
		return acme.Moment{DateTime: at.UTC().Format(instantLayout), TimeZone: name}
	}
	if resolve(wallOf(at, zone), zone).Equal(at) {
		return acme.Moment{DateTime: local.Format(wallLayout), TimeZone: name}
	}
	if _, seconds := local.Zone(); seconds%60 != 0 { // RFC 3339 has no seconds in an offset
		return acme.Moment{DateTime: at.UTC().Format(instantLayout), TimeZone: name}
	}
	return acme.Moment{DateTime: local.Format("2006-01-02T15:04:05-07:00"), TimeZone: name}
}

// wallOf reads the clock on the wall at an instant: its digits, as if in UTC.
func wallOf(at time.Time, zone *time.Location) time.Time {
	return at.UTC().Add(offset(at, zone))
}
