package acmesync

import (
	"regexp"
	"time"
)

// TenantID names a customer of the app who connects Acme. It is opaque: it stands in URLs,
// workflow ids and logs, so it must never hold a person's or a company's name that is secret.
type TenantID string

var tenantID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Valid reports whether the id may be used: lower-case letters, digits and dashes, at most 63.
func (t TenantID) Valid() bool { return tenantID.MatchString(string(t)) }

// ConnectionID names one Acme account of a tenant.
type ConnectionID string

// MainConnection is the only connection a tenant has today; keys carry it so that a second
// account needs no migration.
const MainConnection ConnectionID = "main"

// TenantState is what a tenant is doing. Held and queued are seen from outside only:
// a held tenant is stored as starting or active and has rows in holds.
type TenantState string

const (
	Draft       TenantState = "draft"        // being set up → starting
	Starting    TenantState = "starting"     // activated, first sync not complete → active
	Active      TenantState = "active"       // in step or getting there
	Held        TenantState = "held"         // by a fault; heals itself
	NeedsReauth TenantState = "needs_reauth" // Acme or the app refuses the credentials → starting, active
	Queued      TenantState = "queued"       // waits for capacity
	Paused      TenantState = "paused"       // by a person; sticky → starting, active
	Stopped     TenantState = "stopped"      // cancelled by support; only activate starts it again
	Deactivated TenantState = "deactivated"  // → starting, as a new generation
)

// Runs reports whether a tenant in this state has a workflow that works its lanes.
func (s TenantState) Runs() bool { return s == Starting || s == Active }

// Lives reports whether a tenant in this state has a TenantSync workflow at all: one that
// is paused or waits for credentials is still there to be seen and commanded.
func (s TenantState) Lives() bool { return s.Runs() || s == Paused || s == NeedsReauth }

// Tenant is a customer as everybody but the vault may see it.
type Tenant struct {
	ID          TenantID    `json:"id"`
	Name        string      `json:"name"`
	Cell        string      `json:"-"`
	State       TenantState `json:"state"`
	StateSince  time.Time   `json:"state_since"`
	StateReason string      `json:"state_reason,omitempty"` // a sentence
	Generation  int64       `json:"generation"`             // raised by each activation
	Epoch       int64       `json:"-"`                      // raised by each command that lanes must notice
	Config      Config      `json:"config"`
	Rules       int64       `json:"config_version"` // of Config, from 1
	CreatedAt   time.Time   `json:"created_at"`
	Version     int64       `json:"-"` // for ETag
}

// Connection is where a tenant's Acme account and its side of the app are found.
type Connection struct {
	Tenant            TenantID
	ID                ConnectionID
	AcmeURL           string
	AppURL            string
	LimitOwner        string // whose rate limit its calls count against
	HookEndpoint      string // 128 random bits, in the webhook URL
	SubscriptionID    string // Acme's; empty: none
	AppSubscriptionID string // the app's; empty: none
	AccountID         string // Acme's name of the account; empty: not read yet
	Region            string // default for phone numbers, ISO 3166-1 alpha-2
	TimeZone          string // of the account, IANA
}

// Credentials are the secrets of a connection; they live in the vault and in memory only.
type Credentials struct {
	AcmeAPIKey  string
	AppToken    string
	LookupToken string // for third parties
}
