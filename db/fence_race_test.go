package db_test

import (
	"errors"
	"testing"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestFenceUnderConcurrency(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()

	t.Run("of two attempts that commit at once exactly the newer one does", func(t *testing.T) {
		activated(t, d, "both")
		for round := range 30 {
			older, newer := begin(t, d, "both", acmesync.Fetch), begin(t, d, "both", acmesync.Fetch)
			results := make(chan error, 2)
			for _, f := range []acmesync.Fence{older, newer} {
				go func() {
					results <- d.CommitFetched(ctx, f, acmesync.Fetched{Pages: []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, "r")}})
				}()
			}
			first, second := <-results, <-results
			require.ErrorIs(t, errors.Join(first, second), acmesync.ErrFenced)
			require.Equal(t, round+1, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'both'`))
		}
	})
	t.Run("an attempt that begins waits for a commit under way, which then still counts", func(t *testing.T) {
		activated(t, d, "straddle")
		f := begin(t, d, "straddle", acmesync.Fetch)
		held := d.Super.MustBegin()
		_, err := held.Exec(`SELECT 1 FROM positions WHERE tenant = 'straddle' FOR UPDATE`) // stops the commit half-way
		require.NoError(t, err)
		committed := make(chan error, 1)
		go func() {
			committed <- d.CommitFetched(ctx, f, acmesync.Fetched{
				Pages:    []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, "r")},
				Position: &acmesync.Position{Stream: acmesync.Appointments},
			})
		}()
		blocked(t, d)
		began := make(chan acmesync.Fence, 1)
		go func() {
			newer, _ := d.BeginLane(ctx, "straddle", acmesync.Fetch)
			began <- newer
		}()
		eventually(t, "the new attempt waits", func() bool {
			return scalar[int](t, d, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 2
		})
		require.NoError(t, held.Commit())
		require.NoError(t, <-committed)
		require.NoError(t, d.Alive(ctx, <-began))
	})
	for _, command := range []acmesync.CommandName{acmesync.Deactivate, acmesync.Activate} {
		t.Run("no page slips in behind "+string(command), func(t *testing.T) {
			id := acmesync.TenantID("slip-" + string(command))
			activated(t, d, id)
			f := begin(t, d, id, acmesync.Fetch)
			if command == acmesync.Activate {
				exec(t, d, `UPDATE tenants SET state = 'stopped' WHERE tenant = $1`, id)
			}
			held := d.Super.MustBegin()
			_, err := held.Exec(`SELECT 1 FROM positions WHERE tenant = $1 AND stream = 'appointments' FOR UPDATE`, id)
			require.NoError(t, err)
			committed := make(chan error, 1)
			go func() {
				committed <- d.CommitFetched(ctx, f, acmesync.Fetched{
					Position: &acmesync.Position{Stream: acmesync.Appointments},
					Pages:    []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, "late")},
				})
			}()
			blocked(t, d)
			applied := make(chan error, 1)
			go func() {
				_, err := d.Apply(ctx, id, acmesync.Command{ID: "slip", Name: command, Actor: "test"})
				applied <- err
			}()
			eventually(t, "the command is through or waits for the page", func() bool {
				return len(applied) == 1 || scalar[int](t, d, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 2
			})
			require.NoError(t, held.Commit())
			if err := <-committed; err != nil { // either is right: before the command, or refused by it
				require.ErrorIs(t, err, acmesync.ErrEpoch)
			}
			require.NoError(t, <-applied)
			require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = $1 AND ended_at IS NULL`, id), "nothing waits that nobody will ever take")
		})
	}
}
