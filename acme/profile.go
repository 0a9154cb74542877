package acme

import "strings"

// The formats that a profile can name.
const (
	FormatJSON = "json"
	FormatXML  = "xml"
	FormatSOAP = "soap"
)

// Profile is how a tenant's Acme speaks where that differs from Acme's own contract. The zero Profile, and a nil one, are
// Acme's own. What a document leaves out stays as Acme's contract has it; null takes a part away, such as a batch get.
// Make one with ParseProfile; docs/profiles.md describes every field.
type Profile struct {
	Format        string             `json:"format,omitempty"`   // of lists, gets and the account: json (the default), xml
	Encoding      string             `json:"encoding,omitempty"` // with xml, latin1: answers may be in Latin-1; empty: UTF-8
	Prefix        string             `json:"prefix,omitempty"`   // a path that lies between the base URL and every path below
	Auth          Auth               `json:"auth,omitzero"`
	Account       AccountShape       `json:"account,omitzero"`
	Appointments  *Shape             `json:"appointments,omitempty"`
	Touchpoints   *Shape             `json:"touchpoints,omitempty"`
	Contacts      *Shape             `json:"contacts,omitempty"`
	Users         *Shape             `json:"users,omitempty"`
	Subscriptions *SubscriptionShape `json:"subscriptions,omitempty"`
	Webhooks      *WebhookShape      `json:"webhooks,omitempty"`

	streams map[Resource]*dialect // only what is not Acme's own
	account *record
	hooks   *hookDialect
}

// Auth is where the API key goes. A key in the query is refused: addresses end up in logs.
type Auth struct {
	Kind   string `json:"kind,omitempty"`   // bearer (the default), header, basic
	Header string `json:"header,omitempty"` // with kind header
	Prefix string `json:"prefix,omitempty"` // before the key in that header, such as "Token "
	User   string `json:"user,omitempty"`   // with kind basic: the key is the password; without it the key is the user
}

// AccountShape is where the account's name, zone and region are read.
type AccountShape struct {
	Path   string            `json:"path,omitempty"`
	At     string            `json:"at,omitempty"` // where in the answer the account lies; empty: it is the answer
	Fields map[string]Source `json:"fields,omitempty"`
}

// Shape is how one resource is listed and read by id, and where its fields lie.
type Shape struct {
	Path      string            `json:"path,omitempty"`
	Query     map[string]string `json:"query,omitempty"` // sent with every list
	List      string            `json:"list,omitempty"`  // where in an answer the array lies; ".": the answer is the array
	At        string            `json:"at,omitempty"`    // where in an answer to a single get the record lies; empty: it is the answer
	Paging    Paging            `json:"paging,omitzero"`
	Since     *Since            `json:"updated_since"`
	Limit     *Limit            `json:"limit"`
	Deleted   *Parameter        `json:"include_deleted"`
	Unordered bool              `json:"unordered,omitempty"` // not in the order of updated_at: each poll is a whole walk
	Batch     *BatchShape       `json:"batch"`
	Get       string            `json:"get,omitempty"` // a path with {id}, for a side without batch get
	Fields    map[string]Source `json:"fields,omitempty"`
}

// Paging is how a page leads to the next.
type Paging struct {
	Style string `json:"style,omitempty"` // cursor (the default), page, offset, link, link_header
	Param string `json:"param,omitempty"` // of the query: cursor, page number or offset
	Next  string `json:"next,omitempty"`  // where the next cursor, offset or link lies
	More  string `json:"more,omitempty"`  // where it says whether there is more
	Zero  bool   `json:"zero,omitempty"`  // page: numbered from 0, not from 1
}

// Since is the parameter for "changed since".
type Since struct {
	Param string `json:"param"`
	Time  string `json:"time,omitempty"` // rfc3339 (the default), unix_s, unix_ms, unix_us
}

// Limit is the parameter for a page's size.
type Limit struct {
	Param string `json:"param"`
	Max   int    `json:"max,omitempty"` // 0: 200
}

