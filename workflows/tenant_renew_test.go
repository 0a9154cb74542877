package workflows_test

import (
	"testing"
	"time"

	"acmesync"
	"acmesync/activities"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

func TestContinueAsNew(t *testing.T) {
	t.Parallel()
	continued := func(tn *tenant) (behaviour workflow.ContinueAsNewVersioningBehavior) {
		tn.t.Helper()
		var in workflows.TenantSyncInput
		behaviour = requireContinued(tn.t, tn.env.GetWorkflowError(), workflows.TenantSyncType, &in)
		require.Equal(tn.t, workflows.TenantSyncInput{Tenant: tenantID}, in)
		return behaviour
	}
	suggestAt := func(tn *tenant, d time.Duration) {
		tn.at(d, func() { tn.env.SetContinueAsNewSuggested(true) })
	}

	t.Run("when Temporal suggests it", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		suggestAt(tn, 30*time.Second)
		tn.ringAt(time.Minute)
		tn.run()
		require.EqualValues(t, workflow.ContinueAsNewVersioningBehaviorUnspecified, continued(tn))
		require.Equal(t, seconds(0), tn.times("fetch"), "the ring is the new run's, which looks at everything")
	})

	t.Run("on a new deployment version, and onto it", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.at(30*time.Second, func() { tn.env.SetTargetWorkerDeploymentVersionChanged(true) })
		tn.ringAt(time.Minute)
		tn.run()
		require.EqualValues(t, workflow.ContinueAsNewVersioningBehaviorAutoUpgrade, continued(tn))
	})

	t.Run("after so many runs of lanes", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		more := attempt{takes: time.Second, result: activities.LaneResult{More: true}}
		tn.fetch.answer(more)
		tn.deliver.answer(more)
		tn.run()
		continued(tn)
		require.Equal(t, 500, len(tn.times("fetch"))+len(tn.times("deliver")))
	})

	t.Run("of a paused tenant", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.row.State = acmesync.Paused
		suggestAt(tn, 30*time.Second)
		tn.ringAt(time.Minute)
		tn.run()
		continued(tn)
	})

	t.Run("under rings that never stop", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: 500 * time.Millisecond})
		for n := range 600 {
			tn.ringAt(time.Duration(n) * 100 * time.Millisecond)
		}
		suggestAt(tn, 30*time.Second)
		tn.run()
		continued(tn)
		require.LessOrEqual(t, tn.env.Now().Sub(tn.start), 35*time.Second)
	})

	t.Run("waits for handlers, and starts nothing once it is decided", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.apply = func(acmesync.CommandName) fakeCall { return fakeCall{takes: time.Minute} }
		answer := tn.updateAt(10*time.Second, workflows.SyncNowUpdate, workflows.CommandInput{})
		suggestAt(tn, 20*time.Second)
		tn.ringAt(seconds(30, 31, 50, 69.9)...)
		tn.run()
		continued(tn)
		require.Equal(t, "syncing now", answer.text)
		require.Equal(t, 70*time.Second, tn.env.Now().Sub(tn.start))
		require.Equal(t, []string{"sync_now"}, tn.order(10*time.Second))
	})

	t.Run("is left for a Cancel that comes while its lanes end", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: time.Minute})
		tn.at(30*time.Second, func() {
			tn.env.SetContinueAsNewSuggested(true)
			tn.env.SignalWorkflow(workflows.WakeSignal, nil)
			tn.env.CancelWorkflow()
		})
		tn.run()
		requireCanceled(t, tn.env.GetWorkflowError())
		require.Equal(t, acmesync.Stopped, tn.row.State)
	})

	t.Run("is left for a Cancel that comes while it waits for handlers", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.apply = func(name acmesync.CommandName) fakeCall {
			if name == acmesync.Stop {
				return fakeCall{}
			}
			return fakeCall{takes: time.Minute}
		}
		tn.updateAt(10*time.Second, workflows.SyncNowUpdate, workflows.CommandInput{})
		suggestAt(tn, 20*time.Second)
		tn.ringAt(30 * time.Second)
		tn.cancelAt(40 * time.Second)
		tn.run()
		requireCanceled(t, tn.env.GetWorkflowError())
		require.Equal(t, acmesync.Stopped, tn.row.State)
	})

	t.Run("a tenant held for 72 hours stays alive, run after run, each with a bounded history", func(t *testing.T) {
		t.Parallel()
		const span = 72 * time.Hour
		var elapsed time.Duration
		for runs := 1; ; runs++ {
			require.Less(t, runs, 20)
			tn := newTenant(t)
			tn.holdForEver()
			for d := time.Minute; d < span-elapsed; d += 10 * time.Minute {
				tn.ringAt(d) // webhooks come all the same
			}
			tn.cancelAt(span - elapsed)
			tn.run()
			lanes := len(tn.times("fetch")) + len(tn.times("deliver"))
			require.LessOrEqual(t, lanes, 500)
			require.Less(t, len(tn.timers), 600)
			require.Equal(t, "held", tn.shown[1], "what it is seen as while Acme is down")
			require.LessOrEqual(t, len(tn.shown), 3)
			elapsed += tn.env.Now().Sub(tn.start)
			if elapsed >= span {
				requireCanceled(t, tn.env.GetWorkflowError())
				require.Greater(t, runs, 1)
				return
			}
			continued(tn)
		}
	})
}
