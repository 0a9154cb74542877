package acme

import (
	"encoding/json"
	"time"
)

// Resource names a collection of Acme's API; its value is the path segment under /v1.
type Resource string

// The collections that an integration reads.
const (
	Appointments Resource = "appointments"
	Touchpoints  Resource = "touchpoints"
	Contacts     Resource = "contacts"
	Users        Resource = "users"
)

// Account is one business's Acme account, as GET /v1/account answers.
type Account struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"` // IANA name
	Region   string `json:"region"`    // ISO 3166-1 alpha-2, the default for phone numbers
}

// User is a person who works with Acme: the owner of appointments and touch-points.
type User struct {
	ID        string    `json:"id"`
	Version   int64     `json:"version"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	Active    bool      `json:"active"`
	TimeZone  string    `json:"time_zone"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Contact is a customer of the business. Emails and phones are as people typed them.
type Contact struct {
	ID               string     `json:"id"`
	Version          int64      `json:"version"`
	Name             string     `json:"name"`
	Emails           []string   `json:"emails"`
	Phones           []string   `json:"phones"`
	MergedInto       string     `json:"merged_into,omitempty"`
	PrivacyDeletedAt *time.Time `json:"privacy_deleted_at,omitempty"`
	DeletedAt        *time.Time `json:"deleted_at,omitempty"`
	CreatedAt        time.Time  `json:"created_at"`
	UpdatedAt        time.Time  `json:"updated_at"`
}

// Moment is either a wall-clock time in a zone or a bare date, never both.
// Values stay text: what Acme holds may be unreadable, and that is for the mapping to say.
type Moment struct {
	DateTime string `json:"date_time,omitempty"` // local "2006-01-02T15:04:05", or RFC 3339 with offset
	TimeZone string `json:"time_zone,omitempty"` // IANA name
	Date     string `json:"date,omitempty"`      // "2006-01-02": all day
}

// Recurrence makes an appointment the master of a series.
type Recurrence struct {
	RRule   string   `json:"rrule"`
	ExDates []string `json:"exdates,omitempty"`
}

// AppointmentStatus is where an appointment stands.
type AppointmentStatus string

// The states of an appointment.
const (
	Scheduled AppointmentStatus = "scheduled"
	Completed AppointmentStatus = "completed"
	Canceled  AppointmentStatus = "canceled"
	NoShow    AppointmentStatus = "no_show"
)

// Appointment is what a person in Acme sets with contacts.
type Appointment struct {
	ID            string            `json:"id"`
	Version       int64             `json:"version"`
	Status        AppointmentStatus `json:"status"`
	Subject       string            `json:"subject"`
	NotesHTML     string            `json:"notes_html,omitempty"`
	Start         *Moment           `json:"start"`
	End           *Moment           `json:"end"`
	IsPrivate     bool              `json:"is_private"`
	OwnerID       string            `json:"owner_id,omitempty"`
	ContactIDs    []string          `json:"contact_ids"`
	Location      string            `json:"location,omitempty"`
	ConferenceURL string            `json:"conference_url,omitempty"`
	SeriesID      string            `json:"series_id,omitempty"`      // this is an instance or exception of that series
	OriginalStart *Moment           `json:"original_start,omitempty"` // of an exception
	Recurrence    *Recurrence       `json:"recurrence,omitempty"`     // this is the master of a series
	ExternalRef   string            `json:"external_ref,omitempty"`   // set by an integration that created the record
	Origin        string            `json:"origin"`                   // "user", "import" or the API client's name
	CreatedAt     time.Time         `json:"created_at"`
	UpdatedAt     time.Time         `json:"updated_at"`
	DeletedAt     *time.Time        `json:"deleted_at,omitempty"`
	Custom        json.RawMessage   `json:"custom,omitempty"` // an object: fields that the account has added
}

// Channel is how a touch-point happened.
type Channel string

// The channels of a touch-point.
const (
	Call  Channel = "call"
	Email Channel = "email"
)

// Direction is who reached out.
type Direction string

// The directions of a touch-point.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
	Internal Direction = "internal"
)

// Touchpoint is a call or an email that a user logged with a contact.
type Touchpoint struct {
	ID          string     `json:"id"`
	Version     int64      `json:"version"`
	Channel     Channel    `json:"channel"`
	Direction   Direction  `json:"direction"`
	UserID      string     `json:"user_id,omitempty"`
	ContactID   string     `json:"contact_id,omitempty"`
	OccurredAt  *time.Time `json:"occurred_at"`
	LoggedAt    time.Time  `json:"logged_at"`
	DurationMS  *int64     `json:"duration_ms,omitempty"`
	OutcomeID   string     `json:"outcome_id,omitempty"`
	EmailStatus string     `json:"email_status,omitempty"` // sent, bounced, forwarded; emails only
	UpdatedAt   time.Time  `json:"updated_at"`
	DeletedAt   *time.Time `json:"deleted_at,omitempty"`
}

// Outcome is a label an account gives to calls.
type Outcome struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}

// ListQuery asks for one page of a resource, ordered by (updated_at, id).
// A Cursor carries the other parameters with it, so only Limit counts beside it.
type ListQuery struct {
	UpdatedSince   time.Time // zero: from the beginning; inclusive
	Cursor         string    // Acme's; expires after 15 minutes
	Limit          int       // at most 200 by default; zero: the server's default
	IncludeDeleted bool
}

// Item is one record of a page: the keys the fetch lane needs, and the record as it arrived.
type Item struct {
	ID         string
	Version    int64
	UpdatedAt  time.Time
	Deleted    bool
	ContactIDs []string // appointments: contact_ids; touch-points: contact_id
	OwnerID    string   // appointments: owner_id; touch-points: user_id
	Raw        json.RawMessage
}

// Page is one answer of a list, complete or not returned at all.
type Page struct {
	Items      []Item
	NextCursor string    // empty: the last page
	Date       time.Time // Acme's own clock, from the Date header (1 s resolution)
	Bytes      int       // size of the answer's body
	Unordered  bool      // the list is not in the order of updated_at: only its end says how far it was read
	Latest     time.Time // of an unordered list: the newest updated_at of the walk so far, not past the walk's beginning
}

// Batch is the answer of a batch get: what was found, deleted records included, and the ids that were not.
type Batch struct {
	Items   []Item
	Missing []string // 404: unknown, or deleted more than 30 days ago
	Date    time.Time
	Bytes   int
}

// Subscription is a webhook subscription of an account.
type Subscription struct {
	ID             string    `json:"id"`
	URL            string    `json:"url"`
	Events         []string  `json:"events"` // e.g. "appointment.updated"; "*" means all
	Status         string    `json:"status"` // active or disabled
	DisabledReason string    `json:"disabled_reason,omitempty"`
	Format         string    `json:"format,omitempty"` // soap: outbound messages; empty: webhooks
	Secret         string    `json:"secret,omitempty"` // whsec_…; only in the answer to create, and of webhooks only
	CreatedAt      time.Time `json:"created_at"`
}

// Event is one thin webhook event; a delivery's body is an array of one to a hundred of them.
type Event struct {
	EventID    string    `json:"event_id"`
	AccountID  string    `json:"account_id"`
	Type       string    `json:"type"` // "<resource singular>.<created|updated|deleted|undeleted|merged>"
	ObjectID   string    `json:"object_id"`
	Version    int64     `json:"version"`
	OccurredAt time.Time `json:"occurred_at"`
	Attempt    int       `json:"attempt"`
	Origin     string    `json:"origin"`
}
