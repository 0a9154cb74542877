package workflows_test

import (
	"slices"
	"testing"
	"time"

	"acmesync"
	"acmesync/activities"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
)

func TestReview(t *testing.T) {
	t.Parallel()

	t.Run("it is resolved when nothing is open any more, without anybody's decision", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.parkedAt(time.Hour, 1, true)
		r.parkedAt(2*time.Hour, 0, true)
		r.run()
		r.endedAt(2 * time.Hour)
		require.Empty(t, r.decisions)
		require.Equal(t, []shownReview{{"open", 3}, {"open", 1}, {"resolved", 0}}, r.shown)
	})

	t.Run("it never closes by age, and looks at nothing while nobody rings", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 1)
		r.runTo(365 * 24 * time.Hour)
		require.LessOrEqual(t, len(r.settles), 6)
	})

	t.Run("it is brought to people's minds after 4, 24 and 72 hours, and no more", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 1)
		for d := time.Minute; d < 100*time.Hour; d += time.Hour {
			r.parkedAt(d, 1, true)
		}
		r.runTo(1000 * time.Hour)
		require.Equal(t, []alert{{4, 4 * time.Hour}, {24, 24 * time.Hour}, {72, 72 * time.Hour}}, r.alerts)
	})

	t.Run("one that is resolved in time alerts nobody", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 1)
		r.parkedAt(time.Hour, 0, true)
		r.run()
		require.Empty(t, r.alerts)
	})

	t.Run("a wake while the row is read keeps it from closing too early", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 1)
		r.settle = func(int) fakeCall { return fakeCall{takes: 2 * time.Second} }
		r.parkedAt(time.Minute, 0, true)
		r.parkedAt(time.Minute+time.Second, 4, true) // after the row was read, before it is answered
		r.parkedAt(time.Hour, 0, true)
		r.run()
		r.endedAt(time.Hour + 2*time.Second)
		require.Contains(t, r.shown, shownReview{"reopened", 4})
	})

	t.Run("a wake while a decision is being written keeps it from closing too early", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 1)
		r.decide = func(int) fakeCall { return fakeCall{takes: 10 * time.Second} }
		r.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{})
		r.parkedAt(62*time.Second, 0, true) // resolved, but for the handler
		r.parkedAt(65*time.Second, 4, true)
		r.parkedAt(time.Hour, 0, true)
		r.run()
		r.endedAt(time.Hour)
		require.Contains(t, r.shown, shownReview{"reopened", 4})
	})

	t.Run("a decision that is written while the row is read does not keep it open", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 1)
		r.settle = func(int) fakeCall { return fakeCall{takes: 2 * time.Second} }
		r.decide = func(int) fakeCall { return fakeCall{takes: 1500 * time.Millisecond} }
		r.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{})
		r.parkedAt(time.Minute+time.Second, 0, true)
		r.at(time.Minute+1200*time.Millisecond, func() { r.row.Open = 1 }) // so that the decision is not refused
		r.at(time.Minute+1600*time.Millisecond, func() { r.row.Open = 0 })
		r.run()
		r.endedAt(time.Minute + 5*time.Second)
	})

	t.Run("a decision that is refused while the row is read does not keep it open", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 1)
		r.decide = func(int) fakeCall { return fakeCall{takes: 10 * time.Second} }
		answer := r.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{})
		r.parkedAt(62*time.Second, 0, true)
		r.run()
		r.endedAt(70 * time.Second)
		require.ErrorContains(t, answer.err, nothingOpen)
	})

	t.Run("it says in words what is open and what can be done", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		words := detailsAt(t, r.env, time.Minute)
		var status activities.ReviewState
		r.at(time.Minute, func() {
			value, err := r.env.QueryWorkflow(workflows.StatusQuery)
			require.NoError(t, err)
			require.NoError(t, value.Get(&status))
		})
		r.runTo(time.Hour)
		require.Contains(t, *words, "**open**: 3 records of appointments are parked with code `app_rejected` (field `title`)")
		require.Contains(t, *words, "Send `retry`")
		require.Equal(t, activities.ReviewState{State: acmesync.ReviewOpen, Stream: acmesync.Appointments, Code: acmesync.AppRejected, Field: "title", Open: 3}, status)
	})

	t.Run("search attributes are written when something has changed only", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		for d := time.Minute; d < time.Hour; d += time.Minute {
			r.parkedAt(d, 3, true)
		}
		r.runTo(2 * time.Hour)
		require.Equal(t, []shownReview{{"open", 3}, {"resolved", 0}}, r.shown)
	})
}

