package activities

import (
	"context"
	"errors"
	"fmt"

	"acmesync"

	"go.temporal.io/sdk/activity"
)

// SweepResult counts what a sweep did.
type SweepResult struct {
	Rung    int `json:"rung"`
	Started int `json:"started"`
	Noticed int `json:"noticed"`
	Cleaned int `json:"cleaned"`
	Tidied  int `json:"tidied,omitempty"` // bodies, days and webhook ids that were kept long enough
}

const (
	sweepAtOnce    = 500
	partitionDays  = 7
	livingPageSize = 500
)

// SweepAll makes the running state match the wanted one: it rings tenants that should have run, starts workflows that are
// missing, has reviews noticed and cleanups tried again. It touches only tenants that need it.
func (a *Activities) SweepAll(ctx context.Context) (SweepResult, error) {
	var r SweepResult
	if _, err := a.Fleet.MakePartitions(ctx, partitionDays); err != nil {
		return r, err
	}
	overdue, err := a.Fleet.Overdue(ctx, sweepAtOnce)
	if err != nil {
		return r, err
	}
	var failures []error
	for _, o := range overdue {
		activity.RecordHeartbeat(ctx, r)
		if err := a.sweepTenant(ctx, o, &r); err != nil { // one tenant's own fault must not stop the others
			failures = append(failures, fmt.Errorf("sweep %s: %w", o.Tenant, err))
		}
	}
	failures = append(failures, a.startMissing(ctx, &r))
	return r, errors.Join(append(failures, a.tidy(ctx, &r))...)
}

// tidiesAtOnce bounds how much one sweep forgets: what is left is the next one's.
const tidiesAtOnce = 50

// tidy comes last: nobody waits for it.
func (a *Activities) tidy(ctx context.Context, r *SweepResult) error {
	for range tidiesAtOnce {
		activity.RecordHeartbeat(ctx, *r)
		t, err := a.Fleet.Tidy(ctx)
		if err != nil {
			return err
		}
		r.Tidied += t.Bodies + t.Days + t.Hooks
		if !t.More {
			return nil
		}
	}
	return nil
}

func (a *Activities) sweepTenant(ctx context.Context, o acmesync.Overdue, r *SweepResult) error {
	if o.Cleanup {
		if _, err := a.CleanUp(ctx, TenantInput{Tenant: o.Tenant}); err != nil {
			return err
		}
		r.Cleaned++
	}
	if !o.State.Runs() {
		return nil
	}
	unnoticed, err := a.Reviews.UnnoticedReviews(ctx, o.Tenant)
	if err != nil {
		return err
	}
	for _, fingerprint := range unnoticed {
		if err := a.Doorbell.NoticeReview(ctx, o.Tenant, fingerprint); err != nil {
			return err
		}
		r.Noticed++
	}
	err = a.Doorbell.Ring(ctx, o.Tenant)
	if errors.Is(err, acmesync.ErrNotRunning) {
		a.Alerts.Alert(ctx, o.Tenant, "The tenant's workflow was gone; it is started again.")
		r.Started++
		return a.Doorbell.StartTenant(ctx, o.Tenant)
	}
	r.Rung++
	return err
}

// startMissing compares how many workflows run with how many should, and walks the list only where they differ. Visibility
// may lag a little: starting one that runs already changes nothing.
func (a *Activities) startMissing(ctx context.Context, r *SweepResult) error {
	wanted, err := a.Fleet.LivingCount(ctx)
	if err != nil {
		return err
	}
	running, err := a.Doorbell.RunningTenants(ctx)
	if err != nil || running == wanted {
		return err
	}
	after := acmesync.TenantID("")
	for {
		page, err := a.Fleet.Living(ctx, after, livingPageSize)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, t := range page {
			activity.RecordHeartbeat(ctx, r)
			if err := a.Doorbell.StartTenant(ctx, t); err != nil {
				return fmt.Errorf("start a missing workflow: %w", err)
			}
		}
		after = page[len(page)-1]
	}
}
