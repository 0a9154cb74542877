package activities_test

import (
	"fmt"
	"testing"
	"time"

	"acmesync"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

// audit runs one to its end.
func (w *world) audit(t *testing.T) acmesync.Audit {
	t.Helper()
	eventually(t, "the first sync is complete", func() bool {
		at, err := w.Tenant(t.Context(), tenant)
		require.NoError(t, err)
		return at.State == acmesync.Active
	})
	w.hooks++
	_, err := w.Apply(t.Context(), tenant, acmesync.Command{ID: fmt.Sprint("audit-", w.hooks), Name: acmesync.AuditAll, Actor: "test"})
	require.NoError(t, err)
	var last acmesync.Audit
	within(t, 2*time.Minute, "the audit ends", func() bool {
		all, err := w.Audits(t.Context(), tenant, 1)
		require.NoError(t, err)
		last = all[0]
		return last.EndedAt != nil
	})
	return last
}

func (w *world) differences(t *testing.T, a acmesync.Audit) map[string]string {
	t.Helper()
	found, err := w.Differences(t.Context(), tenant, a.ID, acmesync.Difference{}, 10_000)
	require.NoError(t, err)
	all := map[string]string{}
	for _, d := range found {
		all[fmt.Sprint(d.Side, " ", d.ID)] = fmt.Sprint(d.Kind, " ", d.Outcome)
	}
	return all
}

// purge makes Acme forget a record: deleted so long ago that neither a list nor a read by id shows it.
func (w *world) purge(t *testing.T, resource, id string) {
	t.Helper()
	w.put(t, resource, id, map[string]any{"deleted_at": time.Now().Add(-31 * day).UTC().Format(time.RFC3339)})
}

func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	for n := range 5 {
		w.put(t, "appointments", fmt.Sprint("apt_", n), appointment(map[string]any{"subject": fmt.Sprint("Visit ", n)}))
	}
	w.put(t, "appointments", "apt_weekly", master(t, "FREQ=WEEKLY;COUNT=4", nil))
	w.put(t, "appointments", "apt_moved", exception(t, "apt_weekly", 2, time.Hour, nil))
	w.put(t, "appointments", "apt_ownerless", appointment(map[string]any{"owner_id": nil}))
	for n := range 3 {
		w.put(t, "touchpoints", fmt.Sprint("tp_", n), call(time.Now().Add(-time.Duration(n)*time.Hour)))
	}
	w.run(t)
	w.quiet(t)
	w.becomes(t, "apt_4", "in_step", "")

	t.Run("finds nothing where all is equal, and writes nothing", func(t *testing.T) {
		w.audit(t) // changes of the last moments are news
		before := w.writes(t)
		a := w.audit(t)
		require.Empty(t, w.differences(t, a))
		require.True(t, a.Equal && a.Complete, "%+v", a)
		require.Equal(t, []int64{11, 9, 1}, []int64{a.Records, a.Events, min(a.Counts, 1)})
		require.Equal(t, before, w.writes(t))
		require.True(t, w.balance(t, acmesync.Appointments).Balanced)
	})
	t.Run("brings back what the app has lost, and undoes what was changed there", func(t *testing.T) {
		lost, changed, instance := w.event(t, "apt_0"), w.event(t, "apt_1"), w.event(t, "apt_weekly/"+original(t, 1))
		w.behindOurBack(t, "DELETE", *lost)
		w.behindOurBack(t, "DELETE", *instance)
		w.behindOurBack(t, "PATCH", *changed)
		require.Equal(t, "Somebody else's", w.event(t, "apt_1").Title)
		a := w.audit(t)
		require.Equal(t, map[string]string{
			"app apt_0": "missing healed", "app apt_1": "changed healed", "app apt_weekly/" + original(t, 1): "missing healed",
		}, w.differences(t, a))
		require.True(t, a.Equal)
		require.Equal(t, "Visit 0", w.event(t, "apt_0").Title)
		require.Equal(t, "Visit 1", w.event(t, "apt_1").Title)
		require.NotNil(t, w.event(t, "apt_weekly/"+original(t, 1)))
	})
	t.Run("removes what nothing has delivered, and takes back what the ledger has forgotten", func(t *testing.T) {
		w.write(t, "apt_never", "Never heard of")
		w.exec(t, `DELETE FROM ledger WHERE acme_id = 'apt_2'`)
		a := w.audit(t)
		found := w.differences(t, a)
		require.Equal(t, "extra healed", found["app apt_never"])
		require.Equal(t, "missing healed", found["acme apt_2"])
		require.Nil(t, w.event(t, "apt_never"))
		require.Equal(t, "Visit 2", w.event(t, "apt_2").Title)
		w.becomes(t, "apt_2", "in_step", "")
	})
	t.Run("finds what no webhook and no poll has told of", func(t *testing.T) {
		w.exec(t, `UPDATE ledger SET version = version - 1, hash = gen_random_uuid(), mapped = gen_random_uuid(), updated_at = now() - interval '1 hour' WHERE acme_id = 'apt_3'`)
		a := w.audit(t)
		require.Equal(t, "behind healed", w.differences(t, a)["acme apt_3"])
	})
	t.Run("asks for records by id that the lists do not show, and removes those that are gone", func(t *testing.T) {
		w.purge(t, "appointments", "apt_4")
		w.exec(t, `UPDATE ledger SET updated_at = now() - interval '1 hour' WHERE acme_id = 'apt_4'`)
		a := w.audit(t)
		require.Equal(t, map[string]string{"acme apt_4": "absent healed"}, w.differences(t, a))
		require.Nil(t, w.event(t, "apt_4"))
		w.becomes(t, "apt_4", "deleted", "")
		require.True(t, a.Equal)
	})
	t.Run("adds counts up again, and sends those that the app shows otherwise", func(t *testing.T) {
		want := w.dashboard(t)
		w.exec(t, `UPDATE cells SET n = n + 5`)
		_, err := w.client().SetCounts(t.Context(), []app.Count{{
			UserID: "u_1", Day: "2020-01-01", Channel: "call", Direction: "inbound", Count: 7, Revision: acmesync.Fence{Token: 1 << 20}.Revision(1),
		}})
		require.NoError(t, err)
		a := w.audit(t)
		found := w.differences(t, a)
		require.Equal(t, "count open", found["app u_1/2020-01-01/call/inbound"], "the app refuses a revision lower than its own")
		delete(found, "app u_1/2020-01-01/call/inbound")
		require.NotEmpty(t, found)
		for name, d := range found {
			require.Equal(t, "count healed", d, name)
		}
		w.exec(t, `UPDATE lanes SET token = 1 << 21`)
		require.True(t, w.audit(t).Equal)
		eventually(t, "the dashboard is right again", func() bool { return fmt.Sprint(w.dashboard(t)) == fmt.Sprint(want) })
	})
	t.Run("one at a time", func(t *testing.T) {
		w.acmeFaults(t, map[string]any{"down": true})
		_, err := w.Apply(t.Context(), tenant, acmesync.Command{ID: "first", Name: acmesync.AuditAll, Actor: "test"})
		require.NoError(t, err)
		_, err = w.Apply(t.Context(), tenant, acmesync.Command{ID: "second", Name: acmesync.AuditAll, Actor: "test"})
		var conflict *acmesync.Conflict
		require.ErrorAs(t, err, &conflict)
		require.Equal(t, "audit_running", conflict.Code)
		all, err := w.Audits(t.Context(), tenant, 1)
		require.NoError(t, err)
		require.NoError(t, w.CancelAudit(t.Context(), tenant, all[0].ID, "test"))
		require.ErrorIs(t, w.CancelAudit(t.Context(), tenant, all[0].ID, "test"), acmesync.ErrNotFound)
		w.acmeFaults(t, map[string]any{})
		w.exec(t, `UPDATE holds SET next_at = now()`)
		require.True(t, w.audit(t).Equal)
	})
}

