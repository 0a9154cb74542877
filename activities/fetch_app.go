package activities

import (
	"context"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// The app's changes, of tenants that sync both ways. Fetch only learns which events have changed and leaves an order; what
// they are now the deliver lane reads, beside what Acme has. Fetch never holds the app: that is the deliver lane's, and where
// the app does not answer, it is asked again a little later.

const (
	appPoll      = time.Minute
	appPollAgain = 30 * time.Second // after a failure
	appPageSize  = 500
)

// bothWays tells whether the tenant's people may change appointments in the app.
func (at *attempt) bothWays() bool {
	a := at.tenant.Config.Appointments
	return a.Direction == acmesync.BothWays && !a.Off
}

// listen makes sure that the app tells us about changes, or does so no more.
func (l *fetchLane) listen(ctx context.Context) error {
	if !l.bothWays() {
		if l.left || l.connection.AppSubscriptionID == "" {
			return nil
		}
		if err := l.app.Unsubscribe(ctx, l.connection.AppSubscriptionID); err != nil {
			l.log.Warn("the app's subscription cannot be ended", "error", err)
			return nil
		}
		l.left = true
		return l.TwoWay.LeaveApp(ctx, l.fence)
	}
	id, due, err := l.TwoWay.AppSubscriptionDue(ctx, l.fence)
	if err != nil || !due || l.PublicURL == "" {
		return err
	}
	made, err := l.appSubscription(ctx, id)
	if err != nil {
		if sortFailure(err).verdict() == repeat {
			return err
		}
		l.log.Warn("the app refuses a webhook subscription, or does not answer; polls go on without", "error", err)
		return l.TwoWay.CommitAppSubscription(ctx, l.fence, id, "", appPollAgain)
	}
	return l.TwoWay.CommitAppSubscription(ctx, l.fence, made.ID, made.Secret, lookAgain)
}

// appSubscription finds ours alive or makes one; those of ours that nobody remembers go.
func (l *fetchLane) appSubscription(ctx context.Context, id string) (app.Subscription, error) {
	if id != "" {
		held, err := l.app.Subscription(ctx, id)
		if err == nil && held.Status == "active" {
			return app.Subscription{ID: id}, nil
		}
		if err != nil && app.KindOf(err) != app.KindGone {
			return app.Subscription{}, err
		}
	}
	url := l.PublicURL + "/hooks/app/" + l.connection.HookEndpoint
	all, err := l.app.Subscriptions(ctx)
	if err != nil {
		return app.Subscription{}, err
	}
	for _, s := range all {
		if s.URL == url {
			if err := l.app.Unsubscribe(ctx, s.ID); err != nil {
				return app.Subscription{}, err
			}
		}
	}
	return l.app.Subscribe(ctx, url)
}

// appHints hands the app's events that hints name to the deliver lane.
func (l *fetchLane) appHints(ctx context.Context, hints []acmesync.Hint) error {
	var r acmesync.Fetched
	named := map[string]bool{}
	for _, h := range hints {
		end := acmesync.EndedHint{Envelope: h.Envelope, Column: acmesync.CountDone}
		switch {
		case !l.bothWays():
			end.Outcome = acmesync.EndedOneWay
		case named[h.Key.AcmeID]:
			end.Column = acmesync.CountSuperseded
		}
		named[h.Key.AcmeID] = true
		r.Ended = append(r.Ended, end)
	}
	if l.bothWays() {
		r.Orders = mergeOrders(named)
	}
	return l.commit(ctx, r)
}

// mergeOrders asks for events of the app to be merged, as many in one order as one request may name.
func mergeOrders(named map[string]bool) []acmesync.Order {
	var orders []acmesync.Order
	for id := range named {
		if n := len(orders); n == 0 || len(orders[n-1].IDs) == acme.MaxBatch {
			orders = append(orders, acmesync.Order{Action: acmesync.OrderMerge, Stream: acmesync.AppEvents})
		}
		last := &orders[len(orders)-1]
		last.IDs = append(last.IDs, id)
	}
	return orders
}

// appChanges reads a page of what has changed in the app, for what webhooks did not tell.
func (l *fetchLane) appChanges(ctx context.Context, p acmesync.Position) error {
	if !l.bothWays() {
		return l.TwoWay.LeaveApp(ctx, l.fence)
	}
	held, err := l.Holds.HeldNow(ctx, l.fence.Tenant, acmesync.DependsOnApp)
	if err != nil {
		return err
	}
	p.PollAfter = appPollAgain
	if len(held) > 0 {
		return l.Inbox.SavePosition(ctx, l.fence, p)
	}
	q := app.ChangeQuery{Cursor: p.Cursor, Limit: appPageSize}
	if p.Cursor == "" && p.WatermarkAt != nil {
		q.UpdatedSince = p.WatermarkAt.Add(-overlap)
	}
	page, err := l.app.Changes(ctx, q)
	switch {
	case app.KindOf(err) == app.KindRejected && p.Cursor != "":
		p.Cursor = "" // from the watermark on
		return l.Inbox.SavePosition(ctx, l.fence, p)
	case err != nil && sortFailure(err).verdict() == repeat:
		return err
	case err != nil:
		l.log.Warn("the app's changes cannot be read", "error", err)
		return l.Inbox.SavePosition(ctx, l.fence, p)
	}
	named := map[string]bool{}
	for _, c := range page.Changes {
		if c.Origin == app.OriginUser {
			named[c.ID] = true
		}
		if p.WatermarkAt == nil || c.UpdatedAt.After(*p.WatermarkAt) {
			at := c.UpdatedAt
			p.WatermarkAt, p.WatermarkID = &at, c.ID
		}
	}
	p.Cursor, p.PollAfter = page.NextCursor, l.appPollAfter()
	if page.More {
		p.PollAfter = 0
	}
	return l.commit(ctx, acmesync.Fetched{Orders: mergeOrders(named), Position: &p})
}

func (l *fetchLane) appPollAfter() time.Duration {
	if s := l.tenant.Config.PollSeconds; s > 0 {
		return time.Duration(s) * time.Second
	}
	return appPoll
}
