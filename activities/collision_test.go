package activities_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"acmesync"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

func collisions(c acmesync.Collision, businessKey bool) acmesync.Config {
	return acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{Collision: c, BusinessKey: businessKey}}
}

// titled waits until the app has exactly these records' events, by title.
func (w *world) titled(t *testing.T, titles map[string]string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the app shows %v", titles), func() bool {
		w.exec(t, `UPDATE envelopes SET due_at = now() WHERE kind = 'hint' AND ended_at IS NULL`)
		for id, title := range titles {
			e := w.event(t, id)
			if title == "" && e != nil || title != "" && (e == nil || e.Title != title) {
				return false
			}
		}
		return true
	})
}

func TestFirstWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, collisions(acmesync.CollideIgnore, false))
	w.run(t)
	w.set(t, "apt", appointment(map[string]any{"subject": "First"}))
	w.titled(t, map[string]string{"apt": "First"})
	t.Run("later versions leave the event as it was first delivered, and are in step", func(t *testing.T) {
		w.set(t, "apt", map[string]any{"subject": "Second"})
		w.set(t, "other", appointment(map[string]any{"subject": "Other"}))
		w.titled(t, map[string]string{"other": "Other"})
		eventually(t, "the ledger knows the second version", func() bool {
			return w.scalar(t, `SELECT version FROM ledger WHERE acme_id = 'apt' AND state = 'in_step'`) == 2
		})
		w.titled(t, map[string]string{"apt": "First"})
	})
	t.Run("deleted, it is removed; undeleted, it is new", func(t *testing.T) {
		w.set(t, "apt", map[string]any{"deleted_at": time.Now().UTC()})
		w.titled(t, map[string]string{"apt": ""})
		w.set(t, "apt", map[string]any{"deleted_at": nil, "subject": "Third"})
		w.titled(t, map[string]string{"apt": "Third"})
	})
}

func TestBusinessKey(t *testing.T) {
	t.Parallel()
	twins := func(t *testing.T, c acmesync.Collision, businessKey bool) *world {
		t.Helper()
		w := newWorld(t, collisions(c, businessKey))
		w.put(t, "contacts", "con_anna", map[string]any{"name": "Anna"})
		w.run(t)
		at := time.Now().Add(-time.Hour).UTC()
		w.set(t, "apt_one", appointment(map[string]any{"subject": "One", "contact_ids": []string{"con_anna"}, "updated_at": at}))
		w.titled(t, map[string]string{"apt_one": "One"})
		w.set(t, "apt_two", appointment(map[string]any{"subject": "Two", "contact_ids": []string{"con_anna"}, "updated_at": at.Add(time.Minute)}))
		return w
	}
	later := func(subject string) map[string]any {
		return map[string]any{"subject": subject, "updated_at": time.Now().UTC()}
	}

	t.Run("without it two ids are two appointments", func(t *testing.T) {
		t.Parallel()
		twins(t, acmesync.CollideUpsert, false).titled(t, map[string]string{"apt_one": "One", "apt_two": "Two"})
	})
	t.Run("create makes an event for each", func(t *testing.T) {
		t.Parallel()
		twins(t, acmesync.CollideCreate, true).titled(t, map[string]string{"apt_one": "One", "apt_two": "Two"})
	})
	t.Run("ignore keeps the first, until it is gone", func(t *testing.T) {
		t.Parallel()
		w := twins(t, acmesync.CollideIgnore, true)
		eventually(t, "the second is skipped", func() bool {
			return w.balance(t, acmesync.Appointments).Skipped[string(acmesync.SameAppointment)] == 1
		})
		w.titled(t, map[string]string{"apt_one": "One", "apt_two": ""})
		w.set(t, "apt_one", map[string]any{"deleted_at": time.Now().UTC()})
		w.titled(t, map[string]string{"apt_one": "", "apt_two": "Two"})
	})
	t.Run("upsert shows one event, as the record says that was changed last", func(t *testing.T) {
		t.Parallel()
		w := twins(t, acmesync.CollideUpsert, true)
		w.titled(t, map[string]string{"apt_one": "", "apt_two": "Two"})
		w.set(t, "apt_one", later("One again"))
		w.titled(t, map[string]string{"apt_one": "One again", "apt_two": ""})
		t.Run("moved apart they are two", func(t *testing.T) {
			start := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Hour)
			moved := later("One moved")
			moved["start"], moved["end"] = moment(start), moment(start.Add(time.Hour))
			w.set(t, "apt_one", moved)
			w.titled(t, map[string]string{"apt_one": "One moved", "apt_two": "Two"})
			w.quiet(t)
			require.True(t, w.balance(t, acmesync.Appointments).Balanced)
		})
	})
	t.Run("two in one page are one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, collisions(acmesync.CollideUpsert, true))
		for n := range 5 {
			w.put(t, "appointments", fmt.Sprintf("apt_%d", n), appointment(map[string]any{"subject": fmt.Sprint("Number ", n),
				"updated_at": time.Now().Add(-time.Hour).Add(time.Duration(n) * time.Second).UTC()}))
		}
		w.run(t)
		w.titled(t, map[string]string{"apt_0": "", "apt_1": "", "apt_2": "", "apt_3": "", "apt_4": "Number 4"})
		eventually(t, "the others are skipped", func() bool {
			return w.balance(t, acmesync.Appointments).Skipped[string(acmesync.SameAppointment)] == 4
		})
	})
}

