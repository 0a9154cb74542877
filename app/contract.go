package app

import "time"

// Workspace is one customer of the calendar app, as GET /v1/workspace answers.
type Workspace struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
}

// User is a person with a calendar in the workspace.
type User struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	TimeZone string `json:"time_zone"` // IANA name; touch-points are counted by the day in this zone
	Active   bool   `json:"active"`
}

// Moment is either an instant with the zone to show it in, or a bare date (all day), never both.
type Moment struct {
	DateTime string `json:"date_time,omitempty"` // RFC 3339 in UTC, whole seconds
	TimeZone string `json:"time_zone,omitempty"` // IANA name
	Date     string `json:"date,omitempty"`      // "2006-01-02"
}

// Attendee is a customer at an event.
type Attendee struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"` // E.164 where possible, else as typed
}

const (
	StatusConfirmed = "confirmed"
	StatusCancelled = "cancelled"

	VisibilityFull = "full"
	VisibilityBusy = "busy" // the time is shown as taken, nothing else

	OutcomeCompleted = "completed"
	OutcomeNoShow    = "no_show"
)

// Event is a calendar entry as an integration writes it.
type Event struct {
	ExternalID     string     `json:"external_id"`               // unique in the workspace, at most 200 bytes
	Revision       int64      `json:"revision"`                  // 1 … 2^53-1; a lower one than the app holds is refused
	IfVersion      int64      `json:"if_version,omitempty"`      // write only while the event is at this version; 0: whatever it is
	AllowDuplicate bool       `json:"allow_duplicate,omitempty"` // make it though a person has made the same; it is said once and not kept
	OwnerID        string     `json:"owner_id"`                  // User.ID
	Title          string     `json:"title"`                     // at most 500 runes
	Description    string     `json:"description,omitempty"`
	Start          Moment     `json:"start"`
	End            Moment     `json:"end"` // exclusive
	Status         string     `json:"status"`
	Outcome        string     `json:"outcome,omitempty"`
	Visibility     string     `json:"visibility"`
	Location       string     `json:"location,omitempty"`
	ConferenceURL  string     `json:"conference_url,omitempty"` // an absolute http(s) URL
	Attendees      []Attendee `json:"attendees,omitempty"`
}

// EventRef names an event to delete; the app keeps its revision as a tombstone.
type EventRef struct {
	ExternalID string `json:"external_id"`
	Revision   int64  `json:"revision"`
	IfVersion  int64  `json:"if_version,omitempty"`
}

// Count is the absolute number of touch-points of a user on a day in the user's zone.
type Count struct {
	UserID    string `json:"user_id"`
	Day       string `json:"day"`       // "2006-01-02"
	Channel   string `json:"channel"`   // call or email
	Direction string `json:"direction"` // inbound, outbound or internal
	Count     int    `json:"count"`
	Revision  int64  `json:"revision"`
}

// ResultStatus says what became of one item of a bulk write.
type ResultStatus string

const (
	Created   ResultStatus = "created"
	Updated   ResultStatus = "updated"
	Unchanged ResultStatus = "unchanged" // same revision or same content: nothing to do
	Deleted   ResultStatus = "deleted"
	Absent    ResultStatus = "absent"    // delete of an event the app does not have
	Stale     ResultStatus = "stale"     // lower revision than the app's; Revision is the app's own
	Conflict  ResultStatus = "conflict"  // not at if_version any more; Version is where it is
	Duplicate ResultStatus = "duplicate" // of a new external id: the event ID, made in the app, is the same; link it, or allow it
	Rejected  ResultStatus = "rejected"
	Failed    ResultStatus = "failed" // the app could not do this item now; again later
)

// Result is the app's answer to one item of a bulk write, in the order of the request.
type Result struct {
	ExternalID string       `json:"external_id,omitempty"` // events only
	Status     ResultStatus `json:"status"`
	ID         string       `json:"id,omitempty"`       // the app's own event id
	Revision   int64        `json:"revision,omitempty"` // the revision the app now holds
	Version    int64        `json:"version,omitempty"`  // of the event, as the list of changes counts
	Code       string       `json:"code,omitempty"`     // rejected, failed: machine-readable
	Field      string       `json:"field,omitempty"`
	Message    string       `json:"message,omitempty"`
}

// Totals are what the workspace holds: the figures a sync must end with.
type Totals struct {
	Events      int `json:"events"`      // live events written by integrations
	Touchpoints int `json:"touchpoints"` // the sum of all counts
	Users       int `json:"users"`
}

// StoredEvent is an event as the app answers reads.
type StoredEvent struct {
	Event
	ID        string    `json:"id"`
	UpdatedAt time.Time `json:"updated_at"`
}
