package acmesync

import "time"

// DriftFinding is how what Acme sends differs from its contract, or from what it used to be.
type DriftFinding string

const (
	UnknownField DriftFinding = "unknown_field" // the contract does not have it
	FieldGone    DriftFinding = "field_gone"    // nearly every record had it, and none has now
	TypeChanged  DriftFinding = "type_changed"  // its values are of another type than the contract says
	UnknownWord  DriftFinding = "unknown_word"  // a word that the contract does not list
)

// Drift is one way in which a field of a tenant's Acme has drifted. It holds no values.
type Drift struct {
	Stream     Stream       `json:"stream"` // users too, which are no stream of their own
	Field      string       `json:"field"`  // a path, such as start.time_zone or contact_ids[]
	Finding    DriftFinding `json:"finding"`
	FirstSeen  time.Time    `json:"first_seen" db:"first_seen"`
	LastSeen   time.Time    `json:"last_seen" db:"last_seen"`
	Records    int64        `json:"records"` // of those looked at, how many showed it
	Clean      int64        `json:"-"`       // records in a row that could have shown it and did not
	AlertedAt  *time.Time   `json:"alerted_at,omitempty" db:"alerted_at"`
	ResolvedAt *time.Time   `json:"resolved_at,omitempty" db:"resolved_at"` // it has changed back; seen again it is told again
}

// FieldHistory is how often a field of the contract was there, of the records looked at.
type FieldHistory struct {
	Present int64 `json:"present"`
	Of      int64 `json:"of"`
	Absent  int64 `json:"absent"` // since it was last there, not counted in Of
}

// DriftState is what is remembered between two looks at a stream.
type DriftState struct {
	Stream Stream
	Fields map[string]FieldHistory
	Open   []Drift // what has not changed back
}

// DriftLook is what a look leaves: the fields as they are remembered from now on, and each drift that this look has to do with.
type DriftLook struct {
	Stream Stream
	Fields map[string]FieldHistory
	Seen   []Drift // by stream, field and finding; Records of this look alone
	Clean  []Drift // not seen; Clean is the new sum
	Mended []Drift // clean for long enough
}
