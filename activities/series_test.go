package activities_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/activities"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

// monday is the first day of the tests' series: the Monday after next, at ten in Sydney.
func monday(t require.TestingT) time.Time {
	sydney, err := time.LoadLocation("Australia/Sydney")
	require.NoError(t, err)
	now := time.Now().In(sydney)
	return time.Date(now.Year(), now.Month(), now.Day()+14-(int(now.Weekday())+6)%7, 10, 0, 0, 0, sydney)
}

// at is a moment so many weeks after the first Monday, shifted.
func at(t require.TestingT, weeks int, shift time.Duration) map[string]any {
	when := monday(t).AddDate(0, 0, 7*weeks).Add(shift)
	return map[string]any{"date_time": when.Format("2006-01-02T15:04:05"), "time_zone": "Australia/Sydney"}
}

// original names the instance so many weeks after the first.
func original(t require.TestingT, weeks int) string {
	return monday(t).AddDate(0, 0, 7*weeks).UTC().Format("20060102T150405Z")
}

func master(t require.TestingT, rule string, fields map[string]any) map[string]any {
	m := appointment(map[string]any{
		"start": at(t, 0, 0), "end": at(t, 0, time.Hour), "recurrence": map[string]any{"rrule": rule}, "subject": "Weekly",
	})
	maps.Copy(m, fields)
	return m
}

func exception(t require.TestingT, series string, weeks int, shift time.Duration, fields map[string]any) map[string]any {
	e := appointment(map[string]any{
		"series_id": series, "original_start": at(t, weeks, 0), "start": at(t, weeks, shift), "end": at(t, weeks, shift+time.Hour), "subject": "Moved",
	})
	maps.Copy(e, fields)
	return e
}

