// Package webhooks sends the accounts' events to their subscribers, signed by Standard Webhooks, or hands them to what an
// account has chosen to carry them: Kafka, SNS.
//
// Every subscription has a lane of its own, so a slow subscriber delays nobody else. A lane sends
// what waits at once and puts what comes meanwhile into larger deliveries. A delivery keeps its id
// through all attempts and over a restart; it is made at least once, in no promised order.
package webhooks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

const (
	largest  = 100 // events in one delivery
	parallel = 4   // first attempts of one subscription at the same time
)

// Dispatcher owns the lanes. Notify may be called before Start; nothing is sent until then.
type Dispatcher struct {
	Log *slog.Logger
	Now func() time.Time
	// What carries events besides webhooks; an account chooses them only where they are there.
	Kafka Producer
	SNS   Publisher

	client  *http.Client
	history history

	mu      sync.Mutex
	ctx     context.Context
	running sync.WaitGroup
	lanes   map[laneKey]*lane
}

// Producer puts events into a topic of Kafka.
type Producer interface {
	Produce(ctx context.Context, events []acme.Event) error
}

// Publisher posts a notification to a subscriber and answers its status.
type Publisher interface {
	Publish(ctx context.Context, id string, event acme.Event, endpoint string) (status int, err error)
}

type laneKey struct{ account, subscription string }

// New makes a dispatcher that follows no redirects: a subscriber that moved has to say so.
func New(log *slog.Logger, now func() time.Time) *Dispatcher {
	transport := &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}
	return &Dispatcher{
		Log: log, Now: now,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		lanes:  map[laneKey]*lane{},
	}
}

// Start begins sending, first what an earlier process left behind. It ends with the context.
func (d *Dispatcher) Start(ctx context.Context, all []*accounts.Account) {
	d.mu.Lock()
	d.ctx = ctx
	for _, l := range d.lanes {
		l.wake()
	}
	d.mu.Unlock()
	for _, a := range all {
		for _, unsent := range a.Unsent() {
			if unsent.Delivery == "" {
				d.Notify(a, unsent.Subscription, unsent.Events)
				continue
			}
			l := d.lane(a, unsent.Subscription)
			d.running.Go(func() { l.carry(l.again(unsent)) })
		}
	}
}

// Wait returns when every lane has stopped after the end of the context.
func (d *Dispatcher) Wait() { d.running.Wait() }

// Notify takes events for a subscription and returns at once.
func (d *Dispatcher) Notify(a *accounts.Account, subscription string, events []acme.Event) {
	l := d.lane(a, subscription)
	l.mu.Lock()
	l.waiting = append(l.waiting, events...)
	l.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx != nil && d.ctx.Err() == nil {
		l.wake()
	}
}

func (d *Dispatcher) lane(a *accounts.Account, subscription string) *lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := laneKey{a.Info().ID, subscription}
	l, found := d.lanes[key]
	if !found {
		l = &lane{dispatcher: d, account: a, subscription: subscription}
		d.lanes[key] = l
	}
	return l
}

// pause waits, or reports that the dispatcher is stopping.
func (d *Dispatcher) pause(length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-d.ctx.Done():
		return errStopping
	case <-timer.C:
		return nil
	}
}

var errStopping = errors.New("stopping")
