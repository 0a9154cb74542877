package explore

import (
	"context"
	"slices"
	"time"

	"acmesync/acme"
)

// cleanupTime is for ending a subscription, also after an interrupt.
const cleanupTime = 15 * time.Second

// webhooks asks for a subscription and ends it again, whatever happens between.
func (e *Explorer) webhooks(ctx context.Context) {
	hooks := &e.report.Webhooks
	switch {
	case e.HookURL == "":
		hooks.Message = "Not tried: no hook's address was given."
		return
	case !e.profile.Subscribes():
		hooks.Message = "Not tried: the profile says that there are none."
		return
	}
	var before []acme.Subscription
	err := e.try(ctx, func() (err error) {
		before, err = e.client.Subscriptions(ctx)
		return err
	})
	if err != nil {
		hooks.Tried, hooks.Message = true, "Subscriptions cannot be listed. "+sentence(err)
		e.problem(Loses, "webhooks", "", hooks.Message+" Polls alone find what changes.")
		return
	}
	hooks.Tried = true
	var made acme.Subscription
	err = e.try(ctx, func() (err error) {
		made, err = e.client.Subscribe(ctx, e.HookURL, []string{"*"})
		return err
	})
	defer e.unsubscribe(context.WithoutCancel(ctx), before, made)
	if err != nil {
		hooks.Message = "A subscription is refused. " + sentence(err)
		e.problem(Loses, "webhooks", "", hooks.Message+" Polls alone find what changes.")
		return
	}
	var status string
	err = e.try(ctx, func() error {
		found, err := e.client.Subscription(ctx, made.ID)
		status = found.Status
		return err
	})
	switch {
	case err != nil:
		hooks.Message = "A subscription was made and cannot be read. " + sentence(err)
	case status != "active":
		hooks.Message = "A new subscription is not active."
	default:
		hooks.OK, hooks.Message = true, "A subscription can be made, read and ended."
	}
	if !hooks.OK {
		e.problem(Loses, "webhooks", "", hooks.Message)
	}
}

// unsubscribe ends what was made. Where the answer to the asking got lost, that is what has the hook's address and was not there
// before.
func (e *Explorer) unsubscribe(ctx context.Context, before []acme.Subscription, made acme.Subscription) {
	ctx, cancel := context.WithTimeout(ctx, cleanupTime)
	defer cancel()
	ids := []string{made.ID}
	if made.ID == "" {
		ids = nil
		var now []acme.Subscription
		err := e.try(ctx, func() (err error) {
			now, err = e.client.Subscriptions(ctx)
			return err
		})
		if err != nil {
			e.left()
			return
		}
		for _, s := range now {
			was := slices.ContainsFunc(before, func(b acme.Subscription) bool { return b.ID == s.ID })
			if s.URL == e.HookURL && !was {
				ids = append(ids, s.ID)
			}
		}
	}
	for _, id := range ids {
		if err := e.end(ctx, id); err != nil {
			e.left()
			return
		}
	}
	e.report.Webhooks.Ended = true
}

// end is stubborn: an answer that got lost may hide that it has worked.
func (e *Explorer) end(ctx context.Context, id string) (err error) {
	for range 3 {
		if err = e.try(ctx, func() error { return e.client.Unsubscribe(ctx, id) }); err == nil {
			return nil
		}
	}
	return err
}

func (e *Explorer) left() {
	e.problem(Loses, "webhooks", "", "The subscription that was tried could not be ended: look for the hook's address among Acme's subscriptions and remove it.")
}
