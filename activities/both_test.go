package activities_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"
)

func (w *world) people(t *testing.T, method, path string, fields map[string]any) map[string]any {
	t.Helper()
	var out map[string]any
	into := any(&out)
	if method == http.MethodDelete {
		into = nil
	}
	w.call(t, method, w.appURL+"/w/"+w.workspace+"/events"+path, "", fields, into)
	return out
}

// edit changes an event as people do, and tells of it as the app would.
func (w *world) edit(t *testing.T, acmeID string, fields map[string]any) {
	t.Helper()
	e := w.event(t, acmeID)
	require.NotNil(t, e)
	w.people(t, http.MethodPatch, "/"+e.ID, fields)
	w.hook(t, acmesync.AppEvents, e.ID, 0)
}

func (w *world) record(t require.TestingT, id string) acme.Appointment {
	client := &acme.Client{BaseURL: w.acmeURL, APIKey: w.key, HTTP: &http.Client{Timeout: 30 * time.Second}}
	batch, err := client.BatchGet(context.Background(), acme.Appointments, []string{id})
	require.NoError(t, err)
	if len(batch.Items) == 0 {
		return acme.Appointment{}
	}
	a, err := acme.DecodeAppointment(batch.Items[0].Raw)
	require.NoError(t, err)
	return a
}

// apiWrites is how often we have written each record in Acme.
func (w *world) apiWrites(t *testing.T, id string) int {
	t.Helper()
	var answer struct {
		Records map[string]map[string]int `json:"records"`
	}
	w.call(t, http.MethodGet, w.acmeURL+"/admin/accounts/"+w.workspace+"/writes", "", nil, &answer)
	return answer.Records[id]["api"]
}

// appWrites is how often we have written an event in the app.
func (w *world) appWrites(t *testing.T, id string) int {
	t.Helper()
	var answer struct {
		Events []struct {
			ID          string `json:"id"`
			Integration int    `json:"integration"`
		} `json:"events"`
	}
	w.call(t, http.MethodGet, w.appURL+"/admin/workspaces/"+w.workspace+"/event-writes", "", nil, &answer)
	for _, e := range answer.Events {
		if e.ID == id {
			return e.Integration
		}
	}
	return 0
}

func both(c acmesync.ConflictRules) acmesync.Config {
	return acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{Direction: acmesync.BothWays, Conflict: c}}
}

func (w *world) setOne(t *testing.T, id string, fields map[string]any) {
	t.Helper()
	w.put(t, "appointments", id, appointment(fields))
	w.hook(t, acmesync.Appointments, id, 0)
}

func TestBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{}))
	w.run(t)
	w.quiet(t)

	t.Run("an edit in the app reaches Acme by one write, and none comes back", func(t *testing.T) {
		w.setOne(t, "apt_edit", nil)
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_edit") != nil })
		w.edit(t, "apt_edit", map[string]any{"title": "Moved by hand", "location": "Room 2", "description": "Two lines\n& a <tag>"})
		eventually(t, "it reaches Acme", func() bool { return w.record(t, "apt_edit").Subject == "Moved by hand" })
		w.quiet(t)
		a := w.record(t, "apt_edit")
		require.Equal(t, "Room 2", a.Location)
		require.Equal(t, "<p>Two lines<br>&amp; a &lt;tag&gt;</p>", a.NotesHTML)
		w.hook(t, acmesync.Appointments, "apt_edit", a.Version)
		w.quiet(t)
		require.Equal(t, 1, w.apiWrites(t, "apt_edit"))
		require.Equal(t, 1, w.appWrites(t, w.event(t, "apt_edit").ID))
	})
	t.Run("edits of different fields on both sides at once are merged", func(t *testing.T) {
		w.setOne(t, "apt_merge", nil)
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_merge") != nil })
		w.put(t, "appointments", "apt_merge", map[string]any{"location": "Acme's room"})
		w.edit(t, "apt_merge", map[string]any{"title": "The app's title"})
		w.hook(t, acmesync.Appointments, "apt_merge", 0)
		eventually(t, "both have both", func() bool {
			a, e := w.record(t, "apt_merge"), w.event(t, "apt_merge")
			return a.Subject == "The app's title" && a.Location == "Acme's room" && e.Title == a.Subject && e.Location == a.Location
		})
	})
	t.Run("where both have changed a field, Acme's stands and the other is kept", func(t *testing.T) {
		w.setOne(t, "apt_conflict", nil)
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_conflict") != nil })
		w.put(t, "appointments", "apt_conflict", map[string]any{"subject": "Acme's word"})
		w.edit(t, "apt_conflict", map[string]any{"title": "The app's word"})
		eventually(t, "Acme's stands", func() bool { return w.event(t, "apt_conflict").Title == "Acme's word" })
		w.quiet(t)
		story, err := w.Record(t.Context(), tenant, acmesync.Appointments, "apt_conflict")
		require.NoError(t, err)
		require.Len(t, story.Overruled, 1)
		require.Equal(t, "The app's word", story.Overruled[0].Lost)
		require.Equal(t, acmesync.AcmeSide, story.Overruled[0].Winner)
		require.Zero(t, w.apiWrites(t, "apt_conflict"))
	})
	t.Run("a moved event keeps its zone, and a cancelled one is canceled", func(t *testing.T) {
		w.setOne(t, "apt_move", nil)
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_move") != nil })
		start := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Hour)
		w.edit(t, "apt_move", map[string]any{
			"start":  map[string]any{"date_time": start.Format(time.RFC3339), "time_zone": "Australia/Sydney"},
			"end":    map[string]any{"date_time": start.Add(time.Hour).Format(time.RFC3339), "time_zone": "Australia/Sydney"},
			"status": app.StatusCancelled,
		})
		eventually(t, "it is moved and canceled", func() bool {
			a := w.record(t, "apt_move")
			return a.Status == acme.Canceled && a.Start.TimeZone == "Australia/Sydney"
		})
		zone, err := time.LoadLocation("Australia/Sydney")
		require.NoError(t, err)
		require.Equal(t, start.In(zone).Format("2006-01-02T15:04:05"), w.record(t, "apt_move").Start.DateTime)
	})
	t.Run("a delete travels either way", func(t *testing.T) {
		w.setOne(t, "apt_gone", nil)
		w.setOne(t, "apt_left", nil)
		eventually(t, "they arrive", func() bool { return w.event(t, "apt_gone") != nil && w.event(t, "apt_left") != nil })
		e := w.event(t, "apt_gone")
		w.people(t, http.MethodDelete, "/"+e.ID, nil)
		w.hook(t, acmesync.AppEvents, e.ID, 0)
		eventually(t, "it is deleted in Acme", func() bool { return w.record(t, "apt_gone").DeletedAt != nil })
		w.call(t, http.MethodDelete, w.acmeURL+"/admin/accounts/"+w.workspace+"/records/appointments/apt_left", "", nil, nil)
		w.hook(t, acmesync.Appointments, "apt_left", 0)
		eventually(t, "it is deleted in the app", func() bool { return w.event(t, "apt_left") == nil })
		w.quiet(t)
		require.Equal(t, 1, w.apiWrites(t, "apt_gone"))
	})
	t.Run("Acme's change of an appointment whose event was deleted brings it back, by the default policy", func(t *testing.T) {
		w.setOne(t, "apt_back", nil)
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_back") != nil })
		e := w.event(t, "apt_back")
		w.people(t, http.MethodDelete, "/"+e.ID, nil)
		w.put(t, "appointments", "apt_back", map[string]any{"subject": "It matters after all"})
		w.hook(t, acmesync.AppEvents, e.ID, 0)
		eventually(t, "it is back", func() bool { e := w.event(t, "apt_back"); return e != nil && e.Title == "It matters after all" })
		require.Nil(t, w.record(t, "apt_back").DeletedAt)
	})
	t.Run("records that are alike are in step, and the books balance", func(t *testing.T) {
		w.quiet(t)
		b := w.balance(t, acmesync.Appointments)
		require.True(t, b.Balanced, "%+v", b)
	})
}

func TestBornInTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{}))
	w.call(t, http.MethodPost, w.acmeURL+"/v1/contacts", w.key, map[string]any{"name": "Ada", "emails": []string{"ada@example.com"}}, nil)
	w.run(t)
	w.poll(t)
	w.quiet(t)
	eventually(t, "the contact is known", func() bool { return w.scalar(t, `SELECT count(*) FROM people WHERE kind = 'contact'`) == 1 })
	madeWith := func(t *testing.T, title string, hours int, attendees ...map[string]any) string {
		t.Helper()
		start := time.Now().Add(time.Duration(hours) * time.Hour).UTC().Truncate(time.Hour)
		id := w.people(t, http.MethodPost, "", map[string]any{
			"title": title, "owner_id": "u_1",
			"start":     map[string]any{"date_time": start.Format(time.RFC3339), "time_zone": "Australia/Sydney"},
			"end":       map[string]any{"date_time": start.Add(time.Hour).Format(time.RFC3339), "time_zone": "Australia/Sydney"},
			"attendees": attendees,
		})["id"].(string)
		w.hook(t, acmesync.AppEvents, id, 0)
		return id
	}
	made := func(t *testing.T, title string, hours int) string {
		t.Helper()
		return madeWith(t, title, hours, map[string]any{"name": "Ada L.", "email": "Ada@example.com"})
	}
	refs := func(t require.TestingT, id string) []acme.Item {
		client := &acme.Client{BaseURL: w.acmeURL, APIKey: w.key, HTTP: &http.Client{Timeout: 30 * time.Second}}
		found, err := client.AppointmentsByRef(context.Background(), "acmesync/main/"+id)
		require.NoError(t, err)
		return found
	}

	t.Run("it becomes an appointment with its contact, once, and is linked", func(t *testing.T) {
		id := made(t, "Made by hand", 24)
		eventually(t, "it is linked", func() bool {
			found := refs(t, id)
			return len(found) == 1 && w.event(t, found[0].ID) != nil
		})
		found := refs(t, id)
		a := w.record(t, found[0].ID)
		require.Equal(t, "Made by hand", a.Subject)
		require.Equal(t, "usr_01", a.OwnerID)
		require.Len(t, a.ContactIDs, 1)
		require.Equal(t, id, w.event(t, found[0].ID).ID)
		w.hook(t, acmesync.Appointments, a.ID, a.Version)
		w.poll(t)
		w.quiet(t)
		eventually(t, "no intent is left", func() bool { return w.scalar(t, `SELECT count(*) FROM intents`) == 0 })
		require.Equal(t, 2, w.apiWrites(t, a.ID), "made, and a contact attached")
		require.Equal(t, 1, w.appWrites(t, id), "the link")
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
	t.Run("a lost answer is looked up, not repeated", func(t *testing.T) {
		w.acmeFaults(t, map[string]any{"answer_lost_after_commit": true})
		id := made(t, "Lost and found", 25)
		eventually(t, "it was made", func() bool { return len(refs(t, id)) == 1 })
		eventually(t, "the intent is kept", func() bool { return w.scalar(t, `SELECT count(*) FROM intents`) == 1 })
		w.acmeFaults(t, map[string]any{})
		w.hook(t, acmesync.Appointments, refs(t, id)[0].ID, 1) // Acme's webhook comes before the link
		eventually(t, "it is linked", func() bool { w.tick(t); return w.event(t, refs(t, id)[0].ID) != nil })
		w.quiet(t)
		require.Len(t, refs(t, id), 1)
		require.Equal(t, id, w.event(t, refs(t, id)[0].ID).ID)
	})
	t.Run("an answer that was lost before Acme forgot its idempotency key is looked up, too", func(t *testing.T) {
		w.acmeFaults(t, map[string]any{"answer_lost_after_commit": true})
		// Without a customer Acme knows no duplicate by itself: nothing but the look-up keeps this one from being made twice.
		id := madeWith(t, "Lost and forgotten", 32)
		eventually(t, "it was made", func() bool { return len(refs(t, id)) > 0 })
		eventually(t, "it is put off, with its intent", func() bool {
			return w.scalar(t, `SELECT count(*) FROM intents`) == 1 && w.scalar(t, `SELECT count(*) FROM envelopes WHERE ended_at IS NULL AND rest = $1`, pq.Array([]string{id})) == 1
		})
		w.acmeFaults(t, map[string]any{"forget_idempotency_keys": true})
		eventually(t, "no intent is left", func() bool { w.tick(t); return w.scalar(t, `SELECT count(*) FROM intents`) == 0 })
		require.Len(t, refs(t, id), 1)
		require.Equal(t, id, w.event(t, refs(t, id)[0].ID).ID)
		w.acmeFaults(t, map[string]any{})
	})
	t.Run("an edit of it travels as any other", func(t *testing.T) {
		id := made(t, "To be edited", 26)
		eventually(t, "it is linked", func() bool { found := refs(t, id); return len(found) == 1 && w.event(t, found[0].ID) != nil })
		acmeID := refs(t, id)[0].ID
		w.quiet(t)
		w.edit(t, acmeID, map[string]any{"title": "Edited"})
		eventually(t, "it reaches Acme", func() bool { return w.record(t, acmeID).Subject == "Edited" })
		w.put(t, "appointments", acmeID, map[string]any{"location": "Here"})
		w.hook(t, acmesync.Appointments, acmeID, 0)
		eventually(t, "and back", func() bool { return w.event(t, acmeID).Location == "Here" })
	})
	t.Run("one that doubles an appointment is parked, and nothing of it stays in Acme", func(t *testing.T) {
		first := made(t, "One hour", 27)
		eventually(t, "the first is linked", func() bool { found := refs(t, first); return len(found) == 1 && w.event(t, found[0].ID) != nil })
		second := made(t, "The same hour", 27)
		eventually(t, "the second is parked", func() bool {
			return w.scalar(t, `SELECT count(*) FROM parked WHERE code = 'duplicate_in_acme' AND acme_id = $1`, second) == 1
		})
		for _, item := range refs(t, second) {
			require.True(t, item.Deleted)
		}
	})
	contact := func(t *testing.T, fields map[string]any) string {
		t.Helper()
		var made struct{ ID string }
		w.call(t, http.MethodPost, w.acmeURL+"/v1/contacts", w.key, fields, &made)
		w.poll(t)
		eventually(t, "the contact is known", func() bool { return w.scalar(t, `SELECT count(*) FROM people WHERE person_id = $1`, made.ID) == 1 })
		return made.ID
	}
	linked := func(t *testing.T, id string) acme.Appointment {
		t.Helper()
		eventually(t, "it is linked", func() bool { found := refs(t, id); return len(found) == 1 && w.event(t, found[0].ID) != nil })
		w.quiet(t)
		return w.record(t, refs(t, id)[0].ID)
	}
	note := func(t *testing.T, id string) string {
		t.Helper()
		var code string
		require.NoError(t, w.Super.Get(&code, `SELECT code FROM ledger WHERE stream = 'app_events' AND acme_id = $1 AND state = 'in_step'`, id))
		return code
	}
	t.Run("a customer without an address is known by the number, however it was typed", func(t *testing.T) {
		grace := contact(t, map[string]any{"name": "Grace", "phones": []string{"(02) 9374 4000"}})
		id := madeWith(t, "By number", 28, map[string]any{"name": "G.", "phone": "+61 2 9374 4000"})
		require.Equal(t, []string{grace}, linked(t, id).ContactIDs)
		require.Empty(t, note(t, id))
	})
	t.Run("of several with one number none is attached, unless the address tells which, and the event says so", func(t *testing.T) {
		contact(t, map[string]any{"name": "Hilda", "emails": []string{"hilda@example.com"}, "phones": []string{"02 9374 4001"}})
		ivy := contact(t, map[string]any{"name": "Ivy", "emails": []string{"ivy@example.com"}, "phones": []string{"02 9374 4001"}})
		id := madeWith(t, "By whose number", 29, map[string]any{"name": "One of the two", "phone": "+61293744001"})
		require.Empty(t, linked(t, id).ContactIDs)
		require.Equal(t, string(acmesync.AttendeeAmbiguous), note(t, id))
		id = madeWith(t, "By both", 30, map[string]any{"name": "Ivy", "phone": "+61293744001", "email": "ivy@example.com"})
		require.Equal(t, []string{ivy}, linked(t, id).ContactIDs)
	})
	t.Run("whom nobody knows stays in the app, and the event says so", func(t *testing.T) {
		id := madeWith(t, "A stranger", 31, map[string]any{"name": "A stranger", "email": "stranger@example.com"})
		a := linked(t, id)
		require.Empty(t, a.ContactIDs)
		require.Equal(t, string(acmesync.AttendeeUnknown), note(t, id))
		require.Len(t, w.event(t, a.ID).Attendees, 1)
	})
	t.Run("one whose appointment would be out of scope stays in the app alone", func(t *testing.T) {
		far := made(t, "In two years", 2*365*24)
		eventually(t, "it is skipped", func() bool {
			state, code := w.entry(t, acmesync.AppEvents, far)
			return state == "skipped" && code == string(acmesync.BeyondHorizon)
		})
		w.quiet(t)
		require.Empty(t, refs(t, far))
		require.Zero(t, w.appWrites(t, far))
	})
}