// change is what has become of an event of the app's, whoever made it.
func (w *world) change(t *testing.T, id string) app.Change {
	t.Helper()
	client := &app.Client{BaseURL: w.appURL, Token: w.token, HTTP: &http.Client{Timeout: 30 * time.Second}}
	all, err := client.ChangesOf(t.Context(), []string{id}, nil)
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}

func TestDuplicateInTheApp(t *testing.T) {
	t.Parallel()
	start := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Hour)
	// byHand is an event that a person has made in the app; it answers its id.
	byHand := func(t *testing.T, w *world) string {
		t.Helper()
		var made struct{ ID string }
		w.call(t, "POST", w.appURL+"/w/"+w.workspace+"/events", "", map[string]any{
			"owner_id": "u_1", "title": "Made by hand", "start": moment(start), "end": moment(start.Add(time.Hour)),
		}, &made)
		require.NotEmpty(t, made.ID)
		w.appFaults(t, map[string]any{"refuse_duplicates": true})
		return made.ID
	}
	at := map[string]any{"subject": "From Acme", "start": moment(start), "end": moment(start.Add(time.Hour))}
	t.Run("an event the app has already is linked and brought up to date, and none is made beside it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, collisions(acmesync.CollideUpsert, false))
		w.run(t)
		id := byHand(t, w)
		w.set(t, "apt", appointment(at))
		w.titled(t, map[string]string{"apt": "From Acme"})
		require.Equal(t, id, w.event(t, "apt").ID)
		w.set(t, "apt", map[string]any{"subject": "Changed"})
		w.titled(t, map[string]string{"apt": "Changed"})
		require.Equal(t, id, w.event(t, "apt").ID)
	})
	t.Run("where the first wins it stays as it is", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, collisions(acmesync.CollideIgnore, false))
		w.run(t)
		byHand(t, w)
		w.set(t, "apt", appointment(at))
		eventually(t, "the record is skipped", func() bool {
			return w.balance(t, acmesync.Appointments).Skipped[string(acmesync.SameAppointment)] == 1
		})
		require.Nil(t, w.event(t, "apt"))
	})
	t.Run("create makes a second one under its own id, once, and leaves the other as it is", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, collisions(acmesync.CollideCreate, false))
		w.run(t)
		id := byHand(t, w)
		w.set(t, "apt", appointment(at))
		w.titled(t, map[string]string{"apt": "From Acme"})
		second := w.event(t, "apt").ID
		require.NotEqual(t, id, second)
		require.Equal(t, "Made by hand", w.change(t, id).Event.Title)
		require.Empty(t, w.change(t, id).ExternalID, "it is never linked")
		w.set(t, "apt", map[string]any{"subject": "Changed"})
		w.titled(t, map[string]string{"apt": "Changed"})
		require.Equal(t, second, w.event(t, "apt").ID)
	})
	t.Run("create makes no third one where the answer is lost", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, collisions(acmesync.CollideCreate, false))
		w.run(t)
		byHand(t, w)
		w.appFaults(t, map[string]any{"refuse_duplicates": true, "answer_lost_after_commit": 1})
		w.set(t, "apt", appointment(at))
		w.titled(t, map[string]string{"apt": "From Acme"})
		eventually(t, "it is in step", func() bool { return w.balance(t, acmesync.Appointments).InStep == 1 })
		require.Len(t, w.events(t, "apt"), 1)
	})
	t.Run("both ways, too, it is linked and brought up to date", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, both(acmesync.ConflictRules{}))
		w.run(t)
		id := byHand(t, w)
		w.set(t, "apt", appointment(at))
		w.titled(t, map[string]string{"apt": "From Acme"})
		require.Equal(t, id, w.event(t, "apt").ID)
		eventually(t, "it is in step", func() bool { return w.balance(t, acmesync.Appointments).InStep == 1 })
	})
}