// shown is what the app's calendar has of a series and of single records: external id without its prefix → what one sees.
func (w *world) shown(t require.TestingT, prefix string) map[string]string {
	client := &app.Client{BaseURL: w.appURL, Token: w.token, HTTP: &http.Client{Timeout: 30 * time.Second}}
	all := map[string]string{}
	for cursor := ""; ; {
		page, err := client.Events(context.Background(), app.EventQuery{Cursor: cursor, Limit: 500})
		require.NoError(t, err)
		for _, e := range page.Events {
			if id, ours := strings.CutPrefix(e.ExternalID, externalID(prefix)); ours {
				all[id] = fmt.Sprintf("%s %s %s", e.Title, e.Start.DateTime, e.Status)
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}

// weekly is what a series shows: weeks that are named are as given, "" is none.
func weekly(t require.TestingT, title string, weeks int, but map[int]string) map[string]string {
	all := map[string]string{}
	for n := range weeks {
		start := monday(t).AddDate(0, 0, 7*n).UTC().Format("2006-01-02T15:04:05Z")
		what, other := but[n]
		if !other {
			what = title + " " + start + " confirmed"
		}
		if what != "" {
			all["/"+original(t, n)] = what
		}
	}
	return all
}

func moved(t require.TestingT, weeks int, shift time.Duration, status string) string {
	return "Moved " + monday(t).AddDate(0, 0, 7*weeks).Add(shift).UTC().Format("2006-01-02T15:04:05Z") + " " + status
}

func (w *world) set(t *testing.T, id string, fields map[string]any) {
	t.Helper()
	w.put(t, "appointments", id, fields)
	w.hook(t, acmesync.Appointments, id, 0)
}

func (w *world) shows(t *testing.T, prefix string, want map[string]string) {
	t.Helper()
	eventually(t, "the calendar shows "+prefix, func() bool {
		return maps.Equal(want, w.shown(t, prefix))
	})
}

func TestSeries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)

	t.Run("a master becomes an event for each instance, and stays one record", func(t *testing.T) {
		w.set(t, "s", master(t, "FREQ=WEEKLY;COUNT=6", nil))
		w.shows(t, "s", weekly(t, "Weekly", 6, nil))
		eventually(t, "it is one record in the balance", func() bool {
			b := w.balance(t, acmesync.Appointments)
			return b.Known == 1 && b.InStep == 1
		})
		story, err := w.Record(t.Context(), tenant, acmesync.Appointments, "s")
		require.NoError(t, err)
		require.Equal(t, 6, story.Instances)
	})
	t.Run("a moved instance moves its event and makes no other", func(t *testing.T) {
		before := w.event(t, "s/"+original(t, 2)).ID
		w.set(t, "e", exception(t, "s", 2, 3*time.Hour, nil))
		w.shows(t, "s", weekly(t, "Weekly", 6, map[int]string{2: moved(t, 2, 3*time.Hour, "confirmed")}))
		require.Equal(t, before, w.event(t, "s/"+original(t, 2)).ID)
		require.Nil(t, w.event(t, "e"))
		story, err := w.Record(t.Context(), tenant, acmesync.Appointments, "e")
		require.NoError(t, err)
		require.Equal(t, "s/"+original(t, 2), story.InstanceOf)
	})
	t.Run("the series edited afterwards leaves the moved one as it is", func(t *testing.T) {
		w.set(t, "s", map[string]any{"subject": "Weekly, renamed"})
		w.shows(t, "s", weekly(t, "Weekly, renamed", 6, map[int]string{2: moved(t, 2, 3*time.Hour, "confirmed")}))
	})
	t.Run("only instances that differ are written", func(t *testing.T) {
		revisions := w.revisions(t)
		w.set(t, "s", map[string]any{"recurrence": map[string]any{"rrule": "FREQ=WEEKLY;COUNT=6", "exdates": []string{monday(t).AddDate(0, 0, 28).Format(time.DateOnly)}}})
		w.shows(t, "s", weekly(t, "Weekly, renamed", 6, map[int]string{2: moved(t, 2, 3*time.Hour, "confirmed"), 4: ""}))
		now := w.revisions(t)
		delete(revisions, original(t, 4))
		require.Equal(t, revisions, now)
	})
	t.Run("a cancelled instance is marked", func(t *testing.T) {
		w.set(t, "c", exception(t, "s", 1, 0, map[string]any{"status": "canceled"}))
		w.shows(t, "s", weekly(t, "Weekly, renamed", 6, map[int]string{
			1: moved(t, 1, 0, "cancelled"), 2: moved(t, 2, 3*time.Hour, "confirmed"), 4: "",
		}))
	})
	t.Run("an exception that is deleted gives its instance back to the series", func(t *testing.T) {
		w.set(t, "c", map[string]any{"deleted_at": time.Now().UTC().Format(time.RFC3339)})
		w.shows(t, "s", weekly(t, "Weekly, renamed", 6, map[int]string{2: moved(t, 2, 3*time.Hour, "confirmed"), 4: ""}))
	})
	t.Run("one that is undeleted takes it again", func(t *testing.T) {
		w.set(t, "c", map[string]any{"deleted_at": nil})
		w.shows(t, "s", weekly(t, "Weekly, renamed", 6, map[int]string{
			1: moved(t, 1, 0, "cancelled"), 2: moved(t, 2, 3*time.Hour, "confirmed"), 4: "",
		}))
		w.set(t, "c", map[string]any{"deleted_at": time.Now().UTC().Format(time.RFC3339)})
	})
	t.Run("an exception that now stands for another instance gives the first one back", func(t *testing.T) {
		w.set(t, "e", map[string]any{"original_start": at(t, 3, 0)})
		w.shows(t, "s", weekly(t, "Weekly, renamed", 6, map[int]string{3: moved(t, 2, 3*time.Hour, "confirmed"), 4: ""}))
		w.set(t, "e", map[string]any{"original_start": at(t, 2, 0)})
		w.shows(t, "s", weekly(t, "Weekly, renamed", 6, map[int]string{2: moved(t, 2, 3*time.Hour, "confirmed"), 4: ""}))
	})
	t.Run("this and following: the old series ends, a new one begins", func(t *testing.T) {
		w.set(t, "n", master(t, "FREQ=WEEKLY;COUNT=2", map[string]any{"start": at(t, 1, time.Hour), "end": at(t, 1, 2*time.Hour), "subject": "New"}))
		w.set(t, "s", map[string]any{"recurrence": map[string]any{"rrule": "FREQ=WEEKLY;UNTIL=" + monday(t).Format("20060102")}})
		w.shows(t, "s", weekly(t, "Weekly, renamed", 3, map[int]string{1: "", 2: moved(t, 2, 3*time.Hour, "confirmed")}))
		require.Len(t, w.shown(t, "n"), 2)
	})
	t.Run("an exception of no instance stays an event of its own", func(t *testing.T) {
		require.Contains(t, w.shown(t, "s"), "/"+original(t, 2))
	})
	t.Run("a deleted master takes its own instances with it, exceptions follow their own records", func(t *testing.T) {
		w.set(t, "s", map[string]any{"deleted_at": time.Now().UTC().Format(time.RFC3339)})
		w.shows(t, "s", map[string]string{"/" + original(t, 2): moved(t, 2, 3*time.Hour, "confirmed")})
		w.set(t, "e", map[string]any{"deleted_at": time.Now().UTC().Format(time.RFC3339)})
		w.shows(t, "s", map[string]string{})
		eventually(t, "nothing is known of it", func() bool { return w.scalar(t, `SELECT count(*) FROM instances WHERE series_id = 's'`) == 0 })
	})
	t.Run("a single appointment that becomes a series, and is one again", func(t *testing.T) {
		single := map[string]any{"start": at(t, 0, 0), "end": at(t, 0, time.Hour)}
		w.set(t, "p", appointment(single))
		eventually(t, "it is there", func() bool { return w.event(t, "p") != nil })
		w.set(t, "p", map[string]any{"subject": "Weekly", "recurrence": map[string]any{"rrule": "FREQ=WEEKLY;COUNT=3"}})
		w.shows(t, "p", weekly(t, "Weekly", 3, nil))
		w.set(t, "p", map[string]any{"recurrence": nil})
		w.shows(t, "p", map[string]string{"": "Weekly " + monday(t).UTC().Format("2006-01-02T15:04:05Z") + " confirmed"})
	})
	t.Run("a rule that cannot be read parks the series, and what it has stays", func(t *testing.T) {
		w.set(t, "n", map[string]any{"recurrence": map[string]any{"rrule": "FREQ=SOMETIMES"}})
		eventually(t, "it parks", func() bool {
			return w.balance(t, acmesync.Appointments).Parked[string(acmesync.RecurrenceInvalid)] == 1
		})
		require.Len(t, w.shown(t, "n"), 2)
		w.set(t, "n", map[string]any{"recurrence": map[string]any{"rrule": "FREQ=WEEKLY;COUNT=3"}})
		eventually(t, "it is right again", func() bool { return len(w.shown(t, "n")) == 3 })
	})
	t.Run("the app refuses an exception: the series keeps the instance", func(t *testing.T) {
		w.set(t, "bad", exception(t, "n", 0, 0, map[string]any{"original_start": at(t, 1, time.Hour), "conference_url": "on the bridge"}))
		eventually(t, "it parks", func() bool {
			return w.balance(t, acmesync.Appointments).Parked[string(acmesync.AppRejected)] == 1
		})
		eventually(t, "all instances are the series'", func() bool {
			return len(w.shown(t, "n")) == 3 && w.scalar(t, `SELECT count(*) FROM instances WHERE series_id = 'n' AND holder = 'n' AND mapped IS NOT NULL`) == 3
		})
	})
	t.Run("two exceptions of one instance: the second parks", func(t *testing.T) {
		w.set(t, "x1", exception(t, "n", 0, 0, map[string]any{"original_start": at(t, 2, time.Hour)}))
		eventually(t, "the first is there", func() bool {
			return w.scalar(t, `SELECT count(*) FROM instances WHERE holder = 'x1' AND app_id <> ''`) == 1
		})
		w.set(t, "x2", exception(t, "n", 0, 0, map[string]any{"original_start": at(t, 2, time.Hour)}))
		eventually(t, "the second parks", func() bool {
			return w.balance(t, acmesync.Appointments).Parked[string(acmesync.RecurrenceInvalid)] == 1
		})
	})
	t.Run("deactivated with removal, no event of a series is left, and activated again all are back", func(t *testing.T) {
		_, err := w.Apply(t.Context(), tenant, acmesync.Command{ID: "off", Name: acmesync.Deactivate, Actor: "test", RemoveEvents: true})
		require.NoError(t, err)
		require.Zero(t, w.cleanUp(t))
		require.Empty(t, w.shown(t, ""))
		_, err = w.Apply(t.Context(), tenant, acmesync.Command{ID: "on", Name: acmesync.Activate, Actor: "test"})
		require.NoError(t, err)
		eventually(t, "the series is back", func() bool { return len(w.shown(t, "n")) == 3 })
		eventually(t, "the single one is back", func() bool { return w.event(t, "p") != nil })
	})
}

func (w *world) cleanUp(t *testing.T) int {
	t.Helper()
	left := 0
	_, err := w.attempt(func(ctx context.Context, _ activities.LaneInput) (activities.LaneResult, error) {
		result, err := w.do.CleanUp(ctx, activities.TenantInput{Tenant: tenant})
		left = result.Left
		return activities.LaneResult{}, err
	}, make(chan struct{}))
	require.NoError(t, err)
	return left
}

// revisions are those of the instances of series s, as the app has them.
func (w *world) revisions(t *testing.T) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for id := range w.shown(t, "s") {
		all[strings.TrimPrefix(id, "/")] = w.event(t, "s"+id).Revision
	}
	return all
}

