package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// Rules are a tenant's configuration, ready to be used on records. Deliver, preview and audit all map by them. They may be used
// by several goroutines at once.
type Rules struct {
	settings     Settings
	appointments acmesync.AppointmentRules
	touchpoints  acmesync.TouchpointRules
	people       acmesync.PeopleRules
	poll         acmesync.PollRules
	history      time.Duration // negative: no bound
	horizon      time.Duration
	quiet        []quietWindow
	times        pollTimes
	zones        *zones
	fields       *Fields
	stamp        string
}

// Problem is one thing that is wrong with a configuration, and what to do about it.
type Problem struct {
	Pointer string `json:"pointer"` // a JSON pointer into the configuration document
	Message string `json:"message"` // what is wrong, in a sentence
	Hint    string `json:"hint,omitempty"`
	Line    int    `json:"line,omitempty"` // into a CEL expression, from 1
	Column  int    `json:"column,omitempty"`
}

// Compile makes rules of a configuration and of what its Acme account says about itself, or answers all that is wrong at once.
// Rules that come with problems are nil.
func Compile(c acmesync.Config, s Settings) (*Rules, []Problem) {
	s.Region, s.TimeZone = orDefault(c.People.Region, s.Region), orDefault(c.People.TimeZone, s.TimeZone)
	r := &Rules{
		settings: s, appointments: c.Appointments, touchpoints: c.Touchpoints, people: c.People, poll: c.Poll, zones: new(zones),
		history: days(c.Appointments.Scope.HistoryDays, historyDays), horizon: days(c.Appointments.Scope.HorizonDays, horizonDays),
		stamp: stampOf(c, s),
	}
	k := check{zones: r.zones}
	k.scope(c.Appointments.Scope)
	k.enrich(c.Appointments)
	k.people(c.People)
	k.poll(c.Poll)
	k.profile(c.Profile, c.Appointments.Direction)
	r.times = k.times(c.Poll, c.PollSeconds, s.TimeZone)
	r.quiet = k.quiet(c.Poll.Quiet, s.TimeZone)
	fields, wrong := CompileFields(c.Appointments.Mapping, c.Appointments.Tables)
	r.fields, k.problems = fields, append(k.problems, wrong...)
	if len(k.problems) > 0 {
		return nil, k.problems
	}
	return r, nil
}

// Off tells whether the tenant has switched a stream off.
func (r *Rules) Off(s acmesync.Stream) bool {
	switch s {
	case acmesync.Appointments:
		return r.appointments.Off
	case acmesync.Touchpoints:
		return r.touchpoints.Off
	default: // people are no stream of their own; the app's changes come with the appointments'
	}
	return false
}

// Staff matches Acme's users to the app's: by the tenant's own list first, else by e-mail, see NewStaff. A user of the app's
// that the tenant names and the app does not have matches nobody.
func (r *Rules) Staff(acmeUsers []acme.User, appUsers []app.User) Staff {
	s := NewStaff(acmeUsers, appUsers)
	byID := make(map[string]app.User, len(appUsers))
	for _, u := range appUsers {
		byID[u.ID] = u
	}
	for acmeID, appID := range r.people.Owners {
		delete(s.matched, acmeID)
		if u, ok := byID[appID]; ok {
			s.matched[acmeID] = u
		}
	}
	return s
}

// OwnerKey stands for what events depend on of the user who owns their records in Acme; empty: nobody whom the app knows. Where it
// is another one than it was, the user's records are due.
func (r *Rules) OwnerKey(staff Staff, acmeUserID string) string {
	match, ok := staff.AppUser(acmeUserID)
	if !ok {
		return ""
	}
	if u, known := staff.known[acmeUserID]; known && r.fields != nil && r.fields.owner {
		return strings.Join([]string{match.ID, u.Name, u.Email, u.TimeZone, strconv.FormatBool(u.Active)}, "\n")
	}
	return match.ID
}

// Stamp stands for all that the mapping depends on beside the record and its people. A record is mapped again when it differs.
func (r *Rules) Stamp() string { return r.stamp }

func stampOf(c acmesync.Config, s Settings) string {
	text, err := json.Marshal([]any{RulesVersion, c.Appointments, c.Touchpoints, c.People, s})
	if err != nil {
		return "" // a configuration that was read from JSON can be written as JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// Occasion is what the mapping is told beside the record itself: it has no clock and no memory of its own.
type Occasion struct {
	Now       time.Time // Postgres's clock
	Delivered bool      // the record was carried over before, see acmesync.LedgerEntry.Carried
}

// Appointment maps one appointment to an event without ExternalID and Revision, which the caller sets.
// The contacts are those that were found, in the order of contact_ids, merges already followed.
// Errors are *Skip or *acmesync.Fault.
func (r *Rules) Appointment(a acme.Appointment, contacts []acme.Contact, staff Staff, on Occasion) (app.Event, error) {
	e, err := r.appointment(a, contacts, staff, on)
	if err != nil {
		return app.Event{}, err
	}
	if err := r.fields.Apply(&e, r.source(a, contacts, staff)); err != nil {
		return app.Event{}, err
	}
	return e, nil
}

func (r *Rules) source(a acme.Appointment, contacts []acme.Contact, staff Staff) Source {
	return Source{Appointment: a, Contacts: contacts, Owner: staff.known[a.OwnerID], Settings: r.settings, Custom: a.Custom}
}

// Touchpoint maps one touch-point to the fact that counts: for which of the app's users, on which day in
// that user's zone (in UTC where the app names no valid one), by which channel and direction.
// Errors are *Skip or *acmesync.Fault.
func (r *Rules) Touchpoint(t acme.Touchpoint, staff Staff, on Occasion) (acmesync.Fact, error) {
	return r.touchpoint(t, staff, on)
}
