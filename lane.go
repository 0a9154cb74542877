package acmesync

import "time"

// Lane is one of the two loops that work for a tenant, one attempt at a time each.
type Lane string

const (
	Fetch   Lane = "fetch"   // reads Acme into the inbox
	Deliver Lane = "deliver" // the only writer to the app and the ledger
)

// Fence is what an attempt of a lane was given at its start. A commit with a token that is
// no longer the newest is refused, one whose epoch has passed ends the attempt.
type Fence struct {
	Tenant     TenantID
	Connection ConnectionID
	Lane       Lane
	Token      int64
	Epoch      int64
	Generation int64
}

// revisionBits of a revision count writes within one attempt; the token stands above them.
// Together they stay below 2^53, so every JSON reader keeps them exact.
const revisionBits = 20

// Revision orders every write to the app: a later attempt always has the higher one.
func (f Fence) Revision(write int64) int64 { return f.Token<<revisionBits | write }

// MaxWrites is how many revisions one attempt has.
const MaxWrites = 1<<revisionBits - 1

// TokenOf tells which attempt wrote a revision.
func TokenOf(revision int64) int64 { return revision >> revisionBits }

// Hold says that a dependency of a tenant is down or refuses; it is released by itself.
type Hold struct {
	Dependency Dependency `json:"dependency"`
	Stream     Stream     `json:"stream,omitempty"` // empty: all streams
	Kind       Kind       `json:"kind"`
	Reason     string     `json:"reason"` // a sentence
	Since      time.Time  `json:"since"`
	Tries      int        `json:"tries"`
	NextAt     time.Time  `json:"next_at"`
}

// Dependency is a system outside that a lane cannot work without.
type Dependency string

const (
	DependsOnAcme Dependency = "acme"
	DependsOnApp  Dependency = "app"
	// DependsOnLookup is a third party that completes records: what does not need it goes on.
	DependsOnLookup Dependency = "lookup"
)

// LaneKey names a lane of a tenant.
type LaneKey struct {
	Tenant TenantID `db:"tenant"`
	Lane   Lane     `db:"lane"`
}