// TestSeriesInAnyOrder lets the records of like series arrive in every order, each of them in two versions.
func TestSeriesInAnyOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	deleted := time.Now().UTC().Format(time.RFC3339)
	steps := []func(series string){
		func(s string) { w.set(t, s, master(t, "FREQ=WEEKLY;COUNT=5", nil)) },
		func(s string) { w.set(t, s+"-moved", exception(t, s, 1, 2*time.Hour, nil)) },
		func(s string) {
			w.set(t, s+"-gone", exception(t, s, 2, 0, nil))
			w.set(t, s+"-gone", map[string]any{"deleted_at": deleted})
		},
		func(s string) { w.set(t, s+"-away", exception(t, s, 3, 0, map[string]any{"owner_id": "usr_nobody"})) },
		func(s string) { w.set(t, s+"-none", exception(t, s, 9, 0, map[string]any{"status": "canceled"})) },
	}
	want := weekly(t, "Weekly", 5, map[int]string{1: moved(t, 1, 2*time.Hour, "confirmed"), 3: ""})
	want["/"+original(t, 9)] = moved(t, 9, 0, "cancelled")

	orders := permutations(len(steps))
	for n := range steps {
		for k, order := range orders {
			steps[order[n]](fmt.Sprintf("s%03d", k))
		}
		if n%2 == 0 {
			w.quiet(t)
		}
	}
	for k, order := range orders {
		series := fmt.Sprintf("s%03d", k)
		eventually(t, fmt.Sprintf("order %v ends right: want %v, have %v", order, want, w.shown(t, series)), func() bool {
			return maps.Equal(want, w.shown(t, series))
		})
	}
	b := w.balance(t, acmesync.Appointments)
	require.Equal(t, b.Known, b.Sum())
}

