package workflows

import (
	"fmt"
	"time"

	"acmesync"
	"acmesync/activities"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Review is responsible for the parked records of one fingerprint until none is open. It never closes by age. Decisions
// become work orders for the tenant's deliver lane, which rings this workflow when records of its own are parked no longer.
func Review(ctx workflow.Context, in ReviewInput) error {
	r := newReview(ctx, in)
	if err := r.handlers(ctx); err != nil {
		return err
	}
	for {
		if r.toDiscard(ctx) {
			ctx = r.discardAll(ctx)
		}
		if err := r.settle(ctx); err != nil {
			if ctx.Err() != nil {
				continue
			}
			return err
		}
		r.describe(ctx)
		if r.state.State == acmesync.ReviewResolved {
			_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
			if !r.pending() && !r.toDiscard(ctx) { // nothing has come since the row was read
				return r.end()
			}
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && !r.cancelled {
			_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
			if r.retry.Len() == 0 && r.discard.Len() == 0 && !r.toDiscard(ctx) {
				return r.handOver(ctx)
			}
		}
		r.wait(ctx)
	}
}

// escalations are the ages at which an open review is brought to people's minds.
var escalations = []time.Duration{4 * time.Hour, 24 * time.Hour, 72 * time.Hour}

// A review whose decision is under way looks at its row though nobody rang: after a minute, then twice as long each time, at
// most an hour. Records that are parked again, or a lane that does not run, must not fill its history.
const (
	settleAgain  = time.Minute
	settleSeldom = time.Hour
)

type review struct {
	in        ReviewInput
	state     activities.ReviewState
	shown     activities.ReviewState
	cancelled bool          // by Cancel, which discards
	decided   bool          // a decision is under way
	again     time.Duration // until the next look whether it has been carried out
	signals   int           // decisions by signal so far
	nudged    bool
	escalated int
	since     time.Time // the start of its first run

	wake, retry, discard workflow.ReceiveChannel
	escalation           workflow.Future
}

func newReview(ctx workflow.Context, in ReviewInput) *review {
	describe := func(text string) workflow.SignalChannelOptions {
		return workflow.SignalChannelOptions{Description: text}
	}
	r := &review{
		in: in, escalated: in.Escalated, since: in.OpenSince, decided: in.Decided, again: settleAgain,
		wake:    workflow.GetSignalChannelWithOptions(ctx, WakeSignal, describe("Records of this review have changed. No payload.")),
		retry:   workflow.GetSignalChannelWithOptions(ctx, RetrySignal, describe("Deliver the parked records again.")),
		discard: workflow.GetSignalChannelWithOptions(ctx, DiscardSignal, describe("Give the parked records up; what was half done is undone.")),
	}
	if r.since.IsZero() {
		r.since = workflow.GetInfo(ctx).WorkflowStartTime
	}
	return r
}

// decisions are the Updates of Review, as they stand in the Web UI's form.
var decisions = []struct {
	update      string
	action      acmesync.OrderAction
	description string
}{
	{RetryUpdate, acmesync.OrderRetry, "Deliver the parked records (or those in ids) again."},
	{DiscardUpdate, acmesync.OrderDiscard, "Give the parked records (or those in ids) up; what was half done is undone. Say why in reason."},
}

// handlers take decisions as Updates, which answer; the plain signals are for batch commands, which cannot wait for answers.
func (r *review) handlers(ctx workflow.Context) error {
	for _, d := range decisions {
		err := workflow.SetUpdateHandlerWithOptions(ctx, d.update, func(ctx workflow.Context, in DecisionInput) (string, error) {
			if in.DecisionID == "" {
				in.DecisionID = "update:" + workflow.GetInfo(ctx).WorkflowExecution.RunID + "/" + workflow.GetCurrentUpdateInfo(ctx).ID
			}
			return r.decide(ctx, d.action, in)
		}, workflow.UpdateHandlerOptions{
			Description: d.description,
			Validator: func(DecisionInput) error {
				if r.state.State == acmesync.ReviewResolved {
					return fmt.Errorf("cannot %s: the review is resolved", d.update)
				}
				return nil
			},
		})
		if err != nil {
			return fmt.Errorf("take the decision %s: %w", d.update, err)
		}
	}
	return workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (activities.ReviewState, error) { return r.state, nil },
		workflow.QueryHandlerOptions{Description: "What is open in this review."})
}

func (r *review) decide(ctx workflow.Context, action acmesync.OrderAction, in DecisionInput) (string, error) {
	if in.Actor == "" {
		in.Actor = "temporal"
	}
	result, err := call[activities.DecideInput, activities.DecideResult](ctx, database("leave the decision's work orders"), do.DecideReview,
		activities.DecideInput{Tenant: r.in.Tenant, Fingerprint: r.in.Fingerprint, Decision: acmesync.Decision{
			ID: in.DecisionID, Action: action, Actor: in.Actor, Reason: in.Reason, IDs: in.IDs,
		}})
	if err != nil {
		return "", err
	}
	r.decided, r.again, r.nudged = true, settleAgain, true
	return fmt.Sprintf("%s: %d records", action, result.Records), nil
}

// settle reads the review's row, and resolves it where no open record is left.
func (r *review) settle(ctx workflow.Context) error {
	r.nudged = false
	for r.wake.ReceiveAsync(nil) {
	}
	state, err := call[activities.ReviewInput, activities.ReviewState](ctx, database("look at the review's row"), do.SettleReview,
		activities.ReviewInput{Tenant: r.in.Tenant, Fingerprint: r.in.Fingerprint})
	if err != nil {
		return err
	}
	r.state = state
	if state.Open == 0 {
		r.decided = false
	}
	return nil
}

// pending tells that the row may have changed since it was read, or is to be.
func (r *review) pending() bool {
	return r.nudged || r.wake.Len() > 0 || r.retry.Len() > 0 || r.discard.Len() > 0
}

func (r *review) wait(ctx workflow.Context) {
	selector := workflow.NewNamedSelector(ctx, "decision or news")
	selector.AddReceive(r.wake, func(c workflow.ReceiveChannel, _ bool) { c.ReceiveAsync(nil) })
	selector.AddReceive(r.retry, func(c workflow.ReceiveChannel, _ bool) { r.signalled(ctx, c, acmesync.OrderRetry) })
	selector.AddReceive(r.discard, func(c workflow.ReceiveChannel, _ bool) { r.signalled(ctx, c, acmesync.OrderDiscard) })
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	if r.decided {
		selector.AddFuture(workflow.NewTimerWithOptions(timerCtx, r.again, workflow.TimerOptions{Summary: "look whether the decision has been carried out"}),
			func(workflow.Future) { r.again = min(2*r.again, settleSeldom) })
	}
	if escalation := r.nextEscalation(ctx); escalation != nil {
		selector.AddFuture(escalation, func(workflow.Future) { r.escalate(ctx) })
	}
	if !r.cancelled {
		selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	}
	ready := false
	_ = workflow.Await(ctx, func() bool {
		ready = selector.HasPending()
		return ready || r.nudged
	})
	if ready {
		selector.Select(ctx)
	}
}

// signalled carries a plain signal out. One that does not fit any more has nothing to say it to: it is logged.
func (r *review) signalled(ctx workflow.Context, c workflow.ReceiveChannel, action acmesync.OrderAction) {
	var in DecisionInput
	if !c.ReceiveAsync(&in) {
		return
	}
	r.signals++
	if in.DecisionID == "" {
		in.DecisionID = fmt.Sprintf("signal:%s/%d", workflow.GetInfo(ctx).WorkflowExecution.RunID, r.signals)
	}
	if _, err := r.decide(ctx, action, in); err != nil {
		workflow.GetLogger(ctx).Warn("a decision by signal was refused", "action", action, "error", err)
	}
}

// nextEscalation keeps one timer for the next age at which people are told.
func (r *review) nextEscalation(ctx workflow.Context) workflow.Future {
	if r.escalation == nil && r.escalated < len(escalations) && !r.cancelled {
		age := workflow.Now(ctx).Sub(r.since)
		r.escalation = workflow.NewTimerWithOptions(ctx, max(escalations[r.escalated]-age, 0),
			workflow.TimerOptions{Summary: fmt.Sprintf("alert when open for %v", escalations[r.escalated])})
	}
	return r.escalation
}

func (r *review) escalate(ctx workflow.Context) {
	hours := int(escalations[r.escalated].Hours())
	r.escalation = nil
	r.escalated++
	_ = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, database("tell people that the review still waits")), do.Escalate,
		activities.EscalateInput{Tenant: r.in.Tenant, Fingerprint: r.in.Fingerprint, OpenHours: hours}).Get(ctx, nil)
}

