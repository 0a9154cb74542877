package server_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryRouteNeedsAKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open := map[string]bool{"GET /livez": true, "GET /readyz": true, "GET /openapi.yaml": true, "GET /openapi.json": true, "GET /docs": true, "GET /config.schema.json": true, "POST /hooks/acme/:endpoint": true, "POST /hooks/app/:endpoint": true,
		"POST /hooks/soap/:endpoint": true, "GET /hooks/soap/:endpoint": true, "POST /hooks/sns/:endpoint": true}
	guarded := 0
	for _, route := range b.routes {
		name := route.Method + " " + route.Path
		if open[name] {
			delete(open, name)
			continue
		}
		guarded++
		path := regexp.MustCompile(`:[a-z_]+`).ReplaceAllString(route.Path, "x")
		for what, header := range map[string]string{
			"nothing": "", "garbage": "Bearer garbage", "no scheme": testKey, "another scheme": "Basic " + testKey, "an empty key": "Bearer ",
			"a longer key": "Bearer " + testKey + "x", "a shorter key": "Bearer " + testKey[1:], "two keys": "Bearer x Bearer " + testKey,
		} {
			got := b.call(t, route.Method, path, "", "Authorization", header)
			requireProblem(t, got, http.StatusUnauthorized, "unauthorized")
			require.Equal(t, `Bearer realm="acmesync"`, got.header.Get("WWW-Authenticate"), "%s with %s", name, what)
		}
	}
	require.Empty(t, open, "listed as open but not served")
	require.GreaterOrEqual(t, guarded, 20)
}

func TestTwoAuthorizationHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+"/v1/tenants", nil)
	require.NoError(t, err)
	request.Header["Authorization"] = []string{"Bearer " + testKey, "Bearer other"}
	requireProblem(t, send(t, request), http.StatusUnauthorized, "unauthorized")
}

func TestPlainThings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("unknown paths and methods are problems", func(t *testing.T) {
		requireProblem(t, b.call(t, http.MethodGet, "/nothing", ""), http.StatusNotFound, "not_found")
		got := b.call(t, http.MethodDelete, "/v1/tenants", "")
		requireProblem(t, got, http.StatusMethodNotAllowed, "method_not_allowed")
		require.ElementsMatch(t, []string{"GET", "POST"}, strings.Split(got.header.Get("Allow"), ", "))
	})
	t.Run("a request id is given back, a bad one replaced", func(t *testing.T) {
		require.Equal(t, "abc-123", b.call(t, http.MethodGet, "/livez", "", "X-Request-Id", "abc-123").header.Get("X-Request-Id"))
		for _, bad := range []string{strings.Repeat("a", 65), "a b", "<script>"} {
			id := b.call(t, http.MethodGet, "/livez", "", "X-Request-Id", bad).header.Get("X-Request-Id")
			require.NotEqual(t, bad, id)
			require.NotEmpty(t, id)
		}
	})
	t.Run("answers are not kept or sniffed", func(t *testing.T) {
		got := b.call(t, http.MethodGet, "/v1/tenants", "")
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", got.header.Get("Referrer-Policy"))
		require.Equal(t, map[string]any{"next_cursor": "", "tenants": []any{}}, got.json)
	})
	t.Run("health needs Postgres", func(t *testing.T) {
		require.Equal(t, http.StatusOK, b.call(t, http.MethodGet, "/livez", "").status)
		got := b.call(t, http.MethodGet, "/readyz", "")
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, map[string]any{"postgres": "ok", "temporal": "ok"}, got.json)
	})
	t.Run("the description is served, for tools and for people", func(t *testing.T) {
		require.Contains(t, b.call(t, http.MethodGet, "/openapi.yaml", "", "Authorization", "").text, "openapi: 3.0.3")
		require.Equal(t, "3.0.3", b.call(t, http.MethodGet, "/openapi.json", "", "Authorization", "").json["openapi"])
		page := b.call(t, http.MethodGet, "/docs", "", "Authorization", "")
		require.Contains(t, page.header.Get("Content-Type"), "text/html")
		require.NotContains(t, page.text, "<script")
		require.NotContains(t, page.text, "ZgotmplZ")
		require.Contains(t, page.text, `id="wrong_state"`)
		require.Contains(t, page.text, `id="activateTenant"`)
		require.NotRegexp(t, `(src|href)="https?://`, page.text)
	})
}

func TestPostgresAway(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.draft(t, "harbor", s)
	require.NoError(t, b.db.DB.Close())
	got := b.call(t, http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Equal(t, "unavailable", got.json["postgres"])
	require.Equal(t, http.StatusOK, b.call(t, http.MethodGet, "/livez", "").status)
	got = b.call(t, http.MethodGet, "/v1/tenants/harbor", "")
	require.GreaterOrEqual(t, got.status, 500)
	require.NotContains(t, got.text, "sql")
}
