package db_test

import (
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func revisits(t *testing.T, d *dbtest.Database, f acmesync.Fence, at time.Time, ids ...string) {
	t.Helper()
	var all []acmesync.Revisit
	for _, id := range ids {
		all = append(all, acmesync.Revisit{Key: acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}, At: at})
	}
	require.NoError(t, d.CommitDelivered(t.Context(), f, acmesync.Delivered{Revisits: all}))
}

func TestRevisits(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), dbtest.New(t)
	past, later := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)

	t.Run("due ones become hints, at most so many at a time, once each", func(t *testing.T) {
		activated(t, d, "due")
		revisits(t, d, begin(t, d, "due", acmesync.Deliver), past, "1", "2", "3")
		revisits(t, d, begin(t, d, "due", acmesync.Deliver), later, "4")
		f := begin(t, d, "due", acmesync.Fetch)
		for _, want := range []int{2, 1, 0} {
			taken, err := d.TakeRevisits(ctx, f, 2)
			require.NoError(t, err)
			require.Equal(t, want, taken)
		}
		exec(t, d, `UPDATE envelopes SET due_at = now() WHERE tenant = 'due'`)
		require.Len(t, hints(t, d, f), 3)
	})
	t.Run("the last time named is the one", func(t *testing.T) {
		activated(t, d, "moved")
		out := begin(t, d, "moved", acmesync.Deliver)
		revisits(t, d, out, past, "1")
		revisits(t, d, out, later, "1")
		taken, err := d.TakeRevisits(ctx, begin(t, d, "moved", acmesync.Fetch), 10)
		require.NoError(t, err)
		require.Zero(t, taken)
	})
	t.Run("the fetch lane wakes for the next one though no poll is due", func(t *testing.T) {
		activated(t, d, "wakes")
		exec(t, d, `UPDATE positions SET due_at = now() + interval '1 day' WHERE tenant = 'wakes'`)
		exec(t, d, `UPDATE connections SET subscription_due = NULL WHERE tenant = 'wakes'`)
		revisits(t, d, begin(t, d, "wakes", acmesync.Deliver), later, "1")
		wait, due, err := d.EndLane(ctx, begin(t, d, "wakes", acmesync.Fetch))
		require.NoError(t, err)
		require.True(t, due)
		require.InDelta(t, time.Hour, wait, float64(time.Minute))
	})
	t.Run("an attempt that was overtaken takes none", func(t *testing.T) {
		activated(t, d, "fenced")
		revisits(t, d, begin(t, d, "fenced", acmesync.Deliver), past, "1")
		old := begin(t, d, "fenced", acmesync.Fetch)
		begin(t, d, "fenced", acmesync.Fetch)
		_, err := d.TakeRevisits(ctx, old, 10)
		require.ErrorIs(t, err, acmesync.ErrFenced)
	})
}

func TestDescribeAccount(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), dbtest.New(t)
	activated(t, d, "account")
	require.NoError(t, d.DescribeAccount(ctx, "account", "acct-1", "US", "America/New_York"))
	f := begin(t, d, "account", acmesync.Fetch)
	for _, stream := range acmesync.Polled() {
		require.NoError(t, d.SavePosition(ctx, f, acmesync.Position{Stream: stream, Backfilled: true, WatermarkAt: new(time.Now()), PollAfter: time.Hour}))
	}
	t.Run("the same again disturbs nobody", func(t *testing.T) {
		require.NoError(t, d.DescribeAccount(ctx, "account", "acct-1", "US", "America/New_York"))
		require.NoError(t, d.Alive(ctx, f))
	})
	t.Run("a change ends the attempt, and all records are read again", func(t *testing.T) {
		require.NoError(t, d.DescribeAccount(ctx, "account", "acct-1", "CH", "America/New_York"))
		require.ErrorIs(t, d.Alive(ctx, f), acmesync.ErrEpoch)
		positions, err := d.Positions(ctx, begin(t, d, "account", acmesync.Fetch))
		require.NoError(t, err)
		for _, p := range positions {
			require.Equal(t, p.Stream != acmesync.Contacts, p.Due)
			require.Equal(t, p.Stream == acmesync.Contacts, p.Backfilled)
		}
	})
}

func TestPositionTail(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), dbtest.New(t)
	activated(t, d, "tail")
	f := begin(t, d, "tail", acmesync.Fetch)
	require.NoError(t, d.SavePosition(ctx, f, acmesync.Position{Stream: acmesync.Appointments, Tail: "a hash", PollAfter: time.Minute}))
	positions, err := d.Positions(ctx, f)
	require.NoError(t, err)
	require.Equal(t, "a hash", positions[0].Tail)
	require.InDelta(t, 60, positions[0].DueIn, 5)
	require.WithinDuration(t, time.Now(), positions[0].Now, time.Minute)
}
