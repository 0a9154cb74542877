package acmesync

import "encoding/json"

// Config is what a customer may choose: one document per tenant, versioned as a whole. The zero value of every field means
// its default, so that an empty document is a good one. mapping holds the JSON Schema it is checked against, and says what
// the fields mean for a record.
type Config struct {
	PollSeconds int `json:"poll_seconds,omitempty"` // 5 … 86,400; 0: adaptive, within Poll
	PageSize    int `json:"page_size,omitempty"`    // 1 … 200, what Acme takes; 0: 200

	Poll         PollRules        `json:"poll,omitzero"`
	Appointments AppointmentRules `json:"appointments,omitzero"`
	Touchpoints  TouchpointRules  `json:"touchpoints,omitzero"`
	People       PeopleRules      `json:"people,omitzero"`
	// Profile is how the tenant's Acme speaks where that differs from Acme's contract; acme.Profile reads it. None: it does not.
	Profile json.RawMessage `json:"profile,omitempty"`
	SNS     SNSRules        `json:"sns,omitzero"`
}

// SNSRules say which notifications are taken at the tenant's SNS address. Without topics none is.
type SNSRules struct {
	Topics []string `json:"topics,omitempty"` // arn:aws:sns:…
}

// PollRules say how often or when Acme is asked, and when it is left alone. Webhooks are taken at any time.
type PollRules struct {
	MinSeconds int          `json:"min_seconds,omitempty"` // between polls while webhooks are unproven; 0: 60
	MaxSeconds int          `json:"max_seconds,omitempty"` // while they are proven; 0: 900
	Quiet      []QuietHours `json:"quiet_hours,omitempty"`
	// At are times instead of intervals, as cron expressions of five fields, in TimeZone.
	At       []string `json:"at,omitempty"`
	TimeZone string   `json:"time_zone,omitempty"` // IANA; empty: the account's
}

// QuietHours is a window of the day without polls and backfills; From after To means over midnight.
type QuietHours struct {
	Days     []string `json:"days,omitempty"`      // mon … sun, of its beginning; none: every day
	From     string   `json:"from"`                // "22:00"
	To       string   `json:"to"`                  // "06:00", exclusive
	TimeZone string   `json:"time_zone,omitempty"` // IANA; empty: the account's
}

// AppointmentRules say what becomes of appointments.
type AppointmentRules struct {
	Off         bool          `json:"off,omitempty"` // not synced at all
	Direction   Direction     `json:"direction,omitempty"`
	Collision   Collision     `json:"collision,omitempty"`
	BusinessKey bool          `json:"business_key,omitempty"` // same owner, start and contacts: the same appointment, whatever its id
	Scope       Scope         `json:"scope,omitzero"`
	When        WhenRules     `json:"when,omitzero"`
	Conflict    ConflictRules `json:"conflict,omitzero"`
	Enrich      []Enrichment  `json:"enrich,omitempty"`  // by third parties, before anything else
	Mapping     []FieldRule   `json:"mapping,omitempty"` // on top of the built-in mapping, in this order
	// Tables are for lookups: name → value in Acme → value in the app.
	Tables map[string]map[string]string `json:"tables,omitempty"`
}

// Direction is which way a stream travels.
type Direction string

const (
	AcmeToApp Direction = "acme_to_app" // the default
	BothWays  Direction = "both"
)

// Collision is what happens where the other side has the record already.
type Collision string

const (
	CollideUpsert Collision = "upsert" // the default: it is brought up to date
	CollideIgnore Collision = "ignore" // the first version delivered stays as it is
	CollideCreate Collision = "create" // a second one is made, with an id that is the same at every try
)

// Scope is which appointments are carried over at all.
type Scope struct {
	HistoryDays int      `json:"history_days,omitempty"` // ended at most so long ago when first seen; 0: 90, -1: no bound
	HorizonDays int      `json:"horizon_days,omitempty"` // begins at most so far ahead; 0: 365
	Owners      []string `json:"owners,omitempty"`       // Acme's user ids; none: all
	Statuses    []string `json:"statuses,omitempty"`     // Acme's words; none: all
	Private     Privacy  `json:"private,omitempty"`
}

