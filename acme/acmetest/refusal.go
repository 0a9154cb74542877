package acmetest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

func (s *suite) refusals(t *testing.T) {
	t.Run("unknown paths and methods are answered in JSON", func(t *testing.T) {
		for _, path := range []string{"/v1/unicorns", "/v1/appointments/", "/v1/appointments:explode", "/v1/appointments/a/b"} {
			got := s.call(t, http.MethodGet, path, nil)
			require.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, got.status, path)
			require.NotEmpty(t, got.text(t, "code"), path)
		}
		for path, method := range map[string]string{"/v1/account": http.MethodDelete, "/v1/users": http.MethodPost, "/v1/appointments:batchGet": http.MethodGet, "/v1/appointments": http.MethodPut} {
			got := s.call(t, method, path, nil)
			require.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, got.status, path)
			require.NotEmpty(t, got.text(t, "code"), path)
		}
	})
	t.Run("requests bear different ids", func(t *testing.T) {
		a := s.call(t, http.MethodGet, "/v1/appointments/unknown", nil).text(t, "request_id")
		b := s.call(t, http.MethodGet, "/v1/appointments/unknown", nil).text(t, "request_id")
		require.NotEmpty(t, a)
		require.NotEqual(t, a, b)
	})
	t.Run("too many requests say how long to wait, in seconds or as a date", func(t *testing.T) {
		s.needs(t, s.Throttle != nil)
		for header, want := range map[string]time.Duration{"7": 7 * time.Second, time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat): 20 * time.Second} {
			end := s.Throttle(t, header)
			_, err := s.client(t).List(t.Context(), acme.Appointments, acme.ListQuery{})
			end()
			require.Equal(t, acme.KindRateLimited, acme.KindOf(err))
			var e *acme.Error
			require.ErrorAs(t, err, &e)
			require.InDelta(t, want, e.RetryAfter, float64(2*time.Second))
			require.Equal(t, "rate_limited", e.Code)
		}
		_, err := s.client(t).Account(t.Context())
		require.NoError(t, err)
	})
}

// time is about what only passes slowly. It comes last, for the server's clock does not go back.
func (s *suite) time(t *testing.T) {
	s.needs(t, s.Forward != nil)
	t.Run("a cursor lives a quarter of an hour", func(t *testing.T) {
		client := s.client(t)
		page, err := client.List(t.Context(), acme.Touchpoints, acme.ListQuery{Limit: 5})
		require.NoError(t, err)
		require.NotEmpty(t, page.NextCursor)
		s.Forward(t, 14*time.Minute)
		_, err = client.List(t.Context(), acme.Touchpoints, acme.ListQuery{Cursor: page.NextCursor})
		require.NoError(t, err)
		s.Forward(t, 2*time.Minute)
		_, err = client.List(t.Context(), acme.Touchpoints, acme.ListQuery{Cursor: page.NextCursor})
		require.Equal(t, acme.KindCursorLost, acme.KindOf(err))
		var e *acme.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, http.StatusGone, e.Status)
		require.Equal(t, "cursor_expired", e.Code)
	})
	t.Run("a deleted record is kept 30 days", func(t *testing.T) {
		a := record(t, s.call(t, http.MethodPost, appointmentsPath, s.newAppointment(s.someone(t).ID)).wants(t, http.StatusCreated, ""), acme.DecodeAppointment)
		s.call(t, http.MethodDelete, appointmentsPath+"/"+a.ID, nil).wants(t, http.StatusNoContent, "")
		s.Forward(t, 29*24*time.Hour)
		s.call(t, http.MethodGet, appointmentsPath+"/"+a.ID, nil).wants(t, http.StatusOK, "")
		s.Forward(t, 2*24*time.Hour)
		s.call(t, http.MethodGet, appointmentsPath+"/"+a.ID, nil).wants(t, http.StatusNotFound, "not_found")
		s.call(t, http.MethodPost, appointmentsPath+"/"+a.ID+":undelete", nil).wants(t, http.StatusNotFound, "not_found")
		batch, err := s.client(t).BatchGet(t.Context(), acme.Appointments, []string{a.ID})
		require.NoError(t, err)
		require.Equal(t, []string{a.ID}, batch.Missing)
		require.NotContains(t, ids(s.walk(t, acme.Appointments, acme.ListQuery{UpdatedSince: a.UpdatedAt, IncludeDeleted: true})), a.ID)
	})
}
