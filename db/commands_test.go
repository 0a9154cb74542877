package db_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write golden files anew")

var (
	states = []acmesync.TenantState{acmesync.Draft, acmesync.Starting, acmesync.Active, acmesync.NeedsReauth, acmesync.Queued,
		acmesync.Paused, acmesync.Stopped, acmesync.Deactivated}
	commands = []acmesync.CommandName{acmesync.Activate, acmesync.Pause, acmesync.Resume, acmesync.SyncNow, acmesync.RetryNow,
		acmesync.Rewalk, acmesync.Deactivate, acmesync.Stop}
)

// Every command in every state, with and without a complete first sync: what it comes to stands in a file that people read.
func TestCommandTable(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	var table strings.Builder
	table.WriteString("first sync | state        | command    | becomes      | epoch | generation\n")
	n := 0
	for _, complete := range []bool{false, true} {
		for _, state := range states {
			for _, command := range commands {
				n++
				id := acmesync.TenantID(fmt.Sprintf("t%d", n))
				if state == acmesync.Draft {
					draft(t, d, id)
				} else {
					activated(t, d, id)
				}
				if complete {
					exec(t, d, `UPDATE positions SET backfilled_at = now() WHERE tenant = $1`, id)
				}
				exec(t, d, `UPDATE tenants SET state = $2 WHERE tenant = $1`, id, state)
				before, err := d.Tenant(ctx, id)
				require.NoError(t, err)
				rows := dump(t, d, id)
				var becomes string
				after, err := d.Apply(ctx, id, acmesync.Command{ID: "c", Name: command, Actor: "anna", Reason: "because"})
				var conflict *acmesync.Conflict
				switch {
				case errors.As(err, &conflict):
					require.Equal(t, "wrong_state", conflict.Code)
					require.Contains(t, conflict.Message, string(state), "it says what stands in the way")
					require.Equal(t, rows, dump(t, d, id), "a refused command leaves nothing behind, its id neither")
					becomes, after = "CONFLICT", before
				default:
					require.NoError(t, err)
					becomes = string(after.State)
					require.Greater(t, after.Version, before.Version)
					if after.State != before.State {
						require.Equal(t, "because", after.StateReason)
						require.False(t, after.StateSince.Before(before.StateSince))
					}
					audit, err := d.Audit(ctx, id, 1)
					require.NoError(t, err)
					require.Equal(t, []string{"anna", string(command)}, []string{audit[0].Actor, audit[0].Action})
				}
				fmt.Fprintf(&table, "%-10v | %-12s | %-10s | %-12s | %+d    | %+d\n", complete, state, command, becomes, after.Epoch-before.Epoch, after.Generation-before.Generation)
			}
		}
	}
	golden := filepath.Join("testdata", "commands.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(table.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), table.String(), "go test ./db -run TestCommandTable -update writes it anew")
}

func TestCommands(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()

	t.Run("a command id applies once, however often and at once it is sent", func(t *testing.T) {
		activated(t, d, "once")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := d.Apply(ctx, "once", acmesync.Command{ID: "same", Name: acmesync.SyncNow, Actor: "test"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		tenant, err := d.Tenant(ctx, "once")
		require.NoError(t, err)
		require.EqualValues(t, 2, tenant.Epoch, "the activation's and one more")
	})
	t.Run("a command sent again answers the tenant as it is now, though the command would not fit any more", func(t *testing.T) {
		activated(t, d, "again")
		pause := acmesync.Command{ID: "pause-1", Name: acmesync.Pause, Actor: "test"}
		_, err := d.Apply(ctx, "again", pause)
		require.NoError(t, err)
		tenant, err := d.Apply(ctx, "again", pause)
		require.NoError(t, err)
		require.Equal(t, acmesync.Paused, tenant.State)
	})
	t.Run("the same command id of another tenant is another command", func(t *testing.T) {
		for _, id := range []acmesync.TenantID{"id-a", "id-b"} {
			activated(t, d, id)
			tenant, err := d.Apply(ctx, id, acmesync.Command{ID: "shared", Name: acmesync.Pause, Actor: "test"})
			require.NoError(t, err)
			require.Equal(t, acmesync.Paused, tenant.State)
		}
	})
	t.Run("an unknown command or tenant is refused", func(t *testing.T) {
		_, err := d.Apply(ctx, "once", acmesync.Command{ID: "x", Name: "explode", Actor: "test"})
		require.ErrorContains(t, err, "no command")
		_, err = d.Apply(ctx, "nobody", acmesync.Command{ID: "x", Name: acmesync.Pause, Actor: "test"})
		require.ErrorIs(t, err, acmesync.ErrNotFound)
	})
	t.Run("an activation begins a generation: streams from their beginning, nothing of the one before waits", func(t *testing.T) {
		draft(t, d, "begin")
		apply(t, d, "begin", acmesync.Activate)
		f := begin(t, d, "begin", acmesync.Fetch)
		at := time.Now()
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{
			Pages:    []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, "old-1", "old-2")},
			Position: &acmesync.Position{Stream: acmesync.Appointments, Cursor: "c", WatermarkAt: &at, Walking: true},
		}))
		require.NoError(t, d.Hold(ctx, f, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Kind: acmesync.Unavailable, Reason: "r"}, time.Hour))
		hinted(t, d, "begin", appointment("old-3"))
		apply(t, d, "begin", acmesync.Stop)
		tenant := apply(t, d, "begin", acmesync.Activate)
		require.EqualValues(t, 2, tenant.Generation)
		require.Equal(t, acmesync.Starting, tenant.State, "no hold is left")
		require.Equal(t, 2, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'begin' AND outcome = 'old_generation' AND ended_at IS NOT NULL`))
		balanced(t, d, "begin")
		f = begin(t, d, "begin", acmesync.Fetch)
		positions, err := d.Positions(ctx, f)
		require.NoError(t, err)
		require.Len(t, positions, 3)
		for _, p := range positions[:2] {
			require.Equal(t, acmesync.Position{Stream: p.Stream, Due: true, DueIn: p.DueIn, Now: p.Now}, p)
		}
		require.True(t, positions[2].Backfilled && positions[2].WatermarkAt != nil, "contacts come with the records that name them: no first walk")
		require.Equal(t, []acmesync.Stream{acmesync.Appointments, acmesync.Touchpoints, acmesync.Contacts},
			[]acmesync.Stream{positions[0].Stream, positions[1].Stream, positions[2].Stream})
		for _, kind := range []acmesync.PersonKind{acmesync.UserPerson, acmesync.AppUserPerson} {
			stale, _, err := d.StaffStale(ctx, f, kind)
			require.NoError(t, err)
			require.True(t, stale)
		}
	})
	t.Run("the ledger outlives a deactivation: what both sides agree on is not written again", func(t *testing.T) {
		activated(t, d, "ledger")
		f := begin(t, d, "ledger", acmesync.Deliver)
		require.NoError(t, d.CommitDelivered(ctx, f, acmesync.Delivered{Entries: []acmesync.LedgerEntry{entry(acmesync.Appointments, "1", acmesync.InStep, "")}}))
		apply(t, d, "ledger", acmesync.Deactivate)
		apply(t, d, "ledger", acmesync.Activate)
		got, err := d.Ledger(ctx, begin(t, d, "ledger", acmesync.Deliver), acmesync.Appointments, []string{"1"})
		require.NoError(t, err)
		require.Equal(t, "11111111-1111-1111-1111-111111111111", got["1"].Hash)
	})

	subscribed := func(id acmesync.TenantID) {
		activated(t, d, id)
		f := begin(t, d, id, acmesync.Fetch)
		require.NoError(t, d.CommitSubscription(ctx, f, "sub_1", "whsec_1", time.Hour))
		hinted(t, d, id, appointment("1"))
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "1", "2", "3"))
		out := begin(t, d, id, acmesync.Deliver)
		waiting := claim(t, d, out)[0]
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Ended: []acmesync.EndedPage{{Envelope: waiting.Envelope, Done: 1, Rest: []string{"2", "3"}}}}))
	}
	cleanups := func(id acmesync.TenantID) []acmesync.Cleanup {
		all, err := d.Cleanups(ctx, id)
		require.NoError(t, err)
		return all
	}
	t.Run("a deactivation ends what waits with a code, keeps events, and leaves the subscription to be removed", func(t *testing.T) {
		subscribed("keep")
		apply(t, d, "keep", acmesync.Deactivate)
		require.Equal(t, 2, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'keep' AND outcome = 'deactivated' AND ended_at IS NOT NULL`))
		balanced(t, d, "keep")
		require.Zero(t, balanceOf(t, d, "keep", acmesync.Appointments).Arrivals.Waiting)
		require.Equal(t, []acmesync.Cleanup{{Kind: "unsubscribe", Target: "sub_1"}}, cleanups("keep"))
		c, err := d.Connection(ctx, "keep")
		require.NoError(t, err)
		require.Empty(t, c.SubscriptionID)
	})
	t.Run("a deactivation that removes events leaves that to be done too, and an activation before it is done calls it off", func(t *testing.T) {
		subscribed("remove")
		_, err := d.Apply(ctx, "remove", acmesync.Command{ID: "r", Name: acmesync.Deactivate, Actor: "test", RemoveEvents: true})
		require.NoError(t, err)
		require.Equal(t, []acmesync.Cleanup{{Kind: "unsubscribe", Target: "sub_1"}, {Kind: "remove_events", Target: "all"}}, cleanups("remove"))
		apply(t, d, "remove", acmesync.Activate)
		require.Equal(t, []acmesync.Cleanup{{Kind: "unsubscribe", Target: "sub_1"}}, cleanups("remove"))
	})
	t.Run("a cleanup that failed waits longer each time and is struck off when done", func(t *testing.T) {
		subscribed("later")
		apply(t, d, "later", acmesync.Stop)
		c := cleanups("later")[0]
		wait := func() float64 {
			return scalar[float64](t, d, `SELECT extract(epoch FROM due_at - now()) FROM cleanups WHERE tenant = 'later'`)
		}
		for try, want := range []float64{60, 120, 240, 480, 960, 1920, 3600, 3600} {
			require.NoError(t, d.PutOffCleanup(ctx, "later", c))
			require.InDelta(t, want, wait(), 5, "try %d", try)
		}
		require.Equal(t, 8, cleanups("later")[0].Tries)
		require.NoError(t, d.CleanedUp(ctx, "later", c))
		require.Empty(t, cleanups("later"))
	})
	t.Run("sync now makes everything due: polls, hints that were put off, holds, lanes", func(t *testing.T) {
		activated(t, d, "now")
		f := begin(t, d, "now", acmesync.Fetch)
		hinted(t, d, "now", appointment("1"))
		h := hints(t, d, f)[0]
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{
			Later:    []acmesync.LaterHint{{Envelope: h.Envelope, After: time.Hour}},
			Position: &acmesync.Position{Stream: acmesync.Appointments, PollAfter: time.Hour},
		}))
		require.NoError(t, d.Hold(ctx, f, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Kind: acmesync.Unavailable, Reason: "r"}, time.Hour))
		apply(t, d, "now", acmesync.RetryNow)
		held, err := d.HeldNow(ctx, "now", acmesync.DependsOnAcme)
		require.NoError(t, err)
		require.Empty(t, held, "it is tried at once")
		holds, err := d.Holds(ctx, "now")
		require.NoError(t, err)
		require.Len(t, holds, 1, "but it is a hold until it has answered")
		f = begin(t, d, "now", acmesync.Fetch)
		require.Len(t, hints(t, d, f), 1)
		positions, err := d.Positions(ctx, f)
		require.NoError(t, err)
		require.True(t, positions[0].Due)
	})
	t.Run("a backfill sends the recorded streams back to their beginning", func(t *testing.T) {
		activated(t, d, "rewalk")
		f := begin(t, d, "rewalk", acmesync.Fetch)
		at := time.Now()
		for _, s := range acmesync.Polled() {
			require.NoError(t, d.SavePosition(ctx, f, acmesync.Position{Stream: s, Cursor: "c", WatermarkAt: &at, Walking: true, Backfilled: true, PollAfter: time.Hour, PageLimit: 1}))
		}
		apply(t, d, "rewalk", acmesync.Rewalk)
		positions, err := d.Positions(ctx, begin(t, d, "rewalk", acmesync.Fetch))
		require.NoError(t, err)
		for i, stream := range acmesync.Recorded() {
			require.Equal(t, acmesync.Position{Stream: stream, Due: true, DueIn: positions[i].DueIn, PolledAgo: positions[i].PolledAgo, Now: positions[i].Now}, positions[i])
		}
		require.NotNil(t, positions[2].WatermarkAt)
	})
	t.Run("a tenant waits for credentials once, and goes on where it was", func(t *testing.T) {
		activated(t, d, "reauth")
		fence, err := d.BeginLane(ctx, "reauth", acmesync.Fetch)
		require.NoError(t, err)
		news, err := d.RequireReauth(ctx, fence, "Acme refuses the API key")
		require.NoError(t, err)
		require.True(t, news)
		news, err = d.RequireReauth(ctx, fence, "again")
		require.NoError(t, err)
		require.False(t, news)
		tenant, err := d.Tenant(ctx, "reauth")
		require.NoError(t, err)
		require.Equal(t, []any{acmesync.NeedsReauth, "Acme refuses the API key"}, []any{tenant.State, tenant.StateReason})
		waited, err := d.Reconnected(ctx, "reauth", "anna")
		require.NoError(t, err)
		require.True(t, waited)
		waited, err = d.Reconnected(ctx, "reauth", "anna")
		require.NoError(t, err)
		require.False(t, waited)
		tenant, err = d.Tenant(ctx, "reauth")
		require.NoError(t, err)
		require.Equal(t, acmesync.Starting, tenant.State)
	})
	t.Run("an id that is taken is a conflict and changes nothing", func(t *testing.T) {
		draft(t, d, "taken")
		before := dump(t, d, "taken")
		_, err := d.CreateTenant(ctx, newTenant("taken"))
		var conflict *acmesync.Conflict
		require.ErrorAs(t, err, &conflict)
		require.Equal(t, "tenant_exists", conflict.Code)
		require.Equal(t, before, dump(t, d, "taken"))
	})
	t.Run("tenants are listed in order, page by page", func(t *testing.T) {
		var ids []acmesync.TenantID
		for after := acmesync.TenantID(""); ; {
			page, err := d.Tenants(ctx, after, 3)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, tenant := range page {
				ids = append(ids, tenant.ID)
			}
			after = ids[len(ids)-1]
		}
		require.Len(t, ids, scalar[int](t, d, `SELECT count(*) FROM tenants`))
		require.IsIncreasing(t, texts(ids))
	})
}

