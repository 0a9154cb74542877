package activities

import (
	"context"
	"time"

	"acmesync/acme"
)

// lookAgain is how often a subscription is looked at: Acme disables one after repeated failures of ours.
const lookAgain = 5 * time.Minute

// subscribe makes sure that Acme tells us about changes, where it can reach us at all.
func (l *fetchLane) subscribe(ctx context.Context) error {
	if l.PublicURL == "" || !l.acme.Profile.Subscribes() {
		return nil
	}
	id, due, err := l.Cleanups.SubscriptionDue(ctx, l.fence)
	if err != nil || !due {
		return err
	}
	url := l.hookURL()
	if id != "" {
		alive, err := l.subscriptionAlive(ctx, id, url)
		if err != nil {
			return err
		}
		if alive {
			return l.Cleanups.CommitSubscription(ctx, l.fence, id, "", lookAgain)
		}
	}
	if err := l.budget.take(ctx, l.attempt, true); err != nil {
		return err
	}
	made, err := l.acme.Subscribe(ctx, url, []string{"*"})
	if acme.KindOf(err) == acme.KindRejected || acme.KindOf(err) == acme.KindConflict {
		l.log.Error("Acme refuses a webhook subscription; polls go on without", "error", err)
		return l.Cleanups.CommitSubscription(ctx, l.fence, "", "", lookAgain)
	}
	if err != nil {
		return err
	}
	if err := l.Cleanups.CommitSubscription(ctx, l.fence, made.ID, made.Secret, lookAgain); err != nil {
		return err
	}
	return l.dropStrays(ctx, made.ID, id)
}

// hookURL is where Acme is to tell of changes: in the way that the tenant's profile says.
func (l *fetchLane) hookURL() string {
	if l.acme.Profile.PushesSOAP() {
		return l.hooksAt("soap")
	}
	return l.hooksAt("acme")
}

func (l *fetchLane) hooksAt(way string) string {
	return l.PublicURL + "/hooks/" + way + "/" + l.connection.HookEndpoint
}

// subscriptionAlive tells whether a subscription is active and leads to where it shall: the profile may say another way now.
func (l *fetchLane) subscriptionAlive(ctx context.Context, id, url string) (bool, error) {
	if err := l.budget.take(ctx, l.attempt, true); err != nil {
		return false, err
	}
	s, err := l.acme.Subscription(ctx, id)
	if acme.KindOf(err) == acme.KindGone {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.URL != "" && s.URL != url {
		return false, nil
	}
	if s.Status == "active" {
		return true, nil
	}
	l.log.Warn("Acme had disabled the webhook subscription", "reason", s.DisabledReason)
	return false, nil
}

// dropStrays removes subscriptions of ours that nobody remembers: one whose answer was lost, one that was disabled, one to
// another way in. Their deliveries would be signed with a secret we do not have, or be refused.
func (l *fetchLane) dropStrays(ctx context.Context, keep, before string) error {
	if err := l.budget.take(ctx, l.attempt, true); err != nil {
		return err
	}
	all, err := l.acme.Subscriptions(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID == keep || s.ID != before && s.URL != l.hooksAt("acme") && s.URL != l.hooksAt("soap") {
			continue
		}
		if err := l.acme.Unsubscribe(ctx, s.ID); err != nil {
			return err
		}
	}
	return nil
}
