package db_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestMarks(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	both := []acmesync.Lane{acmesync.Fetch, acmesync.Deliver}

	t.Run("of twenty that mark at once one is told to ring, for each lane", func(t *testing.T) {
		activated(t, d, "twenty")
		var flips atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				flipped, err := d.Mark(ctx, []acmesync.TenantID{"twenty"}, both...)
				if err == nil {
					flips.Add(int64(len(flipped)))
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 2, flips.Load())
	})
	t.Run("each lane has a mark of its own", func(t *testing.T) {
		activated(t, d, "own")
		flipped, err := d.Mark(ctx, []acmesync.TenantID{"own"}, acmesync.Fetch)
		require.NoError(t, err)
		require.Equal(t, []acmesync.LaneKey{{Tenant: "own", Lane: acmesync.Fetch}}, flipped)
		flipped, err = d.Mark(ctx, []acmesync.TenantID{"own"}, both...)
		require.NoError(t, err)
		require.Equal(t, []acmesync.LaneKey{{Tenant: "own", Lane: acmesync.Deliver}}, flipped)
	})
	t.Run("several tenants are marked at once, those that do not run are left out", func(t *testing.T) {
		for _, id := range []acmesync.TenantID{"many-a", "many-b", "many-paused", "many-stopped"} {
			activated(t, d, id)
		}
		draft(t, d, "many-draft")
		apply(t, d, "many-paused", acmesync.Pause)
		apply(t, d, "many-stopped", acmesync.Stop)
		flipped, err := d.Mark(ctx, []acmesync.TenantID{"many-b", "many-a", "many-paused", "many-stopped", "many-draft", "nobody"}, acmesync.Fetch)
		require.NoError(t, err)
		require.ElementsMatch(t, []acmesync.LaneKey{{Tenant: "many-a", Lane: acmesync.Fetch}, {Tenant: "many-b", Lane: acmesync.Fetch}}, flipped)
	})
	t.Run("a cleared mark flips again", func(t *testing.T) {
		activated(t, d, "cleared")
		f := begin(t, d, "cleared", acmesync.Fetch)
		require.Len(t, mark(t, d, "cleared"), 1)
		require.NoError(t, d.ClearMark(ctx, f))
		require.Len(t, mark(t, d, "cleared"), 1)
	})
	t.Run("a mark older than 30 seconds flips again only without a live attempt", func(t *testing.T) {
		activated(t, d, "old")
		require.Len(t, mark(t, d, "old"), 1)
		age := func(marked, alive string) {
			exec(t, d, `UPDATE lanes SET marked_at = now() - $1::interval, alive_at = now() - nullif($2, '')::interval WHERE tenant = 'old'`, marked, alive)
		}
		age("29 s", "")
		require.Empty(t, mark(t, d, "old"))
		age("31 s", "1 s")
		require.Empty(t, mark(t, d, "old"), "the attempt under way looks for itself")
		age("31 s", "31 s")
		require.Len(t, mark(t, d, "old"), 1, "the attempt is dead")
		age("31 s", "")
		require.Len(t, mark(t, d, "old"), 1, "no attempt was ever begun")
	})
	for _, command := range []acmesync.CommandName{acmesync.SyncNow, acmesync.Activate} {
		t.Run(string(command)+" takes the lanes in the order in which marks take them", func(t *testing.T) {
			id := acmesync.TenantID("crossing-" + string(command)[:4])
			activated(t, d, id)
			if command == acmesync.Activate {
				apply(t, d, id, acmesync.Deactivate)
			}
			marking := d.Super.MustBegin()
			lock := func(lane acmesync.Lane) error {
				_, err := marking.Exec(`SELECT 1 FROM lanes WHERE tenant = $1 AND lane = $2 FOR UPDATE`, id, lane)
				return err
			}
			require.NoError(t, lock(acmesync.Deliver))
			applied := make(chan error, 1)
			go func() {
				_, err := d.Apply(ctx, id, acmesync.Command{ID: "crossing", Name: command, Actor: "test"})
				applied <- err
			}()
			blocked(t, d)
			require.NoError(t, lock(acmesync.Fetch), "the command waits for the first lane holding none")
			require.NoError(t, marking.Commit())
			require.NoError(t, <-applied)
		})
	}
}

func mark(t *testing.T, d *dbtest.Database, id acmesync.TenantID) []acmesync.LaneKey {
	t.Helper()
	flipped, err := d.Mark(t.Context(), []acmesync.TenantID{id}, acmesync.Fetch)
	require.NoError(t, err)
	return flipped
}

// A hook stores, commits, then marks; a lane that has found nothing clears its mark, commits, then looks once more. However
// the two meet, work is never left with nobody told: either that last look finds it or the mark flips.
func TestNoWorkIsLeftUntold(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	const tenants, rounds = 4, 60
	var all sync.WaitGroup
	untold, found, rung := atomic.Int64{}, atomic.Int64{}, atomic.Int64{}
	for n := range tenants {
		id := acmesync.TenantID(fmt.Sprintf("race-%d", n))
		activated(t, d, id)
		endpoint := endpointOf(t, d, id)
		f := begin(t, d, id, acmesync.Fetch)
		mark(t, d, id)
		all.Go(func() {
			for round := range rounds {
				flipped := make(chan bool, 1)
				go func() {
					_, err := d.StoreHooks(ctx, []db.HookDelivery{{Endpoint: endpoint, Tenant: id, WebhookID: fmt.Sprint(round), BodySHA: []byte{1},
						Events: []db.HookEvent{{Stream: acmesync.Appointments, AcmeID: fmt.Sprint(round), Body: []byte("{}")}}}})
					if err != nil {
						t.Error(err)
					}
					keys, err := d.Mark(ctx, []acmesync.TenantID{id}, acmesync.Fetch)
					if err != nil {
						t.Error(err)
					}
					flipped <- len(keys) == 1
				}()
				if err := d.ClearMark(ctx, f); err != nil {
					t.Error(err)
				}
				hints, err := d.ClaimHints(ctx, f, 10)
				if err != nil {
					t.Error(err)
				}
				told := <-flipped
				switch {
				case len(hints) > 0:
					found.Add(1)
				case told:
					rung.Add(1)
				default:
					untold.Add(1)
				}
				if hints, err = d.ClaimHints(ctx, f, 10); err != nil || len(hints) != 1 {
					t.Errorf("the next attempt finds it: %v %v", hints, err)
					return
				}
				ended := []acmesync.EndedHint{{Envelope: hints[0].Envelope, Column: acmesync.CountDone}}
				if err := d.CommitFetched(ctx, f, acmesync.Fetched{Ended: ended}); err != nil {
					t.Error(err)
				}
				if _, err := d.Mark(ctx, []acmesync.TenantID{id}, acmesync.Fetch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Zero(t, untold.Load(), "rounds in which work waited and nobody was told")
	t.Logf("the last look found it %d times, the mark flipped %d times", found.Load(), rung.Load())
}