// Privacy is how much of a private appointment is shown.
type Privacy string

const (
	PrivateBusy Privacy = "busy" // the default: the time is taken, nothing else
	PrivateSkip Privacy = "skip"
	PrivateFull Privacy = "full"
)

// WhenRules say what becomes of the event when the appointment has come to an end of some kind.
type WhenRules struct {
	Canceled  Fate `json:"canceled,omitempty"`  // default: mark
	Completed Fate `json:"completed,omitempty"` // default: mark
	NoShow    Fate `json:"no_show,omitempty"`   // default: mark
	Deleted   Fate `json:"deleted,omitempty"`   // default: remove
	// DeletedInApp is what becomes of the appointment when people delete its event in the app, both ways only. Default: remove,
	// which Acme undoes within 30 days; mark: it is canceled; keep: it stays, and its event is gone.
	DeletedInApp Fate `json:"deleted_in_app,omitempty"`
}

// Fate is one of the ends of an event.
type Fate string

const (
	FateRemove Fate = "remove" // taken out of the calendar
	FateMark   Fate = "mark"   // stays, and shows what happened
	FateKeep   Fate = "keep"   // stays as if nothing had happened
)

// ConflictRules decide where both sides have changed the same field since they last agreed. Fields are named as the app's
// contract names them: start is both ends of an event, status the outcome too, and deleted whether it is there at all.
type ConflictRules struct {
	Default ConflictPolicy            `json:"default,omitempty"`
	Fields  map[string]ConflictPolicy `json:"fields,omitempty"`
}

// ConflictPolicy says whose value of a field stands.
type ConflictPolicy string

const (
	AcmeWins       ConflictPolicy = "acme_wins" // the default
	AppWins        ConflictPolicy = "app_wins"
	NewestWins     ConflictPolicy = "newest"
	ReviewConflict ConflictPolicy = "review"
)

// FieldRule fills one field of the app's event: from a source field by a preset, or by a CEL expression. docs/mapping.md
// lists targets, sources, presets and functions.
type FieldRule struct {
	Target string         `json:"target"`           // a field of the app's event, e.g. "title"
	Source string         `json:"source,omitempty"` // a path into the record, e.g. "appointment.subject"
	Preset string         `json:"preset,omitempty"` // copy, join, template, date_shift, phone, lookup, default, strip_html, truncate
	Args   map[string]any `json:"args,omitempty"`   // the preset's own
	CEL    string         `json:"cel,omitempty"`    // instead of source and preset
}

// TouchpointRules say which touch-points count.
type TouchpointRules struct {
	Off             bool `json:"off,omitempty"`
	CountInternal   bool `json:"count_internal,omitempty"`   // calls and mail among colleagues
	CountBounced    bool `json:"count_bounced,omitempty"`    // mail that never arrived
	IgnoreForwarded bool `json:"ignore_forwarded,omitempty"` // mail that was only passed on
	HistoryDays     int  `json:"history_days,omitempty"`     // happened at most so long ago; 0: no bound
	MinCallSeconds  int  `json:"min_call_seconds,omitempty"` // shorter calls of known length do not count
}

// PeopleRules say who is who, and what is assumed where a record does not say.
type PeopleRules struct {
	Owners         map[string]string `json:"owners,omitempty"`          // Acme's user id → the app's; goes before the e-mail match
	UnmatchedOwner Unmatched         `json:"unmatched_owner,omitempty"` //
	Region         string            `json:"region,omitempty"`          // ISO 3166-1 alpha-2; empty: the Acme account's
	TimeZone       string            `json:"time_zone,omitempty"`       // IANA; empty: the Acme account's
}

// Unmatched is what happens to a record whose owner the app does not know.
type Unmatched string

const (
	UnmatchedSkip Unmatched = "skip" // the default
	UnmatchedPark Unmatched = "park"
)
