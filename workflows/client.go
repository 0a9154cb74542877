package workflows

import (
	"context"
	"errors"
	"fmt"

	"acmesync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Client is how everybody outside the workflows starts, rings and commands them. Each method may be repeated.
type Client struct {
	Temporal client.Client
	// RunbookURL is where the summary of each workflow in the Web UI leads; empty: no link.
	RunbookURL string
}

// StartTenant starts a tenant's workflow, or finds it running.
func (c *Client) StartTenant(ctx context.Context, t acmesync.TenantID) error {
	_, err := c.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       TenantSyncID(t),
		TaskQueue:                WorkflowQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes:    temporal.NewSearchAttributes(TenantIDKey.ValueSet(string(t))),
		StaticSummary:            "Keeps tenant " + string(t) + " in step with Acme",
		StaticDetails:            c.details("Pause, resume, sync now and retry now are Updates; Cancel stops the tenant in order."),
		Priority:                 temporal.Priority{FairnessKey: string(t)},
	}, TenantSyncType, TenantSyncInput{Tenant: t})
	if err != nil {
		return fmt.Errorf("start the workflow of %s: %w", t, err)
	}
	return nil
}

// Ring tells a tenant's workflow that there is work. It never starts one: that would bring back a tenant which
// support has cancelled. ErrNotRunning if there is none.
func (c *Client) Ring(ctx context.Context, t acmesync.TenantID) error {
	err := c.Temporal.SignalWorkflow(ctx, TenantSyncID(t), "", WakeSignal, nil)
	if gone(err) {
		return fmt.Errorf("ring %s: %w", t, acmesync.ErrNotRunning)
	}
	if err != nil {
		return fmt.Errorf("ring %s: %w", t, err)
	}
	return nil
}

// Nudge tells a tenant's workflow that a command was committed, and waits until it has taken effect. The row is what
// counts: a nudge that fails only delays the command until the lane's next page or the sweep.
func (c *Client) Nudge(ctx context.Context, t acmesync.TenantID, update string, in CommandInput) error {
	handle, err := c.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: TenantSyncID(t), UpdateID: in.CommandID, UpdateName: update, Args: []any{in},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	if gone(err) {
		return fmt.Errorf("%s %s: %w", update, t, acmesync.ErrNotRunning)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", update, t, err)
	}
	return nil
}

// NoticeReview has a review's workflow look at its records, starting it where there is none.
func (c *Client) NoticeReview(ctx context.Context, t acmesync.TenantID, fingerprint string) error {
	_, err := c.Temporal.SignalWithStartWorkflow(ctx, ReviewID(t, fingerprint), WakeSignal, nil, client.StartWorkflowOptions{
		TaskQueue:             WorkflowQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: temporal.NewSearchAttributes(TenantIDKey.ValueSet(string(t)), FingerprintKey.ValueSet(fingerprint)),
		StaticSummary:         "Review of parked records of tenant " + string(t),
		StaticDetails:         c.details("Retry or discard by Update, or by plain signal for many at once; Cancel discards."),
		Priority:              temporal.Priority{FairnessKey: string(t)},
	}, ReviewType, ReviewInput{Tenant: t, Fingerprint: fingerprint})
	if err != nil {
		return fmt.Errorf("notice review %s of %s: %w", fingerprint, t, err)
	}
	return nil
}

func (c *Client) details(text string) string {
	if c.RunbookURL == "" {
		return text
	}
	return text + "\n\n[Runbook](" + c.RunbookURL + ")"
}

func gone(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}
