package db_test

import (
	"testing"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestDrift(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "alpha")
	f := begin(t, d, "alpha", acmesync.Fetch)
	colour := acmesync.Drift{Stream: acmesync.Appointments, Field: "colour", Finding: acmesync.UnknownField, Records: 3}
	seen := func(t *testing.T) []acmesync.Drift {
		t.Helper()
		news, err := d.CommitDrift(ctx, f, acmesync.DriftLook{
			Stream: acmesync.Appointments, Fields: map[string]acmesync.FieldHistory{"subject": {Present: 20, Of: 20}}, Seen: []acmesync.Drift{colour},
		})
		require.NoError(t, err)
		return news
	}
	t.Run("what is seen first is news, and no news again", func(t *testing.T) {
		news := seen(t)
		require.Len(t, news, 1)
		require.Equal(t, "colour", news[0].Field)
		require.NotNil(t, news[0].AlertedAt)
		require.Empty(t, seen(t))
		all, err := d.Drifts(ctx, "alpha")
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, int64(6), all[0].Records)
	})
	t.Run("fields and what is open are remembered by stream", func(t *testing.T) {
		state, err := d.DriftState(ctx, f, acmesync.Appointments)
		require.NoError(t, err)
		require.Equal(t, map[string]acmesync.FieldHistory{"subject": {Present: 20, Of: 20}}, state.Fields)
		require.Len(t, state.Open, 1)
		state, err = d.DriftState(ctx, f, acmesync.Contacts)
		require.NoError(t, err)
		require.Empty(t, state.Fields)
		require.Empty(t, state.Open)
	})
	t.Run("not seen for a while it is counted, then resolved; seen anew it is news", func(t *testing.T) {
		colour.Clean = 5
		_, err := d.CommitDrift(ctx, f, acmesync.DriftLook{Stream: acmesync.Appointments, Clean: []acmesync.Drift{colour}})
		require.NoError(t, err)
		state, err := d.DriftState(ctx, f, acmesync.Appointments)
		require.NoError(t, err)
		require.Equal(t, int64(5), state.Open[0].Clean)
		_, err = d.CommitDrift(ctx, f, acmesync.DriftLook{Stream: acmesync.Appointments, Mended: []acmesync.Drift{colour}})
		require.NoError(t, err)
		all, err := d.Drifts(ctx, "alpha")
		require.NoError(t, err)
		require.NotNil(t, all[0].ResolvedAt)
		news := seen(t)
		require.Len(t, news, 1)
		require.Nil(t, news[0].ResolvedAt)
		require.Equal(t, int64(3), news[0].Records, "counted from when it began anew")
	})
	t.Run("an attempt that was overtaken keeps nothing", func(t *testing.T) {
		begin(t, d, "alpha", acmesync.Fetch)
		_, err := d.CommitDrift(ctx, f, acmesync.DriftLook{Stream: acmesync.Appointments, Seen: []acmesync.Drift{{Stream: acmesync.Appointments, Field: "late", Finding: acmesync.UnknownField}}})
		require.ErrorIs(t, err, acmesync.ErrFenced)
		all, err := d.Drifts(ctx, "alpha")
		require.NoError(t, err)
		require.Len(t, all, 1)
	})
}
