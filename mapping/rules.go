package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// Rules are a tenant's configuration, ready to be used on records. Deliver, preview and audit all map by them. They may be used
// by several goroutines at once.
type Rules struct {
	settings Settings
	stamp    string
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
	return &Rules{settings: s, stamp: stampOf(c, s)}, nil
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
	Delivered bool      // the app has this record's event already
}

// Appointment maps one appointment to an event without ExternalID and Revision, which the caller sets.
// The contacts are those that were found, in the order of contact_ids, merges already followed.
// Errors are *Skip or *acmesync.Fault.
func (r *Rules) Appointment(a acme.Appointment, contacts []acme.Contact, staff Staff, _ Occasion) (app.Event, error) {
	return appointment(a, contacts, staff, r.settings)
}

// Touchpoint maps one touch-point to the fact that counts: for which of the app's users, on which day in
// that user's zone (in UTC where the app names no valid one), by which channel and direction.
// Errors are *Skip or *acmesync.Fault.
func (r *Rules) Touchpoint(t acme.Touchpoint, staff Staff, _ Occasion) (acmesync.Fact, error) {
	return touchpoint(t, staff)
}
