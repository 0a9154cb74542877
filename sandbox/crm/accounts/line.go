package accounts

import (
	"encoding/json"
	"fmt"
	"time"

	"acmesync/acme"
)

// LineKind says what a line of the journal tells.
type LineKind string

const (
	LineAccount      LineKind = "account"      // the first line: who the account is
	LineSettings     LineKind = "settings"     // its settings from now on
	LineFaults       LineKind = "faults"       // its fault switches from now on
	LineWrite        LineKind = "write"        // one accepted write: records as they now are, events it emitted
	LineSubscription LineKind = "subscription" // a webhook subscription as it now is
	LineDispatch     LineKind = "dispatch"     // events were put into a delivery
	LineSettle       LineKind = "settle"       // a delivery ended
)

// Line is one line of an account's journal; only the field of its kind is set.
type Line struct {
	Seq  int64     `json:"seq"` // 1, 2, 3 … without a gap
	At   time.Time `json:"at"`
	Kind LineKind  `json:"kind"`

	Account      *Info         `json:"account,omitempty"`
	Settings     *Settings     `json:"settings,omitempty"`
	Faults       *Faults       `json:"faults,omitempty"`
	Write        *Write        `json:"write,omitempty"`
	Subscription *Subscription `json:"subscription,omitempty"`
	Dispatch     *Dispatch     `json:"dispatch,omitempty"`
	Settle       *Settlement   `json:"settle,omitempty"`
}

// Write is one accepted write, whole: there is no line that holds half of one.
type Write struct {
	Op          string       `json:"op"` // seed, import, create, update, delete, undelete or merge
	By          string       `json:"by"` // seed, import, admin, api, or page:<user id>
	Idempotency *Idempotency `json:"idempotency,omitempty"`
	Records     []Record     `json:"records"`
	Events      []acme.Event `json:"events,omitempty"`
}

// Record is one record as it is after the write.
type Record struct {
	Resource acme.Resource   `json:"resource"`
	Record   json.RawMessage `json:"record"`
}

// Idempotency names the request that made the write.
type Idempotency struct {
	Key         string `json:"key"`
	Fingerprint string `json:"fingerprint"` // of the request's body
}

// append writes a line; the account is locked.
func (a *Account) append(line Line) (int64, error) {
	line.Seq = a.seq + 1
	if line.At.IsZero() {
		line.At = a.now().UTC().Truncate(time.Microsecond)
	}
	encoded, err := json.Marshal(line)
	if err != nil {
		return 0, fmt.Errorf("encode journal line: %w", err)
	}
	position, err := a.journal.Append(encoded)
	if err != nil {
		return 0, err
	}
	a.seq++
	return position, nil
}

// replay takes in one line of the past.
func (a *Account) replay(encoded []byte) error {
	var line Line
	if err := json.Unmarshal(encoded, &line); err != nil {
		return fmt.Errorf("decode journal line: %w", err)
	}
	if line.Seq != a.seq+1 {
		return fmt.Errorf("journal line %d follows %d", line.Seq, a.seq)
	}
	a.seq = line.Seq
	switch {
	case line.Account != nil:
		a.introduce(*line.Account)
	case line.Settings != nil:
		a.settings = *line.Settings
	case line.Faults != nil:
		a.faults = *line.Faults
	case line.Write != nil:
		return a.replayWrite(line.At, line.Write)
	case line.Subscription != nil:
		a.applySubscription(line.Subscription)
	case line.Dispatch != nil:
		a.backlog.dispatched(*line.Dispatch)
	case line.Settle != nil:
		a.backlog.settled(*line.Settle)
	}
	return nil
}

func (a *Account) introduce(info Info) {
	a.info = info
	for _, member := range info.Staff {
		a.inApp[member.UserID] = member.InApp
	}
}
