package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Subscription is a webhook subscription of a workspace.
type Subscription struct {
	ID             string    `json:"id"`
	URL            string    `json:"url"`
	Status         string    `json:"status"` // active or disabled
	DisabledReason string    `json:"disabled_reason,omitempty"`
	Secret         string    `json:"secret,omitempty"` // whsec_…; only in the answer that made it
	CreatedAt      time.Time `json:"created_at"`
}

// ChangeEvent is one thin webhook event; a delivery's body is an array of one to a hundred of them.
type ChangeEvent struct {
	EventID     string    `json:"event_id"`
	WorkspaceID string    `json:"workspace_id"`
	Type        string    `json:"type"` // event.created, event.updated, event.deleted
	ID          string    `json:"id"`   // the app's own id of the event
	ExternalID  string    `json:"external_id,omitempty"`
	Version     int64     `json:"version"`
	Origin      string    `json:"origin"`
	OccurredAt  time.Time `json:"occurred_at"`
}

// Subscribe asks the app for webhooks. An answer lost on its way may leave a subscription behind.
func (c *Client) Subscribe(ctx context.Context, to string) (Subscription, error) {
	const op = "subscribe to the app's webhooks"
	body, err := json.Marshal(map[string]string{"url": to})
	if err != nil {
		return Subscription{}, &Error{Kind: KindRejected, Op: op, Code: CodeBadRequest, Err: err}
	}
	var s Subscription
	err = c.do(ctx, call{op: op, path: "/v1/webhook-subscriptions", body: body, want: http.StatusCreated}, &s)
	if err == nil && (s.ID == "" || s.Secret == "") {
		err = halfAnswer(op, http.StatusCreated, errors.New("no id or no secret"))
	}
	return s, err
}

// Subscription reads one, to learn whether the app has disabled it.
func (c *Client) Subscription(ctx context.Context, id string) (Subscription, error) {
	const op = "read the app's subscription"
	var s Subscription
	err := c.do(ctx, call{op: op, path: subscriptionPath(id), want: http.StatusOK, one: true}, &s)
	if err == nil && s.ID != id {
		err = halfAnswer(op, http.StatusOK, errors.New("it is another subscription"))
	}
	return s, err
}

// Subscriptions reads all of the workspace, those of other integrations among them.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	var answer struct {
		Subscriptions []Subscription `json:"subscriptions"`
	}
	err := c.get(ctx, "list the app's subscriptions", "/v1/webhook-subscriptions", nil, &answer)
	return answer.Subscriptions, err
}

// Unsubscribe ends a subscription; one the app doesn't know is ended already.
func (c *Client) Unsubscribe(ctx context.Context, id string) error {
	err := c.do(ctx, call{
		op: "unsubscribe from the app's webhooks", method: http.MethodDelete, path: subscriptionPath(id),
		want: http.StatusNoContent, one: true,
	}, nil)
	if KindOf(err) == KindGone {
		return nil
	}
	return err
}

func subscriptionPath(id string) string { return "/v1/webhook-subscriptions/" + url.PathEscape(id) }

// ParseChangeEvents reads the body of a delivery whose signature is proven: an array of events, each beside its raw
// bytes. An element that is no usable event comes as the zero ChangeEvent, so that its neighbours go on.
func ParseChangeEvents(body []byte) (events []ChangeEvent, raw []json.RawMessage, err error) {
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &raw); err != nil || len(raw) == 0 {
		return nil, nil, errors.New("the body is no list of events")
	}
	events = make([]ChangeEvent, len(raw))
	for i, one := range raw {
		if err := json.Unmarshal(one, &events[i]); err != nil || events[i].ID == "" || events[i].Type == "" || events[i].Version < 0 {
			events[i] = ChangeEvent{}
		}
	}
	return events, raw, nil
}
