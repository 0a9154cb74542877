package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

func TestTenants(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)

	created := b.call(t, http.MethodPost, "/v1/tenants", fmt.Sprintf(
		`{"id":"harbor-dental","name":"Harbor Dental","acme":{"base_url":%q,"rate_limit":{"requests":100,"per_seconds":10}},"app":{"base_url":%q},"config":{"poll_seconds":300}}`,
		s.acme.URL, s.app.URL))
	require.Equal(t, http.StatusCreated, created.status, created.text)
	require.Equal(t, "draft", created.json["state"])
	require.Equal(t, `"1"`, created.header.Get("ETag"))
	require.Equal(t, "/v1/tenants/harbor-dental", created.header.Get("Location"))
	require.Equal(t, map[string]any{"poll_seconds": 300.0}, created.json["config"])
	require.Equal(t, map[string]any{"base_url": s.acme.URL, "credentials_set": false}, created.json["acme"])
	require.Regexp(t, `^http://127.0.0.1:8080/hooks/acme/[0-9a-f]{32}$`, created.json["webhook_url"])
	granted, _, err := b.db.LeaseBudget(t.Context(), "tenant:harbor-dental", 5, true)
	require.NoError(t, err)
	require.Equal(t, 5, granted)

	t.Run("an id that is taken is a conflict and changes nothing", func(t *testing.T) {
		again := b.call(t, http.MethodPost, "/v1/tenants", `{"id":"harbor-dental","name":"Other","acme":{"base_url":"http://127.0.0.1:1"},"app":{"base_url":"http://127.0.0.1:1"}}`)
		requireProblem(t, again, http.StatusConflict, "tenant_exists")
		require.Equal(t, "Harbor Dental", b.call(t, http.MethodGet, "/v1/tenants/harbor-dental", "").json["name"])
	})
	t.Run("credentials are stored and never shown", func(t *testing.T) {
		got := b.call(t, http.MethodPut, "/v1/tenants/harbor-dental/credentials", `{"acme":{"api_key":"acme-key"}}`)
		require.Equal(t, http.StatusNoContent, got.status)
		got = b.call(t, http.MethodGet, "/v1/tenants/harbor-dental", "")
		require.NotContains(t, got.text, "acme-key")
		require.Equal(t, map[string]any{"base_url": s.acme.URL, "credentials_set": true}, got.json["acme"])
		require.Equal(t, map[string]any{"base_url": s.app.URL, "credentials_set": false}, got.json["app"])
	})
	t.Run("configuration is patched, null brings the default back", func(t *testing.T) {
		got := b.call(t, http.MethodPatch, "/v1/tenants/harbor-dental", `{"config":{"page_size":50}}`)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, map[string]any{"poll_seconds": 300.0, "page_size": 50.0}, got.json["config"])
		tag := got.header.Get("ETag")
		got = b.call(t, http.MethodPatch, "/v1/tenants/harbor-dental", `{"config":{"poll_seconds":null}}`, "If-Match", tag)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, map[string]any{"page_size": 50.0}, got.json["config"])
		requireProblem(t, b.call(t, http.MethodPatch, "/v1/tenants/harbor-dental", `{"config":{"page_size":60}}`, "If-Match", tag), http.StatusPreconditionFailed, "version_changed")
		requireProblem(t, b.call(t, http.MethodPatch, "/v1/tenants/harbor-dental", `{"config":{"page_size":60}}`, "If-Match", `"+1"`), http.StatusPreconditionFailed, "version_changed")
	})
	t.Run("a change that changes nothing leaves no trace", func(t *testing.T) {
		before := b.call(t, http.MethodGet, "/v1/tenants/harbor-dental/trail", "").text
		tag := b.call(t, http.MethodGet, "/v1/tenants/harbor-dental", "").header.Get("ETag")
		got := b.call(t, http.MethodPatch, "/v1/tenants/harbor-dental", `{"config":{"page_size":50}}`)
		require.Equal(t, tag, got.header.Get("ETag"))
		require.Equal(t, before, b.call(t, http.MethodGet, "/v1/tenants/harbor-dental/trail", "").text)
	})
	t.Run("the audit log names the key's holder, newest first", func(t *testing.T) {
		got := b.call(t, http.MethodGet, "/v1/tenants/harbor-dental/trail?limit=1", "")
		entries, _ := got.json["entries"].([]any)
		require.Len(t, entries, 1)
		entry, _ := entries[0].(map[string]any)
		require.Equal(t, "backend", entry["actor"])
		require.Equal(t, "configure", entry["action"])
	})
}

func TestTenantsThatAreNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	known := b.call(t, http.MethodGet, "/v1/tenants/nobody", "")
	requireProblem(t, known, http.StatusNotFound, "not_found")
	for _, id := range []string{"Nobody", "..", "%2e%2e%2fadmin", "%00", "a;b", "a%2Fb", "%C2%A0", strings.Repeat("a", 10_000), "'%20or%201=1", "*", "-a", "a.b", "%", "%zz"} {
		for _, path := range []string{"", "/balance", "/holds", "/trail", "/records?stream=appointments", "/records/appointments/x"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL, nil)
			require.NoError(t, err)
			path, query, _ := strings.Cut(path, "?")
			request.URL.Opaque, request.URL.RawQuery = "//"+strings.TrimPrefix(b.URL, "http://")+"/v1/tenants/"+id+path, query
			request.Header.Set("Authorization", "Bearer "+testKey)
			if strings.Contains(id, "%zz") || id == "%" {
				continue // Go's client cannot send these; see TestRawPaths
			}
			got := send(t, request)
			require.Contains(t, []int{http.StatusNotFound, http.StatusBadRequest}, got.status, "%s%s: %s", id, path, got.text)
		}
	}
	for _, one := range []struct{ method, path, body string }{
		{http.MethodPatch, "", `{"config":{}}`}, {http.MethodPut, "/credentials", goodCredentials}, {http.MethodPost, "/check", ""},
		{http.MethodGet, "/config", ""}, {http.MethodPut, "/config", "{}"}, {http.MethodPatch, "/config", "{}"},
		{http.MethodGet, "/config/versions", ""}, {http.MethodGet, "/config/versions/1", ""},
		{http.MethodPost, "/activate", ""}, {http.MethodPost, "/pause", ""}, {http.MethodPost, "/resume", ""}, {http.MethodPost, "/sync", ""},
		{http.MethodPost, "/deactivate", ""}, {http.MethodGet, "/balance", ""}, {http.MethodGet, "/holds", ""}, {http.MethodGet, "/trail", ""},
		{http.MethodGet, "/records?stream=touchpoints", ""}, {http.MethodGet, "/records/appointments/x", ""},
	} {
		got := b.call(t, one.method, "/v1/tenants/nobody"+one.path, one.body)
		requireProblem(t, got, http.StatusNotFound, "not_found")
		require.Equal(t, known.json["detail"], got.json["detail"])
	}
	for _, path := range []string{"/v1/reviews/nobody.0123456789abcdef", "/v1/reviews/x", "/v1/reviews/a.b", "/v1/reviews/a.0123456789ABCDEF", "/v1/reviews?tenant=nobody",
		"/v1/reviews/nobody.0123456789abcdef/records"} {
		requireProblem(t, b.call(t, http.MethodGet, path, ""), http.StatusNotFound, "not_found")
	}
	requireProblem(t, b.call(t, http.MethodPost, "/v1/reviews/nobody.0123456789abcdef/decisions", `{"action":"retry"}`), http.StatusNotFound, "not_found")
}

