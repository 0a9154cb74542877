package workflows

import (
	"errors"
	"fmt"

	"acmesync"
	"acmesync/activities"

	"go.temporal.io/sdk/workflow"
)

// command is an Update of TenantSync, as it stands in the Web UI's form.
type command struct {
	update      string
	name        acmesync.CommandName
	description string
	answer      string
	fits        func(acmesync.TenantState) bool
}

var commands = []command{
	{PauseUpdate, acmesync.Pause, "Pause: nothing is read or written until resume. Webhooks are still stored.", "paused",
		func(s acmesync.TenantState) bool { return s.Runs() || s == acmesync.NeedsReauth }},
	{ResumeUpdate, acmesync.Resume, "Go on after pause.", "resumed",
		func(s acmesync.TenantState) bool { return s == acmesync.Paused }},
	{SyncNowUpdate, acmesync.SyncNow, "Look at Acme now instead of at the next poll.", "syncing now", acmesync.TenantState.Runs},
	{RetryNowUpdate, acmesync.RetryNow, "Try held lanes again now.", "retrying now", acmesync.TenantState.Runs},
	{BackfillUpdate, acmesync.Rewalk, "Read every stream from its beginning again; what is unchanged is not written again.", "reading everything again",
		acmesync.TenantState.Runs},
	{AuditUpdate, acmesync.AuditAll, "Walk both sides and the ledger, and heal what differs; the result is in the API.", "auditing",
		acmesync.TenantState.Runs},
	{DeactivateUpdate, acmesync.Deactivate, "End the sync. remove_events takes the delivered events out of the app.", "deactivated",
		acmesync.TenantState.Lives},
}

// handlers take commands. Each writes the tenant's row, as the API does, and then acts on what the row says.
func (s *tenantSync) handlers(ctx workflow.Context) error {
	for _, c := range commands {
		err := workflow.SetUpdateHandlerWithOptions(ctx, c.update,
			func(ctx workflow.Context, in CommandInput) (string, error) { return s.obey(ctx, c, in) },
			workflow.UpdateHandlerOptions{
				Description: c.description,
				Validator:   func(in CommandInput) error { return s.validate(c, in) },
			})
		if err != nil {
			return fmt.Errorf("take the command %s: %w", c.update, err)
		}
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, ApplyConfigUpdate, s.applyConfig,
		workflow.UpdateHandlerOptions{Description: "Look at the tenant's row again after its configuration has changed."}); err != nil {
		return fmt.Errorf("take the command %s: %w", ApplyConfigUpdate, err)
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, RetryReviewUpdate, s.retryReview, workflow.UpdateHandlerOptions{
		Description: "Deliver the parked records of one review again. Needs its fingerprint.",
		Validator: func(in CommandInput) error {
			if in.Fingerprint == "" {
				return errors.New("say which review: set fingerprint")
			}
			return nil
		},
	}); err != nil {
		return fmt.Errorf("take the command %s: %w", RetryReviewUpdate, err)
	}
	return workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (TenantStatus, error) { return s.status(), nil },
		workflow.QueryHandlerOptions{Description: "What the tenant's lanes are doing. Dashboards read Postgres instead."})
}

// validate refuses in words what does not fit. A command with an id was committed by the API already: it is not asked again.
func (s *tenantSync) validate(c command, in CommandInput) error {
	if in.CommandID != "" || s.state.State == "" || c.fits(s.state.State) {
		return nil
	}
	return fmt.Errorf("cannot %s: the tenant is %s", c.update, s.state.State)
}

func (s *tenantSync) obey(ctx workflow.Context, c command, in CommandInput) (string, error) {
	known := s.state.Epoch
	state, err := call[activities.CommandInput, activities.TenantState](ctx, database("write the command to the tenant's row"), do.ApplyCommand,
		activities.CommandInput{Tenant: s.tenant, Command: acmesync.Command{
			ID: commandID(ctx, in), Name: c.name, Actor: actorOf(in), Reason: in.Reason, RemoveEvents: in.RemoveEvents,
		}})
	if err != nil {
		return "", err
	}
	s.become(state, known)
	if c.name != acmesync.Pause && c.name != acmesync.Deactivate {
		for _, l := range s.lanes() {
			l.held = false
		}
		s.ring()
	}
	s.nudged = true
	return c.answer, nil
}

func (s *tenantSync) applyConfig(ctx workflow.Context, _ CommandInput) (string, error) {
	if err := s.load(ctx); err != nil {
		return "", err
	}
	s.ring()
	s.nudged = true
	return "applied", nil
}

func (s *tenantSync) retryReview(ctx workflow.Context, in CommandInput) (string, error) {
	result, err := call[activities.DecideInput, activities.DecideResult](ctx, database("leave the decision's work orders"), do.DecideReview,
		activities.DecideInput{Tenant: s.tenant, Fingerprint: in.Fingerprint, Decision: acmesync.Decision{
			ID: commandID(ctx, in), Action: acmesync.OrderRetry, Actor: actorOf(in), Reason: in.Reason,
		}})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("retrying %d records", result.Records), nil
}

// commandID names a command for good: one that comes twice applies once.
func commandID(ctx workflow.Context, in CommandInput) string {
	if in.CommandID != "" {
		return in.CommandID
	}
	return "update:" + workflow.GetInfo(ctx).WorkflowExecution.RunID + "/" + workflow.GetCurrentUpdateInfo(ctx).ID
}

func actorOf(in CommandInput) string {
	if in.Actor != "" {
		return in.Actor
	}
	return "temporal"
}
