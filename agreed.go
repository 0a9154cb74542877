package acmesync

import "time"

// Side is one of the two systems that are kept alike.
type Side string

const (
	AcmeSide Side = "acme"
	AppSide  Side = "app"
)

// Agreed is what both sides last agreed on about an appointment, of a tenant that syncs both ways.
type Agreed struct {
	AcmeID      string
	AcmeVersion int64
	AppVersion  int64
	Body        []byte // the event as either side had it; mapping.State
	Wrote       Side   // the side that was written to; empty: none
	Flips       int    // as read: alternating writes within the last hour
}

// Intent is an appointment on its way into Acme: there before the first call, gone after the last.
type Intent struct {
	Operation string // Idempotency-Key and external_ref
	AppID     string
	AcmeID    string // from IntentMade on
	Step      IntentStep
	Body      []byte // frozen: what was asked for and what the app had then
	Done      bool   // to be forgotten
}

// IntentStep is how far an intent has come.
type IntentStep int

const (
	IntentOpen     IntentStep = 0 // asked for, or about to be: look it up before it is repeated
	IntentMade     IntentStep = 1 // the appointment is in Acme
	IntentAttached IntentStep = 2 // with its contacts; what is left is the link in the app
)

// Overruled is a value that lost a conflict.
type Overruled struct {
	AcmeID string         `json:"-"`
	Field  string         `json:"field"` // as the app's contract names it
	Policy ConflictPolicy `json:"policy"`
	Winner Side           `json:"winner"`
	Lost   string         `json:"lost"` // the other side's value, as people read it
	At     time.Time      `json:"at"`   // as read
}

// TwoWay is what two-way delivery has to remember of a round.
type TwoWay struct {
	Agreed    []Agreed
	Forgotten []string // Acme's ids about which nothing is agreed any more
	Intents   []Intent
	Overruled []Overruled
}

// Empty tells that there is nothing to remember.
func (b TwoWay) Empty() bool {
	return len(b.Agreed) == 0 && len(b.Forgotten) == 0 && len(b.Intents) == 0 && len(b.Overruled) == 0
}
