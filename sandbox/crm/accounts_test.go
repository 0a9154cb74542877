package crm_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/sandbox/crm"
	"acmesync/sandbox/crm/manifest"
)

func TestReading(t *testing.T) {
	t.Parallel()
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1})
	const id = "harbor-dental"

	t.Run("a walk meets every record that the totals count", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		totals := s.totals(id)
		for resource, want := range map[acme.Resource]int{
			acme.Users: totals.Users, acme.Contacts: totals.Contacts, acme.Appointments: totals.Appointments, acme.Touchpoints: totals.Touchpoints,
		} {
			seen, deleted := map[string]bool{}, 0
			for _, item := range s.walk(id, resource, 173) {
				require.False(t, seen[item.ID], item.ID)
				seen[item.ID] = true
				if item.Deleted {
					deleted++
				}
			}
			require.Len(t, seen, want, resource)
			if resource == acme.Appointments {
				require.Equal(t, totals.Deleted.Appointments, deleted)
			}
		}
	})
	t.Run("an account's cursor and key open no other account", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		page := s.call(http.MethodGet, "/v1/contacts?limit=1", s.key("alpine-physio"), nil)
		_, cursor, _ := strings.Cut(string(page.body), `"next_cursor":"`)
		cursor, _, _ = strings.Cut(cursor, `"`)
		require.NotEmpty(t, cursor)
		require.Equal(t, http.StatusBadRequest, s.call(http.MethodGet, "/v1/contacts?cursor="+cursor, s.key(id), nil).status)
		require.Contains(t, string(s.call(http.MethodGet, "/v1/account", s.key("alpine-physio"), nil).body), `"alpine-physio"`)
	})
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, RateLimit: "50/10s"})

	t.Run("an account for a load is there at once and can be listed in large pages", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		s.admin(http.MethodPost, "", map[string]any{
			"id": "load-1", "time_zone": "Europe/Berlin", "region": "DE", "contacts": 200, "appointments": 20_000, "max_page": 500, "rate_limit": map[string]int{"requests": 0, "per_seconds": 10},
		}, nil)
		require.Len(t, s.walk("load-1", acme.Appointments, 500), 20_000)
		require.Equal(t, 5, s.totals("load-1").Users)
		require.Equal(t, http.StatusBadRequest, s.call(http.MethodGet, "/v1/appointments?limit=501", s.key("load-1"), nil).status)
	})
	t.Run("an account is made once, with an id that can be a file's name and a zone that exists", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		s.admin(http.MethodPost, "", map[string]any{"id": "twice"}, nil)
		for _, body := range []map[string]any{{"id": "twice"}, {"id": "../x"}, {"id": ""}, {"id": "ok", "time_zone": "Mars/Olympus"}, {"id": "ok", "color": "red"}} {
			require.GreaterOrEqual(t, s.call(http.MethodPost, "/admin/accounts", "", body).status, 400, "%v", body)
		}
	})
	t.Run("a rate limit holds per account and can be lifted", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		key := s.key("alpine-physio")
		for range 50 {
			require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/v1/account", key, nil).status)
		}
		got := s.call(http.MethodGet, "/v1/account", key, nil)
		require.Equal(t, http.StatusTooManyRequests, got.status)
		require.NotEmpty(t, got.header.Get("Retry-After"))
		require.Equal(t, "50", got.header.Get("X-RateLimit-Limit"))
		require.Equal(t, "0", got.header.Get("X-RateLimit-Remaining"))
		require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/v1/account", s.key("coral-realty"), nil).status)
		s.patch("alpine-physio", map[string]any{"rate_limit": map[string]int{"requests": 0, "per_seconds": 10}})
		require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/v1/account", key, nil).status)
	})
	t.Run("a spoiled record enters the manifest and a repaired one leaves it", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		s.admin(http.MethodPost, "", map[string]any{"id": "small", "contacts": 5, "appointments": 10, "touchpoints": 10}, nil)
		before := s.totals("small")
		s.admin(http.MethodPut, "small/records/appointments/apt_000003", map[string]any{"end": nil, "recurrence": nil, "deleted_at": nil}, nil)
		s.admin(http.MethodPut, "small/records/touchpoints/tpt_made_up", map[string]any{"channel": "call", "direction": "inbound", "user_id": "usr_01"}, nil)
		after := s.totals("small")
		require.Equal(t, before.Manifest.Appointments[manifest.EndMissing]+1, after.Manifest.Appointments[manifest.EndMissing])
		require.Equal(t, before.Manifest.Touchpoints[manifest.OccurredMissing]+1, after.Manifest.Touchpoints[manifest.OccurredMissing])
		require.Equal(t, before.CountableTouchpoints, after.CountableTouchpoints)
		s.admin(http.MethodPut, "small/records/touchpoints/tpt_made_up", map[string]any{"occurred_at": "2026-01-05T10:00:00Z"}, nil)
		require.Equal(t, before.CountableTouchpoints+1, s.totals("small").CountableTouchpoints)
	})
	t.Run("an import brings what it says, spoiled as it says", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		s.admin(http.MethodPost, "", map[string]any{"id": "upload", "contacts": 5}, nil)
		s.admin(http.MethodPost, "upload/import", map[string]any{"n": 320, "kind": "appointments"}, nil)
		s.admin(http.MethodPost, "upload/import", map[string]any{"n": 80, "kind": "appointments", "code": "end_missing"}, nil)
		totals := s.totals("upload")
		require.Equal(t, 400, totals.Appointments)
		require.Equal(t, map[manifest.Code]int{manifest.EndMissing: 80}, totals.Manifest.Appointments)
		require.Equal(t, http.StatusUnprocessableEntity, s.call(http.MethodPost, "/admin/accounts/upload/import", "", map[string]any{"n": 1, "kind": "appointments", "code": "owner_unmatched"}).status)
	})
	t.Run("a new API key ends the old one", func(t *testing.T) {
		t.Parallel()
		s := s.as(t)
		s.admin(http.MethodPost, "", map[string]any{"id": "keyed"}, nil)
		old := s.key("keyed")
		s.admin(http.MethodPost, "keyed/rotate-key", nil, nil)
		require.Equal(t, http.StatusUnauthorized, s.call(http.MethodGet, "/v1/account", old, nil).status)
		require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/v1/account", s.key("keyed"), nil).status)
	})
}
