package activities

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// finder is an inbox: which lanes have work, and how often it was asked about which.
type finder struct {
	mu    sync.Mutex
	work  map[acmesync.LaneKey]bool
	fails bool
	asked [][]acmesync.LaneKey
}

func (f *finder) WithWork(_ context.Context, lanes []acmesync.LaneKey) ([]acmesync.LaneKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, lanes)
	if f.fails {
		return nil, errors.New("Postgres is away")
	}
	var found []acmesync.LaneKey
	for _, k := range lanes {
		if f.work[k] {
			found = append(found, k)
		}
	}
	return found, nil
}

func (f *finder) bring(k acmesync.LaneKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.work == nil {
		f.work = map[acmesync.LaneKey]bool{}
	}
	f.work[k] = true
}

func (f *finder) looks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

func TestLooker(t *testing.T) {
	t.Parallel()
	alpha := acmesync.LaneKey{Tenant: "alpha", Lane: acmesync.Deliver}
	beta := acmesync.LaneKey{Tenant: "beta", Lane: acmesync.Deliver}
	story := func(fact string, tell func(t *testing.T, f *finder, l *Looker)) {
		t.Run(fact, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &finder{}
				tell(t, f, &Looker{Find: f})
				time.Sleep(2 * lookEvery) // of the bubble's clock: whoever looks ends when nobody lingers
			})
		})
	}
	await := func(t *testing.T, l *Looker, k acmesync.LaneKey) (found bool, took time.Duration) {
		t.Helper()
		began := time.Now()
		found, err := l.await(t.Context(), k)
		require.NoError(t, err)
		return found, time.Since(began)
	}

	story("a lane without work is let go after a quiet second", func(t *testing.T, _ *finder, l *Looker) {
		found, took := await(t, l, alpha)
		require.False(t, found)
		require.Equal(t, time.Second, took)
	})
	story("work is found by the next look", func(t *testing.T, f *finder, l *Looker) {
		time.AfterFunc(300*time.Millisecond, func() { f.bring(alpha) })
		found, took := await(t, l, alpha)
		require.True(t, found)
		require.GreaterOrEqual(t, took, 300*time.Millisecond)
		require.LessOrEqual(t, took, 300*time.Millisecond+lookEvery)
	})
	story("a nudge wakes at once, the lane it is for and no other", func(t *testing.T, _ *finder, l *Looker) {
		time.AfterFunc(5*time.Millisecond, func() { l.Nudge(alpha) })
		other := make(chan bool, 1)
		go func() {
			found, _ := l.await(t.Context(), beta)
			other <- found
		}()
		found, took := await(t, l, alpha)
		require.True(t, found)
		require.Equal(t, 5*time.Millisecond, took)
		require.False(t, <-other)
	})
	story("a nudge for a lane that does not linger is none", func(t *testing.T, _ *finder, l *Looker) {
		l.Nudge(alpha)
		found, _ := await(t, l, alpha)
		require.False(t, found)
	})
	story("a nudge for a lane that attends and is busy is kept until it lingers", func(t *testing.T, _ *finder, l *Looker) {
		l.attend(alpha)
		require.True(t, l.Nudge(alpha))
		found, took := await(t, l, alpha)
		require.True(t, found)
		require.Zero(t, took)
		found, _ = await(t, l, alpha)
		require.False(t, found, "it was followed once")
	})
	story("a lane does not leave past a nudge; once it has left, a nudge is not heard", func(t *testing.T, _ *finder, l *Looker) {
		require.False(t, l.Nudge(alpha), "nobody attends yet")
		l.attend(alpha)
		require.True(t, l.Nudge(alpha))
		require.False(t, l.leave(alpha))
		require.True(t, l.leave(alpha))
		require.False(t, l.Nudge(alpha))
		l.attend(beta)
		l.Nudge(beta)
		l.quit(beta)
		require.False(t, l.Nudge(beta))
	})
	story("all that linger share one look", func(t *testing.T, f *finder, l *Looker) {
		var all sync.WaitGroup
		for _, k := range []acmesync.LaneKey{alpha, beta} {
			all.Go(func() { _, _ = l.await(t.Context(), k) })
		}
		all.Wait()
		require.LessOrEqual(t, f.looks(), int(time.Second/lookEvery)+1)
		f.mu.Lock()
		defer f.mu.Unlock()
		require.ElementsMatch(t, []acmesync.LaneKey{alpha, beta}, f.asked[0])
	})
	story("nobody lingers: nobody looks, and whoever lingers next is looked after again", func(t *testing.T, f *finder, l *Looker) {
		await(t, l, alpha)
		time.Sleep(time.Minute)
		before := f.looks()
		time.Sleep(time.Minute)
		require.Equal(t, before, f.looks())
		time.AfterFunc(100*time.Millisecond, func() { f.bring(alpha) })
		found, _ := await(t, l, alpha)
		require.True(t, found)
	})
	story("a look that fails is looked again", func(t *testing.T, f *finder, l *Looker) {
		f.fails = true
		f.bring(alpha)
		time.AfterFunc(200*time.Millisecond, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.fails = false
		})
		found, took := await(t, l, alpha)
		require.True(t, found)
		require.GreaterOrEqual(t, took, 200*time.Millisecond)
	})
	story("a cancelled lane is let go at once", func(t *testing.T, f *finder, l *Looker) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Millisecond, cancel)
		began := time.Now()
		_, err := l.await(ctx, alpha)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 30*time.Millisecond, time.Since(began))
		time.Sleep(time.Minute)
		before := f.looks()
		time.Sleep(time.Minute)
		require.Equal(t, before, f.looks(), "nobody looks for it any more")
	})
	story("of two attempts that linger for one lane the newer one is told, the older is let go in its time", func(t *testing.T, _ *finder, l *Looker) {
		older := make(chan bool, 1)
		go func() {
			found, _ := l.await(t.Context(), alpha)
			older <- found
		}()
		synctest.Wait()
		time.AfterFunc(10*time.Millisecond, func() { l.Nudge(alpha) })
		found, _ := await(t, l, alpha)
		require.True(t, found)
		require.False(t, <-older)
	})
}
