package webhooks

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"acmesync/acme"
)

// State is where a delivery stands. A pending one becomes one of the others and stays that.
type State string

const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Failed    State = "failed"    // refused for good, or all attempts used up
	Abandoned State = "abandoned" // its subscription was disabled or deleted
	Dropped   State = "dropped"   // by a fault switch
)

// Delivery is one POST to a subscriber, with all its attempts.
type Delivery struct {
	ID           string       `json:"id"` // the webhook-id
	Subscription string       `json:"subscription_id"`
	URL          string       `json:"url"`
	Events       []acme.Event `json:"events"`
	State        State        `json:"state"`
	Attempts     []Attempt    `json:"attempts"`
	CreatedAt    time.Time    `json:"created_at"`
	NextAt       *time.Time   `json:"next_at,omitempty"` // of the next attempt
}

// Attempt is one try of a delivery.
type Attempt struct {
	At     time.Time `json:"at"`
	Status int       `json:"status,omitempty"` // HTTP; 0: no answer
	Error  string    `json:"error,omitempty"`
	Millis int64     `json:"millis"`

	retryAfter     time.Duration
	persistent     bool // no status ends the delivery
	unacknowledged bool // answered with success, and not taken
}

func (a Attempt) words() string {
	if a.Error != "" {
		return a.Error
	}
	return "HTTP " + strconv.Itoa(a.Status)
}

// kept is how many deliveries of an account are remembered for people to look at.
const kept = 200

// history remembers the last deliveries of every account, and guards them.
type history struct {
	mu        sync.Mutex
	byAccount map[string][]*Delivery
}

func (h *history) add(account string, delivery *Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byAccount == nil {
		h.byAccount = map[string][]*Delivery{}
	}
	list := append(h.byAccount[account], delivery)
	if len(list) > 2*kept {
		list = slices.Clone(list[len(list)-kept:])
	}
	h.byAccount[account] = list
}

func (h *history) update(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// Deliveries returns an account's last deliveries, the newest first.
func (d *Dispatcher) Deliveries(account string) []Delivery {
	d.history.mu.Lock()
	defer d.history.mu.Unlock()
	list := d.history.byAccount[account]
	list = list[max(0, len(list)-kept):]
	copies := make([]Delivery, 0, len(list))
	for _, delivery := range slices.Backward(list) {
		c := *delivery
		c.Attempts = slices.Clone(delivery.Attempts)
		copies = append(copies, c)
	}
	return copies
}
