package lookup_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"acmesync/lookup"

	"github.com/stretchr/testify/require"
)

func TestGet(t *testing.T) {
	t.Parallel()
	var answer func(http.ResponseWriter, *http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	t.Cleanup(server.Close)
	client := &lookup.Client{HTTP: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	says := func(status int, body string, header ...string) {
		answer = func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	source := lookup.Source{URL: server.URL + "/customers/{key}", At: "data.tier"}

	t.Run("the value at its place, in one form however it is written", func(t *testing.T) {
		says(200, `{"data":{"tier":{"b":1.10,"a":"gold"}}}`)
		value, found, err := client.Get(t.Context(), source, "k")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, `{"a":"gold","b":1.10}`, string(value))
	})
	t.Run("no value, an unknown key and a refused key are known to be nothing", func(t *testing.T) {
		for status, body := range map[int]string{200: `{"data":{}}`, 404: `{}`, 410: ``, 422: `{"message":"no such customer"}`, 201: `[]`} {
			says(status, body)
			_, found, err := client.Get(t.Context(), source, "k")
			require.NoError(t, err, status)
			require.False(t, found, status)
		}
	})
	t.Run("the key stays one segment, or one value of the query, and the token goes in the header", func(t *testing.T) {
		var uri, token string
		answer = func(w http.ResponseWriter, r *http.Request) {
			uri, token = r.RequestURI, r.Header.Get("Authorization")
			_, _ = w.Write([]byte("1"))
		}
		for key, want := range map[string]string{
			"anna@example.test": "/customers/anna@example.test", "../admin": "/customers/..%2Fadmin", "..": "/customers/%2E%2E",
			"a?b#c&d": "/customers/a%3Fb%23c&d", "{key}": "/customers/%7Bkey%7D",
		} {
			_, _, err := client.Get(t.Context(), lookup.Source{URL: source.URL, Token: "secret"}, key)
			require.NoError(t, err)
			require.Equal(t, want, uri)
			require.Equal(t, "Bearer secret", token)
		}
		_, _, err := client.Get(t.Context(), lookup.Source{URL: server.URL + "/find?by={key}&x=1"}, "a&x=2")
		require.NoError(t, err)
		require.Equal(t, "/find?by=a%26x%3D2&x=1", uri)
	})
	t.Run("whatever is no answer is unavailable, and never names the key", func(t *testing.T) {
		for _, bad := range []struct {
			status int
			body   string
		}{{500, ""}, {502, "<html>"}, {302, ""}, {200, "<html>maintenance</html>"}, {200, `{"data":`}, {200, `{}{}`}, {200, ""},
			{200, strings.Repeat("[", 40) + strings.Repeat("]", 40)}, {200, `"` + strings.Repeat("x", 70_000) + `"`}} {
			says(bad.status, bad.body, "Location", "http://127.0.0.1:1/")
			_, _, err := client.Get(t.Context(), source, "anna@example.test")
			var failed *lookup.Error
			require.ErrorAs(t, err, &failed, bad.body)
			require.Equal(t, lookup.Unavailable, failed.Kind)
			require.NotContains(t, err.Error(), "anna")
		}
		away := lookup.Source{URL: "http://127.0.0.1:1/{key}"}
		_, _, err := client.Get(t.Context(), away, "anna@example.test")
		var failed *lookup.Error
		require.ErrorAs(t, err, &failed)
		require.NotContains(t, failed.Err.Error(), "anna")
	})
	t.Run("a rate limit and refused credentials are told apart", func(t *testing.T) {
		for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "abc": 0, "-1": 0, "99999999": time.Hour} {
			says(429, "", "Retry-After", header)
			_, _, err := client.Get(t.Context(), source, "k")
			var failed *lookup.Error
			require.ErrorAs(t, err, &failed)
			require.Equal(t, lookup.RateLimited, failed.Kind)
			require.Equal(t, want, failed.RetryAfter)
		}
		says(403, "")
		_, _, err := client.Get(t.Context(), source, "k")
		var failed *lookup.Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, lookup.Unauthorised, failed.Kind)
	})
}
