package acmesync

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// ReviewState is where a review stands: open → compensating → resolved; parking into a
// resolved one opens it again.
type ReviewState string

const (
	ReviewOpen         ReviewState = "open"
	ReviewCompensating ReviewState = "compensating"
	ReviewResolved     ReviewState = "resolved"
	ReviewReopened     ReviewState = "reopened"
)

// ReviewKind tells a review of records from one that stopped a whole stream.
type ReviewKind string

const (
	RecordsReview ReviewKind = "records"
	BlockedReview ReviewKind = "stream_blocked"
)

// Review owns the parked records of one fingerprint.
type Review struct {
	Tenant      TenantID    `json:"tenant" db:"tenant"`
	Fingerprint string      `json:"fingerprint" db:"fingerprint"`
	Kind        ReviewKind  `json:"kind" db:"kind"`
	Stream      Stream      `json:"stream" db:"stream"`
	Code        Code        `json:"code" db:"code"`
	Field       string      `json:"field,omitempty" db:"field"`
	State       ReviewState `json:"state" db:"state"`
	StateSince  time.Time   `json:"state_since" db:"state_since"`
	OpenedAt    time.Time   `json:"opened_at" db:"opened_at"`
	Open        int64       `json:"open" db:"open"` // records still parked
}

// Fingerprint is what makes parked records one review: stream, code and field.
func Fingerprint(s Stream, c Code, field string) string {
	sum := sha256.Sum256([]byte(string(s) + "\x00" + string(c) + "\x00" + field))
	return hex.EncodeToString(sum[:8])
}

// ParkedRecord is one record that failed for a reason of its own.
type ParkedRecord struct {
	Key      Key
	Fault    Fault
	Version  int64
	Tries    int
	ParkedAt time.Time
	Body     []byte // the record in Acme's form; nil where none was read
}

// Decision is what a person decides about a review, or about some of its records.
type Decision struct {
	ID     string // applies once
	Action OrderAction
	Actor  string
	Reason string
	IDs    []string // Acme ids; empty: all open records
}

// RawPrefix starts the id of what was parked as it came: an item without a usable id, or an envelope that cannot be opened.
const RawPrefix = "raw:"

// RangePrefix starts the id of a parked range: records between two moments that Acme cannot answer, so nobody knows their ids.
const RangePrefix = "range:"
