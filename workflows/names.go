package workflows

import (
	"strings"

	"acmesync"

	"go.temporal.io/sdk/temporal"
)

// Task queues: a stuck Acme must not starve deliveries, nor either of them the workflows.
const (
	WorkflowQueue = "acmesync"
	AcmeQueue     = "acmesync-acme"
	AppQueue      = "acmesync-app"
)

// Workflow types and ids.
const (
	TenantSyncType = "TenantSync"
	ReviewType     = "Review"
	SweepType      = "Sweep"

	SweepSchedule = "acmesync-sweep"
	sweepID       = "sweep"

	tenantPrefix = "tenant-sync/"
	reviewPrefix = "review/"
)

// Signals, updates and queries.
const (
	WakeSignal    = "wake"
	RetrySignal   = "retry"
	DiscardSignal = "discard"

	PauseUpdate       = "pause"
	ResumeUpdate      = "resume"
	SyncNowUpdate     = "sync_now"
	RetryNowUpdate    = "retry_now"
	BackfillUpdate    = "backfill"
	AuditUpdate       = "audit"
	RetryReviewUpdate = "retry_review"
	DeactivateUpdate  = "deactivate"
	ApplyConfigUpdate = "apply_config"
	RetryUpdate       = "retry"
	DiscardUpdate     = "discard"

	StatusQuery = "status"
)

// Search attributes, so that support finds a tenant or a review in the Web UI.
var (
	TenantIDKey    = temporal.NewSearchAttributeKeyKeyword("TenantId")
	SyncStateKey   = temporal.NewSearchAttributeKeyKeyword("SyncState")
	ReviewStateKey = temporal.NewSearchAttributeKeyKeyword("ReviewState")
	StreamKey      = temporal.NewSearchAttributeKeyKeyword("Stream")
	FingerprintKey = temporal.NewSearchAttributeKeyKeyword("Fingerprint")
	ParkedCountKey = temporal.NewSearchAttributeKeyInt64("ParkedCount")
)

// TenantSyncID is the id of a tenant's workflow.
func TenantSyncID(t acmesync.TenantID) string { return tenantPrefix + string(t) }

// TenantOf takes the id of a tenant's workflow apart.
func TenantOf(workflowID string) (acmesync.TenantID, bool) {
	t, ok := strings.CutPrefix(workflowID, tenantPrefix)
	return acmesync.TenantID(t), ok
}

// ReviewID is the id of a review's workflow.
func ReviewID(t acmesync.TenantID, fingerprint string) string {
	return reviewPrefix + string(t) + "/" + fingerprint
}