// Parameter is a fixed parameter of the query.
type Parameter struct {
	Param string `json:"param"`
	Value string `json:"value,omitempty"` // empty: true
}

// BatchShape is a read of several records by id: a POST with the ids in its body, or a GET with them in a parameter.
type BatchShape struct {
	Path    string `json:"path"`
	IDs     string `json:"ids,omitempty"`     // where in the body they go: "ids[]" (the default), "inputs[].id"
	Param   string `json:"param,omitempty"`   // instead: a parameter that holds them, separated by commas
	List    string `json:"list,omitempty"`    // empty: as in a list
	Missing string `json:"missing,omitempty"` // where the ids lie that are not there; empty: those that are not answered
	Max     int    `json:"max,omitempty"`     // 0: 200
}

// SubscriptionShape is how webhooks are asked for. None: by hand, or not at all; then polls find what changes.
type SubscriptionShape struct {
	None   bool              `json:"none,omitempty"`
	Format string            `json:"format,omitempty"` // json (the default): signed webhooks; soap: outbound messages
	Path   string            `json:"path,omitempty"`
	List   string            `json:"list,omitempty"`
	At     string            `json:"at,omitempty"`
	Body   map[string]any    `json:"body,omitempty"` // texts with {url}, {secret} (one of ours), {user}
	Fields map[string]Source `json:"fields,omitempty"`
}

// WebhookShape is how deliveries are proven and what their events look like.
type WebhookShape struct {
	Signature       string            `json:"signature,omitempty"`        // standard (the default), timestamped, sha256, v3, basic
	Header          string            `json:"header,omitempty"`           // of the signature; empty: as the scheme has it
	TimestampHeader string            `json:"timestamp_header,omitempty"` // with v3
	IDHeader        string            `json:"id_header,omitempty"`        // of the delivery's id; empty: an id is made of the body
	Events          string            `json:"events,omitempty"`           // where the array of events lies; empty: the body is the array, or one event
	Fields          map[string]Source `json:"fields,omitempty"`
}

// own is what Acme's contract says about a resource.
func own(r Resource) *Shape {
	return &Shape{
		Path: "/v1/" + string(r), List: "data",
		Since: &Since{Param: "updated_since"}, Limit: &Limit{Param: "limit"}, Deleted: &Parameter{Param: "include_deleted"},
		Batch: &BatchShape{},
	}
}

// ownXML is the same where answers are XML: lists are repeated elements, in a list's answer each of the record's name.
func ownXML(r Resource) *Shape {
	s := own(r)
	s.List = "data." + strings.TrimSuffix(string(r), "s")
	return s
}

// shape is what the document says about a resource; nil: nothing.
func (p *Profile) shape(r Resource) **Shape {
	switch r {
	case Appointments:
		return &p.Appointments
	case Touchpoints:
		return &p.Touchpoints
	case Contacts:
		return &p.Contacts
	default:
		return &p.Users
	}
}

// dialect is how a resource is spoken where it is not as Acme's contract says; nil: as the contract says.
func (p *Profile) dialect(r Resource) *dialect {
	if p == nil {
		return nil
	}
	return p.streams[r]
}

// Ordered tells whether a list comes in the order of updated_at and can be entered at any moment. Where it does not, each
// poll walks all of it, and the watermark moves only when a walk has ended.
func (p *Profile) Ordered(r Resource) bool {
	d := p.dialect(r)
	return d == nil || !d.Unordered
}

// ReadsXML tells whether records come as XML.
func (p *Profile) ReadsXML() bool { return p != nil && p.Format == FormatXML }

// PushesSOAP tells whether changes are told by outbound messages.
func (p *Profile) PushesSOAP() bool {
	return p != nil && p.Subscriptions != nil && p.Subscriptions.Format == FormatSOAP
}

// Subscribes tells whether webhooks can be asked for.
func (p *Profile) Subscribes() bool {
	return p == nil || p.Subscriptions == nil || !p.Subscriptions.None
}
