package acme

import (
	"strings"
)

// hooks compiles how webhooks are asked for, proven and read.
func (c *profileCheck) hooks(p *Profile) {
	if p.Webhooks == nil && p.Subscriptions == nil {
		return
	}
	inXML := c.xml
	defer func() { c.xml = inXML }()
	c.xml = false // webhooks and subscriptions are JSON whatever records are
	h := &hookDialect{}
	if p.Webhooks != nil {
		h.WebhookShape = *p.Webhooks
	}
	if h.Signature == "" {
		h.Signature = SchemeStandard
	}
	if c.oneOf("/webhooks/signature", h.Signature, SchemeStandard, SchemeTimestamped, SchemeSHA256, SchemeV3, SchemeBasic) {
		c.headers(h)
	}
	h.events = c.plainPath("/webhooks/events", h.Events)
	if len(h.Fields) > 0 || h.Events != "" {
		r := c.record("/webhooks/fields", eventFields(), h.Fields, false)
		h.record = &r
	}
	if p.Subscriptions != nil {
		h.subscriptions = c.subscription(*p.Subscriptions)
		h.subscriptions.usable = usableSecret
		if h.Signature == SchemeStandard {
			h.subscriptions.usable = func(secret string) bool { _, ok := signingKey(secret); return ok }
		}
		if p.PushesSOAP() { // proven by its address
			h.subscriptions.usable = func(string) bool { return true }
		}
	}
	p.hooks = h
}

func (c *profileCheck) headers(h *hookDialect) {
	byDefault := map[string]string{
		SchemeTimestamped: "X-Signature", SchemeSHA256: "X-Hub-Signature-256", SchemeV3: "X-HubSpot-Signature-v3", SchemeBasic: "Authorization",
	}[h.Signature]
	if h.Header == "" {
		h.Header = byDefault
	} else if byDefault == "" || h.Signature == SchemeBasic || !headerName(h.Header) {
		c.add("/webhooks/header", "has no use with this scheme, or is no header", "")
	}
	if h.Signature == SchemeV3 && h.TimestampHeader == "" {
		h.TimestampHeader = "X-HubSpot-Request-Timestamp"
	} else if h.TimestampHeader != "" && (h.Signature != SchemeV3 || !headerName(h.TimestampHeader)) {
		c.add("/webhooks/timestamp_header", `goes with "signature": "v3" only, and names a header`, "")
	}
	if h.IDHeader != "" && (h.Signature == SchemeStandard || !headerName(h.IDHeader)) {
		c.add("/webhooks/id_header", "has no use with this scheme, or is no header", "")
	}
}

func (c *profileCheck) subscription(s SubscriptionShape) *subscriptionDialect {
	d := &subscriptionDialect{SubscriptionShape: s}
	if s.Format != "" {
		c.oneOf("/subscriptions/format", s.Format, FormatJSON, FormatSOAP)
	}
	if s.None {
		return d
	}
	if d.Path == "" {
		d.Path = "/v1/webhook-subscriptions"
	}
	if d.List == "" {
		d.List = "data"
	}
	c.place("/subscriptions/path", d.Path)
	if len(d.Body) == 0 {
		d.Body = map[string]any{"url": "{url}", "events": []any{"*"}}
		if s.Format == FormatSOAP {
			d.Body["format"] = FormatSOAP
		}
	}
	if !strings.Contains(string(encodeJSON(d.Body)), "{url}") {
		c.add("/subscriptions/body", "must say where our address goes", `a text "{url}"`)
	}
	d.list, d.at = c.plainPath("/subscriptions/list", d.List), c.plainPath("/subscriptions/at", d.At)
	d.record = c.record("/subscriptions/fields", subscriptionFields(), d.Fields, false)
	return d
}
