package acmesync

import "time"

// Way is how an envelope arrived.
type Way string

const (
	ByHook  Way = "hook"
	BySOAP  Way = "soap" // an outbound message
	BySNS   Way = "sns"  // over HTTP
	BySQS   Way = "sqs"  // the same, fetched from a queue
	ByKafka Way = "kafka"
	ByFile  Way = "file" // a chunk of a CSV file
	ByPoll  Way = "poll"
	ByAudit Way = "audit" // read from the beginning, to be compared
	ByHint  Way = "hint"  // read because a hint named it
	ByOrder Way = "order" // left by a review, a contact's change, a deactivation
)

// EnvelopeKind is what an envelope's body is.
type EnvelopeKind string

const (
	HintEnvelope  EnvelopeKind = "hint"  // names one record; body: the event as it arrived
	PageEnvelope  EnvelopeKind = "page"  // records in Acme's form
	OrderEnvelope EnvelopeKind = "order" // an Order
)

// Priority orders envelopes of a lane: live before backfill.
type Priority int

const (
	Live     Priority = 0
	Backfill Priority = 1
)

// EnvelopeSchema is the version of body shapes written today; readers up-cast older ones.
const EnvelopeSchema = 1

// EnvelopeID names an envelope: the day of its partition and a time-ordered UUID.
type EnvelopeID struct {
	Day string // "2006-01-02"
	ID  string
}

// Hint says that a record of Acme has changed; it is never the truth, only a reason to look.
type Hint struct {
	Envelope   EnvelopeID
	Key        Key
	Version    int64 // 0: none named
	Tries      int   // reads so far that did not satisfy it
	ReceivedAt time.Time
}

// Page is a claimed envelope of the deliver lane with its body opened.
type Page struct {
	Envelope EnvelopeID
	Kind     EnvelopeKind
	Way      Way
	Stream   Stream
	Priority Priority
	Schema   int
	Tries    int       // claims before this one that did not end it
	Claimed  time.Time // by Postgres's clock
	Records  int       // not counted as ended yet
	Rest     []string  // the records still to do where an answer was partial; nil: all
	Body     []byte    // the items as one JSON array, or an Order
	Sealed   bool      // the body could not be opened: it is as it was stored
	// StaffStamp changes whenever either side's users were read: whoever holds them in memory loads them again.
	StaffStamp string
}

// Order is work that was left for the deliver lane.
type Order struct {
	Action OrderAction `json:"action"`
	Stream Stream      `json:"stream"`
	IDs    []string    `json:"ids,omitempty"`
	Actor  string      `json:"actor,omitempty"`  // who decided, for retry and discard
	Reason string      `json:"reason,omitempty"` // why, for discard
	Code   Code        `json:"code,omitempty"`   // why, for park
}

// OrderAction says what the deliver lane shall do with the records an order names.
type OrderAction string

const (
	OrderRetry   OrderAction = "retry"   // deliver parked records again
	OrderDiscard OrderAction = "discard" // give parked records up: undo, then skip
	OrderGone    OrderAction = "gone"    // Acme does not have the records any more: remove, keep a tombstone
	OrderMerge   OrderAction = "merge"   // the app's events with these ids have changed; the stream is AppEvents
	OrderPark    OrderAction = "park"    // Acme cannot answer for the records
)

// ArrivalTotals count arrivals: received = done + duplicate + superseded + parked + waiting.
type ArrivalTotals struct {
	Received   int64 `json:"received" db:"received"`
	Done       int64 `json:"done" db:"done"`
	Duplicate  int64 `json:"duplicate" db:"duplicate"`
	Superseded int64 `json:"superseded" db:"superseded"`
	Parked     int64 `json:"parked" db:"parked"`
	Waiting    int64 `json:"waiting" db:"waiting"`
}

// Balanced reports whether every arrival is accounted for.
func (a ArrivalTotals) Balanced() bool {
	return a.Received == a.Done+a.Duplicate+a.Superseded+a.Parked+a.Waiting
}

// PoisonTries is how often an envelope may be claimed without an end before it is worked alone.
const PoisonTries = 3
