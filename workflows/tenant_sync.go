package workflows

import (
	"time"

	"acmesync"
	"acmesync/activities"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// TenantSync is responsible for one tenant for as long as it lives: it runs the two lanes when they are rung or due, and
// takes commands. It never fails: faults outside are holds in Postgres, faults of our own are repeated by Temporal.
func TenantSync(ctx workflow.Context, in TenantSyncInput) error {
	s := newTenantSync(ctx, in)
	if err := s.handlers(ctx); err != nil {
		return err
	}
	for s.load(ctx) != nil {
		if ctx.Err() != nil {
			return s.stopped(ctx)
		}
		_ = workflow.Sleep(ctx, lookAgain) // failed by hand: no reason to stop the tenant
	}
	for {
		switch {
		case ctx.Err() != nil:
			return s.stopped(ctx)
		case !s.state.State.Lives():
			return s.ended(ctx)
		case s.worn(ctx):
			return s.renew(ctx)
		}
		s.startLanes()
		s.describe(ctx)
		s.wait(ctx)
		if s.reload {
			_ = s.load(ctx) // fails only when the workflow is cancelled, which the loop's head sees
		}
	}
}

// lookAgain is when to try again what should not have failed.
const lookAgain = 30 * time.Second

// maxLaneRuns bounds a run's history on our own account, besides what the server suggests.
const maxLaneRuns = 500

// tenantSync is a run's state: nothing that Postgres does not know better.
type tenantSync struct {
	tenant acmesync.TenantID
	state  activities.TenantState
	shown  string // the SyncState search attribute as last written
	reload bool
	runs   int

	fetch, deliver *laneRun
	laneCtx        workflow.Context // outlives cancellation: lanes end at a page, told by the row
	cancelLanes    workflow.CancelFunc

	wake    workflow.ReceiveChannel
	timer   workflow.Future
	timerAt time.Time
	stop    workflow.CancelFunc // of the timer
	nudged  bool                // a handler has changed something: the selector is to look again
}

// laneRun is one lane of the tenant.
type laneRun struct {
	name   acmesync.Lane
	queue  string
	work   any             // the activity
	future workflow.Future // not nil while an attempt runs
	wanted bool            // to be started, or started again when the running attempt ends
	rung   bool            // while an attempt runs: a reason to start another, unless this one ends held
	held   bool
	part   bool      // some streams are held
	told   bool      // it has ended since the row was read: it knows better what is held
	due    time.Time // zero: only when rung
}

func newTenantSync(ctx workflow.Context, in TenantSyncInput) *tenantSync {
	s := &tenantSync{
		tenant:  in.Tenant,
		fetch:   &laneRun{name: acmesync.Fetch, queue: AcmeQueue, work: do.Fetch, wanted: true},
		deliver: &laneRun{name: acmesync.Deliver, queue: AppQueue, work: do.Deliver, wanted: true},
		wake:    workflow.GetSignalChannelWithOptions(ctx, WakeSignal, workflow.SignalChannelOptions{Description: "There is work: look into the inbox. No payload."}),
	}
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	s.laneCtx, s.cancelLanes = workflow.WithCancel(disconnected)
	return s
}

func (s *tenantSync) lanes() []*laneRun { return []*laneRun{s.fetch, s.deliver} }

// load reads the tenant's row: the truth about what it shall do.
func (s *tenantSync) load(ctx workflow.Context) error {
	s.reload = false
	known := s.state.Epoch
	state, err := call[activities.TenantInput, activities.TenantState](ctx, database("read the tenant's row"), do.LoadTenant,
		activities.TenantInput{Tenant: s.tenant})
	if err != nil {
		return err
	}
	s.become(state, known)
	return nil
}

// become takes a state over; one that runs again has everything to look at. A reading that was under way while a command
// was applied is older than what the command answered, and is dropped; known is the epoch from before it. Where nothing
// came between, a lower epoch is the truth: the row is gone, or an older backup was restored.
func (s *tenantSync) become(state activities.TenantState, known int64) {
	if state.Epoch < s.state.Epoch && s.state.Epoch != known {
		return
	}
	if state.State.Runs() && !s.state.State.Runs() {
		s.ring()
	}
	s.state = state
	s.fetch.told, s.deliver.told = false, false
}

// ring wants both lanes: deliver waits for what fetch brings, and one hop is saved.
func (s *tenantSync) ring() {
	for _, l := range s.lanes() {
		l.wanted = true
	}
}

func (s *tenantSync) startLanes() {
	if !s.state.State.Runs() {
		return
	}
	for _, l := range s.lanes() {
		if !l.wanted || l.future != nil {
			continue
		}
		l.wanted, l.rung, l.due = false, false, time.Time{}
		s.runs++
		o := lane(l.queue, summaries[l.name], s.tenant)
		l.future = workflow.ExecuteActivity(workflow.WithActivityOptions(s.laneCtx, o), l.work, activities.LaneInput{Tenant: s.tenant})
	}
}

var summaries = map[acmesync.Lane]string{
	acmesync.Fetch:   "fetch lane: read Acme into the inbox",
	acmesync.Deliver: "deliver lane: bring the inbox to the app",
}

// wait sleeps until something happens: a lane ends, somebody rings or commands, the next thing is due, or it is cancelled.
func (s *tenantSync) wait(ctx workflow.Context) {
	s.arm(ctx)
	selector := workflow.NewNamedSelector(ctx, "what next")
	for _, l := range s.lanes() {
		if l.future != nil {
			selector.AddFuture(l.future, func(f workflow.Future) { s.laneEnded(ctx, l, f) })
		}
	}
	selector.AddReceive(s.wake, func(c workflow.ReceiveChannel, _ bool) {
		for c.ReceiveAsync(nil) {
		}
		s.rung(ctx)
	})
	if s.timer != nil {
		selector.AddFuture(s.timer, func(workflow.Future) {
			s.timer = nil
			s.wantDue(ctx)
		})
	}
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	ready := false
	_ = workflow.Await(ctx, func() bool {
		ready = selector.HasPending()
		return ready || s.nudged
	})
	s.nudged = false
	if ready {
		selector.Select(ctx)
	}
}

// rung: a lane whose dependency is held is not helped by a ring; its time will come. A tenant that does not run is not rung
// by hooks: somebody has changed its row.
func (s *tenantSync) rung(ctx workflow.Context) {
	s.reload = s.reload || !s.state.State.Runs()
	for _, l := range s.lanes() {
		switch {
		case l.future != nil:
			l.rung = true
		case !l.held || !l.due.After(workflow.Now(ctx)):
			l.wanted = true
		}
	}
}

func (s *tenantSync) laneEnded(ctx workflow.Context, l *laneRun, f workflow.Future) {
	var result activities.LaneResult
	err := f.Get(ctx, &result)
	l.future, l.held, l.part = nil, result.Held, result.HeldPart
	if err != nil {
		// Only cancellation ends an attempt for good, or a timeout that outlived its retries: look again soon.
		l.due = workflow.Now(ctx).Add(lookAgain)
		return
	}
	if result.More || (l.rung && !(result.Held && result.Due)) {
		l.wanted = true
	}
	switch {
	case result.Due:
		l.due = workflow.Now(ctx).Add(result.Wait)
	case result.Reload: // not to run: should the row say otherwise, look again
		l.due = workflow.Now(ctx).Add(lookAgain)
	}
	s.reload = s.reload || result.Reload
	l.told = true
	s.released(ctx)
}

// released: the row was read as held, and both lanes have found since that nothing is.
func (s *tenantSync) released(ctx workflow.Context) {
	for _, l := range s.lanes() {
		if !l.told || l.held || l.part {
			return
		}
	}
	// Runs from before this change go on showing what they read from the row.
	if s.state.Held && workflow.GetVersion(ctx, "lanes tell what is held", workflow.DefaultVersion, 1) == 1 {
		s.state.Held = false
	}
}

// wantDue wants the lanes whose time has come.
func (s *tenantSync) wantDue(ctx workflow.Context) {
	now := workflow.Now(ctx)
	for _, l := range s.lanes() {
		if !l.due.IsZero() && !l.due.After(now) {
			l.wanted = true
		}
	}
}

// arm keeps one timer for the next due thing. It is replaced only by an earlier one: a timer costs whether it fires or not.
func (s *tenantSync) arm(ctx workflow.Context) {
	var next time.Time
	for _, l := range s.lanes() {
		if l.due.IsZero() || l.future != nil || !s.state.State.Runs() {
			continue
		}
		if next.IsZero() || l.due.Before(next) {
			next = l.due
		}
	}
	if next.IsZero() || (s.timer != nil && !next.Before(s.timerAt)) {
		return
	}
	if s.timer != nil {
		s.stop()
	}
	var timerCtx workflow.Context
	timerCtx, s.stop = workflow.WithCancel(ctx)
	s.timerAt = next
	s.timer = workflow.NewTimerWithOptions(timerCtx, next.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: "until something is due"})
}

