package activities

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// queued lets callers queue at a gate one after the other and tells in which order they get in.
type queued struct {
	gate  *Gate
	order chan string
}

func newQueued(permits int) *queued {
	return &queued{gate: NewGate(permits), order: make(chan string, 100)}
}

// enter queues in the background; once in, the caller leaves when told.
func (q *queued) enter(ctx context.Context, t acmesync.TenantID, p acmesync.Priority, name string) (leave func()) {
	go1 := make(chan struct{})
	go func() {
		out, err := q.gate.enter(ctx, t, p, func() {})
		if err != nil {
			q.order <- name + " gave up"
			return
		}
		q.order <- name
		<-go1
		out()
	}()
	synctest.Wait()
	return func() {
		close(go1)
		synctest.Wait()
	}
}

func (q *queued) in() []string {
	var all []string
	for {
		select {
		case name := <-q.order:
			all = append(all, name)
		default:
			return all
		}
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	story := func(fact string, tell func(t *testing.T)) {
		t.Run(fact, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, tell)
		})
	}
	story("as many get in as there are permits", func(t *testing.T) {
		q := newQueued(2)
		leave := q.enter(t.Context(), "a", acmesync.Live, "a1")
		b := q.enter(t.Context(), "b", acmesync.Live, "b1")
		c := q.enter(t.Context(), "c", acmesync.Live, "c1")
		require.Equal(t, []string{"a1", "b1"}, q.in())
		leave()
		require.Equal(t, []string{"c1"}, q.in())
		b()
		c()
	})
	story("live gets in before backfill, whoever came first", func(t *testing.T) {
		q := newQueued(1)
		leave := q.enter(t.Context(), "a", acmesync.Live, "first")
		b := q.enter(t.Context(), "b", acmesync.Backfill, "backfill")
		c := q.enter(t.Context(), "c", acmesync.Live, "live")
		leave()
		c()
		b()
		require.Equal(t, []string{"first", "live", "backfill"}, q.in())
	})
	story("tenants take turns: a long backfill waits behind everybody's first page", func(t *testing.T) {
		q := newQueued(1)
		leave := q.enter(t.Context(), "big", acmesync.Backfill, "big0")
		var leaves []func()
		for _, name := range []string{"big1", "big2", "big3"} {
			leaves = append(leaves, q.enter(t.Context(), "big", acmesync.Backfill, name))
		}
		b := q.enter(t.Context(), "small", acmesync.Backfill, "small1")
		c := q.enter(t.Context(), "other", acmesync.Backfill, "other1")
		leave()
		leaves[0]()
		b()
		c()
		leaves[1]()
		leaves[2]()
		require.Equal(t, []string{"big0", "big1", "small1", "other1", "big2", "big3"}, q.in())
	})
	story("who gives up leaves no gap, and keeps no turn", func(t *testing.T) {
		q := newQueued(1)
		leave := q.enter(t.Context(), "a", acmesync.Live, "a")
		ctx, cancel := context.WithCancel(t.Context())
		q.enter(ctx, "b", acmesync.Live, "b")
		c := q.enter(t.Context(), "c", acmesync.Live, "c")
		cancel()
		synctest.Wait()
		leave()
		require.Equal(t, []string{"a", "b gave up", "c"}, q.in())
		c()
		d := q.enter(t.Context(), "d", acmesync.Live, "d")
		require.Equal(t, []string{"d"}, q.in(), "the permit is free")
		d()
	})
	story("a tenant that gave up often has no more turns than others", func(t *testing.T) {
		q := newQueued(1)
		leave := q.enter(t.Context(), "x", acmesync.Live, "x")
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			q.enter(ctx, "a", acmesync.Live, "a")
			cancel()
			synctest.Wait()
		}
		q.in()
		var leaves []func()
		for _, name := range []string{"a1", "a2", "a3"} {
			leaves = append(leaves, q.enter(t.Context(), "a", acmesync.Live, name))
		}
		b := q.enter(t.Context(), "b", acmesync.Live, "b1")
		leave()
		leaves[0]()
		require.Equal(t, []string{"a1", "b1"}, q.in(), "after its first page it is the other's turn")
		b()
		leaves[1]()
		leaves[2]()
	})
	t.Run("permits are neither lost nor made while callers come and give up", func(t *testing.T) {
		t.Parallel()
		const permits = 3
		g := NewGate(permits)
		var inside, most atomic.Int64
		var all sync.WaitGroup
		for n := range 200 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%7)*100*time.Microsecond)
				if n%3 > 0 {
					ctx, cancel = context.WithCancel(t.Context())
				}
				defer cancel()
				leave, err := g.enter(ctx, acmesync.TenantID(rune('a'+n%5)), acmesync.Priority(n%2), func() {})
				if err != nil {
					return
				}
				now := inside.Add(1)
				for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
				}
				inside.Add(-1)
				leave()
			})
		}
		all.Wait()
		require.LessOrEqual(t, most.Load(), int64(permits))
		require.Equal(t, permits, g.free)
	})
}
