package db_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	lease := func(t *testing.T, owner string, want int, live bool) (int, time.Duration) {
		t.Helper()
		granted, wait, err := d.LeaseBudget(ctx, owner, want, live)
		require.NoError(t, err)
		return granted, wait
	}
	learn := func(t *testing.T, owner string, requests int, per, refused time.Duration) {
		t.Helper()
		require.NoError(t, d.LearnBudget(ctx, owner, requests, per, refused))
	}
	at := func(t *testing.T, owner string, tokens float64) {
		t.Helper()
		exec(t, d, `UPDATE budgets SET tokens = $2, refilled_at = clock_timestamp() WHERE limit_owner = $1`, owner, tokens)
	}

	t.Run("an owner without a known limit is not limited", func(t *testing.T) {
		granted, wait := lease(t, "unknown", 5, false)
		require.Equal(t, -1, granted)
		require.Zero(t, wait)
	})
	t.Run("what is leased at once is a part of the limit, then nothing until it has grown again", func(t *testing.T) {
		learn(t, "spent", 100, time.Hour, 0)
		granted, _ := lease(t, "spent", 10, true)
		require.Equal(t, 10, granted)
		granted, _ = lease(t, "spent", 10, true)
		require.Equal(t, 5, granted, "a chunk may be smaller than asked for")
		granted, wait := lease(t, "spent", 10, true)
		require.Zero(t, granted)
		require.InDelta(t, 3600/(85*0.95), wait.Seconds(), 1, "the next")
	})
	t.Run("it grows with time, never above what may be given out at once", func(t *testing.T) {
		learn(t, "grows", 100, 10*time.Second, 0)
		at(t, "grows", 0)
		exec(t, d, `UPDATE budgets SET refilled_at = clock_timestamp() - interval '1 s' WHERE limit_owner = 'grows'`)
		granted, _ := lease(t, "grows", 1000, true)
		require.InDelta(t, 8, granted, 2)
		exec(t, d, `UPDATE budgets SET refilled_at = clock_timestamp() - interval '1 hour' WHERE limit_owner = 'grows'`)
		granted, _ = lease(t, "grows", 1000, true)
		require.Equal(t, 15, granted)
	})
	t.Run("no window of the limit's length sees more than the limit, however greedy its callers are", func(t *testing.T) {
		for _, requests := range []int{4, 10, 100, 1000} {
			learn(t, "window", requests, 10*time.Second, 0)
			exec(t, d, `UPDATE budgets SET tokens = $1 WHERE limit_owner = 'window'`, requests) // idle for long
			total := 0
			for range 100 {
				granted, _ := lease(t, "window", requests, true)
				total += granted
				exec(t, d, `UPDATE budgets SET refilled_at = clock_timestamp() - interval '100 ms' WHERE limit_owner = 'window'`)
			}
			require.LessOrEqual(t, total, requests)
			require.Greater(t, total, requests/2)
		}
	})
	t.Run("waiting as long as was said brings at least one", func(t *testing.T) {
		learn(t, "said", 100, time.Second, 0)
		at(t, "said", 0)
		granted, wait := lease(t, "said", 5, true)
		require.Zero(t, granted)
		exec(t, d, `UPDATE budgets SET refilled_at = refilled_at - $1 * interval '1 millisecond' WHERE limit_owner = 'said'`, wait.Milliseconds())
		granted, _ = lease(t, "said", 5, true)
		require.Positive(t, granted)
	})
	t.Run("backfill leaves the live share alone, live may take it", func(t *testing.T) {
		learn(t, "share", 100, time.Hour, 0)
		granted, _ := lease(t, "share", 1000, false)
		require.Equal(t, 7, granted)
		granted, wait := lease(t, "share", 5, false)
		require.Zero(t, granted)
		require.Positive(t, wait)
		granted, _ = lease(t, "share", 1000, true)
		require.Equal(t, 8, granted)
	})
	t.Run("a limit of a few still lets backfill go on", func(t *testing.T) {
		for _, requests := range []int{1, 2, 3} {
			owner := "few" + string(rune('0'+requests))
			learn(t, owner, requests, time.Second, 0)
			at(t, owner, float64(requests))
			granted, _ := lease(t, owner, 1, false)
			require.Equal(t, 1, granted, "%d a second", requests)
		}
	})
	t.Run("while Acme refuses everybody nobody gets any, and learns for how long", func(t *testing.T) {
		learn(t, "blocked", 100, time.Second, 0)
		learn(t, "blocked", 0, 0, 30*time.Second)
		granted, wait := lease(t, "blocked", 1, true)
		require.Zero(t, granted)
		require.InDelta(t, 30, wait.Seconds(), 2)
		learn(t, "blocked", 0, 0, time.Second)
		_, wait = lease(t, "blocked", 1, true)
		require.InDelta(t, 30, wait.Seconds(), 2, "a shorter refusal does not end a longer one")
		exec(t, d, `UPDATE budgets SET blocked_until = clock_timestamp() WHERE limit_owner = 'blocked'`)
		granted, _ = lease(t, "blocked", 1, true)
		require.Equal(t, 1, granted)
	})
	t.Run("an owner that was refused before its limit was known is not limited afterwards", func(t *testing.T) {
		learn(t, "early", 0, 0, time.Hour)
		granted, wait := lease(t, "early", 1, true)
		require.Zero(t, granted)
		require.Positive(t, wait)
		exec(t, d, `UPDATE budgets SET blocked_until = clock_timestamp() WHERE limit_owner = 'early'`)
		granted, _ = lease(t, "early", 1, true)
		require.Equal(t, -1, granted)
	})
	t.Run("a limit that changed holds at once", func(t *testing.T) {
		learn(t, "changed", 1000, time.Second, 0)
		learn(t, "changed", 100, time.Hour, 0)
		granted, _ := lease(t, "changed", 1000, true)
		require.Equal(t, 15, granted)
	})
	t.Run("callers in many processes together get no more than there is", func(t *testing.T) {
		learn(t, "shared", 400, 24*time.Hour, 0)
		var total atomic.Int64
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for range 10 {
					granted, _, err := d.LeaseBudget(ctx, "shared", 3, true)
					if err != nil {
						t.Error(err)
					}
					total.Add(int64(granted))
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 60, total.Load())
	})
	t.Run("owners do not share", func(t *testing.T) {
		learn(t, "own-a", 1, time.Hour, 0)
		learn(t, "own-b", 1, time.Hour, 0)
		lease(t, "own-a", 1, true)
		granted, _ := lease(t, "own-b", 1, true)
		require.Equal(t, 1, granted)
	})
}
