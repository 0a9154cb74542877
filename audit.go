package acmesync

import "time"

// Audit walks both sides and the ledger, and proves them equal or lists and heals what differs. It is work of the two lanes like
// any other: fetch walks Acme's lists, deliver compares what they bring with the ledger, then the app with the ledger.
type Audit struct {
	ID         string     `json:"id" db:"audit"`
	State      AuditState `json:"state" db:"state"`
	Actor      string     `json:"actor" db:"actor"`
	Reason     string     `json:"reason,omitempty" db:"reason"` // a sentence: why it was started, or why it was cancelled
	StartedAt  time.Time  `json:"started_at" db:"started_at"`
	EndedAt    *time.Time `json:"ended_at,omitempty" db:"ended_at"`
	Complete   bool       `json:"complete" db:"complete"` // Acme's lists were read without a gap: what they do not show was asked for by id
	Records    int64      `json:"records" db:"records"`   // that Acme's lists brought
	Events     int64      `json:"events" db:"events"`     // of ours that the app showed
	Counts     int64      `json:"counts" db:"counts"`     // of touch-points that the app showed
	Found      int64      `json:"found" db:"found"`       // differences
	Healed     int64      `json:"healed" db:"healed"`     // of those
	Equal      bool       `json:"equal" db:"equal"`       // it has ended, and no difference is left
	Cursor     string     `json:"-" db:"cursor"`          // of the app's list that is being walked
	ReadsLists bool       `json:"-" db:"reads_lists"`     // some list of Acme's has not come to its end
	Waiting    bool       `json:"-" db:"waiting"`         // arrivals of its own have not ended
}

// AuditState is how far an audit has come. From any of the first five it may be cancelled.
type AuditState string

const (
	AuditReading   AuditState = "reading"   // Acme's lists are walked → asking
	AuditAsking    AuditState = "asking"    // what they do not show is asked for by id → comparing
	AuditComparing AuditState = "comparing" // the app's events are walked → counting
	AuditCounting  AuditState = "counting"  // the app's counts are walked → settling
	AuditSettling  AuditState = "settling"  // what differs is being healed → done
	AuditDone      AuditState = "done"
	AuditCancelled AuditState = "cancelled" // the tenant has ended, or another audit was asked for
)

// Difference is something about which two of Acme, the ledger and the app disagree.
type Difference struct {
	Side     Side           `json:"side" db:"side"` // the side that disagrees with the ledger
	Stream   Stream         `json:"stream" db:"stream"`
	ID       string         `json:"id" db:"id"` // Acme's; of an instance of a series with its start, of a count its user, day, channel and direction
	Kind     DifferenceKind `json:"kind" db:"kind"`
	Outcome  string         `json:"outcome" db:"outcome"` // open, healed, parked, withheld, unlisted
	FoundAt  time.Time      `json:"found_at" db:"found_at"`
	HealedAt *time.Time     `json:"healed_at,omitempty" db:"healed_at"`
}

// DifferenceKind is what an audit can find.
type DifferenceKind string

const (
	DiffMissing  DifferenceKind = "missing"  // one side has it, the ledger did not know; or the ledger has it, the app does not show it
	DiffBehind   DifferenceKind = "behind"   // Acme has a newer version than was delivered
	DiffOutdated DifferenceKind = "outdated" // this version was delivered, but comes to something else by now
	DiffAbsent   DifferenceKind = "absent"   // Acme's lists do not show it any more
	DiffAlive    DifferenceKind = "alive"    // it was taken for gone, and Acme's list shows it
	DiffChanged  DifferenceKind = "changed"  // the app shows something else than was delivered
	DiffExtra    DifferenceKind = "extra"    // the app shows what nothing has delivered
	DiffCount    DifferenceKind = "count"    // a count is another one
)

// What became of a difference.
const (
	DiffOpen     = "open"
	DiffHealed   = "healed"
	DiffParked   = "parked"   // it cannot be carried over as it is: a review has it
	DiffWithheld = "withheld" // too many records are absent at once: a review asks a person
	DiffUnlisted = "unlisted" // Acme shows it by id, and its list leaves it out
)

// Audited is what one step of an audit came to; it is committed together or not at all.
type Audited struct {
	Audit       string
	Seen        []string // what the app showed: ids of events, names of counts
	Differences []Difference
	Doubt       []Key      // nobody is sure what the app holds of them
	Lost        []Instance // of series, that the app does not hold
	Hints       []Key      // to be read from Acme again
	Orders      []Order
	Cells       []Cell // counts that are to be sent again
	Cursor      string
	Last        bool // the walk has come to its end
}

// AbsentPrefix starts the id under which a stream's absent records are parked together: far more of them than is believed.
const AbsentPrefix = "absent:"

// The mass-delete guard: so many absent records within an hour, and such a share of all, are not believed without a person.
const (
	AbsentAtMost       = 50
	AbsentPercent      = 30
	DeletesKeptForDays = 30 // Acme's lists show what was deleted for so long
)
