package workflows_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/activities"
	"acmesync/workflows"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

// newEnvironment is a Temporal of its own whose clock jumps to whatever happens next.
func newEnvironment() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet())
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	workflows.Register(env)
	activities.Register(env, &activities.Activities{})
	return env
}

// tenant is one run of TenantSync among fake activities. Times are counted from its start.
type tenant struct {
	t     *testing.T
	env   *testsuite.TestWorkflowEnvironment
	start time.Time

	fetch, deliver *fakeLane
	cleanUp        fakeCall

	mu       sync.Mutex
	row      activities.TenantState
	applied  map[string]bool
	commands []acmesync.Command
	apply    func(acmesync.CommandName) fakeCall // how long ApplyCommand takes and what it meets; nil: nothing
	load     func(n int) fakeCall
	loads    int
	decided  []activities.DecideInput
	log      []happening
	shown    []string // values of SyncState, as written
	infos    map[string]activity.Info
	timers   []timer
}

// happening is what an activity did and when.
type happening struct {
	what string
	at   time.Duration
}

// timer is one that the workflow has set.
type timer struct{ takes, at time.Duration }

// fakeCall is how a call to an activity goes.
type fakeCall struct {
	takes time.Duration
	err   error
}

// fakeLane answers attempts in order, the last answer for ever.
type fakeLane struct {
	attempts []attempt
	running  int
	most     int
}

type attempt struct {
	takes  time.Duration
	result activities.LaneResult
	err    error
}

const tenantID acmesync.TenantID = "tenant-1"

func newTenant(t *testing.T) *tenant {
	t.Helper()
	tn := &tenant{
		t: t, env: newEnvironment(), row: activities.TenantState{State: acmesync.Active}, applied: map[string]bool{},
		fetch: &fakeLane{attempts: []attempt{{takes: time.Second}}}, deliver: &fakeLane{attempts: []attempt{{takes: time.Second}}},
		infos: map[string]activity.Info{},
	}
	tn.start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tn.env.SetStartTime(tn.start)
	var do *activities.Activities
	for _, l := range []struct {
		lane     *fakeLane
		name     string
		activity any
	}{{tn.fetch, "fetch", do.Fetch}, {tn.deliver, "deliver", do.Deliver}} {
		var now attempt
		tn.env.OnActivity(l.activity, mock.Anything, activities.LaneInput{Tenant: tenantID}).
			AfterFn(func() time.Duration {
				tn.mu.Lock()
				defer tn.mu.Unlock()
				now = l.lane.next()
				tn.note(l.name)
				return now.takes
			}).
			Return(func(context.Context, activities.LaneInput) (activities.LaneResult, error) {
				tn.mu.Lock()
				defer tn.mu.Unlock()
				l.lane.running--
				tn.note(l.name + " ends")
				return now.result, now.err
			})
	}
	tn.fakeLoad(do)
	tn.fakeApply(do)
	tn.env.OnActivity(do.CleanUp, mock.Anything, activities.TenantInput{Tenant: tenantID}).
		AfterFn(func() time.Duration { tn.note("clean up"); return tn.cleanUp.takes }).
		Return(func(context.Context, activities.TenantInput) (activities.CleanupResult, error) {
			return activities.CleanupResult{}, tn.cleanUp.err
		})
	tn.env.OnActivity(do.DecideReview, mock.Anything, mock.Anything).
		Return(func(_ context.Context, in activities.DecideInput) (activities.DecideResult, error) {
			tn.decided = append(tn.decided, in)
			return activities.DecideResult{Records: 7}, nil
		})
	tn.listen()
	return tn
}

func (tn *tenant) listen() {
	tn.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		state, _ := args.Get(0).(temporal.SearchAttributes).GetKeyword(workflows.SyncStateKey)
		tn.shown = append(tn.shown, state)
	}).Return(nil).Maybe()
	tn.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		tn.infos[info.ActivityType.Name] = *info
	})
	tn.env.SetOnTimerScheduledListener(func(_ string, d time.Duration) {
		tn.timers = append(tn.timers, timer{d, tn.env.Now().Sub(tn.start)})
	})
}