// worn reports whether this run should hand over to a fresh one.
func (s *tenantSync) worn(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetTargetWorkerDeploymentVersionChanged() || s.runs >= maxLaneRuns
}

// renew continues as new: nothing is started any more, the lanes are cancelled and awaited, handlers finish, and rings
// that came meanwhile are taken up without a yield before the return. The new run looks at everything anyway.
func (s *tenantSync) renew(ctx workflow.Context) error {
	s.cancelLanes()
	s.awaitLanes(ctx)
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	if ctx.Err() != nil { // the new run would know nothing of it
		return s.stopped(ctx)
	}
	return s.handOver(ctx)
}

// handOver ends the run in favour of a fresh one, which looks at everything.
func (s *tenantSync) handOver(ctx workflow.Context) error {
	for s.wake.ReceiveAsync(nil) {
	}
	options := workflow.ContinueAsNewErrorOptions{}
	if workflow.GetInfo(ctx).GetTargetWorkerDeploymentVersionChanged() {
		options.InitialVersioningBehavior = workflow.ContinueAsNewVersioningBehaviorAutoUpgrade
	}
	return workflow.NewContinueAsNewErrorWithOptions(ctx, options, TenantSync, TenantSyncInput{Tenant: s.tenant})
}

// awaitLanes waits for running attempts, at most two minutes: the fence covers one that lives on.
func (s *tenantSync) awaitLanes(ctx workflow.Context) {
	disconnected, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	_, _ = workflow.AwaitWithTimeout(disconnected, 2*time.Minute, func() bool {
		for _, l := range s.lanes() {
			if l.future != nil && !l.future.IsReady() {
				return false
			}
		}
		return true
	})
	for _, l := range s.lanes() {
		if l.future != nil && l.future.IsReady() {
			l.future = nil
		}
	}
}