func TestActivation(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)

	t.Run("without credentials is refused", func(t *testing.T) {
		b.draft(t, "bare", s)
		got := b.call(t, http.MethodPost, "/v1/tenants/bare/activate", "")
		requireProblem(t, got, http.StatusUnprocessableEntity, "credentials_missing")
		require.Contains(t, got.text, `"/acme/api_key"`)
		require.Contains(t, got.text, `"/app/token"`)
		require.Equal(t, "draft", b.call(t, http.MethodGet, "/v1/tenants/bare", "").json["state"])
	})
	t.Run("with refused credentials names the side", func(t *testing.T) {
		b.draft(t, "refused", s)
		b.call(t, http.MethodPut, "/v1/tenants/refused/credentials", `{"acme":{"api_key":"wrong-canary"},"app":{"token":"app-token"}}`)
		got := b.call(t, http.MethodPost, "/v1/tenants/refused/activate", "")
		requireProblem(t, got, http.StatusUnprocessableEntity, "credentials_refused")
		require.Contains(t, got.text, `"/acme/api_key"`)
		require.NotContains(t, got.text, `"/app/token"`)
		require.NotContains(t, got.text, "canary")
	})
	t.Run("starts the workflow once it is committed, and not twice", func(t *testing.T) {
		b.active(t, "harbor", s)
		require.Eventually(t, b.workflows.has("start harbor"), 5*time.Second, 5*time.Millisecond)
		again := b.call(t, http.MethodPost, "/v1/tenants/harbor/activate", "")
		requireProblem(t, again, http.StatusConflict, "wrong_state")
		connection, err := b.db.Connection(t.Context(), "harbor")
		require.NoError(t, err)
		require.Equal(t, "US", connection.Region)
		require.Equal(t, "America/New_York", connection.TimeZone)
	})
	t.Run("goes on while Acme is down", func(t *testing.T) {
		away := newSides(t)
		away.acme.Close()
		b.active(t, "patient", away)
	})
	t.Run("goes on while Temporal is down, without waiting for it", func(t *testing.T) {
		b.workflows.mu.Lock()
		b.workflows.slow = 5 * time.Second
		b.workflows.mu.Unlock()
		began := time.Now()
		b.active(t, "calm", s)
		require.Less(t, time.Since(began), 4*time.Second)
		b.workflows.mu.Lock()
		b.workflows.slow = 0
		b.workflows.mu.Unlock()
	})
	t.Run("may be repeated with the same key", func(t *testing.T) {
		b.draft(t, "twice", s)
		b.call(t, http.MethodPut, "/v1/tenants/twice/credentials", goodCredentials)
		for range 2 {
			got := b.call(t, http.MethodPost, "/v1/tenants/twice/activate", "", "Idempotency-Key", "k1")
			require.Equal(t, http.StatusAccepted, got.status, got.text)
			require.EqualValues(t, 1, got.json["generation"])
		}
		// The key of one command is not the key of another.
		got := b.call(t, http.MethodPost, "/v1/tenants/twice/pause", "", "Idempotency-Key", "k1")
		require.Equal(t, http.StatusAccepted, got.status)
		require.Equal(t, "paused", got.json["state"])
	})
}

func TestCommands(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.active(t, "harbor", s)
	step := func(command, body, state string) {
		t.Helper()
		got := b.call(t, http.MethodPost, "/v1/tenants/harbor/"+command, body)
		require.Equal(t, http.StatusAccepted, got.status, got.text)
		require.Equal(t, state, got.json["state"])
	}
	step("sync", "", "starting")
	step("backfill", `{"reason":"a report looked short"}`, "starting")
	step("pause", `{"reason":"moving offices"}`, "paused")
	require.Equal(t, "moving offices", b.call(t, http.MethodGet, "/v1/tenants/harbor", "").json["state_reason"])
	requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants/harbor/pause", ""), http.StatusConflict, "wrong_state")
	for _, command := range []string{"sync", "backfill"} {
		requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants/harbor/"+command, ""), http.StatusConflict, "wrong_state")
	}
	step("resume", "", "starting")
	step("deactivate", `{"events":"remove"}`, "deactivated")
	cleanups, err := b.db.Cleanups(t.Context(), "harbor")
	require.NoError(t, err)
	require.Equal(t, []acmesync.Cleanup{{Kind: "remove_events", Target: "all"}}, cleanups)
	step("activate", "", "starting")
	for _, noted := range []string{"sync_now harbor", "backfill harbor", "pause harbor", "resume harbor", "deactivate harbor", "start harbor"} {
		require.Eventually(t, b.workflows.has(noted), 5*time.Second, 5*time.Millisecond, noted)
	}
}

