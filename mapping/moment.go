package mapping

import (
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// moment maps the start or the end of an appointment. The time answered beside it is for comparing the
// two: the instant, or the beginning of a whole day in UTC.
func (z *zones) moment(m acme.Moment, field, accountZone string) (app.Moment, time.Time, error) {
	switch {
	case m.Date != "" && m.DateTime != "":
		return app.Moment{}, time.Time{}, park(acmesync.TimeInvalid, field,
			"The "+field+" names a whole day and a time of day at once; keep one of them in Acme.")
	case m.Date != "":
		day, ok := readDate(m.Date)
		if !ok {
			return app.Moment{}, time.Time{}, park(acmesync.TimeInvalid, field+".date",
				"The "+field+" is not a day of the calendar; enter it again in Acme.")
		}
		return app.Moment{Date: m.Date}, day, nil
	}
	return z.clockTime(m, field, accountZone)
}

func (z *zones) clockTime(m acme.Moment, field, accountZone string) (app.Moment, time.Time, error) {
	r, readable := readTime(m.DateTime)
	zone, known := z.load(m.TimeZone)
	if !known && !r.hasOffset && m.DateTime != "" {
		return app.Moment{}, time.Time{}, park(acmesync.TimeZoneUnknown, field+".time_zone",
			"The time zone of the "+field+" is not a name such as Europe/Paris; choose it again in Acme.")
	}
	if !readable {
		return app.Moment{}, time.Time{}, notATime(field)
	}
	var at time.Time
	if r.hasOffset {
		at = r.wall.Add(-r.offset)
	} else {
		at = resolve(r.wall, zone)
	}
	at = at.UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return app.Moment{}, time.Time{}, notATime(field)
	}
	return app.Moment{DateTime: at.Format(instantLayout), TimeZone: z.shownIn(m.TimeZone, known, accountZone)}, at, nil
}

// shownIn picks the zone an event is shown in.
func (z *zones) shownIn(own string, known bool, accountZone string) string {
	if known {
		return own
	}
	if _, ok := z.load(accountZone); ok {
		return accountZone
	}
	return "UTC"
}

func notATime(field string) error {
	return park(acmesync.TimeInvalid, field+".date_time", "The "+field+" is not a time that can be read; enter it again in Acme.")
}

// EndsAt says when the event is over everywhere, for links that matter only until then. A whole
// day ends last where clocks are twelve hours behind UTC. An event that Appointment did not make may answer the zero time.
func EndsAt(e app.Event) time.Time {
	if e.End.Date != "" {
		day, ok := readDate(e.End.Date)
		if !ok {
			return time.Time{}
		}
		return day.Add(12 * time.Hour)
	}
	at, err := time.Parse(instantLayout, e.End.DateTime)
	if err != nil {
		return time.Time{}
	}
	return at
}