func texts(ids []acmesync.TenantID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, string(id))
	}
	return out
}

func TestCompleted(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "first")
	f, out := begin(t, d, "first", acmesync.Fetch), begin(t, d, "first", acmesync.Deliver)
	completed := func() bool {
		done, err := d.Completed(ctx, out)
		require.NoError(t, err)
		return done
	}
	steps := []struct {
		fact string
		do   func()
	}{
		{"no stream was read to its end", func() {}},
		{"one stream is still to be read", func() {
			require.NoError(t, d.SavePosition(ctx, f, acmesync.Position{Stream: acmesync.Appointments, Backfilled: true}))
		}},
		{"a page waits", func() {
			require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Pages: []acmesync.NewPage{page(acmesync.Touchpoints, acmesync.Backfill, "1")},
				Position: &acmesync.Position{Stream: acmesync.Touchpoints, Backfilled: true}}))
		}},
		{"a page waits, put off for later", func() { exec(t, d, `UPDATE envelopes SET due_at = now() + interval '1 hour'`) }},
		{"a count was not sent", func() {
			exec(t, d, `UPDATE envelopes SET due_at = now()`)
			finish(t, d, out, claim(t, d, out)...)
			require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Facts: []acmesync.Fact{fact("1", "u", "2026-01-01")}}))
		}},
	}
	for _, s := range steps {
		t.Run("the first sync is not complete while "+s.fact, func(t *testing.T) {
			s.do()
			require.False(t, completed())
		})
	}
	t.Run("it is complete once, when nothing waits", func(t *testing.T) {
		cells, err := d.DueCells(ctx, out, 10)
		require.NoError(t, err)
		require.NoError(t, d.CommitCells(ctx, out, cells, nil))
		require.True(t, completed())
		require.False(t, completed())
		tenant, err := d.Tenant(ctx, "first")
		require.NoError(t, err)
		require.Equal(t, acmesync.Active, tenant.State)
		require.NoError(t, d.Alive(ctx, out), "it is no command: the lanes go on")
	})
	t.Run("an attempt of an earlier activation completes nothing", func(t *testing.T) {
		apply(t, d, "first", acmesync.Deactivate)
		apply(t, d, "first", acmesync.Activate)
		exec(t, d, `UPDATE positions SET backfilled_at = now()`)
		require.False(t, completed())
	})
	t.Run("a paused tenant is not made active", func(t *testing.T) {
		apply(t, d, "first", acmesync.Pause)
		out.Generation++
		require.False(t, completed())
	})
}
