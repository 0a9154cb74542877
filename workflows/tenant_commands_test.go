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

func TestPause(t *testing.T) {
	t.Parallel()

	t.Run("pause stops the lanes from starting, resume starts them", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: time.Second, result: activities.LaneResult{Due: true, Wait: 75 * time.Second}}, attempt{takes: time.Second})
		paused := tn.updateAt(time.Minute, workflows.PauseUpdate, workflows.CommandInput{Reason: "maintenance"})
		tn.ringAt(seconds(70, 80)...)
		words := tn.detailsAt(85 * time.Second)
		resumed := tn.updateAt(90*time.Second, workflows.ResumeUpdate, workflows.CommandInput{})
		tn.runUntil(time.Hour)
		require.Equal(t, "paused", paused.text)
		require.Equal(t, "resumed", resumed.text)
		require.Equal(t, seconds(0, 90), tn.times("fetch"))
		require.Equal(t, seconds(0, 90), tn.times("deliver"))
		require.Contains(t, *words, "**paused**: maintenance")
		require.Contains(t, *words, "`resume`")
	})

	t.Run("a lane that runs when its tenant is paused ends by itself, and is not started again", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: 10 * time.Second, result: activities.LaneResult{Reload: true, Due: true}})
		tn.updateAt(2*time.Second, workflows.PauseUpdate, workflows.CommandInput{})
		tn.ringAt(3 * time.Second)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0), tn.times("fetch"))
		require.Equal(t, seconds(10), tn.times("fetch ends"))
		require.Equal(t, seconds(0), tn.times("deliver"))
	})

	t.Run("a lane that was paused and resumed while it ran is started again", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: 10 * time.Second, result: activities.LaneResult{Reload: true}}, attempt{takes: time.Second})
		tn.updateAt(2*time.Second, workflows.PauseUpdate, workflows.CommandInput{})
		tn.updateAt(3*time.Second, workflows.ResumeUpdate, workflows.CommandInput{})
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 10), tn.times("fetch"))
	})

	for _, state := range []acmesync.TenantState{acmesync.Paused, acmesync.NeedsReauth} {
		t.Run("a tenant that is "+string(state)+" waits for commands and survives", func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			tn.row.State = state
			tn.runUntil(60 * 24 * time.Hour)
			require.Equal(t, []string{"load"}, tn.order(0))
			require.Equal(t, string(state), tn.shown[0])
			require.Empty(t, tn.timers)
		})

		t.Run("a tenant that is "+string(state)+" goes on by a ring once its row says so", func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			tn.row.State = state
			tn.ringAt(30 * time.Second)
			tn.setRowAt(time.Minute, acmesync.Active)
			tn.ringAt(90 * time.Second)
			tn.runUntil(time.Hour)
			require.Equal(t, seconds(90), tn.times("fetch"))
			require.Equal(t, seconds(90), tn.times("deliver"))
		})

		t.Run("a lane that finds its tenant "+string(state)+" has the workflow look", func(t *testing.T) {
			t.Parallel()
			tn := newTenant(t)
			tn.fetch.answer(attempt{takes: 10 * time.Second, result: activities.LaneResult{Reload: true}})
			tn.setRowAt(5*time.Second, state)
			tn.runUntil(time.Hour)
			require.Equal(t, []string{"active", string(state)}, tn.shown[:2])
			require.Equal(t, seconds(0), tn.times("fetch"))
		})
	}

	t.Run("pause and resume within a moment leave it as the last of them says", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.apply = func(acmesync.CommandName) fakeCall { return fakeCall{takes: time.Second} }
		tn.load = func(n int) fakeCall {
			if n == 1 {
				return fakeCall{}
			}
			return fakeCall{takes: 20 * time.Second}
		}
		// Read while paused, answered long after resume.
		tn.deliver.answer(attempt{takes: 3 * time.Second, result: activities.LaneResult{Reload: true}}, attempt{takes: time.Second})
		tn.updateAt(time.Second, workflows.PauseUpdate, workflows.CommandInput{})
		tn.updateAt(5*time.Second, workflows.ResumeUpdate, workflows.CommandInput{})
		tn.ringAt(time.Minute)
		words := tn.detailsAt(50 * time.Second)
		tn.runUntil(time.Hour)
		require.Contains(t, *words, "**active**")
		require.Contains(t, tn.times("fetch"), time.Minute)
	})

	t.Run("a row whose epoch has gone back is believed", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.row.Epoch = 40
		tn.fetch.answer(attempt{takes: 10 * time.Second, result: activities.LaneResult{Reload: true}})
		tn.at(5*time.Second, func() {
			tn.row = activities.TenantState{State: acmesync.Deactivated, Reason: "there is no such tenant"}
		})
		tn.run()
		require.NoError(t, tn.env.GetWorkflowError())
		require.Equal(t, seconds(10), tn.times("clean up"))
	})
}

