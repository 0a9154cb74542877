package explore

import (
	"time"

	"acmesync/drift"
)

// Version is the form of a Report. Fields are added to a version and never change their meaning.
const Version = 1

// Severity is how much a finding matters.
type Severity string

const (
	Blocks Severity = "blocks" // a sync cannot work like this
	Loses  Severity = "loses"  // something is missing from what is synced, or parks
	Note   Severity = "note"   // good to know
)

// Report is all that a look has brought.
type Report struct {
	Version   int        `json:"version"`
	Acme      string     `json:"acme"` // the base URL
	At        time.Time  `json:"at"`
	Profile   bool       `json:"profile"` // a profile was used: fields are what it makes of the records
	Usable    bool       `json:"usable"`  // nothing blocks
	Problems  []Problem  `json:"problems"`
	Account   Account    `json:"account"`
	Resources []Resource `json:"resources"`
	Webhooks  Webhooks   `json:"webhooks"`
	Limits    Limits     `json:"limits"`
	// Zones counts names of time zones in the records; Other is what is none.
	Zones map[string]int `json:"time_zones"`
}

// Problem is a finding that somebody should know of.
type Problem struct {
	Severity Severity `json:"severity"`
	Resource string   `json:"resource,omitempty"`
	Field    string   `json:"field,omitempty"`
	Message  string   `json:"message"`
}

// Account is what reading the account has brought; it proves the credentials.
type Account struct {
	OK       bool   `json:"ok"`
	Message  string `json:"message"`
	TimeZone string `json:"time_zone,omitempty"`
	Region   string `json:"region,omitempty"`
	// ClockAheadSeconds is by how much Acme's clock is ahead of this machine's; null: its answers tell no time.
	ClockAheadSeconds *int `json:"clock_ahead_seconds"`
}

// Resource is what one list has brought.
type Resource struct {
	Name     string  `json:"name"`
	OK       bool    `json:"ok"`
	Message  string  `json:"message,omitempty"` // why it could not be read
	Pages    int     `json:"pages"`
	Records  int     `json:"records"`
	Complete bool    `json:"complete"` // the walk came to the end of the list
	Deleted  int     `json:"deleted"`  // of the records
	Keyless  int     `json:"keyless"`  // records without a usable id, version or updated_at
	Asked    int     `json:"page_asked"`
	Largest  int     `json:"page_largest"` // the most records of a page
	Checks   []Check `json:"checks"`
	Fields   []Field `json:"fields"`
	// Custom counts records by what no rule of the profile takes.
	Custom map[string]int `json:"custom,omitempty"`
	Calls  Times          `json:"calls"`
}

// Answer is how a check has ended.
type Answer string

const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown" // it could not be tried
)

// Check is one habit of a list that a sync relies on.
type Check struct {
	Name    string `json:"name"`
	Answer  Answer `json:"answer"`
	Message string `json:"message,omitempty"`
}

// Field is how one field was seen.
type Field struct {
	Path     string         `json:"path"`
	Contract string         `json:"contract,omitempty"` // its type there; empty: the contract does not have it
	Required bool           `json:"required,omitempty"`
	Used     bool           `json:"used"`    // the mapping reads it
	Of       int            `json:"of"`      // objects that could have held it
	Present  int            `json:"present"` // neither left out nor null
	Null     int            `json:"null"`
	Empty    int            `json:"empty"`
	Types    map[string]int `json:"types,omitempty"`
	Wrong    int            `json:"wrong_type,omitempty"`
	Odd      int            `json:"wrong_form,omitempty"` // format, pattern or bounds
	Words    map[string]int `json:"unknown_words,omitempty"`
	Shortest int            `json:"shortest,omitempty"`
	Longest  int            `json:"longest,omitempty"`
}

// Webhooks is what asking for a subscription has brought.
type Webhooks struct {
	Tried   bool   `json:"tried"`
	OK      bool   `json:"ok"`
	Ended   bool   `json:"ended"` // it is removed again
	Message string `json:"message"`
}

// Limits are the rate limits as the answers told them.
type Limits struct {
	Calls           int      `json:"calls"`
	Limit           int      `json:"limit,omitempty"`              // the largest that was told
	LeastLeft       *int     `json:"least_left,omitempty"`         // the least that was told to be left
	Refused         int      `json:"refused"`                      // calls that were refused for now
	RetryAfter      int      `json:"retry_after_seconds"`          // the longest wait that was asked for
	RetryAfterForms []string `json:"retry_after_forms,omitempty"`  // seconds, date, other
	Headers         []string `json:"rate_limit_headers,omitempty"` // their names
}

// Times are how long calls took.
type Times struct {
	Calls        int   `json:"calls"`
	LeastMillis  int64 `json:"least_ms"`
	MedianMillis int64 `json:"median_ms"`
	MostMillis   int64 `json:"most_ms"`
}

// Other stands for what is not shown because it could be somebody's data.
const Other = drift.Other
