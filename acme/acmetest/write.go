package acmetest

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

const appointmentsPath = "/v1/appointments"

func (s *suite) appointments(t *testing.T) {
	owner := s.someone(t).ID
	create := func(t *testing.T, body map[string]any) acme.Appointment {
		t.Helper()
		return record(t, s.call(t, http.MethodPost, appointmentsPath, body).wants(t, http.StatusCreated, ""), acme.DecodeAppointment)
	}
	path := func(a acme.Appointment) string { return appointmentsPath + "/" + a.ID }

	t.Run("a new one is what was sent, in version 1, and the newest of the list", func(t *testing.T) {
		since := s.serverTime(t)
		body := s.newAppointment(owner)
		body["external_ref"] = "conformance"
		got := s.call(t, http.MethodPost, appointmentsPath, body).wants(t, http.StatusCreated, "")
		a := record(t, got, acme.DecodeAppointment)
		require.Equal(t, int64(1), a.Version)
		require.Equal(t, `"1"`, got.header.Get("ETag"))
		require.Equal(t, "Conformance \U0001F642", a.Subject)
		require.Equal(t, owner, a.OwnerID)
		require.Equal(t, acme.Scheduled, a.Status)
		require.Equal(t, "conformance", a.ExternalRef)
		require.NotEmpty(t, a.Origin)
		require.Equal(t, a.CreatedAt, a.UpdatedAt)
		all := s.walk(t, acme.Appointments, acme.ListQuery{UpdatedSince: since, Limit: 200})
		require.Equal(t, a.ID, all[len(all)-1].ID)
	})
	t.Run("the same idempotency key has one effect", func(t *testing.T) {
		body := s.newAppointment(owner)
		first := s.call(t, http.MethodPost, appointmentsPath, body, "Idempotency-Key", s.key(t)).wants(t, http.StatusCreated, "")
		require.Empty(t, first.header.Get("Idempotency-Replayed"))
		again := s.call(t, http.MethodPost, appointmentsPath, body, "Idempotency-Key", s.key(t)).wants(t, http.StatusCreated, "")
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
		require.JSONEq(t, string(first.body), string(again.body))
		body["subject"] = "Another one"
		s.call(t, http.MethodPost, appointmentsPath, body, "Idempotency-Key", s.key(t)).wants(t, http.StatusUnprocessableEntity, "idempotency_mismatch")
	})
	t.Run("the same idempotency key five times at once has one effect", func(t *testing.T) {
		body := s.newAppointment(owner)
		replies := make([]reply, 5)
		var group sync.WaitGroup
		for i := range replies {
			group.Go(func() {
				replies[i] = s.call(t, http.MethodPost, appointmentsPath, body, "Idempotency-Key", s.key(t))
			})
		}
		group.Wait()
		made := map[string]bool{}
		for _, r := range replies {
			if r.status == http.StatusConflict {
				r.wants(t, http.StatusConflict, "in_progress")
				continue
			}
			made[r.wants(t, http.StatusCreated, "").text(t, "id")] = true
		}
		require.Len(t, made, 1)
	})
	t.Run("a second one of the same owner, start and contact is a duplicate until the first is gone", func(t *testing.T) {
		contact := s.newContact(t)
		body := s.newAppointment(owner, contact.ID)
		a := create(t, body)
		refused := s.call(t, http.MethodPost, appointmentsPath, body).wants(t, http.StatusConflict, "duplicate")
		require.Equal(t, a.ID, refused.text(t, "existing_id"))
		s.call(t, http.MethodDelete, path(a), nil).wants(t, http.StatusNoContent, "")
		create(t, body)
	})
	t.Run("a change raises version and updated_at and leaves the rest", func(t *testing.T) {
		a := create(t, s.newAppointment(owner))
		got := s.call(t, http.MethodPatch, path(a), `{"status":"canceled"}`, "If-Match", `"1"`).wants(t, http.StatusOK, "")
		b := record(t, got, acme.DecodeAppointment)
		require.Equal(t, int64(2), b.Version)
		require.Equal(t, `"2"`, got.header.Get("ETag"))
		require.True(t, b.UpdatedAt.After(a.UpdatedAt))
		want := a
		want.Version, want.UpdatedAt, want.Status = b.Version, b.UpdatedAt, acme.Canceled
		want.Origin = b.Origin
		require.Equal(t, want, b)
	})
	t.Run("a change based on another version is refused and has no effect", func(t *testing.T) {
		a := create(t, s.newAppointment(owner))
		s.call(t, http.MethodPatch, path(a), `{"subject":"B"}`, "If-Match", "1").wants(t, http.StatusOK, "")
		s.call(t, http.MethodPatch, path(a), `{"subject":"C"}`, "If-Match", `"1"`).wants(t, http.StatusPreconditionFailed, "version_mismatch")
		s.call(t, http.MethodDelete, path(a), nil, "If-Match", "1").wants(t, http.StatusPreconditionFailed, "version_mismatch")
		got := record(t, s.call(t, http.MethodGet, path(a), nil).wants(t, http.StatusOK, ""), acme.DecodeAppointment)
		require.Equal(t, "B", got.Subject)
		require.Nil(t, got.DeletedAt)
	})
	t.Run("a deleted one shows where it is asked for, and comes back", func(t *testing.T) {
		since := s.serverTime(t)
		a := create(t, s.newAppointment(owner))
		s.call(t, http.MethodDelete, path(a), nil).wants(t, http.StatusNoContent, "")
		s.call(t, http.MethodDelete, path(a), nil).wants(t, http.StatusNoContent, "")
		require.NotContains(t, ids(s.walk(t, acme.Appointments, acme.ListQuery{UpdatedSince: since, Limit: 5})), a.ID)
		all := s.walk(t, acme.Appointments, acme.ListQuery{UpdatedSince: since, Limit: 5, IncludeDeleted: true})
		require.Contains(t, ids(all), a.ID)
		batch, err := s.client(t).BatchGet(t.Context(), acme.Appointments, []string{a.ID})
		require.NoError(t, err)
		require.Len(t, batch.Items, 1)
		require.True(t, batch.Items[0].Deleted)
		require.Equal(t, int64(2), batch.Items[0].Version, "deleting twice is one change")
		got := record(t, s.call(t, http.MethodGet, path(a), nil).wants(t, http.StatusOK, ""), acme.DecodeAppointment)
		require.NotNil(t, got.DeletedAt)

		back := record(t, s.call(t, http.MethodPost, path(a)+":undelete", nil).wants(t, http.StatusOK, ""), acme.DecodeAppointment)
		require.Nil(t, back.DeletedAt)
		require.Equal(t, int64(3), back.Version)
		require.True(t, back.UpdatedAt.After(got.UpdatedAt))
		require.Contains(t, ids(s.walk(t, acme.Appointments, acme.ListQuery{UpdatedSince: since})), a.ID)
	})
	t.Run("one edited during a walk is seen again", func(t *testing.T) {
		since := s.serverTime(t)
		var made []acme.Appointment
		for range 6 {
			made = append(made, create(t, s.newAppointment(owner)))
		}
		client := s.client(t)
		page, err := client.List(t.Context(), acme.Appointments, acme.ListQuery{UpdatedSince: since, Limit: 2})
		require.NoError(t, err)
		s.call(t, http.MethodPatch, path(made[5]), `{"subject":"Edited"}`).wants(t, http.StatusOK, "")
		s.call(t, http.MethodPatch, path(made[0]), `{"subject":"Edited"}`).wants(t, http.StatusOK, "")
		seen := page.Items
		for page.NextCursor != "" {
			page, err = client.List(t.Context(), acme.Appointments, acme.ListQuery{Cursor: page.NextCursor, Limit: 2})
			require.NoError(t, err)
			seen = append(seen, page.Items...)
		}
		last := map[string]int64{}
		for _, item := range seen {
			last[item.ID] = item.Version
		}
		for i, want := range []int64{2, 1, 1, 1, 1, 2} {
			require.Equal(t, want, last[made[i].ID], "appointment %d", i)
		}
	})
	t.Run("all-day ones and series keep their form", func(t *testing.T) {
		body := s.newAppointment(owner)
		day := time.Now().AddDate(1, 0, 0)
		body["start"] = map[string]any{"date": day.Format(time.DateOnly)}
		body["end"] = map[string]any{"date": day.AddDate(0, 0, 1).Format(time.DateOnly)}
		body["recurrence"] = map[string]any{"rrule": "FREQ=WEEKLY;COUNT=4", "exdates": []string{day.AddDate(0, 0, 7).Format(time.DateOnly)}}
		a := create(t, body)
		require.Equal(t, day.Format(time.DateOnly), a.Start.Date)
		require.Empty(t, a.Start.DateTime)
		require.Equal(t, "FREQ=WEEKLY;COUNT=4", a.Recurrence.RRule)
		require.Len(t, a.Recurrence.ExDates, 1)
	})
	t.Run("bodies that are wrong are refused and name the field", func(t *testing.T) {
		for field, value := range map[string]any{"subject": nil, "start": map[string]any{"date": "2026-02-30"}, "end": nil, "owner_id": "nobody", "contact_ids": []string{"nobody"}, "status": "maybe", "id": "mine", "version": 7} {
			body := s.newAppointment(owner)
			body[field] = value
			if value == nil {
				delete(body, field)
			}
			got := s.call(t, http.MethodPost, appointmentsPath, body).wantsRefused(t, field)
			require.Contains(t, string(got.body), field)
		}
		for _, body := range []string{``, `{`, `[]`, `null`, `{"subject":"a","subject":"b"}x`} {
			s.call(t, http.MethodPost, appointmentsPath, body).wantsRefused(t, body)
		}
	})
	t.Run("unknown ones can't be changed", func(t *testing.T) {
		s.call(t, http.MethodPatch, appointmentsPath+"/unknown", `{"subject":"B"}`).wants(t, http.StatusNotFound, "not_found")
		s.call(t, http.MethodDelete, appointmentsPath+"/unknown", nil).wants(t, http.StatusNotFound, "not_found")
		s.call(t, http.MethodPost, appointmentsPath+"/unknown:undelete", nil).wants(t, http.StatusNotFound, "not_found")
	})
}