func TestDecisions(t *testing.T) {
	t.Parallel()

	t.Run("by Update: answered in words, settled when the lane has rung", func(t *testing.T) {
		t.Parallel()
		for update, action := range map[string]acmesync.OrderAction{workflows.RetryUpdate: acmesync.OrderRetry, workflows.DiscardUpdate: acmesync.OrderDiscard} {
			r := newReview(t, 3)
			answer := r.updateAt(time.Minute, update, workflows.DecisionInput{DecisionID: "d-1", Actor: "sue", Reason: "because", IDs: []string{"apt_1"}})
			r.parkedAt(70*time.Second, 0, true)
			r.run()
			r.endedAt(70 * time.Second)
			require.Equal(t, string(action)+": 3 records", answer.text)
			require.Equal(t, []decision{{acmesync.Decision{ID: "d-1", Action: action, Actor: "sue", Reason: "because", IDs: []string{"apt_1"}}, time.Minute}}, r.decisions)
		}
	})

	t.Run("by Update with an empty form: an id for good, and all open records", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		a := &answer{}
		r.at(time.Minute, func() { r.env.UpdateWorkflow(workflows.RetryUpdate, "its-own-id", a.callbacks()) })
		r.parkedAt(70*time.Second, 0, true)
		r.run()
		require.Equal(t, "retry: 3 records", a.text)
		require.Len(t, r.decisions, 1)
		require.Regexp(t, "^update:.+/its-own-id$", r.decisions[0].ID)
		require.Equal(t, "temporal", r.decisions[0].Actor)
		require.Empty(t, r.decisions[0].IDs)
	})

	t.Run("by plain signal, with and without a payload", func(t *testing.T) {
		t.Parallel()
		for signal, action := range map[string]acmesync.OrderAction{workflows.RetrySignal: acmesync.OrderRetry, workflows.DiscardSignal: acmesync.OrderDiscard} {
			for _, payload := range []any{nil, workflows.DecisionInput{}, workflows.DecisionInput{DecisionID: "d-1", Actor: "sue"}} {
				r := newReview(t, 3)
				r.signalAt(time.Minute, signal, payload)
				r.parkedAt(70*time.Second, 0, true)
				r.run()
				r.endedAt(70 * time.Second)
				require.Len(t, r.decisions, 1)
				require.Equal(t, action, r.decisions[0].Action)
				require.Equal(t, time.Minute, r.decisions[0].at)
				if in, ok := payload.(workflows.DecisionInput); ok && in.DecisionID != "" {
					require.Equal(t, "d-1", r.decisions[0].ID)
					require.Equal(t, "sue", r.decisions[0].Actor)
				} else {
					require.Regexp(t, "^signal:.+/.+", r.decisions[0].ID)
					require.Equal(t, "temporal", r.decisions[0].Actor)
				}
			}
		}
	})

	t.Run("two signals of one moment are two decisions, each with an id of its own", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.signalAt(time.Minute, workflows.RetrySignal, workflows.DecisionInput{IDs: []string{"apt_1"}})
		r.signalAt(time.Minute, workflows.RetrySignal, workflows.DecisionInput{IDs: []string{"apt_2"}})
		r.signalAt(time.Minute, workflows.DiscardSignal, workflows.DecisionInput{IDs: []string{"apt_3"}})
		r.runTo(time.Hour)
		var ids []string
		for _, d := range r.decisions {
			ids = append(ids, d.ID)
		}
		slices.Sort(ids)
		require.Len(t, slices.Compact(ids), 3)
	})

	t.Run("a signal that cannot be read is not a decision, and not in the way of one", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.signalAt(time.Minute, workflows.RetrySignal, 42)
		r.signalAt(2*time.Minute, workflows.RetrySignal, nil)
		r.runTo(time.Hour)
		require.Len(t, r.decisions, 1)
		require.Equal(t, 2*time.Minute, r.decisions[0].at)
	})

	t.Run("a refusal is said in words, and leaves the review as it is", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.decide = func(n int) fakeCall {
			if n > 2 {
				return fakeCall{}
			}
			return fakeCall{err: temporal.NewNonRetryableApplicationError(nothingOpen, activities.ErrTypeConflict, nil)}
		}
		refused := r.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{IDs: []string{"apt_9"}})
		r.signalAt(2*time.Minute, workflows.RetrySignal, nil)
		taken := r.updateAt(3*time.Minute, workflows.RetryUpdate, workflows.DecisionInput{})
		r.runTo(time.Hour)
		require.ErrorContains(t, refused.err, nothingOpen)
		require.Equal(t, "retry: 3 records", taken.text)
	})

	t.Run("a resolved review refuses them in words", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.decide = func(int) fakeCall { return fakeCall{takes: 10 * time.Second} }
		r.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{})
		r.parkedAt(62*time.Second, 0, true)
		late := r.updateAt(65*time.Second, workflows.DiscardUpdate, workflows.DecisionInput{})
		r.run()
		r.endedAt(70 * time.Second)
		require.EqualError(t, late.rejected, "cannot discard: the review is resolved")
	})

	t.Run("faults of our own are repeated", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.decide = func(n int) fakeCall {
			if n > 2 {
				return fakeCall{}
			}
			return fakeCall{err: temporal.NewApplicationError("no database", "")}
		}
		answer := r.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{DecisionID: "d-1"})
		r.runTo(time.Hour)
		require.Equal(t, "retry: 3 records", answer.text)
		require.Len(t, r.decisions, 3)
		require.Equal(t, "d-1", r.decisions[2].ID)
	})

	t.Run("one that is carried out is found though the ring was lost", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{})
		r.parkedAt(90*time.Second, 0, false)
		r.run()
		r.endedAt(2 * time.Minute)
	})

	t.Run("one whose records are parked again is looked at ever more seldom", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{})
		r.parkedAt(70*time.Second, 3, true)
		r.runTo(30 * 24 * time.Hour)
		require.Less(t, len(r.settles), 30*24+50)
	})
}

