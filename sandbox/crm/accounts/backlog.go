package accounts

import (
	"slices"

	"acmesync/acme"
)

// Dispatch says that events were put into a delivery. Its id is the webhook-id of every attempt.
type Dispatch struct {
	Delivery     string   `json:"delivery"`
	Subscription string   `json:"subscription"`
	EventIDs     []string `json:"event_ids"`
}

// Settlement says how a delivery ended: delivered, failed, abandoned (the subscription went) or
// dropped (by a fault switch).
type Settlement struct {
	Delivery string `json:"delivery"`
	State    string `json:"state"`
	Attempts int    `json:"attempts"`
	Status   int    `json:"status,omitempty"` // HTTP, of the last attempt
	Error    string `json:"error,omitempty"`
}

// Unsent is a delivery that a killed process left behind; without an id it never became one.
type Unsent struct {
	Delivery     string
	Subscription string
	Events       []acme.Event
}

// backlog follows, while the journal is replayed, which events nobody has been sent.
type backlog struct {
	waiting map[string][]acme.Event // by subscription
	open    map[string]*Unsent      // by delivery
}

func newBacklog() *backlog {
	return &backlog{waiting: map[string][]acme.Event{}, open: map[string]*Unsent{}}
}

func (b *backlog) emitted(subscription string, events []acme.Event) {
	if len(events) > 0 {
		b.waiting[subscription] = append(b.waiting[subscription], events...)
	}
}

func (b *backlog) dispatched(d Dispatch) {
	taken := &Unsent{Delivery: d.Delivery, Subscription: d.Subscription}
	b.waiting[d.Subscription] = slices.DeleteFunc(b.waiting[d.Subscription], func(e acme.Event) bool {
		if !slices.Contains(d.EventIDs, e.EventID) {
			return false
		}
		taken.Events = append(taken.Events, e)
		return true
	})
	if len(taken.Events) > 0 {
		b.open[d.Delivery] = taken
	}
}

func (b *backlog) settled(s Settlement) { delete(b.open, s.Delivery) }

// drop forgets what a subscription that ended or was disabled has not been sent: it never will be.
func (b *backlog) drop(subscription string) {
	delete(b.waiting, subscription)
	for id, unsent := range b.open {
		if unsent.Subscription == subscription {
			delete(b.open, id)
		}
	}
}

// Unsent returns, once, what the last process left behind.
func (a *Account) Unsent() []Unsent {
	a.mu.Lock()
	defer a.mu.Unlock()
	var left []Unsent
	for _, unsent := range a.backlog.open {
		left = append(left, *unsent)
	}
	for subscription, events := range a.backlog.waiting {
		if len(events) > 0 {
			left = append(left, Unsent{Subscription: subscription, Events: events})
		}
	}
	a.backlog = newBacklog()
	return left
}

// LogDispatch and LogSettlement journal a delivery's life. They do not wait for the disk: what is
// lost with it is sent again.
func (a *Account) LogDispatch(d Dispatch) error { return a.log(Line{Kind: LineDispatch, Dispatch: &d}) }

// LogSettlement journals how a delivery ended.
func (a *Account) LogSettlement(s Settlement) error {
	return a.log(Line{Kind: LineSettle, Settle: &s})
}

func (a *Account) log(line Line) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err := a.append(line)
	return err
}
