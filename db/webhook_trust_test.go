package db_test

import (
	"testing"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestTrustInHooks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := dbtest.New(t)
	_, err := d.CreateTenant(ctx, db.NewTenant{ID: "alpha", Name: "Alpha", AcmeURL: "https://a", AppURL: "https://b", Actor: "test"})
	require.NoError(t, err)
	_, err = d.Apply(ctx, "alpha", acmesync.Command{ID: "1", Name: acmesync.Activate, Actor: "test"})
	require.NoError(t, err)
	f, err := d.BeginLane(ctx, "alpha", acmesync.Fetch)
	require.NoError(t, err)
	connection, err := d.Connection(ctx, "alpha")
	require.NoError(t, err)
	trusted := func(missed int) bool {
		proven, err := d.TrustHooks(ctx, f, missed)
		require.NoError(t, err)
		return proven
	}

	require.False(t, trusted(0), "no webhook has ever come")
	_, err = d.StoreHooks(ctx, []db.HookDelivery{{Endpoint: connection.HookEndpoint, Tenant: "alpha", WebhookID: "msg_1", BodySHA: []byte("sha"),
		Events: []db.HookEvent{{Stream: acmesync.Appointments, AcmeID: "named", Version: 2, Body: []byte(`{}`)}}}})
	require.NoError(t, err)
	require.True(t, trusted(0), "one has come and none was missed")

	missed, err := d.Missed(ctx, f, acmesync.Appointments, []string{"named", "not-named"}, []int64{2, 7})
	require.NoError(t, err)
	require.Equal(t, 1, missed, "only the record that no webhook had named was missed")
	require.False(t, trusted(missed), "a poll has just found what a webhook missed")
	require.False(t, trusted(0), "and an hour has not passed since")
}
