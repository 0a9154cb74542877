package activities_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

// exceptions are the appointments that stand for instances of a series in Acme.
func (w *world) exceptions(t require.TestingT, series string) []acme.Appointment {
	client := &acme.Client{BaseURL: w.acmeURL, APIKey: w.key, HTTP: &http.Client{Timeout: 30 * time.Second}}
	var all []acme.Appointment
	q := acme.ListQuery{}
	for {
		page, err := client.List(context.Background(), acme.Appointments, q)
		require.NoError(t, err)
		for _, item := range page.Items {
			a, err := acme.DecodeAppointment(item.Raw)
			require.NoError(t, err)
			if a.SeriesID == series {
				all = append(all, a)
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return all
		}
	}
}

// byHand changes the event of an instance as people do.
func (w *world) byHand(t *testing.T, series string, week int, fields map[string]any) *app.StoredEvent {
	t.Helper()
	id := series + "/" + original(t, week)
	w.edit(t, id, fields)
	return w.event(t, id)
}

func shifted(t *testing.T, week int, shift time.Duration) map[string]any {
	t.Helper()
	start := monday(t).AddDate(0, 0, 7*week).Add(shift).UTC()
	return map[string]any{
		"start": map[string]any{"date_time": start.Format(time.RFC3339), "time_zone": "Australia/Sydney"},
		"end":   map[string]any{"date_time": start.Add(time.Hour).Format(time.RFC3339), "time_zone": "Australia/Sydney"},
	}
}

func TestSeriesBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{}))
	w.put(t, "contacts", "con_ada", map[string]any{"name": "Ada", "emails": []string{"ada@example.com"}})
	w.run(t)
	w.quiet(t)
	series := func(t *testing.T, id string) {
		t.Helper()
		w.set(t, id, master(t, "FREQ=WEEKLY;COUNT=5", map[string]any{"contact_ids": []string{"con_ada"}}))
		w.shows(t, id, weekly(t, "Weekly", 5, nil))
		w.quiet(t)
	}
	one := func(t *testing.T, series string) acme.Appointment {
		t.Helper()
		var found []acme.Appointment
		eventually(t, "there is one exception", func() bool { found = w.exceptions(t, series); return len(found) == 1 })
		w.quiet(t)
		found = w.exceptions(t, series)
		require.Len(t, found, 1)
		return found[0]
	}

	t.Run("one that is moved and renamed becomes an exception by one write, and none comes back", func(t *testing.T) {
		series(t, "s")
		fields := shifted(t, 1, 3*time.Hour)
		fields["title"] = "Moved"
		e := w.byHand(t, "s", 1, fields)
		a := one(t, "s")
		require.Equal(t, "Moved", a.Subject)
		require.Equal(t, monday(t).AddDate(0, 0, 7).Add(3*time.Hour).Format("2006-01-02T15:04:05"), a.Start.DateTime)
		require.Equal(t, monday(t).AddDate(0, 0, 7).Format("2006-01-02T15:04:05"), a.OriginalStart.DateTime)
		require.Equal(t, []string{"con_ada"}, a.ContactIDs)
		w.hook(t, acmesync.Appointments, a.ID, a.Version)
		w.hook(t, acmesync.Appointments, "s", 0)
		w.quiet(t)
		require.Equal(t, []int{1, 0, 1}, []int{w.apiWrites(t, a.ID), w.apiWrites(t, "s"), w.appWrites(t, e.ID)}, "made once; the event was written by the series alone")
		w.shows(t, "s", weekly(t, "Weekly", 5, map[int]string{1: moved(t, 1, 3*time.Hour, "confirmed")}))
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
	t.Run("an edit of that one changes the exception, and Acme's change of it arrives beside", func(t *testing.T) {
		a := one(t, "s")
		w.put(t, "appointments", a.ID, map[string]any{"location": "Acme's room"})
		w.byHand(t, "s", 1, map[string]any{"title": "Renamed again"})
		eventually(t, "both have both", func() bool {
			e := w.event(t, "s/"+original(t, 1))
			return w.record(t, a.ID).Subject == "Renamed again" && e.Location == "Acme's room" && e.Title == "Renamed again"
		})
		w.quiet(t)
		require.Len(t, w.exceptions(t, "s"), 1)
		require.Equal(t, 2, w.apiWrites(t, a.ID))
	})
	t.Run("the series changed afterwards leaves it, and the others follow", func(t *testing.T) {
		w.set(t, "s", map[string]any{"subject": "Weekly, renamed"})
		eventually(t, "the others follow", func() bool { return w.event(t, "s/"+original(t, 2)).Title == "Weekly, renamed" })
		w.quiet(t)
		require.Equal(t, "Renamed again", w.event(t, "s/"+original(t, 1)).Title)
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
	t.Run("the first one, too, though it begins when its series does", func(t *testing.T) {
		series(t, "first")
		w.byHand(t, "first", 0, map[string]any{"title": "The first"})
		require.Equal(t, "The first", one(t, "first").Subject)
	})
	t.Run("one that is cancelled is a canceled exception", func(t *testing.T) {
		series(t, "c")
		w.byHand(t, "c", 2, map[string]any{"status": app.StatusCancelled})
		require.Equal(t, acme.Canceled, one(t, "c").Status)
		require.Equal(t, app.StatusCancelled, w.event(t, "c/"+original(t, 2)).Status)
	})
	gone := func(t *testing.T, series string, week int) {
		t.Helper()
		e := w.event(t, series+"/"+original(t, week))
		require.NotNil(t, e)
		w.people(t, http.MethodDelete, "/"+e.ID, nil)
		w.hook(t, acmesync.AppEvents, e.ID, 0)
	}
	t.Run("one that is deleted is left out of the series, and stays out", func(t *testing.T) {
		series(t, "d")
		gone(t, "d", 3)
		eventually(t, "it is left out", func() bool { return len(w.record(t, "d").Recurrence.ExDates) == 1 })
		require.Equal(t, monday(t).AddDate(0, 0, 21).Format("2006-01-02T15:04:05"), w.record(t, "d").Recurrence.ExDates[0])
		w.quiet(t)
		w.shows(t, "d", weekly(t, "Weekly", 5, map[int]string{3: ""}))
		w.hook(t, acmesync.Appointments, "d", w.record(t, "d").Version)
		w.quiet(t)
		require.Equal(t, 1, w.apiWrites(t, "d"))
		require.Empty(t, w.exceptions(t, "d"))
	})
	t.Run("so is one that an exception stands for", func(t *testing.T) {
		series(t, "de")
		w.byHand(t, "de", 1, map[string]any{"title": "Moved"})
		one(t, "de")
		gone(t, "de", 1)
		eventually(t, "it is left out", func() bool {
			return len(w.record(t, "de").Recurrence.ExDates) == 1 && len(w.exceptions(t, "de")) == 0
		})
		w.quiet(t)
		w.shows(t, "de", weekly(t, "Weekly", 5, map[int]string{1: ""}))
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
	t.Run("a change of the series does not write over what people have done at the same time", func(t *testing.T) {
		series(t, "race")
		e := w.event(t, "race/"+original(t, 1))
		w.people(t, http.MethodPatch, "/"+e.ID, map[string]any{"location": "By hand"}) // nobody tells of it yet
		w.set(t, "race", map[string]any{"subject": "Weekly, renamed"})
		eventually(t, "the others follow", func() bool { return w.event(t, "race/"+original(t, 2)).Title == "Weekly, renamed" })
		w.quiet(t)
		require.Equal(t, "Weekly, renamed", w.event(t, "race/"+original(t, 1)).Title)
		require.Empty(t, w.exceptions(t, "race"), "nobody remembers which side has changed what: Acme's values stand by default")
		story, err := w.Record(t.Context(), tenant, acmesync.Appointments, "race")
		require.NoError(t, err)
		require.Len(t, story.Overruled, 2)
		require.Contains(t, []string{story.Overruled[0].Lost, story.Overruled[1].Lost}, "By hand", "and what lost is kept")
	})
	t.Run("an answer that was lost makes no second exception", func(t *testing.T) {
		series(t, "lost")
		w.acmeFaults(t, map[string]any{"answer_lost_after_commit": true})
		w.byHand(t, "lost", 1, map[string]any{"title": "Moved"})
		eventually(t, "it was made", func() bool { return len(w.exceptions(t, "lost")) == 1 })
		eventually(t, "it is put off", func() bool {
			return w.scalar(t, `SELECT count(*) FROM envelopes WHERE ended_at IS NULL AND rest IS NOT NULL`) == 1
		})
		w.acmeFaults(t, map[string]any{"forget_idempotency_keys": true})
		eventually(t, "it is done", func() bool {
			w.tick(t)
			return w.scalar(t, `SELECT count(*) FROM envelopes WHERE ended_at IS NULL`) == 0
		})
		w.acmeFaults(t, map[string]any{})
		require.Equal(t, "Moved", one(t, "lost").Subject)
		w.shows(t, "lost", weekly(t, "Weekly", 5, map[int]string{1: moved(t, 1, 0, "confirmed")}))
	})
}

func TestInstanceConflictForReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{Default: acmesync.ReviewConflict}))
	w.run(t)
	w.quiet(t)
	w.set(t, "s", master(t, "FREQ=WEEKLY;COUNT=3", nil))
	w.shows(t, "s", weekly(t, "Weekly", 3, nil))
	w.quiet(t)
	e := w.event(t, "s/"+original(t, 1))
	w.people(t, http.MethodPatch, "/"+e.ID, map[string]any{"title": "By hand"})
	w.set(t, "s", map[string]any{"subject": "Weekly, renamed"})
	byHand := "By hand " + monday(t).AddDate(0, 0, 7).UTC().Format("2006-01-02T15:04:05Z") + " confirmed"
	t.Run("what both have changed is left to a person, under the event, and the others follow the series", func(t *testing.T) {
		w.parkedAs(t, e.ID, acmesync.ConflictUndecided)
		w.shows(t, "s", weekly(t, "Weekly, renamed", 3, map[int]string{1: byHand}))
		require.Empty(t, w.exceptions(t, "s"))
	})
	t.Run("retried, it takes Acme's", func(t *testing.T) {
		n, err := w.control(t).Decide(t.Context(), tenant, acmesync.Fingerprint(acmesync.AppEvents, acmesync.ConflictUndecided, "title"),
			acmesync.Decision{ID: "retry", Action: acmesync.OrderRetry, Actor: "test"})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		w.shows(t, "s", weekly(t, "Weekly, renamed", 3, nil))
		eventually(t, "nothing is parked any more", func() bool { return w.scalar(t, `SELECT count(*) FROM parked WHERE closed_at IS NULL`) == 0 })
		w.quiet(t)
		w.shows(t, "s", weekly(t, "Weekly, renamed", 3, nil))
	})
}

func TestAuditOfStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{}))
	w.run(t)
	w.quiet(t)
	w.set(t, "s", master(t, "FREQ=WEEKLY;COUNT=3", nil))
	w.shows(t, "s", weekly(t, "Weekly", 3, nil))
	w.quiet(t)
	stranger := []any{map[string]any{"name": "A stranger", "email": "stranger@example.com"}}
	w.byHand(t, "s", 1, map[string]any{"title": "Moved", "attendees": stranger})
	eventually(t, "it is an exception", func() bool { return len(w.exceptions(t, "s")) == 1 })
	w.arrive(t, "apt", nil)
	w.edit(t, "apt", map[string]any{"attendees": stranger})
	w.becomes(t, "apt", "in_step", acmesync.AttendeeUnknown)
	w.quiet(t)
	t.Run("whom Acme does not know is no difference, of a single one and of one of a series", func(t *testing.T) {
		require.Empty(t, w.differences(t, w.audit(t)))
		require.Len(t, w.event(t, "apt").Attendees, 1)
		require.Len(t, w.event(t, "s/"+original(t, 1)).Attendees, 1)
	})
}

