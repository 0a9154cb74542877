package workflows_test

import (
	"testing"
	"time"

	"acmesync"
	"acmesync/activities"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
)

func TestDeactivate(t *testing.T) {
	t.Parallel()

	t.Run("deactivate ends the workflow, cleaning up after the lanes have ended", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.deliver.answer(attempt{takes: 75 * time.Second, result: activities.LaneResult{Reload: true}})
		answer := tn.updateAt(time.Minute, workflows.DeactivateUpdate, workflows.CommandInput{RemoveEvents: true})
		tn.run()
		require.NoError(t, tn.env.GetWorkflowError())
		require.Equal(t, "deactivated", answer.text)
		require.True(t, tn.commandsNamed(acmesync.Deactivate, "")[0].RemoveEvents)
		require.Equal(t, []string{"deactivate", "deliver ends", "clean up"}, tn.order(time.Minute))
		require.Equal(t, seconds(75), tn.times("clean up"))
		require.Equal(t, []string{"active", "deactivated"}, tn.shown)
	})

	t.Run("a row that says so ends it as well", func(t *testing.T) {
		t.Parallel()
		for _, state := range []acmesync.TenantState{acmesync.Deactivated, acmesync.Stopped, acmesync.Draft} {
			tn := newTenant(t)
			tn.row.State = state
			tn.run()
			require.NoError(t, tn.env.GetWorkflowError())
			require.Equal(t, []string{"load", "clean up"}, tn.order(0))
			require.Equal(t, []string{string(state)}, tn.shown)
		}
	})

	t.Run("a paused tenant can be deactivated", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.row.State = acmesync.Paused
		tn.updateAt(time.Minute, workflows.DeactivateUpdate, workflows.CommandInput{})
		tn.run()
		require.NoError(t, tn.env.GetWorkflowError())
	})

	t.Run("commands are refused in words while it ends", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.cleanUp.takes = 30 * time.Second
		tn.updateAt(time.Minute, workflows.DeactivateUpdate, workflows.CommandInput{})
		late := tn.updateAt(70*time.Second, workflows.SyncNowUpdate, workflows.CommandInput{})
		tn.run()
		require.EqualError(t, late.rejected, "cannot sync_now: the tenant is deactivated")
	})

	t.Run("a tenant that is activated again while it ends goes on", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.cleanUp.takes = 30 * time.Second
		tn.updateAt(time.Minute, workflows.DeactivateUpdate, workflows.CommandInput{})
		tn.setRowAt(70*time.Second, acmesync.Starting)
		tn.ringAt(71 * time.Second) // by whoever activated it and found this run still there
		tn.run()
		requireContinued(t, tn.env.GetWorkflowError(), workflows.TenantSyncType, &workflows.TenantSyncInput{})
	})

	t.Run("a ring while it ends does not keep a deactivated tenant", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.cleanUp.takes = 30 * time.Second
		tn.updateAt(time.Minute, workflows.DeactivateUpdate, workflows.CommandInput{})
		tn.ringAt(71 * time.Second)
		tn.run()
		require.NoError(t, tn.env.GetWorkflowError())
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	canceled := func(tn *tenant) {
		t.Helper()
		requireCanceled(tn.t, tn.env.GetWorkflowError())
	}

	t.Run("first the row, then the lanes end, then what is left outside, then Canceled", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: 65 * time.Second, result: activities.LaneResult{Reload: true}})
		tn.deliver.answer(attempt{takes: 70 * time.Second, result: activities.LaneResult{Reload: true}})
		tn.cancelAt(time.Minute)
		tn.run()
		canceled(tn)
		require.Equal(t, []string{"stop", "fetch ends", "deliver ends", "clean up"}, tn.order(time.Minute))
		require.Equal(t, acmesync.Stopped, tn.row.State)
		require.Equal(t, []string{"active", "stopped"}, tn.shown)
		stop := tn.commandsNamed(acmesync.Stop, "")[0]
		require.Regexp(t, "^cancel:.+", stop.ID)
		require.Equal(t, "temporal", stop.Actor)
		require.Equal(t, "cancelled in Temporal", stop.Reason)
	})

	t.Run("a lane that does not end is left after two minutes", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.deliver.answer(attempt{takes: 10 * time.Hour})
		tn.cancelAt(time.Minute)
		tn.run()
		canceled(tn)
		require.Equal(t, seconds(180), tn.times("clean up"))
	})

	t.Run("cleaning up is bounded to a minute, and its failure does not fail the workflow", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.cleanUp.err = temporal.NewApplicationError("Acme does not answer", "")
		tn.cancelAt(time.Minute)
		tn.run()
		canceled(tn)
		tries := tn.times("clean up")
		require.Greater(t, len(tries), 2)
		require.LessOrEqual(t, tries[len(tries)-1], 2*time.Minute)
		require.Equal(t, workflows.AcmeQueue, tn.infos["CleanUp"].TaskQueue)
	})

	t.Run("a refused stop does not fail it", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.apply = func(acmesync.CommandName) fakeCall {
			return fakeCall{err: temporal.NewNonRetryableApplicationError("it is not running", activities.ErrTypeConflict, nil)}
		}
		tn.cancelAt(time.Minute)
		tn.run()
		canceled(tn)
		require.Equal(t, seconds(60), tn.times("clean up"))
	})

	t.Run("it waits for the row as long as that takes", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		until := 2 * time.Minute // the test environment gives up after ten tries
		tn.apply = func(acmesync.CommandName) fakeCall {
			if tn.env.Now().Sub(tn.start) < until {
				return fakeCall{err: temporal.NewApplicationError("no database", "")}
			}
			return fakeCall{}
		}
		tn.cancelAt(time.Minute)
		tn.run()
		canceled(tn)
		require.Equal(t, acmesync.Stopped, tn.row.State)
	})

	t.Run("while the row is read for the first time", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.load = func(int) fakeCall { return fakeCall{takes: time.Hour} }
		tn.cancelAt(time.Minute)
		tn.run()
		canceled(tn)
		require.Equal(t, []string{"load", "stop", "clean up"}, tn.order(0))
	})

	t.Run("while the row is read again", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: time.Second, result: activities.LaneResult{Reload: true}})
		tn.load = func(n int) fakeCall {
			if n == 1 {
				return fakeCall{}
			}
			return fakeCall{takes: time.Hour}
		}
		tn.cancelAt(time.Minute)
		tn.run()
		canceled(tn)
		require.Equal(t, []string{"stop", "clean up"}, tn.order(time.Minute))
	})

	t.Run("of a paused tenant, and of one that needs credentials", func(t *testing.T) {
		t.Parallel()
		for _, state := range []acmesync.TenantState{acmesync.Paused, acmesync.NeedsReauth} {
			tn := newTenant(t)
			tn.row.State = state
			tn.cancelAt(time.Minute)
			tn.run()
			canceled(tn)
			require.Equal(t, []string{"stop", "clean up"}, tn.order(time.Minute))
		}
	})

	t.Run("a command under way does not hold it up", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.apply = func(name acmesync.CommandName) fakeCall {
			if name == acmesync.Stop {
				return fakeCall{}
			}
			return fakeCall{takes: time.Hour}
		}
		under := tn.updateAt(30*time.Second, workflows.PauseUpdate, workflows.CommandInput{})
		tn.cancelAt(time.Minute)
		tn.run()
		canceled(tn)
		require.True(t, under.done)
		require.Equal(t, seconds(60), tn.times("clean up"))
	})

	t.Run("a row that cannot be read is no reason to stop the tenant", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.load = func(n int) fakeCall {
			if n == 1 { // as when somebody fails the activity by hand
				return fakeCall{err: temporal.NewNonRetryableApplicationError("failed by hand", activities.ErrTypeConflict, nil)}
			}
			return fakeCall{}
		}
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(30), tn.times("fetch"))
	})
}
