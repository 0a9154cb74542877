package activities_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

func (w *world) ruled(t *testing.T, c acmesync.Config, walk ...acmesync.Stream) {
	t.Helper()
	at, err := w.Tenant(t.Context(), tenant)
	require.NoError(t, err)
	_, err = w.Configure(t.Context(), tenant, acmesync.ConfigChange{Config: c, Over: at.Rules, Walk: walk, Actor: "test"})
	require.NoError(t, err)
}

func (w *world) client() *app.Client {
	return &app.Client{BaseURL: w.appURL, Token: w.token, HTTP: &http.Client{Timeout: 30 * time.Second}}
}

func (w *world) remove(t *testing.T, resource, id string) {
	t.Helper()
	w.call(t, http.MethodDelete, w.acmeURL+"/admin/accounts/"+w.workspace+"/records/"+resource+"/"+id, "", nil, nil)
}

// bring changes an appointment and lets the tenant hear of it.
func (w *world) bring(t *testing.T, id string, fields map[string]any) {
	t.Helper()
	w.put(t, "appointments", id, appointment(fields))
	w.hook(t, acmesync.Appointments, id, 0)
}

func (w *world) entry(t require.TestingT, stream acmesync.Stream, id string) (state, code string) {
	var row struct{ State, Code string }
	err := w.Super.Get(&row, `SELECT state, code FROM ledger WHERE stream = $1 AND acme_id = $2`, stream, id)
	if err != nil {
		return "", ""
	}
	return row.State, row.Code
}

func (w *world) becomes(t *testing.T, id, state string, code acmesync.Code) {
	t.Helper()
	eventually(t, id+" is "+state+" "+string(code), func() bool {
		s, c := w.entry(t, acmesync.Appointments, id)
		return s == state && c == string(code)
	})
}

func on(at time.Time) map[string]any {
	at = at.UTC().Truncate(time.Second)
	return map[string]any{"start": moment(at), "end": moment(at.Add(time.Hour))}
}

const day = 24 * time.Hour

func TestScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)

	t.Run("too old or too far ahead is skipped, and the balance says so", func(t *testing.T) {
		w.bring(t, "apt_old", on(time.Now().Add(-100*day)))
		w.bring(t, "apt_far", on(time.Now().Add(400*day)))
		w.becomes(t, "apt_old", "skipped", acmesync.TooOld)
		w.becomes(t, "apt_far", "skipped", acmesync.BeyondHorizon)
		require.Nil(t, w.event(t, "apt_old"))
		require.Nil(t, w.event(t, "apt_far"))
		w.quiet(t)
		b := w.balance(t, acmesync.Appointments)
		require.Equal(t, map[string]int64{"too_old": 1, "beyond_horizon": 1}, b.Skipped)
		require.True(t, b.Balanced)
	})
	t.Run("moved behind the horizon it leaves the app, moved back it is there again", func(t *testing.T) {
		w.bring(t, "apt_moved", nil)
		w.becomes(t, "apt_moved", "in_step", "")
		w.bring(t, "apt_moved", on(time.Now().Add(500*day)))
		w.becomes(t, "apt_moved", "skipped", acmesync.BeyondHorizon)
		require.Nil(t, w.event(t, "apt_moved"))
		w.bring(t, "apt_moved", nil)
		w.becomes(t, "apt_moved", "in_step", "")
		require.NotNil(t, w.event(t, "apt_moved"))
	})
	t.Run("delivered, then grown old, it is kept in step", func(t *testing.T) {
		w.bring(t, "apt_aged", nil)
		w.becomes(t, "apt_aged", "in_step", "")
		past := on(time.Now().Add(-200 * day))
		past["subject"] = "Long ago"
		w.bring(t, "apt_aged", past)
		eventually(t, "the change arrives", func() bool { e := w.event(t, "apt_aged"); return e != nil && e.Title == "Long ago" })
		w.becomes(t, "apt_aged", "in_step", "")
	})
	t.Run("what comes inside the horizon is looked at again by itself", func(t *testing.T) {
		w.bring(t, "apt_near", on(time.Now().Add(365*day+5*time.Second)))
		w.becomes(t, "apt_near", "skipped", acmesync.BeyondHorizon)
		require.Equal(t, 1, w.scalar(t, `SELECT count(*) FROM revisits WHERE acme_id = 'apt_near' AND due_at > now() AND due_at < now() + interval '1 minute'`))
		w.becomes(t, "apt_near", "in_step", "")
		require.NotNil(t, w.event(t, "apt_near"))
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM revisits WHERE acme_id = 'apt_near'`))
	})
	t.Run("a narrower scope takes out what the tenant does not want any more, a wider one brings it back", func(t *testing.T) {
		w.bring(t, "apt_private", map[string]any{"is_private": true})
		w.becomes(t, "apt_private", "in_step", "")
		narrow := acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{Scope: acmesync.Scope{Private: acmesync.PrivateSkip}}}
		w.ruled(t, narrow, acmesync.Appointments)
		w.becomes(t, "apt_private", "skipped", acmesync.PrivateExcluded)
		require.Nil(t, w.event(t, "apt_private"))
		w.ruled(t, acmesync.Config{PollSeconds: 3600}, acmesync.Appointments)
		w.becomes(t, "apt_private", "in_step", "")
		require.NotNil(t, w.event(t, "apt_private"))
	})
}

func TestDeletedRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{When: acmesync.WhenRules{Deleted: acmesync.FateMark}}})
	w.run(t)
	w.quiet(t)
	status := func(id string) string {
		if e := w.event(t, id); e != nil {
			return e.Status
		}
		return ""
	}
	remove := func(t *testing.T, id string) {
		t.Helper()
		w.remove(t, "appointments", id)
		w.hook(t, acmesync.Appointments, id, 0)
		w.becomes(t, id, "deleted", "")
	}

	t.Run("marked, a deleted one stays as cancelled with all it says", func(t *testing.T) {
		w.bring(t, "apt_mark", map[string]any{"location": "Room 1"})
		w.becomes(t, "apt_mark", "in_step", "")
		remove(t, "apt_mark")
		e := w.event(t, "apt_mark")
		require.NotNil(t, e)
		require.Equal(t, app.StatusCancelled, e.Status)
		require.Equal(t, "Room 1", e.Location)
		require.Equal(t, 1, w.scalar(t, `SELECT count(*) FROM ledger WHERE acme_id = 'apt_mark' AND steps = 1`))
	})
	t.Run("undeleted it takes place again", func(t *testing.T) {
		w.bring(t, "apt_mark", map[string]any{"location": "Room 1", "deleted_at": nil})
		w.becomes(t, "apt_mark", "in_step", "")
		require.Equal(t, app.StatusConfirmed, status("apt_mark"))
	})
	t.Run("one that Acme has forgotten altogether is marked too", func(t *testing.T) {
		w.bring(t, "apt_forgotten", nil)
		w.becomes(t, "apt_forgotten", "in_step", "")
		event := w.event(t, "apt_forgotten").Event
		event.ExternalID = externalID("apt_nowhere")
		_, err := w.client().UpsertEvents(t.Context(), []app.Event{event})
		require.NoError(t, err)
		w.exec(t, `UPDATE ledger SET acme_id = 'apt_nowhere' WHERE acme_id = 'apt_forgotten'`)
		w.hook(t, acmesync.Appointments, "apt_nowhere", 0)
		w.becomes(t, "apt_nowhere", "deleted", "")
		require.Equal(t, app.StatusCancelled, status("apt_nowhere"))
	})
	t.Run("kept, nothing about the event changes", func(t *testing.T) {
		w.ruled(t, acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{When: acmesync.WhenRules{Deleted: acmesync.FateKeep}}})
		w.bring(t, "apt_keep", nil)
		w.becomes(t, "apt_keep", "in_step", "")
		remove(t, "apt_keep")
		require.Equal(t, app.StatusConfirmed, status("apt_keep"))
		w.bring(t, "apt_keep", map[string]any{"deleted_at": nil})
		w.becomes(t, "apt_keep", "in_step", "")
	})
	t.Run("other rules find what was kept", func(t *testing.T) {
		remove(t, "apt_keep")
		w.ruled(t, acmesync.Config{PollSeconds: 3600}, acmesync.Appointments)
		eventually(t, "it is gone", func() bool { return w.event(t, "apt_keep") == nil })
	})
}

func TestStreamOff(t *testing.T) {
	t.Parallel()
	on := acmesync.Config{PollSeconds: 3600}
	off := acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{Off: true}}
	w := newWorld(t, on)
	w.run(t)
	w.bring(t, "apt_before", nil)
	w.becomes(t, "apt_before", "in_step", "")
	w.ruled(t, off)
	w.quiet(t)

	t.Run("its hints end with a code and nothing is read; what is in the app stays", func(t *testing.T) {
		w.bring(t, "apt_while", nil)
		eventually(t, "the hint has ended", func() bool {
			return w.scalar(t, `SELECT count(*) FROM envelopes WHERE acme_id = 'apt_while' AND outcome = 'stream_off' AND done = 1`) == 1
		})
		w.poll(t)
		w.quiet(t)
		require.Nil(t, w.event(t, "apt_while"))
		require.NotNil(t, w.event(t, "apt_before"))
		require.True(t, w.balance(t, acmesync.Appointments).Balanced)
	})
	t.Run("the other stream goes on", func(t *testing.T) {
		at := time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)
		w.put(t, "touchpoints", "tpt_1", map[string]any{"channel": "call", "direction": "outbound", "user_id": "usr_01", "occurred_at": at, "logged_at": at})
		w.hook(t, acmesync.Touchpoints, "tpt_1", 0)
		eventually(t, "it counts", func() bool { return w.balance(t, acmesync.Touchpoints).InStep == 1 })
	})
	t.Run("switched on again the stream is read from its beginning", func(t *testing.T) {
		w.ruled(t, on)
		w.becomes(t, "apt_while", "in_step", "")
	})
}

func TestUnmatchedOwnerParks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600, People: acmesync.PeopleRules{UnmatchedOwner: acmesync.UnmatchedPark}})
	w.run(t)
	w.put(t, "users", "usr_temp", map[string]any{"name": "Temp", "email": "temp@nowhere.example", "active": true, "time_zone": "UTC"})
	w.bring(t, "apt_1", map[string]any{"owner_id": "usr_temp"})
	w.becomes(t, "apt_1", "parked", acmesync.OwnerUnmatched)
	t.Run("named in the rules, it goes to that user", func(t *testing.T) {
		users, err := w.client().Users(t.Context())
		require.NoError(t, err)
		w.ruled(t, acmesync.Config{PollSeconds: 3600, People: acmesync.PeopleRules{Owners: map[string]string{"usr_temp": users[0].ID}}}, acmesync.Appointments)
		w.becomes(t, "apt_1", "in_step", "")
		require.Equal(t, users[0].ID, w.event(t, "apt_1").OwnerID)
	})
}

func TestAccountIsLearntLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.exec(t, `UPDATE connections SET region = '', time_zone = ''`)
	w.put(t, "contacts", "con_1", map[string]any{"name": "Ann", "emails": []string{}, "phones": []string{"(02) 9374 4000"}})
	w.put(t, "appointments", "apt_1", appointment(map[string]any{"contact_ids": []string{"con_1"}}))
	w.run(t)
	eventually(t, "it arrives with a number that can be dialled", func() bool {
		e := w.event(t, "apt_1")
		return e != nil && len(e.Attendees) == 1 && e.Attendees[0].Phone == "+61293744000"
	})
	t.Run("a change of it maps every record again", func(t *testing.T) {
		w.quiet(t)
		require.NoError(t, w.DescribeAccount(t.Context(), tenant, "account-1", "US", "Australia/Sydney"))
		eventually(t, "the number is no Australian one any more", func() bool { return w.event(t, "apt_1").Attendees[0].Phone != "+61293744000" })
	})
}

func TestQuietHours(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	quiet := acmesync.QuietHours{From: now.Add(-time.Hour).Format("15:04"), To: now.Add(2 * time.Hour).Format("15:04"), TimeZone: "UTC"}
	w := newWorld(t, acmesync.Config{PollSeconds: 5, Poll: acmesync.PollRules{Quiet: []acmesync.QuietHours{quiet}}})
	w.put(t, "appointments", "apt_waits", appointment(nil))
	w.run(t)
	w.quiet(t)
	require.Zero(t, w.scalar(t, `SELECT count(*) FROM positions WHERE due_at < now() + interval '1 hour' OR due_at > now() + interval '2 hours'`))
	require.Zero(t, w.balance(t, acmesync.Appointments).Known)
	t.Run("webhooks are followed", func(t *testing.T) {
		w.bring(t, "apt_told", nil)
		w.becomes(t, "apt_told", "in_step", "")
		require.Nil(t, w.event(t, "apt_waits"))
	})
	t.Run("other rules take effect at once", func(t *testing.T) {
		w.ruled(t, acmesync.Config{PollSeconds: 3600})
		w.becomes(t, "apt_waits", "in_step", "")
	})
}

func TestPollTimes(t *testing.T) {
	t.Parallel()
	soon := time.Now().UTC().Add(3 * time.Hour)
	w := newWorld(t, acmesync.Config{Poll: acmesync.PollRules{At: []string{soon.Format("4 15 * * *")}, TimeZone: "UTC"}})
	w.put(t, "appointments", "apt_first", appointment(nil))
	w.run(t)
	w.becomes(t, "apt_first", "in_step", "")
	w.quiet(t)
	next := func(t *testing.T) {
		t.Helper()
		require.Equal(t, 3, w.scalar(t, `SELECT count(*) FROM positions WHERE stream <> 'app_events' AND abs(extract(epoch FROM due_at - $1::timestamptz)) < 30`,
			soon.Truncate(time.Minute)))
	}
	t.Run("once it is complete, all streams are due at the next of the times", next)
	t.Run("webhooks are followed between", func(t *testing.T) {
		w.put(t, "appointments", "apt_waits", appointment(nil))
		w.bring(t, "apt_told", nil)
		w.becomes(t, "apt_told", "in_step", "")
		require.Nil(t, w.event(t, "apt_waits"))
	})
	t.Run("a poll brings what no webhook told, and leads to the next time", func(t *testing.T) {
		w.poll(t)
		w.becomes(t, "apt_waits", "in_step", "")
		w.quiet(t)
		next(t)
	})
}

func TestAnAccountWithoutPushIsPolled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 5, Profile: []byte(`{"subscriptions": {"none": true}}`)})
	w.do.PublicURL = "http://127.0.0.1:1"
	w.put(t, "appointments", "apt_before", appointment(nil))
	w.run(t)
	w.becomes(t, "apt_before", "in_step", "")
	w.put(t, "appointments", "apt_after", appointment(nil))
	w.becomes(t, "apt_after", "in_step", "")
	require.Zero(t, w.scalar(t, `SELECT count(*) FROM envelopes WHERE way <> 'poll'`), "all came by polls")
	acmeClient := &acme.Client{BaseURL: w.acmeURL, APIKey: w.key}
	all, err := acmeClient.Subscriptions(t.Context())
	require.NoError(t, err)
	require.Empty(t, all, "nothing was asked to push")
}

func TestIdlePolls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.put(t, "appointments", "apt_1", appointment(nil))
	w.put(t, "contacts", "con_1", map[string]any{"name": "Ann", "emails": []string{}, "phones": []string{}})
	w.run(t)
	w.becomes(t, "apt_1", "in_step", "")
	w.quiet(t)
	poll := func(t *testing.T) {
		t.Helper()
		w.poll(t)
		w.quiet(t)
	}
	poll(t)
	stored := func() int { return w.scalar(t, `SELECT count(*) FROM envelopes WHERE lane = 'deliver'`) }
	before := stored()
	t.Run("what was stored already is not stored again", func(t *testing.T) {
		for range 3 {
			poll(t)
		}
		require.Equal(t, before, stored())
	})
	t.Run("a change that no webhook tells is news all the same", func(t *testing.T) {
		w.put(t, "appointments", "apt_1", appointment(map[string]any{"subject": "Another"}))
		poll(t)
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_1").Title == "Another" })
		require.Equal(t, before+1, stored())
	})
	t.Run("so is a new record beside an old one", func(t *testing.T) {
		w.put(t, "appointments", "apt_2", appointment(nil))
		poll(t)
		w.becomes(t, "apt_2", "in_step", "")
	})
}

func TestDeletedSeriesRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{When: acmesync.WhenRules{Deleted: acmesync.FateMark}}})
	w.run(t)
	w.quiet(t)
	set := func(t *testing.T, id string, fields map[string]any) {
		t.Helper()
		w.put(t, "appointments", id, fields)
		w.hook(t, acmesync.Appointments, id, 0)
	}
	statuses := func(prefix string) map[string]int {
		all := map[string]int{}
		for _, what := range w.shown(t, prefix) {
			all[what[strings.LastIndexByte(what, ' ')+1:]]++
		}
		return all
	}

	t.Run("marked, all events of a deleted series stay as cancelled", func(t *testing.T) {
		set(t, "apt_marked", master(t, "FREQ=WEEKLY;COUNT=4", nil))
		eventually(t, "it is there", func() bool { return statuses("apt_marked")[app.StatusConfirmed] == 4 })
		w.remove(t, "appointments", "apt_marked")
		w.hook(t, acmesync.Appointments, "apt_marked", 0)
		w.becomes(t, "apt_marked", "deleted", "")
		require.Equal(t, map[string]int{app.StatusCancelled: 4}, statuses("apt_marked"))
	})
	t.Run("undeleted they take place again", func(t *testing.T) {
		set(t, "apt_marked", master(t, "FREQ=WEEKLY;COUNT=4", map[string]any{"deleted_at": nil}))
		w.becomes(t, "apt_marked", "in_step", "")
		require.Equal(t, map[string]int{app.StatusConfirmed: 4}, statuses("apt_marked"))
	})
	t.Run("kept, they stay as they are; other rules take them out", func(t *testing.T) {
		w.ruled(t, acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{When: acmesync.WhenRules{Deleted: acmesync.FateKeep}}})
		w.remove(t, "appointments", "apt_marked")
		w.hook(t, acmesync.Appointments, "apt_marked", 0)
		w.becomes(t, "apt_marked", "deleted", "")
		require.Equal(t, map[string]int{app.StatusConfirmed: 4}, statuses("apt_marked"))
		w.ruled(t, acmesync.Config{PollSeconds: 3600}, acmesync.Appointments)
		eventually(t, "they are gone", func() bool { return len(statuses("apt_marked")) == 0 })
	})
}
