package acme

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Subscribe asks Acme for webhooks and gives the subscription with its secret, which Acme shows this once. An answer
// lost on its way may leave a subscription behind: look for the URL among Subscriptions before asking again.
func (c *Client) Subscribe(ctx context.Context, url string, events []string) (Subscription, error) {
	const op = "subscribe to webhooks"
	if d := c.Profile.subscriptions(); d != nil {
		return c.subscribeDialect(ctx, d, url)
	}
	body := struct {
		URL    string   `json:"url"`
		Events []string `json:"events"`
	}{url, events}
	got, err := c.send(ctx, call{op: op, method: http.MethodPost, path: "/v1/webhook-subscriptions", body: body, collection: true})
	if err != nil {
		return Subscription{}, err
	}
	sub, ok := readSubscription(op, got.body)
	if _, usable := signingKey(sub.Secret); !ok || !usable {
		return Subscription{}, half(op, got.status)
	}
	return sub, nil
}

// Subscription reads one subscription, to learn whether Acme has disabled it.
func (c *Client) Subscription(ctx context.Context, id string) (Subscription, error) {
	const op = "read webhook subscription"
	if d := c.Profile.subscriptions(); d != nil {
		got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: d.Path + "/" + url.PathEscape(id)})
		if err != nil {
			return Subscription{}, err
		}
		return d.read(op, d.at, got)
	}
	got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: subscriptionPath(id)})
	if err != nil {
		return Subscription{}, err
	}
	sub, ok := readSubscription(op, got.body)
	if !ok {
		return Subscription{}, half(op, got.status)
	}
	return sub, nil
}

// Subscriptions reads all subscriptions of the account, those of other integrations among them.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	const op = "list webhook subscriptions"
	if d := c.Profile.subscriptions(); d != nil {
		return c.subscriptionsDialect(ctx, op, d)
	}
	got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: "/v1/webhook-subscriptions", collection: true})
	if err != nil {
		return nil, err
	}
	all := []Subscription{}
	ok := decodeData(got.body, func(s *scanner) bool {
		var sub Subscription
		ok := s.subscription(&sub)
		all = append(all, sub)
		return ok && sub.ID != ""
	})
	if !ok {
		return nil, half(op, got.status)
	}
	return all, nil
}

// Unsubscribe ends a subscription; one that Acme doesn't know is ended already.
func (c *Client) Unsubscribe(ctx context.Context, id string) error {
	path := subscriptionPath(id)
	if d := c.Profile.subscriptions(); d != nil {
		path = d.Path + "/" + url.PathEscape(id)
	}
	_, err := c.send(ctx, call{op: "unsubscribe from webhooks", method: http.MethodDelete, path: path})
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindGone {
		return nil
	}
	return err
}

// EnableSubscription makes a disabled subscription active again. What it missed is not sent: poll for it.
func (c *Client) EnableSubscription(ctx context.Context, id string) (Subscription, error) {
	const op = "enable webhook subscription"
	got, err := c.send(ctx, call{op: op, method: http.MethodPost, path: subscriptionPath(id) + ":enable"})
	if err != nil {
		return Subscription{}, err
	}
	sub, ok := readSubscription(op, got.body)
	if !ok {
		return Subscription{}, half(op, got.status)
	}
	return sub, nil
}

func subscriptionPath(id string) string {
	return "/v1/webhook-subscriptions/" + url.PathEscape(id)
}

func readSubscription(op string, body []byte) (Subscription, bool) {
	var sub Subscription
	err := decode(op, body, func(s *scanner, key []byte) bool { return s.subscriptionField(&sub, key) })
	return sub, err == nil && sub.ID != ""
}

func (s *scanner) subscription(dst *Subscription) bool {
	return s.object(func(key []byte) bool { return s.subscriptionField(dst, key) })
}

func (s *scanner) subscriptionField(dst *Subscription, key []byte) bool {
	switch string(key) {
	case "id":
		return s.once(0) && s.id(&dst.ID)
	case "url":
		return s.once(1) && s.text(&dst.URL)
	case "events":
		return s.once(2) && s.texts(&dst.Events)
	case "status":
		return s.once(3) && s.text(&dst.Status)
	case "disabled_reason":
		return s.once(4) && s.text(&dst.DisabledReason)
	case "secret":
		return s.once(5) && s.text(&dst.Secret)
	case "created_at":
		return s.once(6) && s.instant(&dst.CreatedAt)
	case "format":
		return s.once(7) && s.text(&dst.Format)
	}
	return s.skip()
}
