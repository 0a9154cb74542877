package db_test

import (
	"encoding/json"
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestConfigs(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	configure := func(t *testing.T, id acmesync.TenantID, c acmesync.ConfigChange) (int64, error) {
		t.Helper()
		tenant, err := d.Tenant(ctx, id)
		require.NoError(t, err)
		if c.Over == 0 {
			c.Over = tenant.Rules
		}
		c.Actor = "anna"
		return d.Configure(ctx, id, c)
	}

	t.Run("each configuration stays readable, with who made it and why", func(t *testing.T) {
		draft(t, d, "kept")
		for i, seconds := range []int{30, 60} {
			version, err := configure(t, "kept", acmesync.ConfigChange{Config: acmesync.Config{PollSeconds: seconds}, Note: "slower"})
			require.NoError(t, err)
			require.EqualValues(t, i+2, version)
		}
		all, err := d.Configs(ctx, "kept", 0, 10)
		require.NoError(t, err)
		require.Len(t, all, 3)
		require.Equal(t, []any{int64(3), "anna", "slower"}, []any{all[0].Version, all[0].Actor, all[0].Note})
		before, err := d.Configs(ctx, "kept", 3, 1)
		require.NoError(t, err)
		require.EqualValues(t, 2, before[0].Version)
		second, err := d.Config(ctx, "kept", 2)
		require.NoError(t, err)
		var c acmesync.Config
		require.NoError(t, json.Unmarshal(second.Document, &c))
		require.Equal(t, 30, c.PollSeconds)
		_, err = d.Config(ctx, "kept", 9)
		require.ErrorIs(t, err, acmesync.ErrNotFound)
		tenant, err := d.Tenant(ctx, "kept")
		require.NoError(t, err)
		require.EqualValues(t, 3, tenant.Rules)
	})
	t.Run("one made for an older version is a conflict and changes nothing", func(t *testing.T) {
		activated(t, d, "late")
		_, err := configure(t, "late", acmesync.ConfigChange{Config: acmesync.Config{PollSeconds: 30}})
		require.NoError(t, err)
		before, err := d.Tenant(ctx, "late")
		require.NoError(t, err)
		_, err = configure(t, "late", acmesync.ConfigChange{Config: acmesync.Config{PollSeconds: 60}, Over: 1})
		var conflict *acmesync.Conflict
		require.ErrorAs(t, err, &conflict)
		require.Equal(t, "version_changed", conflict.Code)
		after, err := d.Tenant(ctx, "late")
		require.NoError(t, err)
		require.Equal(t, before, after)
		_, err = d.Configure(ctx, "nobody", acmesync.ConfigChange{Over: 1})
		require.ErrorIs(t, err, acmesync.ErrNotFound)
	})
	t.Run("a round that was mapped by the old rules is refused at its commit", func(t *testing.T) {
		activated(t, d, "between")
		f := begin(t, d, "between", acmesync.Deliver)
		_, err := configure(t, "between", acmesync.ConfigChange{Config: acmesync.Config{PageSize: 7}, Walk: []acmesync.Stream{acmesync.Appointments}})
		require.NoError(t, err)
		require.ErrorIs(t, d.CommitDelivered(ctx, f, acmesync.Delivered{
			Entries: []acmesync.LedgerEntry{entry(acmesync.Appointments, "1", acmesync.InStep, "")},
		}), acmesync.ErrEpoch)
		require.ErrorIs(t, d.Doubt(ctx, f, []acmesync.Key{appointment("1")}), acmesync.ErrEpoch, "before it writes to the app, where it has not yet")
	})
	t.Run("a change waits for a page that is being committed", func(t *testing.T) {
		activated(t, d, "waits")
		f := begin(t, d, "waits", acmesync.Deliver)
		tx := d.Super.MustBegin()
		tx.MustExec(`SELECT 1 FROM tenants WHERE tenant = 'waits' FOR SHARE`) // as a page's commit holds it
		done := make(chan error, 1)
		go func() {
			_, err := d.Configure(ctx, "waits", acmesync.ConfigChange{Over: 1, Config: acmesync.Config{PageSize: 7}})
			done <- err
		}()
		blocked(t, d)
		require.NoError(t, tx.Commit())
		require.NoError(t, <-done)
		require.ErrorIs(t, d.Alive(ctx, f), acmesync.ErrEpoch)
	})
	t.Run("only the streams that are named are walked again, and reviews that are named are retried", func(t *testing.T) {
		activated(t, d, "walks")
		f, in := begin(t, d, "walks", acmesync.Deliver), begin(t, d, "walks", acmesync.Fetch)
		at := time.Now()
		for _, stream := range acmesync.Polled() {
			require.NoError(t, d.SavePosition(ctx, in, acmesync.Position{Stream: stream, WatermarkAt: &at, Backfilled: true, PollAfter: time.Hour}))
		}
		park(t, d, f, endMissingOf("1", "2")...)
		park(t, d, f, parkedRecord(acmesync.Appointments, "3", acmesync.SourceError, ""))
		version, err := configure(t, "walks", acmesync.ConfigChange{
			Config: acmesync.Config{PageSize: 7}, Walk: []acmesync.Stream{acmesync.Appointments}, Retry: []string{endMissing, "0000000000000000"},
		})
		require.NoError(t, err)
		require.EqualValues(t, 2, version)
		positions, err := d.Positions(ctx, begin(t, d, "walks", acmesync.Fetch))
		require.NoError(t, err)
		for _, p := range positions {
			require.Equal(t, p.Stream == acmesync.Appointments, p.WatermarkAt == nil, p.Stream)
			require.Equal(t, p.Stream != acmesync.Appointments, p.Backfilled, p.Stream)
			require.True(t, p.Due, p.Stream)
		}
		pages := claim(t, d, begin(t, d, "walks", acmesync.Deliver))
		require.Len(t, pages, 1)
		var o acmesync.Order
		require.NoError(t, json.Unmarshal(pages[0].Body, &o))
		require.Equal(t, acmesync.Order{Action: acmesync.OrderRetry, Stream: acmesync.Appointments, IDs: []string{"1", "2"},
			Actor: "config v2", Reason: "the configuration was changed"}, o)
		audit, err := d.Audit(ctx, "walks", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"configure", "review_retry"}, []string{audit[0].Action, audit[1].Action})
	})
}
