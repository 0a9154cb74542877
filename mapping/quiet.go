package mapping

import (
	"time"
)

// quietWindow is a window of the day in which Acme is left alone.
type quietWindow struct {
	days     [7]bool       // of its beginning, Sunday first
	from, to time.Duration // since midnight by the zone's clocks; to before from: over midnight
	zone     *time.Location
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func timeOfDay(text string) (time.Duration, bool) {
	at, err := time.Parse("15:04", text)
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, err == nil && len(text) == len("15:04")
}

// orUTC is the first of the zones that exists.
func (z *zones) orUTC(names ...string) *time.Location {
	for _, name := range names {
		if zone, ok := z.load(name); ok {
			return zone
		}
	}
	return time.UTC
}

// QuietUntil says until when Acme is to be left alone; the zero time: it need not be. Where windows follow upon each other it is
// the end of the last. A window's ends are read as times of appointments are: on the night clocks go forward, one that would
// begin or end in the hour that is left out does so by the clock from before.
func (r *Rules) QuietUntil(now time.Time) time.Time {
	until := now
	for range 2 * len(r.quiet) * len(weekdays) {
		end := until
		for _, w := range r.quiet {
			if e := w.end(until); e.After(end) {
				end = e
			}
		}
		if end.Equal(until) {
			break
		}
		until = end
	}
	if until.Equal(now) {
		return time.Time{}
	}
	return until.UTC()
}

// end is when the window that holds a moment ends; the zero time where none does.
func (w quietWindow) end(at time.Time) time.Time {
	year, month, day := at.In(w.zone).Date()
	// It may have begun yesterday, or, where a zone has skipped a day, the day before.
	for back := range 3 {
		midnight := time.Date(year, month, day-back, 0, 0, 0, 0, time.UTC)
		if !w.days[midnight.Weekday()] {
			continue
		}
		ends := midnight.Add(w.to)
		if w.to < w.from {
			ends = midnight.AddDate(0, 0, 1).Add(w.to)
		}
		from, to := resolve(midnight.Add(w.from), w.zone), resolve(ends, w.zone)
		if !at.Before(from) && at.Before(to) {
			return to
		}
	}
	return time.Time{}
}

// neverOpen tells windows that leave no minute open in some week of the year: those of two zones may meet in summer only.
// Clock changes may close an hour more; polls then wait for it.
func neverOpen(windows []quietWindow) bool {
	if len(windows) == 0 {
		return false
	}
	r := &Rules{quiet: windows}
	const week = 7 * 24 * time.Hour
	for n := range 53 {
		start := time.Date(2026, 1, 4+7*n, 0, 0, 0, 0, time.UTC)
		if r.QuietUntil(start).Sub(start) >= week {
			return true
		}
	}
	return false
}

// Bounds of the interval between polls where the tenant has not chosen.
const (
	pollUnproven = time.Minute
	pollProven   = 15 * time.Minute
)

// PollBounds are the tenant's intervals between polls: while webhooks are unproven, and while they are proven. Where only one
// is chosen the other keeps its distance.
func (r *Rules) PollBounds() (unproven, proven time.Duration) {
	unproven, proven = time.Duration(r.poll.MinSeconds)*time.Second, time.Duration(r.poll.MaxSeconds)*time.Second
	if unproven == 0 {
		unproven = min(pollUnproven, orDefault(proven, pollUnproven))
	}
	if proven == 0 {
		proven = max(pollProven, unproven)
	}
	return unproven, proven
}
