package activities_test

import (
	"fmt"
	"net/http"
	"testing"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

// arrive brings an appointment and waits until it is in the app.
func (w *world) arrive(t *testing.T, id string, fields map[string]any) *app.StoredEvent {
	t.Helper()
	w.setOne(t, id, fields)
	eventually(t, id+" arrives", func() bool { return w.event(t, id) != nil })
	w.becomes(t, id, "in_step", "")
	w.quiet(t)
	return w.event(t, id)
}

// parkedAs waits until a record is parked for a reason.
func (w *world) parkedAs(t *testing.T, id string, code acmesync.Code) {
	t.Helper()
	eventually(t, id+" is parked as "+string(code), func() bool {
		return w.scalar(t, `SELECT count(*) FROM parked WHERE acme_id = $1 AND code = $2 AND closed_at IS NULL`, id, string(code)) == 1
	})
	w.quiet(t)
}

func (w *world) retry(t *testing.T, id string, code acmesync.Code, field string) {
	t.Helper()
	n, err := w.control(t).Decide(t.Context(), tenant, acmesync.Fingerprint(acmesync.Appointments, code, field),
		acmesync.Decision{ID: "retry-" + id + string(code), Action: acmesync.OrderRetry, Actor: "test", IDs: []string{id}})
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// edited waits until what people have said of an event has reached Acme, and the other way round.
func (w *world) alike(t *testing.T, id, title string) {
	t.Helper()
	eventually(t, "both say "+title, func() bool {
		e := w.event(t, id)
		return e != nil && e.Title == title && w.record(t, id).Subject == title
	})
	w.quiet(t)
}

func TestFlipLoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{}))
	w.run(t)
	w.quiet(t)
	w.arrive(t, "apt", nil)
	parked := func() bool {
		return w.scalar(t, `SELECT count(*) FROM parked WHERE code = 'flip_loop' AND closed_at IS NULL`) == 1
	}
	edits := 0
	for ; edits < 20 && !parked(); edits++ {
		title := fmt.Sprint("Number ", edits)
		if edits%2 == 0 {
			w.edit(t, "apt", map[string]any{"title": title})
		} else {
			w.put(t, "appointments", "apt", map[string]any{"subject": title})
			w.hook(t, acmesync.Appointments, "apt", 0)
		}
		eventually(t, title+" is on both sides, or it is parked", func() bool {
			return parked() || w.record(t, "apt").Subject == title && w.event(t, "apt").Title == title
		})
		w.quiet(t)
	}
	t.Run("what is written to and fro more than six times an hour is parked", func(t *testing.T) {
		require.True(t, parked())
		require.Greater(t, edits, 6)
		require.Less(t, edits, 10)
	})
	acmes, apps := w.apiWrites(t, "apt"), w.appWrites(t, w.event(t, "apt").ID)
	t.Run("then nothing is written any more, whichever side changes", func(t *testing.T) {
		w.edit(t, "apt", map[string]any{"title": "By the app"})
		w.quiet(t)
		w.put(t, "appointments", "apt", map[string]any{"location": "By Acme"})
		w.hook(t, acmesync.Appointments, "apt", 0)
		w.quiet(t)
		require.True(t, parked())
		require.Equal(t, acmes, w.apiWrites(t, "apt"))
		require.Equal(t, apps, w.appWrites(t, w.event(t, "apt").ID))
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
	t.Run("retried, both sides are brought together", func(t *testing.T) {
		w.retry(t, "apt", acmesync.FlipLoop, "")
		w.becomes(t, "apt", "in_step", "")
		w.quiet(t)
		a, e := w.record(t, "apt"), w.event(t, "apt")
		require.Equal(t, a.Subject, e.Title)
		require.Equal(t, []string{"By Acme", "By Acme"}, []string{a.Location, e.Location})
		require.False(t, parked())
	})
}

func TestConflictForReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{Fields: map[string]acmesync.ConflictPolicy{"title": acmesync.ReviewConflict, "deleted": acmesync.ReviewConflict}}))
	w.run(t)
	w.quiet(t)
	conflict := func(t *testing.T, id string) {
		t.Helper()
		w.arrive(t, id, nil)
		w.put(t, "appointments", id, map[string]any{"subject": "Acme's word"})
		w.edit(t, id, map[string]any{"title": "The app's word", "location": "Room 2"})
		w.parkedAs(t, id, acmesync.ConflictUndecided)
	}
	t.Run("a field that both have changed is left to a person, and neither side is touched", func(t *testing.T) {
		conflict(t, "apt_retry")
		require.Equal(t, "The app's word", w.event(t, "apt_retry").Title)
		require.Equal(t, "Acme's word", w.record(t, "apt_retry").Subject)
		require.Zero(t, w.apiWrites(t, "apt_retry"))
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
	t.Run("its retry takes Acme's, keeps the other, and lets what is no conflict travel", func(t *testing.T) {
		w.retry(t, "apt_retry", acmesync.ConflictUndecided, "title")
		w.alike(t, "apt_retry", "Acme's word")
		w.becomes(t, "apt_retry", "in_step", "")
		require.Equal(t, "Room 2", w.record(t, "apt_retry").Location)
		story, err := w.Record(t.Context(), tenant, acmesync.Appointments, "apt_retry")
		require.NoError(t, err)
		require.Equal(t, "The app's word", story.Overruled[0].Lost)
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM parked WHERE acme_id = 'apt_retry' AND closed_at IS NULL`))
	})
	t.Run("made alike on either side it goes on by itself", func(t *testing.T) {
		conflict(t, "apt_alike")
		w.edit(t, "apt_alike", map[string]any{"title": "Acme's word"})
		w.becomes(t, "apt_alike", "in_step", "")
		w.alike(t, "apt_alike", "Acme's word")
		require.Equal(t, "Room 2", w.record(t, "apt_alike").Location)
	})
	t.Run("what is retried is what Acme says by now, not what it said when it was parked", func(t *testing.T) {
		conflict(t, "apt_later")
		w.put(t, "appointments", "apt_later", map[string]any{"subject": "Acme's last word"})
		w.hook(t, acmesync.Appointments, "apt_later", 0)
		eventually(t, "it is parked with that", func() bool { return w.scalar(t, `SELECT version FROM parked WHERE acme_id = 'apt_later'`) == 3 })
		w.quiet(t)
		w.retry(t, "apt_later", acmesync.ConflictUndecided, "title")
		w.alike(t, "apt_later", "Acme's last word")
	})
	t.Run("deleted in the app and changed in Acme: its retry brings the event back", func(t *testing.T) {
		e := w.arrive(t, "apt_deleted", nil)
		w.people(t, http.MethodDelete, "/"+e.ID, nil)
		w.put(t, "appointments", "apt_deleted", map[string]any{"subject": "It matters"})
		w.hook(t, acmesync.AppEvents, e.ID, 0)
		w.parkedAs(t, "apt_deleted", acmesync.ConflictUndecided)
		require.Nil(t, w.record(t, "apt_deleted").DeletedAt)
		w.retry(t, "apt_deleted", acmesync.ConflictUndecided, "deleted")
		w.alike(t, "apt_deleted", "It matters")
	})
	t.Run("deleted in Acme and changed in the app: its retry takes the event out", func(t *testing.T) {
		w.arrive(t, "apt_gone", nil)
		w.remove(t, "appointments", "apt_gone")
		w.edit(t, "apt_gone", map[string]any{"title": "Still wanted"})
		w.parkedAs(t, "apt_gone", acmesync.ConflictUndecided)
		require.NotNil(t, w.event(t, "apt_gone"))
		w.retry(t, "apt_gone", acmesync.ConflictUndecided, "deleted")
		eventually(t, "it is gone", func() bool { return w.event(t, "apt_gone") == nil })
		w.becomes(t, "apt_gone", "deleted", "")
	})
}

func TestDeletedInTheApp(t *testing.T) {
	t.Parallel()
	deleted := func(t *testing.T, fate acmesync.Fate) *world {
		t.Helper()
		c := both(acmesync.ConflictRules{})
		c.Appointments.When.DeletedInApp = fate
		w := newWorld(t, c)
		w.run(t)
		w.quiet(t)
		e := w.arrive(t, "apt", nil)
		w.people(t, http.MethodDelete, "/"+e.ID, nil)
		w.hook(t, acmesync.AppEvents, e.ID, 0)
		w.becomes(t, "apt", "skipped", acmesync.DeletedInApp)
		w.quiet(t)
		return w
	}
	t.Run("mark cancels the appointment, once, and the event stays deleted", func(t *testing.T) {
		t.Parallel()
		w := deleted(t, acmesync.FateMark)
		a := w.record(t, "apt")
		require.Equal(t, acme.Canceled, a.Status)
		require.Nil(t, a.DeletedAt)
		w.hook(t, acmesync.Appointments, "apt", a.Version)
		w.quiet(t)
		w.becomes(t, "apt", "skipped", acmesync.DeletedInApp)
		require.Nil(t, w.event(t, "apt"))
		require.Equal(t, 1, w.apiWrites(t, "apt"))
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
	t.Run("keep leaves the appointment, without an event", func(t *testing.T) {
		t.Parallel()
		w := deleted(t, acmesync.FateKeep)
		w.hook(t, acmesync.Appointments, "apt", 0)
		w.quiet(t)
		w.becomes(t, "apt", "skipped", acmesync.DeletedInApp)
		require.Nil(t, w.event(t, "apt"))
		require.Equal(t, acme.Scheduled, w.record(t, "apt").Status)
		require.Zero(t, w.apiWrites(t, "apt"))
		t.Run("until Acme changes it", func(t *testing.T) {
			w.put(t, "appointments", "apt", map[string]any{"subject": "It matters"})
			w.hook(t, acmesync.Appointments, "apt", 0)
			w.alike(t, "apt", "It matters")
			w.becomes(t, "apt", "in_step", "")
		})
	})
}

func TestDeletedInAcmeBothWays(t *testing.T) {
	t.Parallel()
	ruled := func(t *testing.T, fate acmesync.Fate, c acmesync.ConflictRules) *world {
		t.Helper()
		rules := both(c)
		rules.Appointments.When.Deleted = fate
		w := newWorld(t, rules)
		w.run(t)
		w.quiet(t)
		w.arrive(t, "apt", nil)
		return w
	}
	gone := func(t *testing.T, w *world) {
		t.Helper()
		w.remove(t, "appointments", "apt")
		w.hook(t, acmesync.Appointments, "apt", 0)
		w.becomes(t, "apt", "deleted", "")
		w.quiet(t)
	}
	t.Run("marked, its event stays, cancelled; undeleted it takes place again, and edits travel", func(t *testing.T) {
		t.Parallel()
		w := ruled(t, acmesync.FateMark, acmesync.ConflictRules{})
		gone(t, w)
		require.Equal(t, app.StatusCancelled, w.event(t, "apt").Status)
		require.NotNil(t, w.record(t, "apt").DeletedAt)
		w.put(t, "appointments", "apt", map[string]any{"deleted_at": nil})
		w.hook(t, acmesync.Appointments, "apt", 0)
		eventually(t, "it takes place", func() bool { return w.event(t, "apt").Status == app.StatusConfirmed })
		w.becomes(t, "apt", "in_step", "")
		w.quiet(t)
		w.edit(t, "apt", map[string]any{"title": "By hand"})
		w.alike(t, "apt", "By hand")
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
	t.Run("marked, and changed in the app before: the event stays, cancelled, and what was changed is kept", func(t *testing.T) {
		t.Parallel()
		w := ruled(t, acmesync.FateMark, acmesync.ConflictRules{})
		w.people(t, http.MethodPatch, "/"+w.event(t, "apt").ID, map[string]any{"title": "By hand"})
		gone(t, w)
		require.Equal(t, app.StatusCancelled, w.event(t, "apt").Status)
		story, err := w.Record(t.Context(), tenant, acmesync.Appointments, "apt")
		require.NoError(t, err)
		require.Len(t, story.Overruled, 1)
		require.Equal(t, "By hand", story.Overruled[0].Lost)
	})
	for _, fate := range []acmesync.Fate{acmesync.FateRemove, acmesync.FateMark} {
		t.Run("changed in the app before, and the app wins: the appointment is undeleted, whatever else the rule is: "+string(fate), func(t *testing.T) {
			t.Parallel()
			w := ruled(t, fate, acmesync.ConflictRules{Default: acmesync.AppWins})
			w.people(t, http.MethodPatch, "/"+w.event(t, "apt").ID, map[string]any{"title": "By hand"})
			w.remove(t, "appointments", "apt")
			w.hook(t, acmesync.Appointments, "apt", 0)
			eventually(t, "it is back in Acme", func() bool { return w.record(t, "apt").DeletedAt == nil })
			w.alike(t, "apt", "By hand")
			require.Equal(t, app.StatusConfirmed, w.event(t, "apt").Status)
		})
	}
	t.Run("marked, a person's edit of it stays in the app and does not call it back", func(t *testing.T) {
		t.Parallel()
		w := ruled(t, acmesync.FateMark, acmesync.ConflictRules{})
		gone(t, w)
		w.edit(t, "apt", map[string]any{"description": "We met all the same"})
		w.quiet(t)
		w.becomes(t, "apt", "deleted", "")
		require.Equal(t, []string{app.StatusCancelled, "We met all the same"}, []string{w.event(t, "apt").Status, w.event(t, "apt").Description})
		require.NotNil(t, w.record(t, "apt").DeletedAt)
	})
	t.Run("kept, its event stays as it is", func(t *testing.T) {
		t.Parallel()
		w := ruled(t, acmesync.FateKeep, acmesync.ConflictRules{})
		gone(t, w)
		require.Equal(t, app.StatusConfirmed, w.event(t, "apt").Status)
	})
}

func TestBothWaysSwitchedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	for _, id := range []string{"apt_edit", "apt_before", "apt_acme"} {
		w.arrive(t, id, map[string]any{"subject": "As delivered"})
	}
	w.edit(t, "apt_before", map[string]any{"title": "Changed before"})
	w.quiet(t)
	require.Equal(t, "As delivered", w.record(t, "apt_before").Subject, "one way it does not travel")
	w.ruled(t, both(acmesync.ConflictRules{}), acmesync.Appointments)
	w.settled(t)
	require.Zero(t, w.scalar(t, `SELECT count(*) FROM agreed WHERE acme_id <> 'apt_before'`), "nothing was agreed on yet")

	t.Run("an edit of an event that was delivered before travels, as what was delivered is what both had", func(t *testing.T) {
		w.edit(t, "apt_edit", map[string]any{"title": "By hand"})
		w.alike(t, "apt_edit", "By hand")
		require.Equal(t, 1, w.apiWrites(t, "apt_edit"))
	})
	t.Run("so does, with the next edit, what was changed before, where Acme has not changed since", func(t *testing.T) {
		w.edit(t, "apt_before", map[string]any{"location": "Room 2"})
		w.alike(t, "apt_before", "Changed before")
		require.Equal(t, "Room 2", w.record(t, "apt_before").Location)
	})
	t.Run("where Acme has changed since its values stand", func(t *testing.T) {
		w.put(t, "appointments", "apt_acme", map[string]any{"location": "Acme's room"})
		w.edit(t, "apt_acme", map[string]any{"title": "By hand"})
		eventually(t, "Acme's room arrives", func() bool { return w.event(t, "apt_acme").Location == "Acme's room" })
		w.alike(t, "apt_acme", "As delivered")
		require.Zero(t, w.apiWrites(t, "apt_acme"))
	})
}