func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for k := range n {
			all = append(all, slices.Insert(slices.Clone(p), k, n-1))
		}
	}
	return all
}

func TestSeriesInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)

	t.Run("an instance the app cannot take now is written later, the others are there", func(t *testing.T) {
		w.appFaults(t, map[string]any{"busy_external_ids": []string{externalID("s/" + original(t, 1))}})
		w.set(t, "s", master(t, "FREQ=WEEKLY;COUNT=4", nil))
		w.shows(t, "s", weekly(t, "Weekly", 4, map[int]string{1: ""}))
		eventually(t, "those written are known, and the one in doubt is", func() bool {
			return w.scalar(t, `SELECT count(*) FROM instances WHERE mapped IS NOT NULL`) == 3 && w.scalar(t, `SELECT count(*) FROM instances`) == 4
		})
		require.Zero(t, w.balance(t, acmesync.Appointments).InStep)
		revisions := w.revisions(t)
		w.appFaults(t, map[string]any{})
		w.tick(t)
		w.shows(t, "s", weekly(t, "Weekly", 4, nil))
		now := w.revisions(t)
		delete(now, original(t, 1))
		require.Equal(t, revisions, now, "what was written is not written again")
		eventually(t, "the series is in step", func() bool { return w.balance(t, acmesync.Appointments).InStep == 1 })
	})
	t.Run("a deleted master whose write was cut off leaves nothing behind", func(t *testing.T) {
		w.appFaults(t, map[string]any{"busy_external_ids": []string{externalID("cut/" + original(t, 1))}})
		w.set(t, "cut", master(t, "FREQ=WEEKLY;COUNT=4", nil))
		eventually(t, "three are there", func() bool { return len(w.shown(t, "cut")) == 3 })
		w.appFaults(t, map[string]any{})
		w.set(t, "cut", map[string]any{"deleted_at": time.Now().UTC().Format(time.RFC3339)})
		w.tick(t)
		w.shows(t, "cut", map[string]string{})
		eventually(t, "nothing is known of it", func() bool {
			w.tick(t)
			return w.scalar(t, `SELECT count(*) FROM instances WHERE series_id = 'cut'`) == 0 && w.balance(t, acmesync.Appointments).Deleted == 1
		})
	})
	t.Run("more series than a round has room for are all carried over", func(t *testing.T) {
		for n := range 6 {
			w.put(t, "appointments", fmt.Sprintf("daily%d", n), master(t, "FREQ=DAILY", nil))
		}
		w.poll(t)
		eventually(t, "all six are in step", func() bool { return w.balance(t, acmesync.Appointments).InStep == 7 })
		// From the first day, a week or two ahead, to the horizon.
		require.InDelta(t, 355, w.scalar(t, `SELECT count(*) FROM instances WHERE series_id = 'daily0' AND app_id <> ''`), 10)
		require.InDelta(t, 6*355, len(w.shown(t, "daily")), 60)
	})
}

func TestSeriesKeepsFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{Collision: acmesync.CollideIgnore}})
	w.run(t)
	w.quiet(t)
	w.set(t, "s", master(t, "FREQ=WEEKLY;COUNT=2", nil))
	w.shows(t, "s", weekly(t, "Weekly", 2, nil))
	t.Run("what was delivered stays, what is new is made as it is now", func(t *testing.T) {
		w.set(t, "s", map[string]any{"subject": "Later", "recurrence": map[string]any{"rrule": "FREQ=WEEKLY;COUNT=3"}})
		third := monday(t).AddDate(0, 0, 14).UTC().Format("2006-01-02T15:04:05Z")
		w.shows(t, "s", weekly(t, "Weekly", 3, map[int]string{2: "Later " + third + " confirmed"}))
	})
}

func TestSeriesGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	w.set(t, "s", master(t, "FREQ=WEEKLY", nil))
	eventually(t, "it is carried over", func() bool { return len(w.shown(t, "s")) > 40 })

	t.Run("a series without an end is looked at again when its next appointment comes inside the horizon", func(t *testing.T) {
		eventually(t, "the look is due then", func() bool {
			return w.scalar(t, `
				SELECT count(*) FROM revisits r WHERE acme_id = 's' AND abs(extract(epoch FROM due_at - greatest(date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 day',
					(SELECT to_timestamp(max(original), 'YYYYMMDD"T"HH24MISS"Z"') FROM instances WHERE series_id = 's') + interval '7 days' - interval '365 days'))) < 2 * 86400`) == 1
		})
	})
	t.Run("a look that finds nothing new writes nothing", func(t *testing.T) {
		revisions := w.revisions(t)
		w.exec(t, `UPDATE ledger SET hash = gen_random_uuid() WHERE acme_id = 's'`) // as if it were of another day
		w.exec(t, `UPDATE revisits SET due_at = now()`)
		w.poll(t)
		eventually(t, "it was looked at", func() bool { return w.scalar(t, `SELECT count(*) FROM revisits WHERE due_at > now()`) == 1 })
		w.quiet(t)
		require.Equal(t, revisions, w.revisions(t))
	})
	t.Run("an exception that is left out for its age stays left out", func(t *testing.T) {
		old := time.Now().AddDate(0, -6, 0).UTC()
		w.set(t, "e", exception(t, "s", 1, 0, map[string]any{"start": moment(old), "end": moment(old.Add(time.Hour))}))
		eventually(t, "its instance is not where it was", func() bool { return w.shown(t, "s")["/"+original(t, 1)] == "" })
		w.set(t, "e", map[string]any{"subject": "Typed again"})
		eventually(t, "it is skipped again", func() bool {
			return w.scalar(t, `SELECT count(*) FROM ledger WHERE acme_id = 'e' AND version > 1 AND state = 'skipped' AND code = 'too_old'`) == 1
		})
		require.NotContains(t, w.shown(t, "s"), "/"+original(t, 1))
	})
}