// stopped is the orderly end after Cancel: first the row, so that nobody starts the tenant again, then the lanes, which end
// at a page, then what the tenant leaves outside.
func (s *tenantSync) stopped(ctx workflow.Context) error {
	disconnected, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	known := s.state.Epoch
	state, err := call[activities.CommandInput, activities.TenantState](disconnected, database("note that support stopped the tenant"), do.ApplyCommand,
		activities.CommandInput{Tenant: s.tenant, Command: acmesync.Command{
			ID: "cancel:" + workflow.GetInfo(ctx).WorkflowExecution.RunID, Name: acmesync.Stop, Actor: "temporal", Reason: "cancelled in Temporal",
		}})
	if err == nil { // refused only where the tenant has stopped already
		s.become(state, known)
		s.show(disconnected, string(s.state.State))
	}
	s.leave(disconnected)
	return temporal.NewCanceledError()
}

// ended is the end of a tenant whose row says so. Whoever activates it again before this run has ended finds it here, and rings.
func (s *tenantSync) ended(ctx workflow.Context) error {
	s.leave(ctx)
	for s.wake.Len() > 0 {
		for s.wake.ReceiveAsync(nil) {
		}
		_ = s.load(ctx)
		_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	}
	switch {
	case !s.state.State.Lives():
		s.show(ctx, string(s.state.State))
		return nil
	case ctx.Err() != nil:
		return s.stopped(ctx)
	}
	return s.handOver(ctx)
}

func (s *tenantSync) leave(ctx workflow.Context) {
	s.awaitLanes(ctx)
	s.cancelLanes()
	_, _ = call[activities.TenantInput, activities.CleanupResult](ctx, farewell(), do.CleanUp, activities.TenantInput{Tenant: s.tenant})
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}
