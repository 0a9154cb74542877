package activities

import (
	"context"
	"errors"
	"fmt"

	"acmesync"

	"go.temporal.io/sdk/temporal"
)

// TenantInput names the tenant an activity is about.
type TenantInput struct {
	Tenant acmesync.TenantID `json:"tenant"`
}

// TenantState is what TenantSync needs to know of its tenant's row. Text is for people who read it in the Web UI.
type TenantState struct {
	State  acmesync.TenantState `json:"state"` // as stored: held is told by Held
	Epoch  int64                `json:"epoch"` // raised by each command: of two readings the higher one is the later
	Held   bool                 `json:"held,omitempty"`
	Reason string               `json:"reason,omitempty"`
}

// ErrTypeConflict is the type of the error with which a command that does not fit is refused; repeating it cannot help.
const ErrTypeConflict = "Conflict"

// LoadTenant reads a tenant's row.
func (a *Activities) LoadTenant(ctx context.Context, in TenantInput) (TenantState, error) {
	t, err := a.Tenants.Tenant(ctx, in.Tenant)
	if errors.Is(err, acmesync.ErrNotFound) {
		return TenantState{State: acmesync.Deactivated, Reason: "there is no such tenant"}, nil
	}
	if err != nil {
		return TenantState{}, err
	}
	return stateOf(t), nil
}

func stateOf(t acmesync.Tenant) TenantState {
	s := TenantState{State: t.State, Epoch: t.Epoch, Reason: t.StateReason}
	if t.State == acmesync.Held {
		s.State, s.Held = acmesync.Active, true
	}
	return s
}

// CommandInput is a command on its way to the tenant's row.
type CommandInput struct {
	Tenant  acmesync.TenantID `json:"tenant"`
	Command acmesync.Command  `json:"command"`
}

// ApplyCommand writes a command to the tenant's row, once per command id.
func (a *Activities) ApplyCommand(ctx context.Context, in CommandInput) (TenantState, error) {
	t, err := a.Tenants.Apply(ctx, in.Tenant, in.Command)
	if err != nil {
		return TenantState{}, refusal(err)
	}
	return stateOf(t), nil
}

// refusal marks an error that repeating cannot mend.
func refusal(err error) error {
	var conflict *acmesync.Conflict
	if errors.As(err, &conflict) {
		return temporal.NewNonRetryableApplicationError(conflict.Message, ErrTypeConflict, nil)
	}
	if errors.Is(err, acmesync.ErrNotFound) {
		return temporal.NewNonRetryableApplicationError("there is no such thing", ErrTypeConflict, nil)
	}
	return err
}

// ReviewInput names a review.
type ReviewInput struct {
	Tenant      acmesync.TenantID `json:"tenant"`
	Fingerprint string            `json:"fingerprint"`
}

// ReviewState is what Review needs to know of its row.
type ReviewState struct {
	State  acmesync.ReviewState `json:"state"`
	Stream acmesync.Stream      `json:"stream"`
	Code   acmesync.Code        `json:"code"`
	Field  string               `json:"field,omitempty"`
	Open   int64                `json:"open"`
}

// SettleReview reads a review's row and resolves it where no open record is left.
func (a *Activities) SettleReview(ctx context.Context, in ReviewInput) (ReviewState, error) {
	r, err := a.Reviews.SettleReview(ctx, in.Tenant, in.Fingerprint)
	if err != nil {
		return ReviewState{}, refusal(err)
	}
	return ReviewState{State: r.State, Stream: r.Stream, Code: r.Code, Field: r.Field, Open: r.Open}, nil
}

// DecideInput is a decision on its way to the review's row.
type DecideInput struct {
	Tenant      acmesync.TenantID `json:"tenant"`
	Fingerprint string            `json:"fingerprint"`
	Decision    acmesync.Decision `json:"decision"`
}

// DecideResult says how many records a decision concerns.
type DecideResult struct {
	Records int `json:"records"`
}

// DecideReview leaves a decision's work orders and rings the lane that carries them out.
func (a *Activities) DecideReview(ctx context.Context, in DecideInput) (DecideResult, error) {
	n, err := a.Reviews.Decide(ctx, in.Tenant, in.Fingerprint, in.Decision)
	if err != nil {
		return DecideResult{}, refusal(err)
	}
	if _, err := a.Lanes.Mark(ctx, []acmesync.TenantID{in.Tenant}, acmesync.Fetch, acmesync.Deliver); err != nil {
		return DecideResult{}, err
	}
	// Rung even where the marks were flipped already: an activity that was repeated must not have lost the ring.
	if err := a.Doorbell.Ring(ctx, in.Tenant); err != nil && !errors.Is(err, acmesync.ErrNotRunning) {
		return DecideResult{}, err
	}
	return DecideResult{Records: n}, nil
}

// EscalateInput says for how long a review has been open.
type EscalateInput struct {
	Tenant      acmesync.TenantID `json:"tenant"`
	Fingerprint string            `json:"fingerprint"`
	OpenHours   int               `json:"open_hours"`
}

// Escalate tells people that a review still waits for somebody.
func (a *Activities) Escalate(ctx context.Context, in EscalateInput) error {
	a.Alerts.Alert(ctx, in.Tenant, fmt.Sprintf("Review %s has been open for %d hours.", in.Fingerprint, in.OpenHours))
	return nil
}