func TestDeletedInstance(t *testing.T) {
	t.Parallel()
	for fate, status := range map[acmesync.Fate]acme.AppointmentStatus{acmesync.FateMark: acme.Canceled, acmesync.FateKeep: ""} {
		t.Run("by the tenant's rule: "+string(fate), func(t *testing.T) {
			t.Parallel()
			c := both(acmesync.ConflictRules{})
			c.Appointments.When.DeletedInApp = fate
			w := newWorld(t, c)
			w.run(t)
			w.quiet(t)
			w.set(t, "s", master(t, "FREQ=WEEKLY;COUNT=4", nil))
			w.shows(t, "s", weekly(t, "Weekly", 4, nil))
			w.quiet(t)
			e := w.event(t, "s/"+original(t, 1))
			w.people(t, http.MethodDelete, "/"+e.ID, nil)
			w.hook(t, acmesync.AppEvents, e.ID, 0)
			if status != "" {
				eventually(t, "it is canceled", func() bool { all := w.exceptions(t, "s"); return len(all) == 1 && all[0].Status == status })
			} else {
				eventually(t, "it is noted", func() bool {
					_, code := w.entry(t, acmesync.AppEvents, e.ID)
					return code == string(acmesync.DeletedInApp)
				})
				require.Empty(t, w.exceptions(t, "s"))
			}
			w.quiet(t)
			t.Run("the event stays away when the series changes", func(t *testing.T) {
				w.set(t, "s", map[string]any{"subject": "Weekly, renamed"})
				w.shows(t, "s", weekly(t, "Weekly, renamed", 4, map[int]string{1: ""}))
				w.quiet(t)
				w.shows(t, "s", weekly(t, "Weekly, renamed", 4, map[int]string{1: ""}))
				eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
			})
		})
	}
}