func TestCommands(t *testing.T) {
	t.Parallel()

	t.Run("what does not fit the state is refused in words", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			state   acmesync.TenantState
			update  string
			refusal string
		}{
			{acmesync.Active, workflows.ResumeUpdate, "cannot resume: the tenant is active"},
			{acmesync.Starting, workflows.ResumeUpdate, "cannot resume: the tenant is starting"},
			{acmesync.Paused, workflows.PauseUpdate, "cannot pause: the tenant is paused"},
			{acmesync.Paused, workflows.SyncNowUpdate, "cannot sync_now: the tenant is paused"},
			{acmesync.Paused, workflows.RetryNowUpdate, "cannot retry_now: the tenant is paused"},
			{acmesync.NeedsReauth, workflows.BackfillUpdate, "cannot backfill: the tenant is needs_reauth"},
			{acmesync.Paused, workflows.AuditUpdate, "cannot audit: the tenant is paused"},
			{acmesync.NeedsReauth, workflows.ResumeUpdate, "cannot resume: the tenant is needs_reauth"},
		} {
			tn := newTenant(t)
			tn.row.State = c.state
			answer := tn.updateAt(time.Minute, c.update, workflows.CommandInput{})
			tn.runUntil(time.Hour)
			require.EqualError(t, answer.rejected, c.refusal)
			require.Empty(t, tn.commandsNamed("", acmesync.Stop))
		}
	})

	t.Run("what fits is written to the row and answered in words", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			state  acmesync.TenantState
			update string
			name   acmesync.CommandName
			answer string
			starts bool
		}{
			{acmesync.Active, workflows.PauseUpdate, acmesync.Pause, "paused", false},
			{acmesync.NeedsReauth, workflows.PauseUpdate, acmesync.Pause, "paused", false},
			{acmesync.Paused, workflows.ResumeUpdate, acmesync.Resume, "resumed", true},
			{acmesync.Active, workflows.SyncNowUpdate, acmesync.SyncNow, "syncing now", true},
			{acmesync.Starting, workflows.RetryNowUpdate, acmesync.RetryNow, "retrying now", true},
			{acmesync.Active, workflows.BackfillUpdate, acmesync.Rewalk, "reading everything again", true},
			{acmesync.Active, workflows.AuditUpdate, acmesync.AuditAll, "auditing", true},
		} {
			tn := newTenant(t)
			tn.row.State = c.state
			answer := tn.updateAt(time.Minute, c.update, workflows.CommandInput{Actor: "sue", Reason: "because"})
			tn.runUntil(time.Hour)
			require.True(t, answer.done)
			require.NoError(t, answer.rejected)
			require.NoError(t, answer.err)
			require.Equal(t, c.answer, answer.text)
			commands := tn.commandsNamed(c.name, "")
			require.Len(t, commands, 1)
			require.Equal(t, "sue", commands[0].Actor)
			require.Equal(t, "because", commands[0].Reason)
			if c.starts {
				require.Contains(t, tn.times("fetch"), time.Minute, c.update)
				require.Contains(t, tn.times("deliver"), time.Minute, c.update)
			} else {
				require.NotContains(t, tn.times("fetch"), time.Minute, c.update)
			}
		}
	})

	t.Run("a command from the Web UI with an empty form has an id for good and an actor", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		a := &answer{}
		tn.at(time.Minute, func() { tn.env.UpdateWorkflow(workflows.SyncNowUpdate, "its-own-id", a.callbacks()) })
		tn.runUntil(time.Hour)
		require.Equal(t, "syncing now", a.text)
		command := tn.commandsNamed(acmesync.SyncNow, "")[0]
		require.Regexp(t, `^update:.+/its-own-id$`, command.ID)
		require.Equal(t, "temporal", command.Actor)
	})

	t.Run("a command that the API has committed is not refused, whatever the state", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.at(30*time.Second, func() { tn.commit(acmesync.Command{ID: "pause/1", Name: acmesync.Pause}) })
		tn.at(40*time.Second, func() { tn.commit(acmesync.Command{ID: "resume/1", Name: acmesync.Resume}) })
		first := tn.updateAt(time.Minute, workflows.ResumeUpdate, workflows.CommandInput{CommandID: "resume/1"}) // came first
		second := tn.updateAt(70*time.Second, workflows.PauseUpdate, workflows.CommandInput{CommandID: "pause/1"})
		words := tn.detailsAt(80 * time.Second)
		tn.runUntil(time.Hour)
		require.NoError(t, first.rejected)
		require.Equal(t, "resumed", first.text)
		require.NoError(t, second.rejected)
		require.Equal(t, "paused", second.text)
		require.Contains(t, *words, "**active**", "the row is what counts")
	})

	t.Run("a command id reaches the row as it is, and applies once", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		in := workflows.CommandInput{CommandID: "pause/key-1"}
		var first, second, third answer
		tn.at(time.Minute, func() { tn.env.UpdateWorkflow(workflows.PauseUpdate, "u1", first.callbacks(), in) })
		tn.at(2*time.Minute, func() {
			tn.env.UpdateWorkflow(workflows.ResumeUpdate, "u2", second.callbacks(), workflows.CommandInput{})
		})
		tn.at(3*time.Minute, func() { tn.env.UpdateWorkflow(workflows.PauseUpdate, "u3", third.callbacks(), in) })
		words := tn.detailsAt(4 * time.Minute)
		tn.runUntil(time.Hour)
		require.True(t, third.done)
		commands := tn.commandsNamed(acmesync.Pause, "")
		require.Len(t, commands, 2)
		require.Equal(t, "pause/key-1", commands[0].ID)
		require.Equal(t, "pause/key-1", commands[1].ID)
		require.Contains(t, *words, "**active**")
	})

	t.Run("a refusal of the row's is answered in words", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.apply = func(name acmesync.CommandName) fakeCall {
			if name == acmesync.Stop {
				return fakeCall{}
			}
			return fakeCall{err: temporal.NewNonRetryableApplicationError("cannot pause while the tenant is stopped", activities.ErrTypeConflict, nil)}
		}
		answer := tn.updateAt(time.Minute, workflows.PauseUpdate, workflows.CommandInput{CommandID: "pause/1"})
		tn.ringAt(2 * time.Minute)
		tn.runUntil(time.Hour)
		require.ErrorContains(t, answer.err, "cannot pause while the tenant is stopped")
		require.Equal(t, seconds(0, 120), tn.times("fetch"))
	})

	t.Run("a command that comes before the row was read is taken", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.load = func(int) fakeCall { return fakeCall{takes: 10 * time.Second} }
		answer := tn.updateAt(2*time.Second, workflows.PauseUpdate, workflows.CommandInput{})
		tn.runUntil(time.Hour)
		require.Equal(t, "paused", answer.text)
		require.Empty(t, tn.times("fetch"))
		require.Equal(t, "paused", tn.shown[0])
	})

	t.Run("apply_config has the row read and the lanes started", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		answer := tn.updateAt(time.Minute, workflows.ApplyConfigUpdate, workflows.CommandInput{})
		tn.runUntil(time.Hour)
		require.Equal(t, "applied", answer.text)
		require.Equal(t, seconds(0, 60), tn.times("load"))
		require.Equal(t, seconds(0, 60), tn.times("fetch"))
	})

	t.Run("retry_review decides about the review that is named, and asks for a name", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		nameless := tn.updateAt(time.Minute, workflows.RetryReviewUpdate, workflows.CommandInput{})
		named := tn.updateAt(2*time.Minute, workflows.RetryReviewUpdate, workflows.CommandInput{CommandID: "c-1", Fingerprint: "f00", Actor: "sue"})
		tn.runUntil(time.Hour)
		require.EqualError(t, nameless.rejected, "say which review: set fingerprint")
		require.Equal(t, "retrying 7 records", named.text)
		require.Equal(t, []activities.DecideInput{{Tenant: tenantID, Fingerprint: "f00",
			Decision: acmesync.Decision{ID: "c-1", Action: acmesync.OrderRetry, Actor: "sue"}}}, tn.decided)
	})

	t.Run("the status query tells what each lane does", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: time.Second, result: activities.LaneResult{Due: true, Wait: time.Minute}}, attempt{takes: time.Second})
		tn.deliver.answer(attempt{takes: 10 * time.Second, result: activities.LaneResult{Held: true, Due: true, Wait: time.Minute}}, attempt{takes: time.Second})
		var working, held workflows.TenantStatus
		tn.statusAt(5*time.Second, &working)
		tn.statusAt(15*time.Second, &held)
		tn.runUntil(time.Hour)
		require.Equal(t, workflows.TenantStatus{State: acmesync.Active, Fetch: "waiting to be rung, or until 2026-03-01 12:01:01 UTC", Deliver: "working"}, working)
		require.Equal(t, workflows.TenantStatus{State: acmesync.Held, Fetch: "waiting to be rung, or until 2026-03-01 12:01:01 UTC",
			Deliver: "held by a fault outside until 2026-03-01 12:01:10 UTC"}, held)
	})

	t.Run("SyncState is written on transitions only", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		for n := range 100 {
			tn.ringAt(time.Duration(n) * time.Minute)
		}
		tn.updateAt(30*time.Minute, workflows.PauseUpdate, workflows.CommandInput{})
		tn.updateAt(60*time.Minute, workflows.ResumeUpdate, workflows.CommandInput{})
		tn.runUntil(24 * time.Hour)
		require.Equal(t, []string{"active", "paused", "active", "stopped"}, tn.shown)
	})
}
