package activities_test

import (
	"net/http"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

func TestPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	set := func(t *testing.T, id string, fields map[string]any) {
		t.Helper()
		w.put(t, "appointments", id, appointment(fields))
		w.hook(t, acmesync.Appointments, id, 0)
		eventually(t, id+" arrives", func() bool { return w.event(t, id) != nil })
	}
	contact := func(t *testing.T, id string, fields map[string]any) {
		t.Helper()
		w.put(t, "contacts", id, fields)
		w.hook(t, acmesync.Contacts, id, 0)
	}
	// shows waits until an event's attendees are these, by name, e-mail and phone.
	shows := func(t *testing.T, id string, want ...string) {
		t.Helper()
		var got []string
		defer func() { require.Equal(t, want, got) }()
		eventually(t, id+" shows them", func() bool {
			got = nil
			w.exec(t, `UPDATE envelopes SET due_at = now() WHERE kind = 'hint' AND ended_at IS NULL`)
			for _, a := range w.event(t, id).Attendees {
				got = append(got, a.Name+"|"+a.Email+"|"+a.Phone)
			}
			if len(got) != len(want) {
				return false
			}
			for i := range got {
				if got[i] != want[i] {
					return false
				}
			}
			return true
		})
	}
	yesterday := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Hour)
	past := map[string]any{"start": moment(yesterday), "end": moment(yesterday.Add(time.Hour))}
	with := func(fields map[string]any, contacts ...string) map[string]any {
		out := map[string]any{"contact_ids": contacts}
		for k, v := range fields {
			out[k] = v
		}
		return out
	}

	w.put(t, "contacts", "con_anna", map[string]any{"name": "Anna", "emails": []string{"anna@example.test"}, "phones": []string{"+61 2 9374 4000"}})
	w.put(t, "contacts", "con_bert", map[string]any{"name": "Bert"})
	set(t, "apt_future", with(nil, "con_anna", "con_bert"))
	set(t, "apt_past", with(past, "con_anna"))
	set(t, "apt_bert", with(nil, "con_bert"))

	t.Run("several contacts are attendees in Acme's order", func(t *testing.T) {
		shows(t, "apt_future", "Anna|anna@example.test|+61293744000", "Bert||")
	})
	t.Run("a contact's change reaches its events that are not over, and only them", func(t *testing.T) {
		contact(t, "con_anna", map[string]any{"name": "Anna B."})
		shows(t, "apt_future", "Anna B.|anna@example.test|+61293744000", "Bert||")
		w.quiet(t)
		shows(t, "apt_past", "Anna|anna@example.test|+61293744000")
	})
	t.Run("a merged contact's events show the one that stayed, and the first again once it is unmerged", func(t *testing.T) {
		contact(t, "con_bert", map[string]any{"merged_into": "con_anna"})
		shows(t, "apt_bert", "Anna B.|anna@example.test|+61293744000")
		shows(t, "apt_future", "Anna B.|anna@example.test|+61293744000")
		contact(t, "con_bert", map[string]any{"merged_into": ""})
		shows(t, "apt_bert", "Bert||")
		shows(t, "apt_future", "Anna B.|anna@example.test|+61293744000", "Bert||")
	})
	t.Run("a contact that is forgotten leaves past events too", func(t *testing.T) {
		w.call(t, http.MethodPost, w.acmeURL+"/admin/accounts/"+w.workspace+"/forget/con_anna", "", map[string]any{}, nil)
		w.hook(t, acmesync.Contacts, "con_anna", 0)
		shows(t, "apt_past", "(deleted contact)||")
		shows(t, "apt_future", "(deleted contact)||", "Bert||")
	})
}

func TestOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	set := func(t *testing.T, id string, fields map[string]any) {
		t.Helper()
		w.put(t, "appointments", id, appointment(fields))
		w.hook(t, acmesync.Appointments, id, 0)
	}
	user := func(t *testing.T, id string, fields map[string]any) {
		t.Helper()
		w.put(t, "users", id, fields)
		w.exec(t, `UPDATE connections SET users_read_at = NULL`)
	}
	owner := func(t *testing.T, id string) string {
		t.Helper()
		w.exec(t, `UPDATE envelopes SET due_at = now() WHERE kind = 'hint' AND ended_at IS NULL`)
		e := w.event(t, id)
		if e == nil {
			return ""
		}
		return e.OwnerID
	}
	set(t, "apt_one", nil)
	set(t, "apt_none", map[string]any{"owner_id": "usr_04"})
	eventually(t, "it arrives", func() bool { return owner(t, "apt_one") == "u_1" })
	eventually(t, "an owner without a user in the app is a skip", func() bool {
		return w.balance(t, acmesync.Appointments).Skipped["owner_unmatched"] == 1
	})

	t.Run("an owner who is deactivated keeps what was theirs", func(t *testing.T) {
		user(t, "usr_01", map[string]any{"active": false})
		set(t, "apt_one", map[string]any{"subject": "After they had left"})
		eventually(t, "it is changed", func() bool { return w.event(t, "apt_one").Title == "After they had left" })
		require.Equal(t, "u_1", owner(t, "apt_one"))
	})
	t.Run("an owner who becomes somebody else in the app takes their events along", func(t *testing.T) {
		user(t, "usr_01", map[string]any{"email": "noah@coral-realty.example"})
		eventually(t, "it has moved", func() bool { return owner(t, "apt_one") == "u_2" })
	})
	t.Run("an owner who has no user in the app any more loses them, and gets them back", func(t *testing.T) {
		user(t, "usr_01", map[string]any{"email": "nobody@coral-realty.example"})
		eventually(t, "it is gone", func() bool { return owner(t, "apt_one") == "" })
		user(t, "usr_01", map[string]any{"email": "ruby@coral-realty.example"})
		eventually(t, "it is back", func() bool { return owner(t, "apt_one") == "u_1" })
	})
	t.Run("an owner who gets a user in the app gets their events", func(t *testing.T) {
		user(t, "usr_04", map[string]any{"email": "isla@coral-realty.example"})
		eventually(t, "it arrives", func() bool { return owner(t, "apt_none") == "u_3" })
	})
	t.Run("an appointment that gets another owner moves to that calendar", func(t *testing.T) {
		set(t, "apt_one", map[string]any{"owner_id": "usr_02"})
		eventually(t, "it has moved", func() bool { return owner(t, "apt_one") == "u_2" })
	})
}
