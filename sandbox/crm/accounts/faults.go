package accounts

import (
	"slices"
	"time"

	"acmesync/acme"
)

// Faults are the fault switches of an account; the zero value is a healthy Acme.
type Faults struct {
	// Only names the resources that Down, LatencyMS, Rate5xx, Storm429, HTML502, TruncatedPage,
	// CursorExpired, BadPage and Drift touch; empty: everything.
	Only []acme.Resource `json:"only,omitempty"`

	Down                  bool          `json:"down"`                     // every request is answered 503
	LatencyMS             int           `json:"latency_ms"`               // added to every request
	Rate5xx               float64       `json:"rate_5xx"`                 // share of requests answered 500 or 503
	Storm429              *Storm        `json:"storm_429"`                // every request is answered 429
	HTML502               bool          `json:"html_502"`                 // every request is answered by the edge, in HTML
	TokenRevoked          bool          `json:"token_revoked"`            // the API key is refused
	TruncatedPage         bool          `json:"truncated_page"`           // lists are cut off in the middle
	CursorExpired         bool          `json:"cursor_expired"`           // every cursor is refused
	BadPage               int           `json:"bad_page"`                 // the n-th page of every walk is answered 500, 1 is the first; 0: none
	BadIDs                []string      `json:"bad_ids,omitempty"`        // whatever contains one of these records is answered 500
	AnswerLostAfterCommit bool          `json:"answer_lost_after_commit"` // writes happen, their answers never arrive
	AnswerLostShare       float64       `json:"answer_lost_share"`        // share of writes that happen and are not answered
	ForgetKeys            bool          `json:"forget_idempotency_keys"`  // as after 24 hours: no request is known to have been sent before
	StaleListSeconds      int           `json:"stale_list_seconds"`       // lists lag behind; at most 600
	Drift                 DriftFaults   `json:"drift,omitzero"`           // records are read in another shape than the contract's
	Webhook               WebhookFaults `json:"webhook"`
}

// Storm is a 429 for everything.
type Storm struct {
	RetryAfter string `json:"retry_after"` // sent as it is: seconds, an HTTP date or nonsense; empty: no header
}

// DriftFaults change what records look like when they are read, not what they are. Fields that a resource does not have are
// left alone.
type DriftFaults struct {
	Rename map[string]string `json:"rename,omitempty"` // field → its new name
	Retype []string          `json:"retype,omitempty"` // fields whose values take another type
	Words  map[string]string `json:"words,omitempty"`  // field → the word that it holds in every record
	Add    []string          `json:"add,omitempty"`    // fields that every record has as well
}

// On reports whether any of the switches is set.
func (f DriftFaults) On() bool {
	return len(f.Rename)+len(f.Retype)+len(f.Words)+len(f.Add) > 0
}

// WebhookFaults are what can go wrong between Acme and a subscriber.
type WebhookFaults struct {
	DropRate  float64 `json:"drop_rate"` // share of deliveries that are never sent
	Duplicate int     `json:"duplicate"` // how many more times each delivery is sent, at the same time
	Reorder   bool    `json:"reorder"`   // deliveries wait up to 2 s and overtake each other
}

// Touches reports whether the switches that can be narrowed act on the resource.
func (f Faults) Touches(resource acme.Resource) bool {
	return len(f.Only) == 0 || slices.Contains(f.Only, resource)
}

// Lag is how far lists are behind.
func (f Faults) Lag() time.Duration {
	return min(time.Duration(f.StaleListSeconds)*time.Second, keepEnded)
}

// Faults returns the switches as they are.
func (a *Account) Faults() Faults {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.faults
}

// SetFaults replaces all switches.
func (a *Account) SetFaults(f Faults) error {
	return a.set(Line{Kind: LineFaults, Faults: &f}, func() { a.faults = f })
}

// set journals a line and then makes it so.
func (a *Account) set(line Line, apply func()) error {
	a.mu.Lock()
	position, err := a.append(line)
	if err == nil {
		apply()
	}
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.journal.Sync(position)
}

// Chance rolls the account's dice, seeded by its number, so that faults repeat.
func (a *Account) Chance(share float64) bool {
	if share <= 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.chance.Float64() < share
}
