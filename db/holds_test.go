package db_test

import (
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestHolds(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	hold := func(t *testing.T, f acmesync.Fence, h acmesync.Hold, wait time.Duration) {
		t.Helper()
		h.Kind, h.Reason = acmesync.Unavailable, "Acme does not answer"
		require.NoError(t, d.Hold(ctx, f, h, wait))
	}
	nextIn := func(t *testing.T, id acmesync.TenantID) float64 {
		t.Helper()
		return scalar[float64](t, d, `SELECT extract(epoch FROM next_at - now()) FROM holds WHERE tenant = $1 ORDER BY next_at DESC LIMIT 1`, id)
	}
	heldNow := func(t *testing.T, id acmesync.TenantID, on acmesync.Dependency) []acmesync.Stream {
		t.Helper()
		streams, err := d.HeldNow(ctx, id, on)
		require.NoError(t, err)
		return streams
	}
	release := func(t *testing.T, f acmesync.Fence, on acmesync.Dependency, stream acmesync.Stream) int {
		t.Helper()
		left, err := d.Release(ctx, f, on, stream)
		require.NoError(t, err)
		return left
	}
	acme := acmesync.Hold{Dependency: acmesync.DependsOnAcme}

	t.Run("the wait doubles from one second to five minutes, up to a quarter longer each", func(t *testing.T) {
		activated(t, d, "doubles")
		f := begin(t, d, "doubles", acmesync.Fetch)
		for _, want := range []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
			hold(t, f, acme, 0)
			require.GreaterOrEqual(t, nextIn(t, "doubles"), want-0.5)
			require.LessOrEqual(t, nextIn(t, "doubles"), want*1.25)
		}
		exec(t, d, `UPDATE holds SET tries = 1000000 WHERE tenant = 'doubles'`)
		hold(t, f, acme, 0)
		require.LessOrEqual(t, nextIn(t, "doubles"), 375.0, "however often it was tried")
		holds, err := d.Holds(ctx, "doubles")
		require.NoError(t, err)
		require.Len(t, holds, 1)
		require.Equal(t, 1_000_001, holds[0].Tries)
	})
	t.Run("a wait the other side named holds, first and again", func(t *testing.T) {
		activated(t, d, "named")
		f := begin(t, d, "named", acmesync.Fetch)
		for range 2 {
			hold(t, f, acme, 40*time.Second)
			require.GreaterOrEqual(t, nextIn(t, "named"), 39.5)
			require.LessOrEqual(t, nextIn(t, "named"), 50.0)
		}
	})
	t.Run("since stays, reason and kind are the newest", func(t *testing.T) {
		activated(t, d, "since")
		f := begin(t, d, "since", acmesync.Fetch)
		hold(t, f, acme, 0)
		exec(t, d, `UPDATE holds SET since = now() - interval '1 hour' WHERE tenant = 'since'`)
		require.NoError(t, d.Hold(ctx, f, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Kind: acmesync.RateLimited, Reason: "Acme asks us to slow down"}, 0))
		tenant, err := d.Tenant(ctx, "since")
		require.NoError(t, err)
		require.Equal(t, []any{acmesync.Held, "Acme asks us to slow down"}, []any{tenant.State, tenant.StateReason})
		require.WithinDuration(t, time.Now().Add(-time.Hour), tenant.StateSince, time.Minute)
	})
	t.Run("a hold is due when its time has come, and stays one until it is released", func(t *testing.T) {
		activated(t, d, "due")
		f := begin(t, d, "due", acmesync.Fetch)
		hold(t, f, acme, time.Hour)
		require.Equal(t, []acmesync.Stream{""}, heldNow(t, "due", acmesync.DependsOnAcme))
		require.Empty(t, heldNow(t, "due", acmesync.DependsOnApp), "the app is not held")
		exec(t, d, `UPDATE holds SET next_at = now() WHERE tenant = 'due'`)
		require.Empty(t, heldNow(t, "due", acmesync.DependsOnAcme))
		holds, err := d.Holds(ctx, "due")
		require.NoError(t, err)
		require.Len(t, holds, 1)
		release(t, f, acmesync.DependsOnApp, "")
		holds, err = d.Holds(ctx, "due")
		require.NoError(t, err)
		require.Len(t, holds, 1, "the other dependency answering says nothing")
		release(t, f, acmesync.DependsOnAcme, "")
		tenant, err := d.Tenant(ctx, "due")
		require.NoError(t, err)
		require.Equal(t, acmesync.Starting, tenant.State)
	})
	t.Run("a stream is held apart from the others", func(t *testing.T) {
		activated(t, d, "stream")
		f := begin(t, d, "stream", acmesync.Fetch)
		hold(t, f, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Stream: acmesync.Touchpoints}, time.Hour)
		require.Equal(t, []acmesync.Stream{acmesync.Touchpoints}, heldNow(t, "stream", acmesync.DependsOnAcme))
	})
	t.Run("a stream that answers ends its own hold and the one on all, not another stream's", func(t *testing.T) {
		activated(t, d, "apart")
		f := begin(t, d, "apart", acmesync.Fetch)
		for _, stream := range []acmesync.Stream{"", acmesync.Appointments, acmesync.Touchpoints} {
			hold(t, f, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Stream: stream}, time.Hour)
		}
		require.Equal(t, 1, release(t, f, acmesync.DependsOnAcme, acmesync.Appointments), "one hold is left")
		require.Equal(t, []acmesync.Stream{acmesync.Touchpoints}, heldNow(t, "apart", acmesync.DependsOnAcme))
		require.Equal(t, 1, release(t, f, acmesync.DependsOnAcme, ""), "reading by id says nothing about a list")
		require.Zero(t, release(t, f, acmesync.DependsOnAcme, acmesync.Touchpoints))
	})
	t.Run("after a release the wait begins at a second again", func(t *testing.T) {
		activated(t, d, "fresh")
		f := begin(t, d, "fresh", acmesync.Fetch)
		for range 6 {
			hold(t, f, acme, 0)
		}
		release(t, f, acmesync.DependsOnAcme, "")
		hold(t, f, acme, 0)
		require.LessOrEqual(t, nextIn(t, "fresh"), 1.25)
	})
}

