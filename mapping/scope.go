package mapping

import (
	"slices"
	"time"

	"acmesync"
	"acmesync/acme"
)

// Days of history and of future that are carried over where the tenant has not chosen.
const (
	historyDays = 90
	horizonDays = 365

	// A whole day begins first where clocks are fourteen hours ahead of UTC, and ends last where they are twelve behind.
	firstMidnight = -14 * time.Hour
	lastMidnight  = 12 * time.Hour
)

// Window is the time that appointments are carried over from: those that end after From and begin before Until.
type Window struct {
	From  time.Time // zero: no bound
	Until time.Time
}

// Window answers which appointments are in scope at a moment.
func (r *Rules) Window(now time.Time) Window {
	w := Window{Until: now.Add(r.horizon)}
	if r.history >= 0 {
		w.From = now.Add(-r.history)
	}
	return w
}

func days(chosen, ordinary int) time.Duration {
	if chosen == 0 {
		chosen = ordinary
	}
	return time.Duration(chosen) * 24 * time.Hour // fits: the longest choice is a hundred years
}

// excluded tells what the tenant does not want whenever it is.
func (r *Rules) excluded(a acme.Appointment) error {
	s := r.appointments.Scope
	switch {
	case len(s.Owners) > 0 && !slices.Contains(s.Owners, a.OwnerID):
		return skip(acmesync.OwnerExcluded, "owner_id")
	case len(s.Statuses) > 0 && !slices.Contains(s.Statuses, string(a.Status)):
		return skip(acmesync.StatusExcluded, "status")
	case a.IsPrivate && s.Private == acmesync.PrivateSkip:
		return skip(acmesync.PrivateExcluded, "is_private")
	}
	return nil
}

// outside tells what lies before or behind the tenant's window. Where one of the times cannot be read, the other speaks for
// both: a fault of long ago is to park no more than a good appointment of that time. What has been delivered grows old in the
// app, and is kept in step there.
func (r *Rules) outside(t span, on Occasion) error {
	first, last := t.from, t.until
	if first.IsZero() {
		first = last
	}
	if last.Before(first) {
		last = first
	}
	if last.IsZero() {
		return nil
	}
	if t.wholeDays {
		first, last = first.Add(firstMidnight), last.Add(lastMidnight)
	}
	w := r.Window(on.Now)
	switch {
	case last.Before(w.From) && !on.Delivered:
		return skip(acmesync.TooOld, "end")
	case first.After(w.Until):
		return &Skip{Code: acmesync.BeyondHorizon, Field: "start", Again: first.Add(-r.horizon)}
	}
	return nil
}
