package acmesync

import "time"

// Delivered is what one round of the deliver lane came to; it is committed together or not at all.
type Delivered struct {
	Entries []LedgerEntry // rows that changed
	Ended   []EndedPage
	Parked  []ParkedRecord
	Closed  []ClosedRecord
	Links   []Link
	Facts   []Fact
	TwoWay  TwoWay       // of tenants that sync both ways
	NoFacts []string     // touch-points that do not count any more, or never did
	Refused []Refusal    // what the app could not take now
	Settled []Key        // what it had not, and now has, or what is parked now
	Reread  []EnvelopeID // pages that could not be opened: what they had brought is read from Acme again
	Hints   []Key        // records to be read from Acme again: parked without a body, and now to be retried

	// Appointments that are known by owner, start and contacts; records that are none of them any more; and who has lost one.
	Keys     []BusinessKey
	Unkeyed  []string
	KeysLost []string

	// Instances of series that were written or given to another record, those that are gone, and the ids of masters that have to
	// be expanded again.
	Instances   []Instance
	NoInstances []Instance
	Expand      []string

	Revisits []Revisit // one per record at most

	Audit       string // whose pages were in the round; empty: nobody's
	Differences []Difference
}

// Revisit is a record to be looked at again at a time though nothing about it may have changed.
type Revisit struct {
	Key Key
	At  time.Time
}

// EndedPage counts what became of an envelope's records. One with a Rest stays open for those.
type EndedPage struct {
	Envelope   EnvelopeID
	Done       int
	Duplicate  int
	Superseded int
	Parked     int
	Rest       []string
	Open       bool          // stays open as it is, whatever was counted
	RetryAfter time.Duration // for the rest
}

// ClosedRecord is a record that is parked no longer.
type ClosedRecord struct {
	Key    Key
	How    string // retried, discarded, newer_version
	By     string
	Reason string
}

// Link says that an event names a contact.
type Link struct {
	ContactID string
	Key       Key
	EndsAt    time.Time
	Mapped    bool   // Hash says what the contact was when the event was mapped
	Hash      string // empty: nobody was behind the id
}