// fakeLoad answers the row as it was when the call began.
func (tn *tenant) fakeLoad(do *activities.Activities) {
	var call fakeCall
	var row activities.TenantState
	tn.env.OnActivity(do.LoadTenant, mock.Anything, activities.TenantInput{Tenant: tenantID}).
		AfterFn(func() time.Duration {
			tn.mu.Lock()
			defer tn.mu.Unlock()
			tn.loads++
			tn.note("load")
			call, row = fakeCall{}, tn.row
			if tn.load != nil {
				call = tn.load(tn.loads)
			}
			return call.takes
		}).
		Return(func(context.Context, activities.TenantInput) (activities.TenantState, error) { return row, call.err })
}

// fakeApply keeps the row as Postgres does: once per command id, and only what fits.
func (tn *tenant) fakeApply(do *activities.Activities) {
	for _, name := range []acmesync.CommandName{acmesync.Pause, acmesync.Resume, acmesync.SyncNow, acmesync.RetryNow, acmesync.Rewalk, acmesync.AuditAll, acmesync.Deactivate, acmesync.Stop} {
		var call fakeCall
		tn.env.OnActivity(do.ApplyCommand, mock.Anything, mock.MatchedBy(func(in activities.CommandInput) bool { return in.Command.Name == name })).
			AfterFn(func() time.Duration {
				tn.mu.Lock()
				defer tn.mu.Unlock()
				call = fakeCall{}
				if tn.apply != nil {
					call = tn.apply(name)
				}
				return call.takes
			}).
			Return(func(_ context.Context, in activities.CommandInput) (activities.TenantState, error) {
				tn.mu.Lock()
				defer tn.mu.Unlock()
				if call.err != nil {
					return activities.TenantState{}, call.err
				}
				tn.note(string(name))
				tn.commit(in.Command)
				return tn.row, nil
			})
	}
}

func (tn *tenant) commit(c acmesync.Command) {
	tn.commands = append(tn.commands, c)
	if tn.applied[c.ID] {
		return
	}
	tn.applied[c.ID] = true
	tn.row.Epoch++
	state, changes := map[acmesync.CommandName]acmesync.TenantState{
		acmesync.Pause: acmesync.Paused, acmesync.Resume: acmesync.Active,
		acmesync.Deactivate: acmesync.Deactivated, acmesync.Stop: acmesync.Stopped,
	}[c.Name]
	if changes {
		tn.row.State, tn.row.Reason = state, c.Reason
	}
}

// note is called with the lock held, or from where nothing runs beside it.
func (tn *tenant) note(what string) {
	tn.log = append(tn.log, happening{what, tn.env.Now().Sub(tn.start)})
}

func (l *fakeLane) next() attempt {
	now := l.attempts[0]
	if len(l.attempts) > 1 {
		l.attempts = l.attempts[1:]
	}
	l.running++
	l.most = max(l.most, l.running)
	return now
}

func (l *fakeLane) answer(attempts ...attempt) { l.attempts = attempts }

// at lets something happen at a time; things of one time happen in the order of the calls.
func (tn *tenant) at(d time.Duration, do func()) { tn.env.RegisterDelayedCallback(do, d) }

func (tn *tenant) ringAt(times ...time.Duration) {
	for _, d := range times {
		tn.at(d, func() { tn.env.SignalWorkflow(workflows.WakeSignal, nil) })
	}
}

func (tn *tenant) cancelAt(d time.Duration) { tn.at(d, tn.env.CancelWorkflow) }

// setRowAt changes the row behind the workflow's back, as the API does.
func (tn *tenant) setRowAt(d time.Duration, state acmesync.TenantState) {
	tn.at(d, func() {
		tn.mu.Lock()
		defer tn.mu.Unlock()
		tn.row = activities.TenantState{State: state, Epoch: tn.row.Epoch + 1}
	})
}

// updateAt sends an Update and returns what will have become of it.
func (tn *tenant) updateAt(d time.Duration, name string, in workflows.CommandInput) *answer {
	a := &answer{}
	tn.at(d, func() { tn.env.UpdateWorkflow(name, in.CommandID, a.callbacks(), in) })
	return a
}

// answer is what became of an Update.
type answer struct {
	text     string
	err      error // of the handler
	rejected error // by the validator
	done     bool
}