// discardAll is what Cancel means: all open records are given up, what was half done is undone, and only then it ends.
func (r *review) discardAll(ctx workflow.Context) workflow.Context {
	r.cancelled, r.escalation = true, nil
	disconnected, _ := workflow.NewDisconnectedContext(ctx)
	_, err := r.decide(disconnected, acmesync.OrderDiscard, DecisionInput{
		DecisionID: "cancel:" + workflow.GetInfo(ctx).WorkflowExecution.RunID, Reason: "the review was cancelled in Temporal",
	})
	if err != nil {
		workflow.GetLogger(ctx).Info("nothing was left to discard", "error", err)
	}
	return disconnected
}

// toDiscard tells that the review was cancelled and has not acted on it yet.
func (r *review) toDiscard(ctx workflow.Context) bool { return ctx.Err() != nil && !r.cancelled }

// handOver ends the run in favour of a fresh one, which reads the row: wakes may be dropped, decisions by signal may not.
func (r *review) handOver(ctx workflow.Context) error {
	for r.wake.ReceiveAsync(nil) {
	}
	in := r.in
	in.OpenSince, in.Escalated, in.Decided = r.since, r.escalated, r.decided
	return workflow.NewContinueAsNewError(ctx, Review, in)
}

func (r *review) end() error {
	if r.cancelled {
		return temporal.NewCanceledError()
	}
	return nil
}

// describe says in the Web UI what is open and what can be done, and writes search attributes on transitions only.
func (r *review) describe(ctx workflow.Context) {
	s := r.state
	if s.State != r.shown.State || s.Open != r.shown.Open {
		r.shown = s
		_ = workflow.UpsertTypedSearchAttributes(ctx, ReviewStateKey.ValueSet(string(s.State)), StreamKey.ValueSet(string(s.Stream)),
			ParkedCountKey.ValueSet(s.Open))
	}
	text := fmt.Sprintf("**%s**: %d records of %s are parked with code `%s`", s.State, s.Open, s.Stream, s.Code)
	if s.Field != "" {
		text += fmt.Sprintf(" (field `%s`)", s.Field)
	}
	if s.Open > 0 {
		text += ".\n\nSend `retry` once the reason is gone, or `discard` to give them up. A newer good version from Acme resolves a record by itself."
	}
	workflow.SetCurrentDetails(ctx, text)
}
