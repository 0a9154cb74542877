package webhooks

import (
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

// lane carries one subscription's events.
type lane struct {
	dispatcher   *Dispatcher
	account      *accounts.Account
	subscription string

	mu      sync.Mutex
	waiting []acme.Event
	senders int
}

// wake makes sure that somebody sends what waits.
func (l *lane) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 && l.senders < parallel {
		l.senders++
		l.dispatcher.running.Go(l.send)
	}
}

// send takes what waits until nothing is left.
func (l *lane) send() {
	for {
		faults := l.account.Faults().Webhook
		events := l.take(faults)
		if len(events) == 0 || l.dispatcher.ctx.Err() != nil {
			return
		}
		delivery := l.dispatch(events)
		switch {
		case l.account.Chance(faults.DropRate):
			l.settle(delivery, Dropped)
		case faults.Reorder:
			l.dispatcher.running.Go(func() {
				if l.dispatcher.pause(mathrand.N(2*time.Second)) == nil {
					l.carry(delivery)
				}
			})
		default:
			for range faults.Duplicate {
				copied := *delivery
				l.dispatcher.running.Go(func() { l.attempt(&copied, 1) })
			}
			if again, pause := l.first(delivery); again {
				l.dispatcher.running.Go(func() { l.retry(delivery, pause) })
			}
		}
	}
}

// take picks the next delivery's events; none: this sender is done.
func (l *lane) take(faults accounts.WebhookFaults) []acme.Event {
	// The account is asked before the lane is locked: writes lock them the other way round.
	subscription, found := l.account.Subscription(l.subscription)
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.waiting), largest)
	if found && (subscription.Dialect == accounts.Pipe || subscription.Carrier == accounts.BySNS) {
		n = min(n, 1)
	}
	if faults.Reorder {
		n = min(n, 1) // what travels together cannot overtake itself
	}
	if n == 0 {
		l.senders--
		return nil
	}
	events := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return events
}

// dispatch puts events into a delivery and journals that, so that a restart goes on with the same id.
func (l *lane) dispatch(events []acme.Event) *Delivery {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails
	delivery := &Delivery{
		ID: "msg_" + hex.EncodeToString(b), Subscription: l.subscription, Events: events,
		State: Pending, CreatedAt: l.dispatcher.Now(),
	}
	ids := make([]string, len(events))
	for i, event := range events {
		ids[i] = event.EventID
	}
	err := l.account.LogDispatch(accounts.Dispatch{Delivery: delivery.ID, Subscription: l.subscription, EventIDs: ids})
	if err != nil {
		l.dispatcher.Log.Error("cannot journal a dispatch", "account", l.account.Info().ID, "error", err)
	}
	l.dispatcher.history.add(l.account.Info().ID, delivery)
	return delivery
}

// again is a delivery that an earlier process began.
func (l *lane) again(unsent accounts.Unsent) *Delivery {
	delivery := &Delivery{
		ID: unsent.Delivery, Subscription: l.subscription, Events: unsent.Events,
		State: Pending, CreatedAt: l.dispatcher.Now(),
	}
	l.dispatcher.history.add(l.account.Info().ID, delivery)
	return delivery
}

// settle ends a delivery and journals how.
func (l *lane) settle(delivery *Delivery, state State) {
	s := accounts.Settlement{Delivery: delivery.ID, State: string(state)}
	l.dispatcher.history.update(func() {
		delivery.State, delivery.NextAt = state, nil
		s.Attempts = len(delivery.Attempts)
		if n := len(delivery.Attempts); n > 0 {
			s.Status, s.Error = delivery.Attempts[n-1].Status, delivery.Attempts[n-1].Error
		}
	})
	if err := l.account.LogSettlement(s); err != nil {
		l.dispatcher.Log.Error("cannot journal a settlement", "account", l.account.Info().ID, "error", err)
	}
}
