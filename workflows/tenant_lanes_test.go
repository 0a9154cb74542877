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

func TestLanes(t *testing.T) {
	t.Parallel()

	t.Run("both lanes start with the workflow of a running tenant", func(t *testing.T) {
		t.Parallel()
		for _, state := range []acmesync.TenantState{acmesync.Starting, acmesync.Active} {
			tn := newTenant(t)
			tn.row.State = state
			tn.runUntil(time.Hour)
			require.Equal(t, seconds(0), tn.times("fetch"))
			require.Equal(t, seconds(0), tn.times("deliver"))
		}
	})

	t.Run("each lane has a queue of its own and must show signs of life", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.runUntil(time.Hour)
		require.Equal(t, workflows.AcmeQueue, tn.infos["Fetch"].TaskQueue)
		require.Equal(t, workflows.AppQueue, tn.infos["Deliver"].TaskQueue)
		for _, lane := range []string{"Fetch", "Deliver"} {
			require.Positive(t, tn.infos[lane].HeartbeatTimeout)
			require.LessOrEqual(t, tn.infos[lane].HeartbeatTimeout, time.Minute)
			require.Equal(t, 15*time.Minute, tn.infos[lane].StartToCloseTimeout)
		}
	})

	t.Run("an idle tenant does nothing", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.runUntil(30 * 24 * time.Hour)
		require.Empty(t, tn.order(time.Minute))
	})

	t.Run("a ring starts both lanes", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.ringAt(time.Minute)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 60), tn.times("fetch"))
		require.Equal(t, seconds(0, 60), tn.times("deliver"))
	})

	t.Run("a ring while a lane runs starts it again after it ends, several rings once", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: 10 * time.Second}, attempt{takes: time.Second})
		tn.ringAt(seconds(2, 3, 3, 4)...)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 10), tn.times("fetch"))
		require.Equal(t, seconds(0, 2, 3, 4), tn.times("deliver"))
	})

	t.Run("a lane never runs twice at the same time", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: 7 * time.Second})
		tn.deliver.answer(attempt{takes: 3 * time.Second})
		for n := range 200 {
			tn.ringAt(time.Duration(n) * 137 * time.Millisecond)
		}
		tn.runUntil(time.Hour)
		require.Equal(t, 1, tn.fetch.most)
		require.Equal(t, 1, tn.deliver.most)
		require.GreaterOrEqual(t, tn.times("fetch")[len(tn.times("fetch"))-1], 199*137*time.Millisecond, "the last ring was heard")
	})

	t.Run("a ring in the very moment a lane ends is not lost", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.ringAt(seconds(1)...)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 1), tn.times("fetch"))
		require.Equal(t, seconds(0, 1), tn.times("deliver"))
	})

	t.Run("a ring with a payload is a ring", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.at(time.Minute, func() { tn.env.SignalWorkflow(workflows.WakeSignal, "please") })
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 60), tn.times("fetch"))
	})

	t.Run("a lane that has more is started again at once", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		more := attempt{takes: time.Second, result: activities.LaneResult{More: true}}
		tn.deliver.answer(more, more, attempt{takes: time.Second})
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0), tn.times("fetch"))
		require.Equal(t, seconds(0, 1, 2), tn.times("deliver"))
	})

	t.Run("a lane whose attempt fails is looked at again in 30 seconds", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: 5 * time.Second, err: temporal.NewNonRetryableApplicationError("worn out", activities.ErrTypeConflict, nil)},
			attempt{takes: time.Second})
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 35), tn.times("fetch"))
		require.Equal(t, seconds(0), tn.times("deliver"))
	})

	t.Run("a lane that was sent away by a pause nobody told of, and that is over, is looked at again in 30 seconds", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: 5 * time.Second, result: activities.LaneResult{Reload: true}}, attempt{takes: time.Second})
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 5), tn.times("load"))
		require.Equal(t, seconds(0, 35), tn.times("fetch"))
		require.Equal(t, seconds(0), tn.times("deliver"))
	})

	t.Run("faults of our own are repeated by Temporal", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: time.Second, err: temporal.NewApplicationError("no database", "")},
			attempt{takes: time.Second, err: temporal.NewApplicationError("no database", "")}, attempt{takes: time.Second})
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 2, 5), tn.times("fetch"))
	})
}

