// Package seed makes up a business's Acme data: the same plan always gives the same records.
//
// Most records are good, many are messy in ways an integration must cope with, and a few have
// exactly one defect each, listed in Set.Defects. Nothing is dated after the anchor's midnight (UTC)
// except appointments that lie ahead, so data made today is history for whoever reads it. A few lie out of the scope that is
// usual, far behind or far ahead: those are listed too.
package seed

import (
	"fmt"
	"math/rand/v2"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm/manifest"
)

// Days of history and of future, counted from the anchor. Two days less than the ninety an
// integration reads by default: data of yesterday must still lie inside its window.
const (
	HistoryDays = 88
	FutureDays  = 120
)

// Plan says what to make.
type Plan struct {
	AccountID string
	TimeZone  string // IANA name; has to be known
	Region    string
	People    []business.Person
	Seed      int64
	Anchor    time.Time // midnight UTC of the day that everything is relative to

	Contacts, Appointments, Touchpoints int
}

// Set is a business's data.
type Set struct {
	Users        []acme.User
	Contacts     []acme.Contact
	Appointments []acme.Appointment
	Touchpoints  []acme.Touchpoint
	Outcomes     []acme.Outcome
	Defects      map[string]manifest.Code // record id → its one defect
}

// maker carries what the records of one account are made from.
type maker struct {
	Plan
	zones   map[string]*time.Location
	changes map[string][]time.Time // zone → days its clocks change
	set     *Set
	inApp   []int // indexes of set.Users the calendar app knows
	outside []int // … and does not
}

// Make makes the data of a plan.
func Make(plan Plan) (*Set, error) {
	m, err := newMaker(plan)
	if err != nil {
		return nil, err
	}
	m.contacts()
	m.appointments()
	m.touchpoints()
	return m.set, nil
}

func newMaker(plan Plan) (*maker, error) {
	m := &maker{
		Plan: plan, set: &Set{Defects: map[string]manifest.Code{}, Outcomes: outcomes()},
		zones: map[string]*time.Location{}, changes: map[string][]time.Time{},
	}
	for _, name := range append([]string{plan.TimeZone}, otherZones()...) {
		if err := m.load(name); err != nil {
			return nil, err
		}
	}
	return m, m.users()
}

// load reads a time zone once: it costs more than making a record.
func (m *maker) load(name string) error {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return fmt.Errorf("load time zone: %w", err)
	}
	m.zones[name] = zone
	m.changes[name] = m.changeDays(zone)
	return nil
}

// dice gives every kind of record its own row of chance, so that more contacts don't change the appointments.
func (m *maker) dice(row uint64) dice {
	var name uint64 = 14695981039346656037 // FNV-1a of the account's id
	for _, b := range []byte(m.AccountID) {
		name = (name ^ uint64(b)) * 1099511628211
	}
	return dice{rand.New(rand.NewPCG(uint64(m.Seed)^name, row))}
}

// outcomes are the labels an account gives to calls.
func outcomes() []acme.Outcome {
	return []acme.Outcome{
		{ID: "out-busy-5c1d", Label: "Busy"},
		{ID: "out-talked-20ae", Label: "Talked"},
		{ID: "out-message-77b0", Label: "Left message"},
		{ID: "out-none-e913", Label: "No answer"},
	}
}
