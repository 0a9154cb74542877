package mapping

import (
	"strings"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// Bounds of an expansion. A daily series always fits into MaxInstances, as a window is never longer than that in days.
const (
	MaxInstances = 1_000

	maxDaysBack = 365
	maxDays     = MaxInstances - 10 // of a window; whole days reach into it from both sides
	maxSteps    = 100_000           // instances looked at, from the beginning of a series that counts them
)

// ForSeries narrows a window to what series are expanded in: at most a year back and, in all, over as many days as a series may have
// instances.
func (w Window) ForSeries(now time.Time) Window {
	if first := now.AddDate(0, 0, -maxDaysBack); w.From.Before(first) {
		w.From = first
	}
	if last := now.AddDate(0, 0, maxDays-maxDaysBack); w.Until.After(last) {
		w.Until = last
	}
	return w
}

// Expansion is what of a series lies in a window.
type Expansion struct {
	Instances []Instance
	Next      time.Time // when the first instance after the window begins; zero: there is none
}

// Instance is one occurrence of a series.
type Instance struct {
	// Original names it within its series: where the rule puts its start, as "20260601T140000Z", or as "20260601" where it
	// lasts whole days. It stays the same when an exception moves the instance.
	Original   string
	Start, End acme.Moment
}

// Expand lists the instances of a series that lie in the window, in the order of its rule. They keep
// the wall-clock time of the master's start and end, each in its own zone; where a clock change leaves that time out or
// shows it twice, the rule of the package applies to each instance by itself. An instance that this turns around
// lasts as long as the first one. Errors are *acmesync.Fault.
func Expand(a acme.Appointment, w Window, s Settings) (Expansion, error) {
	return expand(a, w, new(zones), s)
}

// Original names the instance that an exception stands for, as Expand names it. Errors are *acmesync.Fault.
func Original(a acme.Appointment, s Settings) (string, error) {
	return original(a, new(zones), s)
}

func original(a acme.Appointment, z *zones, s Settings) (string, error) {
	if a.OriginalStart == nil {
		return "", park(acmesync.RecurrenceInvalid, "original_start",
			"The record belongs to a series and does not say which of its appointments it stands for; have it repaired in Acme.")
	}
	m, at, err := z.moment(*a.OriginalStart, "original_start", s.TimeZone)
	if err != nil {
		return "", err
	}
	return originalOf(m, at), nil
}

const compactInstant, compactDate = "20060102T150405Z", "20060102"

func originalOf(m app.Moment, at time.Time) string {
	if m.Date != "" {
		return at.Format(compactDate)
	}
	return at.UTC().Format(compactInstant)
}

func expand(a acme.Appointment, w Window, z *zones, s Settings) (Expansion, error) {
	first, err := z.pattern(a, s)
	if err != nil {
		return Expansion{}, err
	}
	rule, err := readRule(a.Recurrence.RRule, first)
	if err != nil {
		return Expansion{}, err
	}
	left, err := readExclusions(a.Recurrence.ExDates, first, z)
	if err != nil {
		return Expansion{}, err
	}
	var x Expansion
	next, seen := rule.from(w), map[string]bool{}
	for range maxSteps {
		wall, ok := next()
		if !ok {
			return x, nil
		}
		one, starts, ends := first.at(wall)
		if rule.over(wall, starts) {
			return x, nil
		}
		switch {
		case left.out(wall, starts), seen[one.Original], starts.Year() > 9999, ends.Before(w.From):
			continue
		case starts.After(w.Until):
			x.Next = starts
			return x, nil
		case len(x.Instances) == MaxInstances:
			return Expansion{}, tooDense()
		}
		seen[one.Original] = true // an hour that is left out and the one it is read as
		x.Instances = append(x.Instances, one)
	}
	return Expansion{}, tooDense()
}

func tooDense() error {
	return park(acmesync.RecurrenceTooDense, "recurrence.rrule",
		"The series has more appointments than a calendar can show; make it at most daily in Acme, or give it an end.")
}

// pattern is a master's first instance, as clocks show it: what each instance repeats.
type pattern struct {
	wall     time.Time     // where the rule starts, as if in UTC
	nominal  time.Duration // from start to end as clocks on the wall show them
	exact    time.Duration // from start to end as it passes
	allDay   bool
	zone     *time.Location // of the start
	endZone  *time.Location
	zoneName string
	endName  string
}

func (z *zones) pattern(a acme.Appointment, s Settings) (pattern, error) {
	when := times(a, z, s)
	if len(when.faults) > 0 {
		return pattern{}, when.faults[0]
	}
	if when.wholeDays {
		return pattern{wall: when.from, nominal: when.until.Sub(when.from), allDay: true}, nil
	}
	p := pattern{zoneName: when.start.TimeZone, endName: when.end.TimeZone, exact: when.until.Sub(when.from)}
	p.zone, _ = z.load(p.zoneName)
	p.endZone, _ = z.load(p.endName)
	if p.zone == nil || p.endZone == nil { // moment names UTC where it knows no other, and that is always there
		return pattern{}, park(acmesync.TimeZoneUnknown, "start.time_zone", "The time zone is not a name such as Europe/Paris; choose it again in Acme.")
	}
	p.wall = wallTime(*a.Start, p.zone)
	p.nominal = wallTime(*a.End, p.endZone).Sub(p.wall)
	return p, nil
}

// wallTime reads what clocks in the zone show at a moment that is known to be readable. A time without an offset is taken as typed,
// though a clock change may leave it out on the first day.
func wallTime(m acme.Moment, zone *time.Location) time.Time {
	r, _ := readTime(m.DateTime)
	if !r.hasOffset {
		return r.wall
	}
	return wallOf(r.wall.Add(-r.offset), zone)
}

// at is the instance that the rule puts at this time on the wall.
func (p pattern) at(wall time.Time) (one Instance, starts, ends time.Time) {
	if p.allDay {
		last := wall.Add(p.nominal)
		return Instance{
			Original: wall.Format(compactDate),
			Start:    acme.Moment{Date: wall.Format(time.DateOnly)}, End: acme.Moment{Date: last.Format(time.DateOnly)},
		}, wall.Add(firstMidnight), last.Add(lastMidnight)
	}
	starts, ends = resolve(wall, p.zone).UTC(), resolve(wall.Add(p.nominal), p.endZone).UTC()
	if !ends.After(starts) {
		ends = starts.Add(p.exact)
	}
	return Instance{
		Original: starts.Format(compactInstant),
		Start:    acme.Moment{DateTime: starts.Format(instantLayout), TimeZone: p.zoneName},
		End:      acme.Moment{DateTime: ends.Format(instantLayout), TimeZone: p.endName},
	}, starts, ends
}

// exclusions are the instances that EXDATE leaves out, in the forms it was written in.
type exclusions struct {
	days     map[string]bool    // a date leaves out all that begins on that day
	walls    map[time.Time]bool // as clocks in the master's zone show it
	instants map[time.Time]bool
}

func (e exclusions) out(wall, starts time.Time) bool {
	return e.days[wall.Format(compactDate)] || e.walls[wall] || e.instants[starts]
}

func readExclusions(texts []string, p pattern, z *zones) (exclusions, error) {
	e := exclusions{days: map[string]bool{}, walls: map[time.Time]bool{}, instants: map[time.Time]bool{}}
	for _, list := range texts {
		for text := range strings.SplitSeq(list, ",") {
			d, ok := readICal(strings.TrimSpace(text), z)
			if !ok {
				return e, park(acmesync.RecurrenceInvalid, "recurrence.exdates",
					"An exception date of the series cannot be read; choose the appointments to leave out again in Acme.")
			}
			switch {
			case d.dateOnly, p.allDay:
				e.days[d.wall.Format(compactDate)] = true
			case d.fixed:
				e.instants[d.at] = true
			default:
				e.walls[d.wall] = true
			}
		}
	}
	return e, nil
}
