package workflows_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/activities"
	"acmesync/workflows"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
)

// review is one run of Review among fake activities. Times are counted from its start.
type review struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	in    workflows.ReviewInput
	start time.Time

	mu        sync.Mutex
	row       activities.ReviewState
	settle    func(n int) fakeCall
	decide    func(n int) fakeCall
	settles   []time.Duration
	decisions []decision
	alerts    []alert
	shown     []shownReview
}

type decision struct {
	acmesync.Decision
	at time.Duration
}

type alert struct {
	hours int
	at    time.Duration
}

type shownReview struct {
	state string
	open  int64
}

const fingerprint = "f00d"

func newReview(t *testing.T, open int64) *review {
	t.Helper()
	r := &review{
		t: t, env: newEnvironment(), in: workflows.ReviewInput{Tenant: tenantID, Fingerprint: fingerprint},
		start: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		row:   activities.ReviewState{State: acmesync.ReviewOpen, Stream: acmesync.Appointments, Code: acmesync.AppRejected, Field: "title", Open: open},
	}
	r.env.SetStartTime(r.start)
	var do *activities.Activities
	r.fakeSettle(do)
	r.fakeDecide(do)
	r.env.OnActivity(do.Escalate, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.EscalateInput) error {
		require.Equal(t, fingerprint, in.Fingerprint)
		r.alerts = append(r.alerts, alert{in.OpenHours, r.now()})
		return nil
	})
	r.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		attributes := args.Get(0).(temporal.SearchAttributes)
		state, _ := attributes.GetKeyword(workflows.ReviewStateKey)
		count, _ := attributes.GetInt64(workflows.ParkedCountKey)
		r.shown = append(r.shown, shownReview{state, count})
	}).Return(nil).Maybe()
	return r
}

// fakeSettle answers the row as it was when the call began, resolving it as Postgres does.
func (r *review) fakeSettle(do *activities.Activities) {
	var call fakeCall
	var row activities.ReviewState
	r.env.OnActivity(do.SettleReview, mock.Anything, activities.ReviewInput{Tenant: tenantID, Fingerprint: fingerprint}).
		AfterFn(func() time.Duration {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.settles = append(r.settles, r.now())
			switch {
			case r.row.Open == 0:
				r.row.State = acmesync.ReviewResolved
			case r.row.State == acmesync.ReviewResolved:
				r.row.State = acmesync.ReviewReopened
			}
			call, row = fakeCall{}, r.row
			if r.settle != nil {
				call = r.settle(len(r.settles))
			}
			return call.takes
		}).
		Return(func(context.Context, activities.ReviewInput) (activities.ReviewState, error) { return row, call.err })
}

// fakeDecide leaves work orders nobody carries out: tests do, by parked.
func (r *review) fakeDecide(do *activities.Activities) {
	var call fakeCall
	r.env.OnActivity(do.DecideReview, mock.Anything, mock.Anything).
		AfterFn(func() time.Duration {
			call = fakeCall{}
			if r.decide != nil {
				call = r.decide(len(r.decisions) + 1)
			}
			return call.takes
		}).
		Return(func(_ context.Context, in activities.DecideInput) (activities.DecideResult, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			require.Equal(r.t, fingerprint, in.Fingerprint)
			require.Equal(r.t, tenantID, in.Tenant)
			r.decisions = append(r.decisions, decision{in.Decision, r.now()})
			if call.err != nil {
				return activities.DecideResult{}, call.err
			}
			if r.row.Open == 0 {
				return activities.DecideResult{}, temporal.NewNonRetryableApplicationError(nothingOpen, activities.ErrTypeConflict, nil)
			}
			if in.Decision.Action == acmesync.OrderDiscard {
				r.row.State = acmesync.ReviewCompensating
			}
			return activities.DecideResult{Records: int(r.row.Open)}, nil
		})
}

const nothingOpen = "the review has no open record this decision could be for"

func (r *review) now() time.Duration { return r.env.Now().Sub(r.start) }

func (r *review) at(d time.Duration, do func()) { r.env.RegisterDelayedCallback(do, d) }

// parkedAt changes how many records are parked, as the deliver lane does, and rings where that is said.
func (r *review) parkedAt(d time.Duration, open int64, ring bool) {
	r.at(d, func() {
		r.mu.Lock()
		r.row.Open = open
		r.mu.Unlock()
		if ring {
			r.env.SignalWorkflow(workflows.WakeSignal, nil)
		}
	})
}

func (r *review) updateAt(d time.Duration, name string, in workflows.DecisionInput) *answer {
	a := &answer{}
	r.at(d, func() { r.env.UpdateWorkflow(name, in.DecisionID, a.callbacks(), in) })
	return a
}

func (r *review) signalAt(d time.Duration, name string, payload any) {
	r.at(d, func() { r.env.SignalWorkflow(name, payload) })
}

func (r *review) run() {
	r.t.Helper()
	r.env.ExecuteWorkflow(workflows.ReviewType, r.in)
	require.True(r.t, r.env.IsWorkflowCompleted())
}

// runTo runs the review, which must not end before a time, and ends it then as support would: nothing is open any more.
func (r *review) runTo(d time.Duration) {
	r.t.Helper()
	r.parkedAt(d, 0, true)
	r.run()
	require.NoError(r.t, r.env.GetWorkflowError())
	require.GreaterOrEqual(r.t, r.now(), d, "ended early")
}

// ended requires that the review was resolved, and when.
func (r *review) endedAt(d time.Duration) {
	r.t.Helper()
	require.NoError(r.t, r.env.GetWorkflowError())
	require.Equal(r.t, d, r.now())
}