func TestEndLane(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	n := 0
	// quiet makes a tenant with nothing due, and an attempt of each lane.
	quiet := func(t *testing.T) (acmesync.TenantID, acmesync.Fence, acmesync.Fence) {
		t.Helper()
		n++
		id := acmesync.TenantID("quiet-" + string(rune('a'+n)))
		activated(t, d, id)
		exec(t, d, `UPDATE positions SET due_at = now() + interval '600 s' WHERE tenant = $1`, id)
		exec(t, d, `UPDATE connections SET subscription_due = now() + interval '900 s' WHERE tenant = $1`, id)
		return id, begin(t, d, id, acmesync.Fetch), begin(t, d, id, acmesync.Deliver)
	}
	end := func(t *testing.T, f acmesync.Fence) (float64, bool) {
		t.Helper()
		wait, due, err := d.EndLane(ctx, f)
		require.NoError(t, err)
		return wait.Seconds(), due
	}
	in := func(t *testing.T, f acmesync.Fence, seconds float64) {
		t.Helper()
		wait, due := end(t, f)
		require.True(t, due)
		require.InDelta(t, seconds, wait, 5)
		require.InDelta(t, seconds, scalar[float64](t, d, `SELECT extract(epoch FROM due_at - now()) FROM lanes WHERE tenant = $1 AND lane = $2`, f.Tenant, f.Lane), 5,
			"the sweep reads the same")
	}
	held := func(t *testing.T, f acmesync.Fence, h acmesync.Hold, seconds float64) {
		t.Helper()
		h.Kind, h.Reason = acmesync.Unavailable, "r"
		require.NoError(t, d.Hold(ctx, f, h, time.Minute))
		exec(t, d, `UPDATE holds SET next_at = now() + $4 * interval '1 second' WHERE tenant = $1 AND dependency = $2 AND stream = $3`, f.Tenant, h.Dependency, h.Stream, seconds)
	}
	onAcme, onApp := acmesync.Hold{Dependency: acmesync.DependsOnAcme}, acmesync.Hold{Dependency: acmesync.DependsOnApp}
	later := func(t *testing.T, id acmesync.TenantID, lane acmesync.Lane, seconds float64) {
		t.Helper()
		exec(t, d, `UPDATE envelopes SET due_at = now() + $3 * interval '1 second' WHERE tenant = $1 AND lane = $2`, id, lane, seconds)
	}

	t.Run("fetch runs again with the earliest poll", func(t *testing.T) {
		id, f, _ := quiet(t)
		exec(t, d, `UPDATE positions SET due_at = now() + interval '60 s' WHERE tenant = $1 AND stream = 'touchpoints'`, id)
		in(t, f, 60)
	})
	t.Run("fetch runs again with the earliest hint", func(t *testing.T) {
		id, f, _ := quiet(t)
		hinted(t, d, id, appointment("1"))
		later(t, id, acmesync.Fetch, 30)
		in(t, f, 30)
	})
	t.Run("fetch runs again to look at the subscription", func(t *testing.T) {
		id, f, _ := quiet(t)
		exec(t, d, `UPDATE connections SET subscription_due = now() + interval '50 s' WHERE tenant = $1`, id)
		in(t, f, 50)
	})
	t.Run("what is overdue is due at once, not earlier", func(t *testing.T) {
		id, f, _ := quiet(t)
		exec(t, d, `UPDATE positions SET due_at = now() - interval '1 hour' WHERE tenant = $1`, id)
		wait, due := end(t, f)
		require.True(t, due)
		require.Zero(t, wait)
	})
	t.Run("a hold on Acme puts off all of fetch", func(t *testing.T) {
		id, f, _ := quiet(t)
		hinted(t, d, id, appointment("1"))
		held(t, f, onAcme, 120)
		in(t, f, 120)
	})
	t.Run("a hold on one stream puts off that stream only", func(t *testing.T) {
		id, f, _ := quiet(t)
		exec(t, d, `UPDATE positions SET due_at = now() WHERE tenant = $1 AND stream = 'touchpoints'`, id)
		held(t, f, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Stream: acmesync.Touchpoints}, 800)
		in(t, f, 600)
	})
	t.Run("hints wait for the app too: while it is held, hints stay hints", func(t *testing.T) {
		id, f, out := quiet(t)
		hinted(t, d, id, appointment("1"))
		held(t, out, onApp, 120)
		in(t, f, 120)
	})
	t.Run("polls do not wait for the app", func(t *testing.T) {
		id, f, out := quiet(t)
		exec(t, d, `UPDATE positions SET due_at = now() + interval '60 s' WHERE tenant = $1`, id)
		held(t, out, onApp, 120)
		in(t, f, 60)
	})
	t.Run("deliver without work waits for a ring", func(t *testing.T) {
		_, _, out := quiet(t)
		_, due := end(t, out)
		require.False(t, due)
	})
	t.Run("deliver runs again with the earliest page", func(t *testing.T) {
		id, f, out := quiet(t)
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "1"))
		later(t, id, acmesync.Deliver, 40)
		in(t, out, 40)
	})
	t.Run("deliver runs again at once for a count that was not sent", func(t *testing.T) {
		_, _, out := quiet(t)
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Facts: []acmesync.Fact{fact("1", "u", "2026-01-01")}}))
		in(t, out, 0)
	})
	t.Run("a hold on the app puts off pages and counts", func(t *testing.T) {
		_, f, out := quiet(t)
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "1"))
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Facts: []acmesync.Fact{fact("1", "u", "2026-01-01")}}))
		held(t, out, onApp, 120)
		in(t, out, 120)
	})
	t.Run("deliver does not wait for Acme", func(t *testing.T) {
		_, f, out := quiet(t)
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "1"))
		held(t, f, onAcme, 120)
		in(t, out, 0)
	})
	t.Run("a hold whose time has come does not make work that is not there due", func(t *testing.T) {
		id, f, out := quiet(t)
		held(t, f, onAcme, -1)
		held(t, out, onApp, -1)
		in(t, f, 600)
		_, due := end(t, out)
		require.False(t, due)
		holds, err := d.Holds(ctx, id)
		require.NoError(t, err)
		require.Empty(t, holds, "it was not held again and there is nothing to try it with: nothing says any more that it is down")
	})
	t.Run("a hold whose time has come stays while there is work to try it with", func(t *testing.T) {
		id, f, out := quiet(t)
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "1"))
		held(t, out, onApp, -1)
		in(t, out, 0)
		holds, err := d.Holds(ctx, id)
		require.NoError(t, err)
		require.Len(t, holds, 1)
	})
	t.Run("a hold without work brings the lane back to see whether it still holds", func(t *testing.T) {
		_, _, out := quiet(t)
		held(t, out, onApp, 120)
		in(t, out, 120)
	})
	t.Run("an attempt that was overtaken decides nothing", func(t *testing.T) {
		id, f, _ := quiet(t)
		begin(t, d, id, acmesync.Fetch)
		_, due := end(t, f)
		require.False(t, due)
		require.True(t, scalar[bool](t, d, `SELECT alive_at IS NOT NULL FROM lanes WHERE tenant = $1 AND lane = 'fetch'`, id))
	})
	t.Run("an attempt that ended is alive no longer", func(t *testing.T) {
		id, f, _ := quiet(t)
		end(t, f)
		require.True(t, scalar[bool](t, d, `SELECT alive_at IS NULL FROM lanes WHERE tenant = $1 AND lane = 'fetch'`, id))
	})
}

