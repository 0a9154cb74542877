package accounts

import (
	"slices"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/manifest"
)

// Totals are what a reader of the account must end up with, by the records' present state.
type Totals struct {
	Appointments int `json:"appointments"` // deleted ones included, as long as they can be read
	Touchpoints  int `json:"touchpoints"`
	Contacts     int `json:"contacts"`
	Users        int `json:"users"`
	Deleted      struct {
		Appointments int `json:"appointments"`
		Touchpoints  int `json:"touchpoints"`
		Contacts     int `json:"contacts"`
	} `json:"deleted"`
	Manifest struct {
		Appointments map[manifest.Code]int `json:"appointments"`
		Touchpoints  map[manifest.Code]int `json:"touchpoints"`
	} `json:"manifest"`
	// Events is what the calendar shows: one for each record that can be carried over, and one for each appointment of a series.
	Events int `json:"events"`
	// CountableTouchpoints is what the dashboard sums to: neither deleted nor listed in the manifest.
	CountableTouchpoints int `json:"countable_touchpoints"`
}

// Totals counts.
func (a *Account) Totals() Totals {
	a.mu.RLock()
	defer a.mu.RUnlock()
	now := a.now()
	var t Totals
	t.Users = len(a.users.rows)
	t.Contacts, t.Deleted.Contacts, _ = count(&a.contacts, now)
	t.Appointments, t.Deleted.Appointments, t.Manifest.Appointments = count(&a.appointments, now)
	t.Touchpoints, t.Deleted.Touchpoints, t.Manifest.Touchpoints = count(&a.touchpoints, now)
	t.Events = a.events(now)
	t.CountableTouchpoints = t.Touchpoints - t.Deleted.Touchpoints
	for _, n := range t.Manifest.Touchpoints {
		t.CountableTouchpoints -= n
	}
	return t
}

func (a *Account) events(now time.Time) int {
	var all []*acme.Appointment
	for _, r := range a.appointments.rows {
		if !gone(r.head, now) {
			all = append(all, r.record)
		}
	}
	j := manifest.Judge{Staff: a} // one of its own: it remembers zones, and totals are read side by side
	return j.Events(all, now)
}

func count[T any](t *table[T], now time.Time) (all, deleted int, listed map[manifest.Code]int) {
	listed = map[manifest.Code]int{}
	for _, r := range t.rows {
		if gone(r.head, now) {
			continue
		}
		all++
		if r.head.deletedAt != nil {
			deleted++
		}
		if r.listed != nil {
			listed[r.listed.Code]++
		}
	}
	return all, deleted, listed
}

// Manifest lists the records that cannot be carried over, by id.
func (a *Account) Manifest() (appointments, touchpoints []manifest.Entry) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return listedIn(&a.appointments), listedIn(&a.touchpoints)
}

func listedIn[T any](t *table[T]) []manifest.Entry {
	entries := []manifest.Entry{}
	for _, r := range t.rows {
		if r.listed != nil {
			entries = append(entries, *r.listed)
		}
	}
	slices.SortFunc(entries, func(x, y manifest.Entry) int { return strings.Compare(x.ID, y.ID) })
	return entries
}