func (a *answer) callbacks() *testsuite.TestUpdateCallback {
	return &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { a.rejected, a.done = err, true },
		OnComplete: func(success any, err error) {
			a.err, a.done = err, true
			if text, ok := success.(string); ok && err == nil {
				a.text = text
			}
		},
	}
}

// run runs the workflow to its end.
func (tn *tenant) run() {
	tn.t.Helper()
	tn.env.ExecuteWorkflow(workflows.TenantSyncType, workflows.TenantSyncInput{Tenant: tenantID})
	require.True(tn.t, tn.env.IsWorkflowCompleted())
}

// runUntil cancels the workflow at a time, and looks at nothing after it.
func (tn *tenant) runUntil(d time.Duration) {
	tn.t.Helper()
	tn.cancelAt(d)
	tn.run()
	requireCanceled(tn.t, tn.env.GetWorkflowError())
	tn.log = slices.DeleteFunc(tn.log, func(h happening) bool { return h.at >= d })
	tn.timers = slices.DeleteFunc(tn.timers, func(t timer) bool { return t.at >= d })
}

// times of everything of this name.
func (tn *tenant) times(what string) []time.Duration {
	var all []time.Duration
	for _, h := range tn.log {
		if h.what == what {
			all = append(all, h.at)
		}
	}
	return all
}

// waits are the timers that the workflow has set, in order.
func (tn *tenant) waits() []time.Duration {
	var all []time.Duration
	for _, t := range tn.timers {
		all = append(all, t.takes)
	}
	return all
}

// order of what happened, without times.
func (tn *tenant) order(after time.Duration) []string {
	var all []string
	for _, h := range tn.log {
		if h.at >= after {
			all = append(all, h.what)
		}
	}
	return all
}

// detailsAt reads what the Web UI says in words.
func (tn *tenant) detailsAt(d time.Duration) *string {
	return detailsAt(tn.t, tn.env, d)
}

func detailsAt(t *testing.T, env *testsuite.TestWorkflowEnvironment, d time.Duration) *string {
	t.Helper()
	var text string
	env.RegisterDelayedCallback(func() {
		value, err := env.QueryWorkflow("__temporal_workflow_metadata")
		require.NoError(t, err)
		var metadata sdkpb.WorkflowMetadata
		require.NoError(t, value.Get(&metadata))
		text = metadata.GetCurrentDetails()
	}, d)
	return &text
}

func requireCanceled(t *testing.T, err error) {
	t.Helper()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
}

// requireContinued requires a workflow of the type to go on with an input, and answers which version's worker it asks for.
func requireContinued(t *testing.T, err error, workflowType string, in any) workflow.ContinueAsNewVersioningBehavior {
	t.Helper()
	var continued *workflow.ContinueAsNewError
	require.ErrorAs(t, err, &continued)
	require.Equal(t, workflowType, continued.WorkflowType.Name)
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(continued.Input, in))
	return continued.InitialVersioningBehavior
}

func seconds(all ...float64) []time.Duration {
	var times []time.Duration
	for _, s := range all {
		times = append(times, time.Duration(s*float64(time.Second)))
	}
	return times
}

// commandsNamed are those that reached the row: of a name, or of any but one.
func (tn *tenant) commandsNamed(name, except acmesync.CommandName) []acmesync.Command {
	var all []acmesync.Command
	for _, c := range tn.commands {
		if (name == "" || c.Name == name) && c.Name != except {
			all = append(all, c)
		}
	}
	return all
}

func (tn *tenant) statusAt(d time.Duration, status *workflows.TenantStatus) {
	tn.at(d, func() {
		value, err := tn.env.QueryWorkflow(workflows.StatusQuery)
		require.NoError(tn.t, err)
		require.NoError(tn.t, value.Get(status))
	})
}

// holdForEver has the fetch lane held, waiting twice as long each time, up to five minutes.
func (tn *tenant) holdForEver() {
	var attempts []attempt
	for wait := time.Second; ; wait *= 2 {
		wait = min(wait, 5*time.Minute)
		attempts = append(attempts, attempt{takes: time.Second, result: activities.LaneResult{Held: true, Due: true, Wait: wait}})
		if wait == 5*time.Minute {
			break
		}
	}
	tn.fetch.answer(attempts...)
}