func (s *suite) touchpoints(t *testing.T) {
	user := s.someone(t).ID
	at := time.Now().UTC().Add(-48 * time.Hour).Truncate(time.Second)
	t.Run("a call logged late keeps both times, is corrected and deleted", func(t *testing.T) {
		contact := s.newContact(t)
		body := map[string]any{"channel": "call", "direction": "outbound", "user_id": user, "contact_id": contact.ID, "occurred_at": at, "duration_ms": 61_000}
		p := record(t, s.call(t, http.MethodPost, "/v1/touchpoints", body, "Idempotency-Key", s.key(t)).wants(t, http.StatusCreated, ""), acme.DecodeTouchpoint)
		require.True(t, at.Equal(*p.OccurredAt))
		require.True(t, p.LoggedAt.After(at))
		require.Equal(t, int64(61_000), *p.DurationMS)
		s.call(t, http.MethodPost, "/v1/touchpoints", body, "Idempotency-Key", s.key(t)).wants(t, http.StatusCreated, "")

		q := record(t, s.call(t, http.MethodPatch, "/v1/touchpoints/"+p.ID, `{"direction":"inbound"}`, "If-Match", "1").wants(t, http.StatusOK, ""), acme.DecodeTouchpoint)
		require.Equal(t, acme.Inbound, q.Direction)
		require.Equal(t, int64(2), q.Version)
		require.True(t, p.LoggedAt.Equal(q.LoggedAt))
		s.call(t, http.MethodPatch, "/v1/touchpoints/"+p.ID, `{"direction":"internal"}`, "If-Match", "1").wants(t, http.StatusPreconditionFailed, "version_mismatch")

		s.call(t, http.MethodDelete, "/v1/touchpoints/"+p.ID, nil).wants(t, http.StatusNoContent, "")
		batch, err := s.client(t).BatchGet(t.Context(), acme.Touchpoints, []string{p.ID})
		require.NoError(t, err)
		require.True(t, batch.Items[0].Deleted)
		require.Equal(t, []string{contact.ID}, batch.Items[0].ContactIDs)
	})
	t.Run("bodies that are wrong are refused", func(t *testing.T) {
		for field, value := range map[string]any{"channel": "fax", "direction": "sideways", "user_id": "nobody", "occurred_at": "yesterday", "duration_ms": -1} {
			body := map[string]any{"channel": "call", "direction": "outbound", "user_id": user, "occurred_at": at, field: value}
			s.call(t, http.MethodPost, "/v1/touchpoints", body).wantsRefused(t, field)
		}
	})
}

