package workflows

import (
	"time"

	"acmesync"
)

// TenantSyncInput starts TenantSync. It names the tenant and nothing more: a run reads its state from Postgres.
type TenantSyncInput struct {
	Tenant acmesync.TenantID `json:"tenant"`
}

// ReviewInput starts Review. Its later fields are what a run tells the one that continues it.
type ReviewInput struct {
	Tenant      acmesync.TenantID `json:"tenant"`
	Fingerprint string            `json:"fingerprint"`
	OpenSince   time.Time         `json:"open_since,omitzero"` // zero: this is the first run
	Escalated   int               `json:"escalated,omitempty"` // how often people were alerted
	Decided     bool              `json:"decided,omitempty"`   // a decision is under way
}

// CommandInput is the argument of every Update of TenantSync. All fields may be left empty in the Web UI.
type CommandInput struct {
	CommandID    string `json:"command_id,omitempty"` // set by the API, which has committed it already; empty: the Update's own id
	Actor        string `json:"actor,omitempty"`
	Reason       string `json:"reason,omitempty"`
	RemoveEvents bool   `json:"remove_events,omitempty"` // deactivate only
	Fingerprint  string `json:"fingerprint,omitempty"`   // retry_review only: which review
}

// DecisionInput is the argument of a Review's Updates and plain signals. All fields may be left empty in the Web UI.
type DecisionInput struct {
	DecisionID string   `json:"decision_id,omitempty"`
	Actor      string   `json:"actor,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	IDs        []string `json:"ids,omitempty"` // Acme ids; empty: all open records
}