func TestCancelReview(t *testing.T) {
	t.Parallel()
	canceled := func(r *review, at time.Duration) {
		r.t.Helper()
		requireCanceled(r.t, r.env.GetWorkflowError())
		require.Equal(r.t, at, r.now())
	}

	t.Run("it discards everything, and ends Canceled only when nothing is open", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.at(time.Minute, r.env.CancelWorkflow)
		r.parkedAt(2*time.Minute, 2, true)
		r.parkedAt(3*time.Minute, 0, true)
		r.run()
		canceled(r, 3*time.Minute)
		require.Len(t, r.decisions, 1)
		d := r.decisions[0]
		require.Equal(t, acmesync.OrderDiscard, d.Action)
		require.Regexp(t, "^cancel:.+", d.ID)
		require.Equal(t, "temporal", d.Actor)
		require.Equal(t, "the review was cancelled in Temporal", d.Reason)
		require.Empty(t, d.IDs)
		require.Equal(t, []shownReview{{"open", 3}, {"compensating", 3}, {"compensating", 2}, {"resolved", 0}}, r.shown)
	})

	t.Run("it waits for as long as the app is down", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.at(time.Minute, r.env.CancelWorkflow)
		const down = 30 * 24 * time.Hour
		r.parkedAt(down, 0, false) // the ring was lost
		r.run()
		requireCanceled(t, r.env.GetWorkflowError())
		require.LessOrEqual(t, r.now(), down+time.Hour)
		require.Less(t, len(r.settles), 30*24+50, "its history stays bounded")
		require.Empty(t, r.alerts)
	})

	t.Run("with nothing open it ends at once", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.parkedAt(30*time.Second, 0, false)
		r.at(time.Minute, r.env.CancelWorkflow)
		r.run()
		canceled(r, time.Minute)
	})

	t.Run("while the row is read", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.settle = func(n int) fakeCall {
			if n == 1 {
				return fakeCall{takes: time.Hour}
			}
			return fakeCall{}
		}
		r.at(time.Minute, r.env.CancelWorkflow)
		r.parkedAt(2*time.Minute, 0, true)
		r.run()
		canceled(r, 2*time.Minute)
		require.Equal(t, acmesync.OrderDiscard, r.decisions[0].Action)
	})

	t.Run("while a decision is written", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.decide = func(n int) fakeCall {
			if n == 1 {
				return fakeCall{takes: 30 * time.Second}
			}
			return fakeCall{}
		}
		r.updateAt(50*time.Second, workflows.RetryUpdate, workflows.DecisionInput{})
		r.at(time.Minute, r.env.CancelWorkflow)
		r.parkedAt(2*time.Minute, 0, true)
		r.run()
		canceled(r, 2*time.Minute)
	})

	t.Run("decisions are still taken while it ends", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.at(time.Minute, r.env.CancelWorkflow)
		r.signalAt(2*time.Minute, workflows.DiscardSignal, nil)
		r.parkedAt(3*time.Minute, 0, true)
		r.run()
		canceled(r, 3*time.Minute)
		require.Len(t, r.decisions, 2)
	})
}