func TestNewCredentials(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.active(t, "harbor", s)
	require.Eventually(t, b.workflows.has("ring harbor"), 5*time.Second, 5*time.Millisecond)
	fence, err := b.db.BeginLane(t.Context(), "harbor", acmesync.Fetch)
	require.NoError(t, err)
	_, err = b.db.RequireReauth(t.Context(), fence, "Acme refuses the API key.")
	require.NoError(t, err)
	got := b.call(t, http.MethodGet, "/v1/tenants/harbor", "")
	require.Equal(t, "needs_reauth", got.json["state"])
	require.Equal(t, "Acme refuses the API key.", got.json["state_reason"])
	before := b.workflows.count("start harbor")
	require.Equal(t, http.StatusNoContent, b.call(t, http.MethodPut, "/v1/tenants/harbor/credentials", `{"acme":{"api_key":"acme-key"}}`).status)
	require.Equal(t, "starting", b.call(t, http.MethodGet, "/v1/tenants/harbor", "").json["state"])
	require.Eventually(t, func() bool { return b.workflows.count("start harbor") == before+1 }, 5*time.Second, 5*time.Millisecond)
}

func TestChecks(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.draft(t, "harbor", s)
	got := b.call(t, http.MethodPost, "/v1/tenants/harbor/check", "")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, false, got.json["ok"])
	require.Equal(t, map[string]any{"ok": false, "kind": "credentials_missing", "message": "Acme's API key is not set."}, got.json["acme"])
	b.call(t, http.MethodPut, "/v1/tenants/harbor/credentials", goodCredentials)
	got = b.call(t, http.MethodPost, "/v1/tenants/harbor/check", "")
	require.Equal(t, true, got.json["ok"])
	require.Equal(t, map[string]any{"ok": true, "message": "Acme answers.", "account": "Harbor Dental", "time_zone": "America/New_York"}, got.json["acme"])
	s.app.Close()
	got = b.call(t, http.MethodPost, "/v1/tenants/harbor/check", "")
	require.Equal(t, map[string]any{"ok": false, "kind": "unavailable", "message": "The app cannot be reached or does not answer as it should."}, got.json["app"])
}

func TestBalanceAndHolds(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.active(t, "harbor", s)
	got := b.call(t, http.MethodGet, "/v1/tenants/harbor/balance", "")
	require.Equal(t, http.StatusOK, got.status, got.text)
	require.Equal(t, "harbor", got.json["tenant"])
	require.Equal(t, "starting", got.json["state"])
	require.Equal(t, true, got.json["balanced"])
	streams, _ := got.json["streams"].([]any)
	require.Len(t, streams, 2)
	require.Contains(t, got.text, `"skipped":{}`)

	fence, err := b.db.BeginLane(t.Context(), "harbor", acmesync.Fetch)
	require.NoError(t, err)
	require.NoError(t, b.db.Hold(t.Context(), fence, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Kind: acmesync.Unavailable, Reason: "Acme does not answer."}, 0))
	got = b.call(t, http.MethodGet, "/v1/tenants/harbor", "")
	require.Equal(t, "held", got.json["state"])
	require.Equal(t, "Acme does not answer.", got.json["state_reason"])
	got = b.call(t, http.MethodGet, "/v1/tenants/harbor/holds", "")
	require.Len(t, got.json["holds"], 1)
}

func TestDrift(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.active(t, "harbor", s)
	require.Equal(t, map[string]any{"drift": []any{}}, b.call(t, http.MethodGet, "/v1/tenants/harbor/drift", "").json)
	fence, err := b.db.BeginLane(t.Context(), "harbor", acmesync.Fetch)
	require.NoError(t, err)
	_, err = b.db.CommitDrift(t.Context(), fence, acmesync.DriftLook{Stream: acmesync.Contacts, Seen: []acmesync.Drift{
		{Stream: acmesync.Contacts, Field: "nickname", Finding: acmesync.UnknownField, Records: 3},
	}})
	require.NoError(t, err)
	got := b.call(t, http.MethodGet, "/v1/tenants/harbor/drift", "")
	require.Equal(t, http.StatusOK, got.status, got.text)
	drifts, _ := got.json["drift"].([]any)
	require.Len(t, drifts, 1)
	one, _ := drifts[0].(map[string]any)
	require.Equal(t, []any{"contacts", "nickname", "unknown_field", 3.0}, []any{one["stream"], one["field"], one["finding"], one["records"]})
	require.Equal(t, http.StatusNotFound, b.call(t, http.MethodGet, "/v1/tenants/nobody/drift", "").status)
}
