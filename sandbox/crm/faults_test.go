package crm_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/sandbox/crm"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest()})

	// fresh makes an account of its own for a test and returns its id and key.
	fresh := func(t *testing.T, s *sandbox, faults map[string]any) (id, key string) {
		t.Helper()
		id = strings.ToLower(strings.NewReplacer("/", "-", "_", "-", ",", "", "'", "").Replace(t.Name()))
		id = "f-" + id[max(0, len(id)-40):]
		s.admin(http.MethodPost, "", map[string]any{"id": id, "contacts": 10, "appointments": 30}, nil)
		s.faults(id, faults)
		return id, s.key(id)
	}

	for name, c := range map[string]struct {
		faults map[string]any
		status int
		header string
	}{
		"down answers 503":             {map[string]any{"down": true}, http.StatusServiceUnavailable, ""},
		"a revoked key is refused":     {map[string]any{"token_revoked": true}, http.StatusUnauthorized, ""},
		"a storm says when to return":  {map[string]any{"storm_429": map[string]any{"retry_after": "120.1"}}, http.StatusTooManyRequests, "120.1"},
		"a storm may say nothing":      {map[string]any{"storm_429": map[string]any{}}, http.StatusTooManyRequests, ""},
		"the edge answers in HTML":     {map[string]any{"html_502": true}, http.StatusBadGateway, ""},
		"a bad page fails at its turn": {map[string]any{"bad_page": 1}, http.StatusInternalServerError, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.as(t)
			id, key := fresh(t, s, c.faults)
			got := s.call(http.MethodGet, "/v1/appointments", key, nil)
			require.Equal(t, c.status, got.status)
			require.Equal(t, c.header, got.header.Get("Retry-After"))
			require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/v1/account", s.key("coral-realty"), nil).status, "neighbours are untouched")
			s.faults(id, map[string]any{})
			require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/v1/appointments", key, nil).status)
		})
	}

	t.Run("a share of requests fails, repeatably", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		_, key := fresh(t, s, map[string]any{"rate_5xx": 0.5})
		failed := 0
		for range 60 {
			if s.call(http.MethodGet, "/v1/account", key, nil).status >= 500 {
				failed++
			}
		}
		require.InDelta(t, 30, failed, 20)
	})
	t.Run("a cut page never looks whole", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		_, key := fresh(t, s, map[string]any{"truncated_page": true})
		_, err := s.send(http.MethodGet, "/v1/appointments", key, nil)
		require.ErrorContains(t, err, "unexpected EOF")
	})
	t.Run("every cursor can be refused while first pages go on", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		id, _ := fresh(t, s, map[string]any{"cursor_expired": true})
		page, err := s.client(id).List(t.Context(), acme.Appointments, acme.ListQuery{Limit: 5})
		require.NoError(t, err)
		_, err = s.client(id).List(t.Context(), acme.Appointments, acme.ListQuery{Cursor: page.NextCursor})
		require.Equal(t, acme.KindCursorLost, acme.KindOf(err))
	})
	t.Run("a lost answer leaves the write done, once per key", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		id, key := fresh(t, s, map[string]any{"answer_lost_after_commit": true})
		body := map[string]any{"name": "Lost"}
		_, err := s.send(http.MethodPost, "/v1/contacts", key, body, "Idempotency-Key", "lost")
		require.Error(t, err)
		require.Equal(t, 11, s.totals(id).Contacts)
		s.faults(id, map[string]any{})
		got := s.call(http.MethodPost, "/v1/contacts", key, body, "Idempotency-Key", "lost")
		require.Equal(t, http.StatusCreated, got.status)
		require.Equal(t, 11, s.totals(id).Contacts)
	})
	t.Run("a bad record fails whatever contains it and nothing else", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		_, key := fresh(t, s, map[string]any{"bad_ids": []string{"apt_000007"}})
		require.Equal(t, http.StatusInternalServerError, s.call(http.MethodGet, "/v1/appointments?limit=100", key, nil).status)
		require.Equal(t, http.StatusInternalServerError, s.call(http.MethodGet, "/v1/appointments/apt_000007", key, nil).status)
		require.Equal(t, http.StatusInternalServerError, s.call(http.MethodPost, "/v1/appointments:batchGet", key, map[string]any{"ids": []string{"apt_000006", "apt_000007"}}).status)
		require.Equal(t, http.StatusOK, s.call(http.MethodPost, "/v1/appointments:batchGet", key, map[string]any{"ids": []string{"apt_000006"}}).status)
		require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/v1/contacts", key, nil).status)
	})
	t.Run("a switch can be narrowed to one resource", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		_, key := fresh(t, s, map[string]any{"down": true, "only": []string{"touchpoints"}})
		require.Equal(t, http.StatusServiceUnavailable, s.call(http.MethodGet, "/v1/touchpoints", key, nil).status)
		require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/v1/appointments", key, nil).status)
	})
	t.Run("latency delays every answer", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		_, key := fresh(t, s, map[string]any{"latency_ms": 150})
		begun := time.Now()
		s.call(http.MethodGet, "/v1/account", key, nil)
		require.GreaterOrEqual(t, time.Since(begun), 150*time.Millisecond)
	})
	t.Run("a list that lags shows the old version, a get the new one", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		id, key := fresh(t, s, map[string]any{})
		var listed, got struct {
			Data []acme.Contact
		}
		require.NoError(t, json.Unmarshal(s.call(http.MethodGet, "/v1/contacts?include_deleted=true", key, nil).body, &listed))
		old := listed.Data[0]
		s.admin(http.MethodPut, id+"/records/contacts/"+old.ID, map[string]any{"name": "New name"}, nil)
		s.faults(id, map[string]any{"stale_list_seconds": 60})
		require.NoError(t, json.Unmarshal(s.call(http.MethodGet, "/v1/contacts?include_deleted=true", key, nil).body, &got))
		require.Equal(t, listed, got)
		require.Contains(t, string(s.call(http.MethodGet, "/v1/contacts/"+old.ID, key, nil).body), "New name")
	})
	t.Run("drift changes what records look like, not what they are", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		id, key := fresh(t, s, map[string]any{"only": []string{"appointments"}, "drift": map[string]any{
			"rename": map[string]string{"subject": "headline"}, "retype": []string{"is_private", "version"}, "words": map[string]string{"status": "tentative"}, "add": []string{"priority"},
		}})
		for _, path := range []string{"/v1/appointments?limit=1", "/v1/appointments/apt_000001"} {
			text := string(s.call(http.MethodGet, path, key, nil).body)
			require.NotContains(t, text, `"subject"`)
			for _, want := range []string{`"headline":"`, `"is_private":"false"`, `"version":"`, `"status":"tentative"`, `"priority":"new"`} {
				require.Contains(t, text, want)
			}
		}
		require.NotContains(t, string(s.call(http.MethodGet, "/v1/contacts?limit=1", key, nil).body), "priority")
		s.faults(id, map[string]any{})
		require.Contains(t, string(s.call(http.MethodGet, "/v1/appointments/apt_000001", key, nil).body), `"subject":"`)
	})
	t.Run("an unknown switch is refused", func(t *testing.T) {
		t.Parallel()
		got := s.as(t).call(http.MethodPut, "/admin/accounts/coral-realty/faults", "", map[string]any{"dwon": true})
		require.Equal(t, http.StatusUnprocessableEntity, got.status)
	})
}
