package activities_test

import (
	"fmt"
	"testing"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// absent makes an account of so many records, all of them in step, of which Acme then forgets some.
func absent(t *testing.T, all, forgotten int) *world {
	t.Helper()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	for n := range all {
		w.put(t, "appointments", fmt.Sprintf("apt_%03d", n), appointment(map[string]any{"subject": fmt.Sprint("Visit ", n)}))
	}
	w.run(t)
	w.quiet(t)
	w.becomes(t, fmt.Sprintf("apt_%03d", all-1), "in_step", "")
	eventually(t, "the first sync is complete", func() bool {
		at, err := w.Tenant(t.Context(), tenant)
		require.NoError(t, err)
		return at.State == acmesync.Active
	})
	for n := range forgotten {
		w.purge(t, "appointments", fmt.Sprintf("apt_%03d", n))
	}
	w.exec(t, `UPDATE ledger SET updated_at = now() - interval '1 hour'`)
	return w
}

func (w *world) live(t require.TestingT) int {
	return w.scalar(t, `SELECT count(*) FROM ledger WHERE stream = 'appointments' AND state <> 'deleted'`)
}

// massDelete is the open review of the guard.
func (w *world) massDelete(t *testing.T) acmesync.Review {
	t.Helper()
	r, err := w.Review(t.Context(), tenant, acmesync.Fingerprint(acmesync.Appointments, acmesync.MassDelete, "list"))
	require.NoError(t, err)
	return r
}

func (w *world) decide(t *testing.T, action acmesync.OrderAction) {
	t.Helper()
	w.hooks++
	n, err := w.Decide(t.Context(), tenant, w.massDelete(t).Fingerprint, acmesync.Decision{
		ID: fmt.Sprint("decision-", w.hooks), Action: action, Actor: "support", Reason: "looked in Acme",
	})
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestMassDeleteGuard(t *testing.T) {
	t.Parallel()
	t.Run("in an audit far too many absent records open a review, and nothing is deleted", func(t *testing.T) {
		t.Parallel()
		w := absent(t, 120, 60)
		a := w.audit(t)
		require.False(t, a.Equal)
		require.Equal(t, 120, w.live(t))
		require.NotNil(t, w.event(t, "apt_000"))
		require.EqualValues(t, 1, w.massDelete(t).Open)
		for id, d := range w.differences(t, a) {
			require.Equal(t, "absent withheld", d, id)
		}

		w.put(t, "appointments", "apt_000", map[string]any{"deleted_at": nil}) // not gone after all
		w.decide(t, acmesync.OrderRetry)
		eventually(t, "what is still absent is deleted", func() bool { return w.live(t) == 61 })
		require.NotNil(t, w.event(t, "apt_000"))
		require.Nil(t, w.event(t, "apt_001"))
		require.Zero(t, w.massDelete(t).Open)
		w.quiet(t)
		require.True(t, w.audit(t).Equal)
	})
	t.Run("a person may keep them", func(t *testing.T) {
		t.Parallel()
		w := absent(t, 120, 60)
		w.audit(t)
		w.decide(t, acmesync.OrderDiscard)
		eventually(t, "the review is closed", func() bool { return w.massDelete(t).Open == 0 })
		require.Equal(t, 120, w.live(t))
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM absences`))
	})
	t.Run("a few of many are deleted", func(t *testing.T) {
		t.Parallel()
		w := absent(t, 60, 50)
		require.True(t, w.audit(t).Equal)
		require.Equal(t, 10, w.live(t))
	})
	t.Run("records that webhooks name and Acme does not show are counted as well", func(t *testing.T) {
		t.Parallel()
		w := absent(t, 120, 110)
		for n := range 110 {
			w.hook(t, acmesync.Appointments, fmt.Sprintf("apt_%03d", n), 0)
		}
		eventually(t, "all have been asked for", func() bool {
			return w.scalar(t, `SELECT count(*) FROM envelopes WHERE ended_at IS NULL AND lane = 'fetch'`) == 0
		})
		require.EqualValues(t, 1, w.massDelete(t).Open)
		require.GreaterOrEqual(t, w.live(t), 120-acmesync.AbsentAtMost)
	})
}

func TestDeletesAcmeHasForgotten(t *testing.T) {
	t.Parallel()
	long := fmt.Sprintf("now() - interval '%d days'", acmesync.DeletesKeptForDays)
	t.Run("a tenant that was paused for longer is audited by itself", func(t *testing.T) {
		t.Parallel()
		w := absent(t, 3, 1)
		w.exec(t, `UPDATE positions SET polled_at = `+long+`, due_at = now()`)
		eventually(t, "the record is gone", func() bool { return w.live(t) == 2 })
		require.Nil(t, w.event(t, "apt_000"))
		require.Equal(t, 1, w.scalar(t, `SELECT count(*) FROM audits WHERE actor = 'acmesync'`))
	})
	t.Run("one that was deactivated is, when it is activated again", func(t *testing.T) {
		t.Parallel()
		w := absent(t, 3, 1)
		ctx := t.Context()
		_, err := w.Apply(ctx, tenant, acmesync.Command{ID: "end", Name: acmesync.Deactivate, Actor: "test"})
		require.NoError(t, err)
		w.exec(t, `UPDATE positions SET polled_at = `+long)
		_, err = w.Apply(ctx, tenant, acmesync.Command{ID: "again", Name: acmesync.Activate, Actor: "test"})
		require.NoError(t, err)
		eventually(t, "the record is gone", func() bool { return w.live(t) == 2 })
		eventually(t, "the first sync is complete", func() bool {
			at, err := w.Tenant(ctx, tenant)
			require.NoError(t, err)
			return at.State == acmesync.Active
		})
	})
	t.Run("a list with a gap proves nothing", func(t *testing.T) {
		t.Parallel()
		w := absent(t, 3, 1)
		w.put(t, "appointments", "apt_bad", appointment(nil))
		w.acmeFaults(t, map[string]any{"bad_ids": []string{"apt_bad"}})
		w.put(t, "appointments", "apt_zz", appointment(nil))
		a := w.audit(t)
		require.False(t, a.Complete)
		require.False(t, a.Equal)
		require.Equal(t, 4, w.live(t))
	})
}

func TestAuditBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{}))
	w.put(t, "appointments", "apt_1", appointment(map[string]any{"subject": "Visit"}))
	w.run(t)
	w.quiet(t)
	w.becomes(t, "apt_1", "in_step", "")

	t.Run("finds nothing where both sides agree", func(t *testing.T) {
		w.audit(t) // changes of the last moments are news
		a := w.audit(t)
		require.Empty(t, w.differences(t, a))
		require.True(t, a.Equal)
	})
	t.Run("carries an edit over that nobody was told of", func(t *testing.T) {
		w.edit(t, "apt_1", map[string]any{"title": "Edited in the app"})
		a := w.audit(t)
		require.True(t, a.Equal, "%v", w.differences(t, a))
		require.Equal(t, "Edited in the app", w.record(t, "apt_1").Subject)
		require.Equal(t, 1, w.apiWrites(t, "apt_1"))
	})
}
