// Package preview tells what a configuration would do to a tenant's real, present records, without writing anything anywhere. It
// reads Acme by the same client as the lanes, out of the tenant's own budget and after what is live, and maps by the same rules.
package preview

import (
	"context"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// Outcome is what would become of a record.
type Outcome string

const (
	Create Outcome = "create" // the app gets an event, or the touch-point counts, for the first time
	Update Outcome = "update" // the event, or what is counted, becomes another one
	Leave  Outcome = "leave"  // it stays as it is
	Skip   Outcome = "skip"   // left out on purpose; the app has nothing of it
	Remove Outcome = "remove" // what the app has of it is taken out
	Park   Outcome = "park"   // somebody would have to look at it
	Gone   Outcome = "gone"   // deleted in Acme, and the app has nothing of it
)

// Acme is what a preview reads of a tenant's Acme; *acme.Client is it.
type Acme interface {
	List(ctx context.Context, r acme.Resource, q acme.ListQuery) (acme.Page, error)
	BatchGet(ctx context.Context, r acme.Resource, ids []string) (acme.Batch, error)
}

// App is what it reads of the app; *app.Client is it.
type App interface {
	Users(ctx context.Context) ([]app.User, error)
	Event(ctx context.Context, id string) (app.StoredEvent, error)
}

// Memory is what it reads of what the lanes have left; *db.DB is it.
type Memory interface {
	Ledger(ctx context.Context, f acmesync.Fence, stream acmesync.Stream, ids []string) (map[string]acmesync.LedgerEntry, error)
	Contacts(ctx context.Context, f acmesync.Fence, ids []string) (map[string]acmesync.Person, error)
	Lookups(ctx context.Context, f acmesync.Fence, name string, keys []string, expires time.Duration) (map[string]acmesync.Lookup, error)
	Now(ctx context.Context) (time.Time, error)
}

// Budget is Acme's rate limit, shared with the lanes; *db.DB is it.
type Budget interface {
	LeaseBudget(ctx context.Context, owner string, want int, live bool) (granted int, wait time.Duration, err error)
	LearnBudget(ctx context.Context, owner string, requests int, per, refused time.Duration) error
}

// Preview is one look. Fill all fields, then Run it once.
type Preview struct {
	Acme   Acme
	App    App
	Memory Memory
	Budget Budget

	Tenant     acmesync.TenantID
	LimitOwner string // whose rate limit the reads count against
	Draft      *mapping.Rules
	Present    *mapping.Rules
	// Strange says that the draft reads Acme in another way than what is remembered was read: nothing remembered is used.
	Strange bool

	Streams    []acmesync.Stream
	PageSize   int
	MaxRecords int // 0: all
	Sample     int // how many records are shown of each kind of outcome
	From       Place

	users    []acme.User
	appUsers []app.User
	staff    mapping.Staff // by the draft
	before   mapping.Staff // by the present rules
	now      time.Time
	leased   int
	contacts map[string]acme.Contact // read from Acme by this preview
	holders  map[string]Sample       // by business key: the record that would have the event
}

// Place is where a preview that ran out of time goes on.
type Place struct {
	Stream acmesync.Stream `json:"stream,omitempty"`
	Cursor string          `json:"cursor,omitempty"` // Acme's, good for minutes
}

// Result is what the records would come to.
type Result struct {
	Records int      `json:"records"` // that were looked at
	Streams []Totals `json:"streams"`
	Samples []Sample `json:"samples"`
	Partial bool     `json:"partial"`          // not all records were looked at
	Reason  string   `json:"reason,omitempty"` // why not, in a sentence
	Next    Place    `json:"-"`                // where to go on
}

// Totals count a stream's records by what they would come to.
type Totals struct {
	Stream  acmesync.Stream `json:"stream"`
	Off     bool            `json:"off,omitempty"` // the draft switches it off: it is not looked at
	Records int             `json:"records"`
	Create  int             `json:"create"`
	Update  int             `json:"update"`
	Leave   int             `json:"leave"`
	Gone    int             `json:"gone"`
	Skip    []Reason        `json:"skip"`
	Remove  []Reason        `json:"remove"`
	Park    []Reason        `json:"park"`
	Faults  []Reason        `json:"faults"` // all that is wrong with what would park: a record counts in each of its faults
}

// Reason counts records that come to the same for the same reason.
type Reason struct {
	Code    acmesync.Code `json:"code"`
	Field   string        `json:"field,omitempty"`
	Records int           `json:"records"`
}

// Sample is one record with what it would come to.
type Sample struct {
	Stream  acmesync.Stream       `json:"stream"`
	AcmeID  string                `json:"acme_id"`
	Outcome Outcome               `json:"outcome"`
	Code    acmesync.Code         `json:"code,omitempty"`
	Field   string                `json:"field,omitempty"`
	Message string                `json:"message,omitempty"`
	Faults  []Fault               `json:"faults,omitempty"` // of one that would park: all of them, the first as above
	Changes []mapping.FieldChange `json:"changes"`          // from what the app shows to what it would show

	appID    string
	event    *app.Event
	at       time.Time // when Acme changed the record
	business string    // which appointment it is by business key; empty: none that could be another's too
}

// Fault is one thing that is wrong with a record.
type Fault struct {
	Code    acmesync.Code `json:"code"`
	Field   string        `json:"field,omitempty"`
	Message string        `json:"message"`
}
