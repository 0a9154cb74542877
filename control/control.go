package control

import (
	"context"
	"net/http"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/egress"
	"acmesync/workflows"

	"go.uber.org/zap"
)

// Workflows is how tenants' workflows are started, told and rung; workflows.Client is it.
type Workflows interface {
	StartTenant(ctx context.Context, t acmesync.TenantID) error
	Ring(ctx context.Context, t acmesync.TenantID) error
	Nudge(ctx context.Context, t acmesync.TenantID, update string, in workflows.CommandInput) error
	NoticeReview(ctx context.Context, t acmesync.TenantID, fingerprint string) error
}

// Control carries out what is asked of tenants and reviews. Safe for concurrent use.
type Control struct {
	DB        *db.DB
	Workflows Workflows
	HTTP      *http.Client // for calls to tenants' addresses
	Egress    egress.Policy
	Later     *Later
	Log       *zap.Logger
}

const (
	checkTimeout = 10 * time.Second // of a call that proves a connection
	nudgeTimeout = 2 * time.Second
	startTimeout = 10 * time.Second
)
