package accounts

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"acmesync/acme"
)

// Subscription is a webhook subscription with what only Acme knows about it.
type Subscription struct {
	acme.Subscription
	Secrets []Secret `json:"secrets"` // the newest first; deliveries are signed by each that has not expired
	Deleted bool     `json:"deleted,omitempty"`
	Dialect Dialect  `json:"dialect,omitempty"`
	Carrier Push     `json:"carrier,omitempty"` // none: webhooks

	failures int // deliveries in a row that failed
}

// Dialect is the words in which a subscription is told.
type Dialect string

// The dialects; none is Acme's own.
const (
	Hub  Dialect = "hub"
	Pipe Dialect = "pipe"
	SOAP Dialect = "soap" // Acme's own too: outbound messages, proven by nothing but their address
)

// Secret signs deliveries until it expires.
type Secret struct {
	Value     string     `json:"value"` // whsec_…
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(b)
}

// Public is the subscription as the API shows it.
func (s *Subscription) Public() acme.Subscription {
	shown := s.Subscription
	shown.Secret = ""
	return shown
}

// Signing lists the secrets to sign with now.
func (s *Subscription) Signing(now time.Time) []string {
	var values []string
	for _, secret := range s.Secrets {
		if secret.ExpiresAt == nil || now.Before(*secret.ExpiresAt) {
			values = append(values, secret.Value)
		}
	}
	return values
}

// wants picks the events the subscription asked for.
func (s *Subscription) wants(events []acme.Event) []acme.Event {
	if s.Status != "active" {
		return nil
	}
	var wanted []acme.Event
	for _, event := range events {
		resource, _, _ := strings.Cut(event.Type, ".")
		if slices.ContainsFunc(s.Events, func(p string) bool { return p == "*" || p == event.Type || p == resource+".*" }) {
			wanted = append(wanted, event)
		}
	}
	return wanted
}

// SubscribeSOAP makes a subscription to outbound messages.
func (a *Account) SubscribeSOAP(url string, events []string) (acme.Subscription, error) {
	s := &Subscription{Dialect: SOAP, Subscription: acme.Subscription{
		ID: "sub_" + token(8), URL: url, Events: events, Status: "active", Format: acme.FormatSOAP,
		CreatedAt: a.now().UTC().Truncate(time.Microsecond),
	}}
	return s.Public(), a.saveSubscription(s)
}

// Subscribe makes a subscription; its secret is in the answer and never shown again.
func (a *Account) Subscribe(url string, events []string) (acme.Subscription, error) {
	s := &Subscription{Subscription: acme.Subscription{
		ID: "sub_" + token(8), URL: url, Events: events, Status: "active",
		CreatedAt: a.now().UTC().Truncate(time.Microsecond),
	}}
	s.Secrets = []Secret{{Value: newSecret()}}
	shown := s.Public()
	shown.Secret = s.Secrets[0].Value
	return shown, a.saveSubscription(s)
}

// SubscribeAs makes a subscription to everything that is told in a dialect. Without a secret it is given one.
func (a *Account) SubscribeAs(dialect Dialect, url, secret string) (acme.Subscription, error) {
	s := &Subscription{Dialect: dialect, Subscription: acme.Subscription{
		ID: "sub_" + token(8), URL: url, Events: []string{"*"}, Status: "active", CreatedAt: a.now().UTC().Truncate(time.Microsecond),
	}}
	if secret == "" {
		secret = newSecret()
	}
	s.Secrets = []Secret{{Value: secret}}
	shown := s.Public()
	shown.Secret = secret
	return shown, a.saveSubscription(s)
}

// Subscriptions lists those by webhook, the oldest first.
func (a *Account) Subscriptions() []acme.Subscription {
	a.mu.RLock()
	defer a.mu.RUnlock()
	list := make([]acme.Subscription, 0, len(a.subscriptions))
	for _, s := range a.subscriptions {
		if s.Carrier == "" {
			list = append(list, s.Public())
		}
	}
	slices.SortFunc(list, func(x, y acme.Subscription) int { return x.CreatedAt.Compare(y.CreatedAt) })
	return list
}

// Subscription returns a copy of one.
func (a *Account) Subscription(id string) (Subscription, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	s, found := a.subscriptions[id]
	if !found {
		return Subscription{}, false
	}
	return *s, true
}

// Unsubscribe deletes a subscription.
func (a *Account) Unsubscribe(id string) error {
	return a.changeSubscription(id, func(s *Subscription) { s.Deleted = true })
}

// Enable makes a disabled subscription active again.
func (a *Account) Enable(id string) error {
	return a.changeSubscription(id, func(s *Subscription) { s.Status, s.DisabledReason, s.failures = "active", "", 0 })
}

// Disable stops a subscription and says why.
func (a *Account) Disable(id, reason string) error {
	return a.changeSubscription(id, func(s *Subscription) { s.Status, s.DisabledReason = "disabled", reason })
}

// RotateSecret gives a subscription a new secret; the old one signs too until overlap is over.
func (a *Account) RotateSecret(id string, overlap time.Duration) (string, error) {
	fresh, expires := newSecret(), a.now().UTC().Add(overlap).Truncate(time.Microsecond)
	return fresh, a.changeSubscription(id, func(s *Subscription) {
		if len(s.Secrets) == 0 {
			return
		}
		s.Secrets = []Secret{{Value: fresh}, {Value: s.Secrets[0].Value, ExpiresAt: &expires}}
	})
}

// Delivered and Failed keep count of the failures in a row; Failed disables at the policy's bound.
func (a *Account) Delivered(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s, found := a.subscriptions[id]; found {
		s.failures = 0
	}
}

// Failed counts a delivery that was given up.
func (a *Account) Failed(id, reason string) error {
	a.mu.Lock()
	s, found := a.subscriptions[id]
	give := false
	if found {
		s.failures++
		give = s.failures >= a.settings.Webhooks.DisableAfter && s.Status == "active"
	}
	a.mu.Unlock()
	if give {
		return a.Disable(id, "too many failed deliveries: "+reason)
	}
	return nil
}

func (a *Account) changeSubscription(id string, change func(*Subscription)) error {
	a.mu.Lock()
	old, found := a.subscriptions[id]
	if !found {
		a.mu.Unlock()
		return notFound("subscription")
	}
	s := *old
	change(&s)
	position, err := a.append(Line{Kind: LineSubscription, Subscription: &s})
	if err == nil {
		a.applySubscription(&s)
	}
	a.mu.Unlock()
	if err != nil {
		return err
	}
	return a.journal.Sync(position)
}

func (a *Account) saveSubscription(s *Subscription) error {
	return a.set(Line{Kind: LineSubscription, Subscription: s}, func() { a.applySubscription(s) })
}

func (a *Account) applySubscription(s *Subscription) {
	if s.Deleted || s.Status != "active" {
		a.backlog.drop(s.ID)
	}
	if s.Deleted {
		delete(a.subscriptions, s.ID)
		return
	}
	a.subscriptions[s.ID] = s
}
