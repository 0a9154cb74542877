package db_test

import (
	"testing"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestOverdue(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	overdue := func(t *testing.T, id acmesync.TenantID) *acmesync.Overdue {
		t.Helper()
		all, err := d.Overdue(ctx, 1000)
		require.NoError(t, err)
		for _, o := range all {
			if o.Tenant == id {
				return &o
			}
		}
		return nil
	}
	// calm makes a tenant whose lanes have ended with nothing due.
	calm := func(t *testing.T, id acmesync.TenantID) {
		t.Helper()
		activated(t, d, id)
		exec(t, d, `UPDATE lanes SET due_at = NULL, marked_at = NULL, alive_at = NULL WHERE tenant = $1`, id)
	}
	cases := []struct {
		fact, set, reason string
	}{
		{"nothing is due", ``, ""},
		{"a lane is due in the future", `UPDATE lanes SET due_at = now() + interval '1 hour'`, ""},
		{"a lane was due a minute ago", `UPDATE lanes SET due_at = now() - interval '1 minute'`, ""},
		{"a lane was due three minutes ago", `UPDATE lanes SET due_at = now() - interval '3 minutes'`, "lane"},
		{"a lane was due three minutes ago and runs", `UPDATE lanes SET due_at = now() - interval '3 minutes', alive_at = now()`, ""},
		{"a ring was lost three minutes ago", `UPDATE lanes SET marked_at = now() - interval '3 minutes'`, "ring"},
		{"a ring came a minute ago", `UPDATE lanes SET marked_at = now() - interval '1 minute'`, ""},
		{"an attempt was last alive three minutes ago", `UPDATE lanes SET alive_at = now() - interval '3 minutes'`, "lane"},
		{"an attempt is alive", `UPDATE lanes SET alive_at = now()`, ""},
	}
	for i, c := range cases {
		t.Run(c.fact, func(t *testing.T) {
			id := acmesync.TenantID("case-" + string(rune('a'+i)))
			calm(t, id)
			if c.set != "" {
				exec(t, d, c.set+` WHERE tenant = $1`, id)
			}
			o := overdue(t, id)
			require.Equal(t, c.reason != "", o != nil)
			if o != nil {
				require.Equal(t, acmesync.Overdue{Tenant: id, State: acmesync.Starting, Reason: c.reason}, *o)
			}
		})
	}
	t.Run("a review nobody has noticed for a minute", func(t *testing.T) {
		calm(t, "review")
		f := begin(t, d, "review", acmesync.Deliver)
		park(t, d, f, endMissingOf("1")...)
		require.Nil(t, overdue(t, "review"))
		exec(t, d, `UPDATE reviews SET state_since = now() - interval '2 minutes'`)
		require.Equal(t, "review", overdue(t, "review").Reason)
		settle(t, d, "review", endMissing)
		require.Nil(t, overdue(t, "review"))
	})
	t.Run("a cleanup that is due, of a tenant that has ended too", func(t *testing.T) {
		calm(t, "cleanup")
		exec(t, d, `UPDATE connections SET subscription_id = 'sub_1' WHERE tenant = 'cleanup'`)
		apply(t, d, "cleanup", acmesync.Deactivate)
		require.Nil(t, overdue(t, "cleanup"), "the workflow has a minute to do it")
		exec(t, d, `UPDATE cleanups SET due_at = now() - interval '2 minutes'`)
		require.Equal(t, acmesync.Overdue{Tenant: "cleanup", State: acmesync.Deactivated, Reason: "cleanup", Cleanup: true}, *overdue(t, "cleanup"))
	})
	t.Run("a tenant that is not to run is left alone", func(t *testing.T) {
		calm(t, "paused")
		apply(t, d, "paused", acmesync.Pause)
		exec(t, d, `UPDATE lanes SET due_at = now() - interval '1 hour', marked_at = now() - interval '1 hour' WHERE tenant = 'paused'`)
		require.Nil(t, overdue(t, "paused"))
	})
	t.Run("a tenant comes once, whatever it needs, and no more come than asked for", func(t *testing.T) {
		calm(t, "several")
		exec(t, d, `UPDATE lanes SET due_at = now() - interval '1 hour'`)
		exec(t, d, `INSERT INTO cleanups (tenant, connection, kind, target, due_at) VALUES ('several', 'main', 'unsubscribe', 's', now() - interval '1 hour')`)
		all, err := d.Overdue(ctx, 1000)
		require.NoError(t, err)
		seen := map[acmesync.TenantID]bool{}
		for _, o := range all {
			require.False(t, seen[o.Tenant])
			seen[o.Tenant] = true
		}
		require.True(t, overdue(t, "several").Cleanup)
		few, err := d.Overdue(ctx, 2)
		require.NoError(t, err)
		require.Equal(t, all[:2], few)
	})
}

func TestLiving(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	for i, state := range states {
		id := acmesync.TenantID("t-" + string(rune('a'+i)))
		activated(t, d, id)
		exec(t, d, `UPDATE tenants SET state = $2 WHERE tenant = $1`, id, state)
	}
	var want []acmesync.TenantID
	for i, state := range states {
		if state.Lives() {
			want = append(want, acmesync.TenantID("t-"+string(rune('a'+i))))
		}
	}
	t.Run("those that should have a workflow are counted and listed in order, page by page", func(t *testing.T) {
		n, err := d.LivingCount(ctx)
		require.NoError(t, err)
		require.EqualValues(t, len(want), n)
		var got []acmesync.TenantID
		for after := acmesync.TenantID(""); ; {
			page, err := d.Living(ctx, after, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = page[len(page)-1]
		}
		require.Equal(t, want, got)
	})
}
