package acmesync

import "time"

// LedgerState is where a record stands between both sides.
type LedgerState string

const (
	InStep  LedgerState = "in_step" // the app has what Acme has
	Skipped LedgerState = "skipped" // left out on purpose, by Code
	Parked  LedgerState = "parked"  // failed for a reason of its own, by Code; a review owns it
	Deleted LedgerState = "deleted" // gone in Acme and from the app: a tombstone
)

// LedgerSchema is the version of ledger rows written today; readers up-cast older ones.
const LedgerSchema = 1

// Step is one effect of a delivery outside Postgres; a ledger entry holds those taken.
type Step int

const (
	StepWritten   Step = 1 // the app holds an event for this record
	StepSeries    Step = 2 // it is a master: its events are its instances
	StepException Step = 4 // its event is the instance it stands for
)

// LedgerEntry is a record's row: what both sides last agreed on.
type LedgerEntry struct {
	Key       Key
	Version   int64     // Acme's; news is a higher one
	SourceAt  time.Time // Acme's updated_at of that version
	Hash      string    // of record, its people, rules, patch, tombstone; it is mapped again when it differs
	Mapped    string    // of the event the app has taken, without its revision; empty: nobody is sure what it holds
	State     LedgerState
	Code      Code
	Field     string
	Revision  int64 // of our last write the app took
	AppID     string
	Steps     Step
	OwnerID   string // Acme's user, to find records when people change
	UpdatedAt time.Time
}

// Delivered reports whether the app is sure to have taken an event of this record, or counts it.
func (e LedgerEntry) Delivered() bool {
	if e.Key.Stream == Touchpoints {
		return e.State == InStep
	}
	return e.Steps >= StepWritten && e.Mapped != ""
}

// Carried reports whether the record was carried over before: the app has or may have its event, or it counts. Age alone does not
// take such a one out.
func (e LedgerEntry) Carried() bool {
	if e.Steps == StepException && e.AppID == "" {
		return false // it stands for an instance, and was left out
	}
	return e.Steps >= StepWritten || e.Key.Stream == Touchpoints && e.State == InStep
}

// Note says something of a record that is in step; an empty code says nothing.
func (e *LedgerEntry) Note(code Code) {
	e.Code, e.Field = code, ""
	if code != "" {
		e.Field = "attendees"
	}
}

// Balance is each record once, by its present state. Known is counted at fetch, never summed from the rest.
type Balance struct {
	Stream  Stream           `json:"stream"`
	Known   int64            `json:"known"`
	InStep  int64            `json:"in_step"`
	Skipped map[string]int64 `json:"skipped"`
	Parked  map[string]int64 `json:"parked"`
	Waiting int64            `json:"waiting"`
	Deleted int64            `json:"deleted"`
	// CountsRefused are counts that the app did not take when they were last sent, by its code; of touch-points only.
	CountsRefused map[string]int64 `json:"counts_refused,omitempty"`
	Balanced      bool             `json:"balanced"` // the equation holds, nothing waits and no count is refused
	Arrivals      ArrivalTotals    `json:"arrivals"`
}

// Sum adds the states up; it equals Known in a ledger that has lost and invented nothing.
func (b Balance) Sum() int64 {
	sum := b.InStep + b.Waiting + b.Deleted
	for _, n := range b.Skipped {
		sum += n
	}
	for _, n := range b.Parked {
		sum += n
	}
	return sum
}
