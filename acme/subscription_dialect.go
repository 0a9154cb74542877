package acme

import (
	"context"
	"net/http"
	"strings"
)

// subscriptionDialect is how webhooks are asked for where that is not as Acme's contract says, compiled.
type subscriptionDialect struct {
	SubscriptionShape
	record   record
	list, at path
	usable   func(secret string) bool // of the profile's signature scheme
}

// basicUser is who a side that proves itself by a password says it is.
const basicUser = "acmesync"

// subscribeDialect asks for webhooks in the profile's words. Where the body has a place for a secret, the secret is ours.
func (c *Client) subscribeDialect(ctx context.Context, d *subscriptionDialect, target string) (Subscription, error) {
	const op = "subscribe to webhooks"
	if d.None {
		return Subscription{}, &Error{Kind: KindRejected, Op: op, Code: CodeBadRequest}
	}
	secret := newSecret()
	fill := strings.NewReplacer("{url}", target, "{secret}", secret, "{user}", basicUser)
	body, ours := filled(d.Body, fill)
	got, err := c.send(ctx, call{op: op, method: http.MethodPost, path: d.Path, body: body, collection: true})
	if err != nil {
		return Subscription{}, err
	}
	sub, err := d.read(op, d.at, got)
	if err != nil {
		return Subscription{}, err
	}
	if ours {
		sub.Secret = secret
	}
	if !d.usable(sub.Secret) {
		return Subscription{}, half(op, got.status)
	}
	return sub, nil
}

// filled puts values into the texts of a template and tells whether the secret was among them.
func filled(template any, fill *strings.Replacer) (value any, secret bool) {
	switch v := template.(type) {
	case string:
		return fill.Replace(v), strings.Contains(v, "{secret}")
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, one := range v {
			var has bool
			out[key], has = filled(one, fill)
			secret = secret || has
		}
		return out, secret
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			var has bool
			out[i], has = filled(one, fill)
			secret = secret || has
		}
		return out, secret
	}
	return template, false
}

func (c *Client) subscriptionsDialect(ctx context.Context, op string, d *subscriptionDialect) ([]Subscription, error) {
	if d.None {
		return []Subscription{}, nil
	}
	got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: d.Path, collection: true})
	if err != nil {
		return nil, err
	}
	body, ok := jsonBody(got)
	if !ok {
		return nil, misspoken(op, got.status, CodeNotJSON)
	}
	window, ok := d.list.find(body)
	value, _ := treeOf(window)
	list, isList := value.([]any)
	if !ok || !isList {
		return nil, misspoken(op, got.status, CodeNoList)
	}
	all := []Subscription{}
	for _, one := range list {
		sub, err := d.read(op, nil, answer{status: got.status, header: got.header, body: encodeJSON(one)})
		if err != nil {
			return nil, err
		}
		all = append(all, sub)
	}
	return all, nil
}

// read takes one subscription. One that does not say how it stands is active.
func (d *subscriptionDialect) read(op string, at path, got answer) (Subscription, error) {
	body, ok := jsonBody(got)
	if !ok {
		return Subscription{}, misspoken(op, got.status, CodeNotJSON)
	}
	fields, ok := d.record.flat(at.treeIn(body))
	if !ok || fields["id"] == "" {
		return Subscription{}, half(op, got.status)
	}
	sub := Subscription{
		ID: fields["id"], URL: fields["url"], Status: fields["status"], DisabledReason: fields["disabled_reason"], Secret: fields["secret"],
	}
	if sub.Status == "" {
		sub.Status = "active"
	}
	sub.CreatedAt, _ = parseInstant([]byte(fields["created_at"]))
	return sub, nil
}

func (p *Profile) subscriptions() *subscriptionDialect {
	if p == nil || p.hooks == nil {
		return nil
	}
	return p.hooks.subscriptions
}
