package acmetest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// integrations try what an integration needs that writes to Acme, by the client.
func (s *suite) integrations(t *testing.T) {
	owner := s.someone(t).ID
	create := func(t *testing.T, client *acme.Client) acme.Item {
		t.Helper()
		body := s.newAppointment(owner)
		at := func(field string) *acme.Moment {
			m := body[field].(map[string]any)
			return &acme.Moment{DateTime: m["date_time"].(string), TimeZone: m["time_zone"].(string)}
		}
		made, err := client.CreateAppointment(t.Context(), s.key(t), acme.AppointmentInput{
			Subject: "Made by an integration", Start: at("start"), End: at("end"), OwnerID: owner, ExternalRef: s.key(t),
		})
		require.NoError(t, err)
		return made
	}
	t.Run("what was made is found by its reference, deleted too", func(t *testing.T) {
		client := s.client(t)
		none, err := client.AppointmentsByRef(t.Context(), "nobody's")
		require.NoError(t, err)
		require.Empty(t, none)
		made := create(t, client)
		found, err := client.AppointmentsByRef(t.Context(), s.key(t))
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, made.ID, found[0].ID)
		require.JSONEq(t, string(made.Raw), string(found[0].Raw))
		require.NoError(t, client.DeleteAppointment(t.Context(), made.ID, made.Version))
		found, err = client.AppointmentsByRef(t.Context(), s.key(t))
		require.NoError(t, err)
		require.True(t, found[0].Deleted)
	})
	t.Run("a change has one effect per idempotency key, and needs its version", func(t *testing.T) {
		client := s.client(t)
		made := create(t, client)
		subject := "Changed by an integration"
		patch := acme.AppointmentPatch{Subject: &subject}
		first, err := client.UpdateAppointment(t.Context(), made.ID, s.key(t)+"-1", 1, patch)
		require.NoError(t, err)
		require.Equal(t, int64(2), first.Version)
		again, err := client.UpdateAppointment(t.Context(), made.ID, s.key(t)+"-1", 1, patch)
		require.NoError(t, err)
		require.Equal(t, first.Version, again.Version)
		_, err = client.UpdateAppointment(t.Context(), made.ID, s.key(t)+"-2", 1, patch)
		require.Equal(t, acme.KindConflict, acme.KindOf(err))
		got := record(t, s.call(t, http.MethodGet, appointmentsPath+"/"+made.ID, nil).wants(t, http.StatusOK, ""), acme.DecodeAppointment)
		require.Equal(t, int64(2), got.Version)
		require.Equal(t, subject, got.Subject)
		require.Equal(t, owner, got.OwnerID)
	})
	t.Run("contacts are attached once", func(t *testing.T) {
		client, contact := s.client(t), s.newContact(t)
		made := create(t, client)
		first, err := client.AttachContacts(t.Context(), made.ID, []string{contact.ID})
		require.NoError(t, err)
		require.Equal(t, []string{contact.ID}, first.ContactIDs)
		require.Equal(t, int64(2), first.Version)
		again, err := client.AttachContacts(t.Context(), made.ID, []string{contact.ID})
		require.NoError(t, err)
		require.Equal(t, int64(2), again.Version)
		_, err = client.AttachContacts(t.Context(), made.ID, []string{"nobody"})
		require.Equal(t, acme.KindRejected, acme.KindOf(err))
		_, err = client.AttachContacts(t.Context(), "nothing", []string{contact.ID})
		require.Equal(t, acme.KindGone, acme.KindOf(err))
	})
	t.Run("an exception of a series is made, though its series begins where it does and has its customer", func(t *testing.T) {
		client, contact := s.client(t), s.newContact(t)
		series := create(t, client)
		first, err := client.UpdateAppointment(t.Context(), series.ID, s.key(t)+"-1", series.Version, acme.AppointmentPatch{
			Recurrence: &acme.Recurrence{RRule: "FREQ=WEEKLY;COUNT=4"}, ContactIDs: &[]string{contact.ID},
		})
		require.NoError(t, err)
		a, err := acme.DecodeAppointment(first.Raw)
		require.NoError(t, err)
		made, err := client.CreateAppointment(t.Context(), s.key(t)+"-2", acme.AppointmentInput{
			Subject: "The first alone", Start: a.Start, End: a.End, OwnerID: owner, ContactIDs: []string{contact.ID}, SeriesID: series.ID, OriginalStart: a.Start,
		})
		require.NoError(t, err)
		exception, err := acme.DecodeAppointment(made.Raw)
		require.NoError(t, err)
		require.Equal(t, series.ID, exception.SeriesID)
		require.Equal(t, a.Start, exception.OriginalStart)
		require.Nil(t, exception.Recurrence)
		left, err := client.UpdateAppointment(t.Context(), series.ID, s.key(t)+"-3", first.Version, acme.AppointmentPatch{
			Recurrence: &acme.Recurrence{RRule: "FREQ=WEEKLY;COUNT=4", ExDates: []string{a.Start.DateTime}},
		})
		require.NoError(t, err)
		a, err = acme.DecodeAppointment(left.Raw)
		require.NoError(t, err)
		require.Len(t, a.Recurrence.ExDates, 1)
	})
	t.Run("a change may name all contacts, and takes off those it does not name", func(t *testing.T) {
		client, first, second := s.client(t), s.newContact(t), s.newContact(t)
		made := create(t, client)
		both, err := client.UpdateAppointment(t.Context(), made.ID, s.key(t)+"-1", made.Version, acme.AppointmentPatch{ContactIDs: &[]string{second.ID, first.ID}})
		require.NoError(t, err)
		require.Equal(t, []string{second.ID, first.ID}, both.ContactIDs)
		none, err := client.UpdateAppointment(t.Context(), made.ID, s.key(t)+"-2", both.Version, acme.AppointmentPatch{ContactIDs: &[]string{}})
		require.NoError(t, err)
		require.Empty(t, none.ContactIDs)
		_, err = client.UpdateAppointment(t.Context(), made.ID, s.key(t)+"-3", none.Version, acme.AppointmentPatch{ContactIDs: &[]string{"nobody"}})
		require.Equal(t, acme.KindRejected, acme.KindOf(err))
	})
	t.Run("attaching what makes it the second of its kind is a duplicate", func(t *testing.T) {
		client, contact := s.client(t), s.newContact(t)
		body := s.newAppointment(owner, contact.ID)
		there := s.call(t, http.MethodPost, appointmentsPath, body).wants(t, http.StatusCreated, "").text(t, "id")
		delete(body, "contact_ids")
		second := s.call(t, http.MethodPost, appointmentsPath, body).wants(t, http.StatusCreated, "").text(t, "id")
		_, err := client.AttachContacts(t.Context(), second, []string{contact.ID})
		refused := &acme.Error{}
		require.ErrorAs(t, err, &refused)
		require.Equal(t, acme.CodeDuplicate, refused.Code)
		require.Equal(t, there, refused.ExistingID)
	})
	t.Run("what was deleted comes back", func(t *testing.T) {
		client := s.client(t)
		made := create(t, client)
		require.NoError(t, client.DeleteAppointment(t.Context(), made.ID, 0))
		require.NoError(t, client.DeleteAppointment(t.Context(), "nothing", 0))
		back, err := client.UndeleteAppointment(t.Context(), made.ID)
		require.NoError(t, err)
		require.False(t, back.Deleted)
		require.Equal(t, int64(3), back.Version)
	})
}