func (s *suite) contacts(t *testing.T) {
	t.Run("are made, changed and deleted", func(t *testing.T) {
		c := s.newContact(t)
		require.Equal(t, int64(1), c.Version)
		d := record(t, s.call(t, http.MethodPatch, "/v1/contacts/"+c.ID, `{"phones":["+41 44 668 18 00"]}`, "If-Match", `"1"`).wants(t, http.StatusOK, ""), acme.DecodeContact)
		require.Equal(t, []string{"+41 44 668 18 00"}, d.Phones)
		require.Equal(t, c.Name, d.Name)
		s.call(t, http.MethodPatch, "/v1/contacts/"+c.ID, `{"name":"C"}`, "If-Match", `"1"`).wants(t, http.StatusPreconditionFailed, "version_mismatch")
		s.call(t, http.MethodDelete, "/v1/contacts/"+c.ID, nil).wants(t, http.StatusNoContent, "")
		batch, err := s.client(t).BatchGet(t.Context(), acme.Contacts, []string{c.ID})
		require.NoError(t, err)
		require.True(t, batch.Items[0].Deleted)
	})
	t.Run("merged into another one leave their place to it", func(t *testing.T) {
		owner := s.someone(t).ID
		gone, survivor := s.newContact(t), s.newContact(t)
		a := record(t, s.call(t, http.MethodPost, appointmentsPath, s.newAppointment(owner, gone.ID)).wants(t, http.StatusCreated, ""), acme.DecodeAppointment)
		got := record(t, s.call(t, http.MethodPost, "/v1/contacts/"+gone.ID+":merge", map[string]any{"into": survivor.ID}).wants(t, http.StatusOK, ""), acme.DecodeContact)
		require.Equal(t, survivor.ID, got.ID)
		require.Contains(t, got.Emails, gone.Emails[0])
		lost := record(t, s.call(t, http.MethodGet, "/v1/contacts/"+gone.ID, nil).wants(t, http.StatusOK, ""), acme.DecodeContact)
		require.Equal(t, survivor.ID, lost.MergedInto)
		require.NotNil(t, lost.DeletedAt)
		moved := record(t, s.call(t, http.MethodGet, appointmentsPath+"/"+a.ID, nil).wants(t, http.StatusOK, ""), acme.DecodeAppointment)
		require.Equal(t, []string{survivor.ID}, moved.ContactIDs)
		require.Equal(t, int64(2), moved.Version)
		s.call(t, http.MethodPost, "/v1/contacts/"+gone.ID+":merge", map[string]any{"into": survivor.ID}).wants(t, http.StatusConflict, "already_merged")
	})
	t.Run("can't be merged into nobody or themselves", func(t *testing.T) {
		c := s.newContact(t)
		for _, into := range []string{"unknown", c.ID} {
			s.call(t, http.MethodPost, "/v1/contacts/"+c.ID+":merge", map[string]any{"into": into}).wantsRefused(t, into)
		}
		s.call(t, http.MethodPost, "/v1/contacts/unknown:merge", map[string]any{"into": c.ID}).wants(t, http.StatusNotFound, "not_found")
	})
}

func (s *suite) newContact(t *testing.T) acme.Contact {
	t.Helper()
	body := map[string]any{"name": "Ada Conformance", "emails": []string{fmt.Sprintf("ada+%d@conformance.example", s.days.Add(1))}, "phones": []string{"(281) 332-2575 x12"}}
	return record(t, s.call(t, http.MethodPost, "/v1/contacts", body).wants(t, http.StatusCreated, ""), acme.DecodeContact)
}

// key is an idempotency key of this subtest and this run.
func (s *suite) key(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("%x-%08x", s.started, crc32.ChecksumIEEE([]byte(t.Name())))
}