func TestReviewContinuesAsNew(t *testing.T) {
	t.Parallel()
	next := func(r *review) workflows.ReviewInput {
		r.t.Helper()
		var in workflows.ReviewInput
		requireContinued(r.t, r.env.GetWorkflowError(), workflows.ReviewType, &in)
		require.Equal(r.t, tenantID, in.Tenant)
		require.Equal(r.t, fingerprint, in.Fingerprint)
		return in
	}

	t.Run("when Temporal suggests it, and under rings that never stop", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.settle = func(int) fakeCall { return fakeCall{takes: time.Second} }
		for d := time.Second; d < 80*time.Second; d += 100 * time.Millisecond {
			r.parkedAt(d, 3, true)
		}
		r.at(time.Minute, func() { r.env.SetContinueAsNewSuggested(true) })
		r.run()
		next(r)
		require.LessOrEqual(t, r.now(), 65*time.Second)
	})

	t.Run("a decision by signal in that moment is carried out first", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.settle = func(int) fakeCall { return fakeCall{takes: time.Second} }
		r.at(time.Minute, func() { r.env.SetContinueAsNewSuggested(true) })
		r.parkedAt(time.Minute, 3, true)
		r.signalAt(60500*time.Millisecond, workflows.RetrySignal, nil)
		r.run()
		next(r)
		require.Len(t, r.decisions, 1)
	})

	t.Run("a Cancel in that moment is not forgotten", func(t *testing.T) {
		t.Parallel()
		r := newReview(t, 3)
		r.decide = func(n int) fakeCall {
			if n == 1 {
				return fakeCall{takes: time.Minute}
			}
			return fakeCall{}
		}
		r.updateAt(30*time.Second, workflows.RetryUpdate, workflows.DecisionInput{})
		r.at(time.Minute, func() { r.env.SetContinueAsNewSuggested(true) })
		r.parkedAt(time.Minute, 3, true)
		r.at(70*time.Second, r.env.CancelWorkflow)
		r.parkedAt(3*time.Minute, 0, true)
		r.run()
		requireCanceled(t, r.env.GetWorkflowError())
	})

	t.Run("it keeps its age, and what it has told people", func(t *testing.T) {
		t.Parallel()
		first := newReview(t, 3)
		first.at(10*time.Hour, func() { first.env.SetContinueAsNewSuggested(true) })
		first.parkedAt(10*time.Hour, 3, true)
		first.run()
		require.Equal(t, []alert{{4, 4 * time.Hour}}, first.alerts)

		second := newReview(t, 3)
		second.in = next(first)
		second.env.SetStartTime(second.start.Add(10 * time.Hour))
		second.runTo(200 * time.Hour)
		require.Equal(t, []alert{{24, 24 * time.Hour}, {72, 72 * time.Hour}}, second.alerts)
	})

	t.Run("it goes on looking whether a decision has been carried out", func(t *testing.T) {
		t.Parallel()
		first := newReview(t, 3)
		first.updateAt(time.Minute, workflows.RetryUpdate, workflows.DecisionInput{})
		first.at(90*time.Second, func() { first.env.SetContinueAsNewSuggested(true) })
		first.parkedAt(90*time.Second, 3, true)
		first.run()

		second := newReview(t, 3)
		second.in = next(first)
		second.parkedAt(30*time.Second, 0, false) // the ring was lost
		second.run()
		second.endedAt(time.Minute)
	})
}
