package acmesync

import (
	"errors"
	"fmt"
)

// Kind sorts failures by what has to happen next. The table in activities decides; nobody else does.
type Kind string

const (
	Unavailable  Kind = "unavailable"  // held; again later, for ever
	RateLimited  Kind = "rate_limited" // held until the time the other side named
	Unauthorised Kind = "unauthorised" // needs a person to connect again
	Rejected     Kind = "rejected"     // this record is bad or refused: it parks
	Suspect      Kind = "suspect"      // one record makes a healthy side fail: it is isolated
	Gone         Kind = "gone"         // a tombstone
	CursorLost   Kind = "cursor_lost"  // restart at the watermark
	Defect       Kind = "defect"       // ours, with this record: it parks and somebody is told
	Ours         Kind = "ours"         // Postgres, the worker, the network: the attempt is repeated
)

var (
	// ErrFenced means that a newer attempt of the same lane has started: stop, write nothing.
	ErrFenced = errors.New("a newer attempt of this lane has taken over")
	// ErrEpoch means that a command changed the tenant: finish here, the workflow looks again.
	ErrEpoch = errors.New("the tenant was changed by a command")
	// ErrNotRunning means that a workflow is not there to be rung or asked: the sweep starts it if it should be.
	ErrNotRunning = errors.New("the workflow is not running")
	// ErrNotFound means that there is no such thing, or not for this tenant.
	ErrNotFound = errors.New("not found")
)

// Conflict says why a command does not fit the present state, in words for the caller.
type Conflict struct {
	Code    string
	Message string
}

func (c *Conflict) Error() string { return c.Message }

// Fault says what is wrong with one record: a code for machines, a field, a sentence for people.
// The sentence never quotes the record: it is shown in lists and logs.
type Fault struct {
	Code    Code
	Field   string
	Message string
}

func (f *Fault) Error() string { return fmt.Sprintf("%s (%s): %s", f.Code, f.Field, f.Message) }