func TestWithWork(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	look := func(t *testing.T, id acmesync.TenantID) []acmesync.Lane {
		t.Helper()
		found, err := d.WithWork(ctx, []acmesync.LaneKey{{Tenant: id, Lane: acmesync.Fetch}, {Tenant: id, Lane: acmesync.Deliver}, {Tenant: "nobody", Lane: acmesync.Fetch}})
		require.NoError(t, err)
		var lanes []acmesync.Lane
		for _, k := range found {
			require.Equal(t, id, k.Tenant)
			lanes = append(lanes, k.Lane)
		}
		return lanes
	}
	t.Run("nobody lingers: nothing is found", func(t *testing.T) {
		found, err := d.WithWork(ctx, nil)
		require.NoError(t, err)
		require.Empty(t, found)
	})
	t.Run("each lane finds its own work, once it is due", func(t *testing.T) {
		activated(t, d, "own")
		require.Empty(t, look(t, "own"))
		hinted(t, d, "own", appointment("1"))
		require.Equal(t, []acmesync.Lane{acmesync.Fetch}, look(t, "own"))
		fetched(t, d, begin(t, d, "own", acmesync.Fetch), page(acmesync.Appointments, acmesync.Live, "1"))
		require.ElementsMatch(t, []acmesync.Lane{acmesync.Fetch, acmesync.Deliver}, look(t, "own"))
		exec(t, d, `UPDATE envelopes SET due_at = now() + interval '1 hour' WHERE tenant = 'own' AND lane = 'fetch'`)
		require.Equal(t, []acmesync.Lane{acmesync.Deliver}, look(t, "own"))
		exec(t, d, `UPDATE envelopes SET ended_at = now() WHERE tenant = 'own' AND lane = 'deliver'`)
		require.Empty(t, look(t, "own"))
	})
	t.Run("a lane whose dependency is held has no work: it would linger without end", func(t *testing.T) {
		activated(t, d, "held")
		f, out := begin(t, d, "held", acmesync.Fetch), begin(t, d, "held", acmesync.Deliver)
		hinted(t, d, "held", appointment("1"))
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "1"))
		down := func(on acmesync.Dependency, stream acmesync.Stream) {
			require.NoError(t, d.Hold(ctx, out, acmesync.Hold{Dependency: on, Stream: stream, Kind: acmesync.Unavailable, Reason: "r"}, time.Hour))
		}
		down(acmesync.DependsOnAcme, acmesync.Touchpoints)
		require.ElementsMatch(t, []acmesync.Lane{acmesync.Fetch, acmesync.Deliver}, look(t, "held"), "one stream of Acme's stops no hints")
		down(acmesync.DependsOnAcme, "")
		require.Equal(t, []acmesync.Lane{acmesync.Deliver}, look(t, "held"))
		_, err := d.Release(ctx, f, acmesync.DependsOnAcme, "")
		require.NoError(t, err)
		down(acmesync.DependsOnApp, "")
		require.Empty(t, look(t, "held"), "hints stay hints while the app is held")
		exec(t, d, `UPDATE holds SET next_at = now() WHERE tenant = 'held'`)
		require.ElementsMatch(t, []acmesync.Lane{acmesync.Fetch, acmesync.Deliver}, look(t, "held"), "its time has come")
	})
}