// call is a touch-point of somebody both sides know.
func call(at time.Time) map[string]any {
	stamp := at.UTC().Format(time.RFC3339)
	return map[string]any{"channel": "call", "direction": "outbound", "user_id": "usr_01", "occurred_at": stamp, "logged_at": stamp, "duration_ms": 60_000}
}

// behindOurBack has an event deleted or renamed in the app by another integration, so that no revision of ours is touched.
func (w *world) behindOurBack(t *testing.T, how string, e app.StoredEvent) {
	t.Helper()
	above := e.Revision + 1
	if how == "DELETE" {
		results, err := w.client().DeleteEvents(t.Context(), []app.EventRef{{ExternalID: e.ExternalID, Revision: above}})
		require.NoError(t, err)
		require.Equal(t, app.Deleted, results[0].Status)
		return
	}
	e.Title, e.Event.Revision = "Somebody else's", above
	results, err := w.client().UpsertEvents(t.Context(), []app.Event{e.Event})
	require.NoError(t, err)
	require.Equal(t, app.Updated, results[0].Status)
}

// write makes an event in the app under an external id of ours.
func (w *world) write(t *testing.T, acmeID, title string) {
	t.Helper()
	e := w.event(t, "apt_1").Event
	e.ExternalID, e.Title, e.Revision = acmesync.ExternalID(acmesync.MainConnection, acmeID), title, 1
	results, err := w.client().UpsertEvents(t.Context(), []app.Event{e})
	require.NoError(t, err)
	require.Equal(t, app.Created, results[0].Status)
}

func TestAuditWhoseCursorIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.put(t, "appointments", "apt_1", appointment(nil))
	w.run(t)
	w.quiet(t)
	w.becomes(t, "apt_1", "in_step", "")
	at := func(state, cursor string) {
		w.exec(t, `UPDATE tenants SET state = 'active'`)
		w.exec(t, `INSERT INTO audits (tenant, audit, connection, generation, actor, state, complete, cursor, walk_began_at)
			SELECT tenant, gen_random_uuid(), 'main', generation, 'test', $1, true, $2, now() FROM tenants`, state, cursor)
		w.bring(t, "apt_wake", nil)
	}
	for _, state := range []string{"comparing", "counting"} {
		at(state, "a place that the app does not know any more")
		within(t, time.Minute, "the walk begins again and the audit ends", func() bool {
			all, err := w.Audits(t.Context(), tenant, 1)
			require.NoError(t, err)
			return all[0].State == acmesync.AuditDone && all[0].Equal
		})
		holds, err := w.Holds(t.Context(), tenant)
		require.NoError(t, err)
		require.Empty(t, holds, "the app takes what is delivered")
	}
}
