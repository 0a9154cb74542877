package workflows_test

import (
	"context"
	"sync"
	"time"

	"acmesync"
	"acmesync/activities"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// stage is where workflows are recorded: activities by the product's names, which keep rows in memory and do as each scene says.
type stage struct {
	mu      sync.Mutex
	tenants map[acmesync.TenantID]*staged
	reviews map[string]*activities.ReviewState
	sweeps  int
}

type staged struct {
	row      activities.TenantState
	applied  map[string]bool
	lanes    map[acmesync.Lane]scene
	runs     map[acmesync.Lane]int
	cleanUps int
}

// scene is how the n-th attempt of a lane goes, counted from 1.
type scene func(ctx context.Context, n int) (activities.LaneResult, error)

func idle(context.Context, int) (activities.LaneResult, error) { return activities.LaneResult{}, nil }

// untilCancelled is an attempt that works until it is told to end, with signs of life.
func untilCancelled(ctx context.Context) (activities.LaneResult, error) {
	for {
		select {
		case <-ctx.Done():
			return activities.LaneResult{}, ctx.Err()
		case <-time.After(100 * time.Millisecond):
			activity.RecordHeartbeat(ctx)
		}
	}
}

func newStage() *stage {
	return &stage{tenants: map[acmesync.TenantID]*staged{}, reviews: map[string]*activities.ReviewState{}}
}

func (s *stage) tenant(id acmesync.TenantID, fetch, deliver scene) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tenants[id] = &staged{
		row: activities.TenantState{State: acmesync.Active}, applied: map[string]bool{},
		lanes: map[acmesync.Lane]scene{acmesync.Fetch: fetch, acmesync.Deliver: deliver}, runs: map[acmesync.Lane]int{},
	}
}

func (s *stage) parked(fingerprint string, open int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.reviews[fingerprint]; r != nil {
		r.Open = open
		return
	}
	s.reviews[fingerprint] = &activities.ReviewState{
		State: acmesync.ReviewOpen, Stream: acmesync.Appointments, Code: acmesync.AppRejected, Open: open,
	}
}

// ran is how many attempts of a lane have begun.
func (s *stage) ran(id acmesync.TenantID, lane acmesync.Lane) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenants[id].runs[lane]
}

func (s *stage) state(id acmesync.TenantID) acmesync.TenantState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenants[id].row.State
}

func (s *stage) attempt(ctx context.Context, id acmesync.TenantID, lane acmesync.Lane) (activities.LaneResult, error) {
	s.mu.Lock()
	t := s.tenants[id]
	runs := t.row.State.Runs()
	if runs {
		t.runs[lane]++
	}
	n := t.runs[lane]
	s.mu.Unlock()
	if !runs {
		return activities.LaneResult{Reload: true}, nil
	}
	return t.lanes[lane](ctx, n)
}

// stagedActivities are registered by their methods' names, which are the product's.
type stagedActivities struct{ *stage }

func (a stagedActivities) Fetch(ctx context.Context, in activities.LaneInput) (activities.LaneResult, error) {
	return a.attempt(ctx, in.Tenant, acmesync.Fetch)
}

func (a stagedActivities) Deliver(ctx context.Context, in activities.LaneInput) (activities.LaneResult, error) {
	return a.attempt(ctx, in.Tenant, acmesync.Deliver)
}

func (a stagedActivities) LoadTenant(_ context.Context, in activities.TenantInput) (activities.TenantState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tenants[in.Tenant].row, nil
}

func (a stagedActivities) ApplyCommand(_ context.Context, in activities.CommandInput) (activities.TenantState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tenants[in.Tenant]
	if t.applied[in.Command.ID] {
		return t.row, nil
	}
	t.applied[in.Command.ID] = true
	t.row.Epoch++
	if state, changes := map[acmesync.CommandName]acmesync.TenantState{
		acmesync.Pause: acmesync.Paused, acmesync.Resume: acmesync.Active,
		acmesync.Deactivate: acmesync.Deactivated, acmesync.Stop: acmesync.Stopped,
	}[in.Command.Name]; changes {
		t.row.State, t.row.Reason = state, in.Command.Reason
	}
	return t.row, nil
}

func (a stagedActivities) CleanUp(_ context.Context, in activities.TenantInput) (activities.CleanupResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tenants[in.Tenant].cleanUps++
	return activities.CleanupResult{}, nil
}

func (a stagedActivities) SettleReview(_ context.Context, in activities.ReviewInput) (activities.ReviewState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.reviews[in.Fingerprint]
	if r.Open == 0 {
		r.State = acmesync.ReviewResolved
	}
	return *r, nil
}

func (a stagedActivities) DecideReview(_ context.Context, in activities.DecideInput) (activities.DecideResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.reviews[in.Fingerprint]
	if r.Open == 0 {
		return activities.DecideResult{}, temporal.NewNonRetryableApplicationError(nothingOpen, activities.ErrTypeConflict, nil)
	}
	if in.Decision.Action == acmesync.OrderDiscard {
		r.State = acmesync.ReviewCompensating
	}
	return activities.DecideResult{Records: int(r.Open)}, nil
}

func (a stagedActivities) Escalate(context.Context, activities.EscalateInput) error { return nil }

func (a stagedActivities) SweepAll(context.Context) (activities.SweepResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweeps++
	return activities.SweepResult{Rung: 1}, nil
}
