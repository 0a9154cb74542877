// Package manifest says which records of the sandbox an integration cannot or must not carry over, and why.
//
// It judges a record by what it is now, never by how it was made: a bad record that somebody
// repairs leaves the manifest, a good one that somebody spoils enters it. Every seeded bad
// record has exactly one defect, so the order of the checks decides nothing there. What is too old
// or too far ahead is so as of when the record was last changed.
package manifest

import "time"

// Kind says what becomes of a listed record.
type Kind string

const (
	Park Kind = "park" // somebody has to repair it
	Skip Kind = "skip" // left out on purpose
)

// Code names a defect; it equals the code an integration reports for the record.
type Code string

const (
	StartMissing       Code = "start_missing"
	EndMissing         Code = "end_missing"
	EndBeforeStart     Code = "end_before_start"
	TimeZoneUnknown    Code = "time_zone_unknown"
	TimeInvalid        Code = "time_invalid"
	OwnerMissing       Code = "owner_missing"
	AppRejected        Code = "app_rejected"
	RecurrenceInvalid  Code = "recurrence_invalid"
	RecurrenceTooDense Code = "recurrence_too_dense"
	OwnerUnmatched     Code = "owner_unmatched"
	TooOld             Code = "too_old"
	BeyondHorizon      Code = "beyond_horizon"

	OccurredMissing     Code = "occurred_missing"
	UserMissing         Code = "user_missing"
	OccurredAfterLogged Code = "occurred_after_logged"
	InternalNotCounted  Code = "internal_not_counted"
	BouncedNotCounted   Code = "bounced_not_counted"
	UserUnmatched       Code = "user_unmatched"
)

// Entry is one listed record.
type Entry struct {
	ID   string `json:"id"`
	Code Code   `json:"code"`
	Kind Kind   `json:"kind"`
	Why  string `json:"why"` // a sentence for people
}

// Staff says whom the calendar app knows.
type Staff interface {
	// InApp reports whether the Acme user has a user in the calendar app.
	InApp(userID string) bool
}

// A Judge judges the records of one account. It remembers time zones, as loading one costs more
// than judging a record; it is not safe for concurrent use.
type Judge struct {
	Staff Staff

	zones map[string]*time.Location // nil: unknown
}

func park(id string, code Code, why string) (Entry, bool) {
	return Entry{ID: id, Code: code, Kind: Park, Why: why}, true
}

func skip(id string, code Code, why string) (Entry, bool) {
	return Entry{ID: id, Code: code, Kind: Skip, Why: why}, true
}
