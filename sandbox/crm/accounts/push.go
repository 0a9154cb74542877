package accounts

import (
	"cmp"
	"slices"
	"time"

	"acmesync/acme"
)

// Push is a way in which an account's changes are told.
type Push string

// The ways. An account that has chosen none tells by webhook.
const (
	ByWebhook Push = "webhook"
	ByKafka   Push = "kafka"
	BySNS     Push = "sns"
)

// kafkaSubscription is the only subscription by Kafka that an account has: a topic has no subscribers to be told apart.
const kafkaSubscription = "kafka"

// tells reports whether subscriptions of a carrier are told at all.
func (s Settings) tells(carrier Push) bool {
	if len(s.Push) == 0 {
		return carrier == "" || carrier == ByWebhook
	}
	return slices.Contains(s.Push, cmp.Or(carrier, ByWebhook))
}

// TellByKafka has the account's changes produced to a topic.
func (a *Account) TellByKafka(topic string) error {
	if _, found := a.Subscription(kafkaSubscription); found {
		return nil
	}
	return a.saveSubscription(a.carried(ByKafka, kafkaSubscription, topic, "active"))
}

// SubscribeToTopic makes a subscription of SNS that waits for its confirmation by token.
func (a *Account) SubscribeToTopic(endpoint, secret string) (id string, err error) {
	s := a.carried(BySNS, "sns_"+token(8), endpoint, "pending")
	s.Secrets = []Secret{{Value: secret}}
	return s.ID, a.saveSubscription(s)
}

// ConfirmTopic makes the subscription active that waits for the token.
func (a *Account) ConfirmTopic(token string) (found bool, err error) {
	a.mu.RLock()
	id := ""
	for _, s := range a.subscriptions {
		if s.Carrier == BySNS && len(s.Secrets) > 0 && s.Secrets[0].Value == token {
			id = s.ID
		}
	}
	a.mu.RUnlock()
	if id == "" {
		return false, nil
	}
	return true, a.changeSubscription(id, func(s *Subscription) { s.Status = "active" })
}

func (a *Account) carried(by Push, id, to, status string) *Subscription {
	return &Subscription{Carrier: by, Subscription: acme.Subscription{
		ID: id, URL: to, Events: []string{"*"}, Status: status, CreatedAt: a.now().UTC().Truncate(time.Microsecond),
	}}
}