func TestDue(t *testing.T) {
	t.Parallel()
	due := func(wait time.Duration) attempt {
		return attempt{takes: time.Second, result: activities.LaneResult{Due: true, Wait: wait}}
	}
	idle := attempt{takes: time.Second}

	t.Run("one timer is kept for what is due, and starts only the lane that is", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(due(time.Minute), idle)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 61), tn.times("fetch"))
		require.Equal(t, seconds(0), tn.times("deliver"))
		require.Equal(t, seconds(60), tn.waits())
	})

	t.Run("an earlier due thing replaces the timer, a later one does not", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(due(10*time.Minute), idle)
		tn.deliver.answer(attempt{takes: 2 * time.Second, result: activities.LaneResult{Due: true, Wait: 5 * time.Minute}}, // replaces
			attempt{takes: 2 * time.Second, result: activities.LaneResult{Due: true, Wait: time.Hour}}, idle) // does not
		tn.runUntil(30 * time.Minute)
		require.Equal(t, seconds(0, 601), tn.times("fetch"))
		require.Equal(t, seconds(0, 302), tn.times("deliver"))
		require.Equal(t, seconds(600, 300, 299, 3303), tn.waits())
	})

	t.Run("a due lane that was rung meanwhile is not run for nothing", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(due(time.Minute), idle)
		tn.ringAt(30 * time.Second)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 30), tn.times("fetch"))
	})

	t.Run("what is due at once runs at once", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(due(0), idle)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 1), tn.times("fetch"))
	})

	t.Run("a poll every minute keeps one timer per poll", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(due(59 * time.Second))
		tn.runUntil(time.Hour)
		require.Len(t, tn.times("fetch"), 60)
		require.Len(t, tn.waits(), 60)
	})
}

func TestHeldLane(t *testing.T) {
	t.Parallel()
	held := attempt{takes: time.Second, result: activities.LaneResult{Held: true, Due: true, Wait: 5 * time.Minute}}
	idle := attempt{takes: time.Second}

	t.Run("rings do not interrupt it, and do not hold up the other lane", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.deliver.answer(held, idle)
		tn.ringAt(seconds(10, 20, 30)...)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 10, 20, 30), tn.times("fetch"))
		require.Equal(t, seconds(0, 301), tn.times("deliver"))
	})

	t.Run("rings that come while its attempt runs do not interrupt it either", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.deliver.answer(held, held, idle)
		tn.ringAt(seconds(0.5, 301.5)...)
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 301, 602), tn.times("deliver"))
	})

	t.Run("retry_now interrupts it", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.deliver.answer(held, held, idle)
		answer := tn.updateAt(time.Minute, workflows.RetryNowUpdate, workflows.CommandInput{})
		tn.runUntil(time.Hour)
		require.Equal(t, "retrying now", answer.text)
		require.Equal(t, seconds(0, 60, 361), tn.times("deliver"))
	})

	t.Run("retry_now while its attempt runs is not lost", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.deliver.answer(held, idle)
		tn.updateAt(500*time.Millisecond, workflows.RetryNowUpdate, workflows.CommandInput{})
		tn.runUntil(time.Hour)
		require.Equal(t, seconds(0, 1), tn.times("deliver"))
	})

	t.Run("the tenant is seen as held until the lane has worked again", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.deliver.answer(held, idle)
		words := tn.detailsAt(time.Minute)
		after := tn.detailsAt(10 * time.Minute)
		tn.runUntil(time.Hour)
		require.Equal(t, []string{"active", "held", "active"}, tn.shown[:3])
		require.Contains(t, *words, "**held**")
		require.Contains(t, *words, "deliver lane: held by a fault outside until 2026-03-01 12:05:01 UTC")
		require.Contains(t, *words, "`retry_now`")
		require.Contains(t, *words, "fetch lane: waiting to be rung")
		require.Contains(t, *after, "**active**")
	})

	t.Run("streams that are held one by one make it held too, and rings still start the lane", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.fetch.answer(attempt{takes: time.Second, result: activities.LaneResult{HeldPart: true, Due: true, Wait: 5 * time.Minute}}, idle)
		tn.ringAt(10 * time.Second)
		words := tn.detailsAt(5 * time.Second)
		tn.runUntil(time.Hour)
		require.Equal(t, []string{"active", "held", "active"}, tn.shown[:3])
		require.Contains(t, *words, "fetch lane: some of it held by a fault outside until")
		require.Equal(t, seconds(0, 10), tn.times("fetch"))
	})

	t.Run("a row that was read as held is believed until both lanes know better", func(t *testing.T) {
		t.Parallel()
		tn := newTenant(t)
		tn.row.Held = true
		tn.deliver.answer(attempt{takes: time.Minute})
		tn.runUntil(time.Hour)
		require.Equal(t, []string{"held", "active"}, tn.shown[:2])
	})
}
