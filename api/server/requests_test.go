package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newTenant(change string) string {
	return `{"id":"a","name":"A","acme":{"base_url":"http://127.0.0.1:1"},"app":{"base_url":"http://127.0.0.1:1"}` + change + `}`
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, one := range map[string]struct {
		body   string
		status int
		code   string
		points []string
	}{
		"a trailing comma":           {`{"id":"a",}`, 400, "malformed_json", nil},
		"not a number":               {`{"id":NaN}`, 400, "malformed_json", nil},
		"single quotes":              {`{'id':'a'}`, 400, "malformed_json", nil},
		"a comment":                  {`{/*x*/"id":"a"}`, 400, "malformed_json", nil},
		"a key twice":                {newTenant(`,"name":"B"`), 400, "malformed_json", nil},
		"a second value":             {newTenant("") + "{}", 400, "malformed_json", nil},
		"a stray byte":               {newTenant(",\"x\":\"\xff\""), 400, "malformed_json", nil},
		"half a surrogate pair":      {newTenant(`,"x":"\ud800"`), 400, "malformed_json", nil},
		"a NUL character":            {strings.Replace(newTenant(""), `"A"`, `"A\u0000"`, 1), 400, "malformed_json", nil},
		"nesting without end":        {strings.Repeat("[", 10_001), 400, "malformed_json", nil},
		"deep nesting":               {strings.Repeat("[", 200) + strings.Repeat("]", 200), 400, "malformed_json", nil},
		"an array":                   {`[]`, 400, "invalid_request", []string{""}},
		"a string":                   {`"a"`, 400, "invalid_request", []string{""}},
		"null":                       {`null`, 400, "invalid_request", []string{""}},
		"nothing at all":             {`{}`, 400, "invalid_request", []string{"/id", "/name", "/acme", "/app"}},
		"a key in another case":      {newTenant(`,"ID":"b"`), 400, "invalid_request", []string{"/ID"}},
		"unknown fields":             {newTenant(`,"role":"admin","state":"active"`), 400, "invalid_request", []string{"/role", "/state"}},
		"an unknown inner field":     {newTenant(`,"config":{"owner":1}`), 422, "invalid_value", []string{"/config/owner"}},
		"prototype games":            {newTenant(`,"__proto__":{"x":1}`), 400, "invalid_request", []string{"/__proto__"}},
		"wrong types":                {`{"id":1,"name":[],"acme":"x","app":{"base_url":null}}`, 400, "invalid_request", []string{"/id", "/name", "/acme", "/app/base_url"}},
		"an id with capitals":        {strings.Replace(newTenant(""), `"a"`, `"A B"`, 1), 422, "invalid_value", []string{"/id"}},
		"values out of range":        {newTenant(`,"config":{"poll_seconds":-1,"page_size":1000000000}`), 422, "invalid_value", []string{"/config/poll_seconds", "/config/page_size"}},
		"a poll interval of nothing": {newTenant(`,"config":{"poll_seconds":0}`), 422, "invalid_value", []string{"/config/poll_seconds"}},
		"a fraction":                 {newTenant(`,"config":{"poll_seconds":5.5}`), 422, "invalid_value", []string{"/config/poll_seconds"}},
		"a huge number":              {newTenant(`,"config":{"poll_seconds":1e400}`), 422, "invalid_value", []string{"/config"}},
		"a name of spaces":           {strings.Replace(newTenant(""), `"A"`, `"  "`, 1), 422, "invalid_value", []string{"/name"}},
		"a file for Acme":            {strings.Replace(newTenant(""), "http://127.0.0.1:1", "file:///etc/passwd", 1), 422, "invalid_value", []string{"/acme/base_url"}},
		"the cloud's own address":    {strings.Replace(newTenant(""), "http://127.0.0.1:1", "http://169.254.169.254", 2), 422, "invalid_value", []string{"/acme/base_url", "/app/base_url"}},
		"a password in a URL":        {strings.Replace(newTenant(""), "http://127.0.0.1:1", "https://u:canary@x.example", 1), 422, "invalid_value", []string{"/acme/base_url"}},
		"a rate limit of nothing":    {strings.Replace(newTenant(""), `:1"}`, `:1","rate_limit":{"requests":0,"per_seconds":0}}`, 1), 422, "invalid_value", []string{"/acme/rate_limit/requests", "/acme/rate_limit/per_seconds"}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			got := b.call(t, http.MethodPost, "/v1/tenants", one.body)
			require.Equal(t, one.status, got.status, got.text)
			if one.code != "" {
				requireProblem(t, got, one.status, one.code)
			}
			var points []string
			errors, _ := got.json["errors"].([]any)
			for _, e := range errors {
				entry, _ := e.(map[string]any)
				points = append(points, entry["pointer"].(string))
				require.NotEmpty(t, entry["message"])
			}
			if one.points != nil {
				require.ElementsMatch(t, one.points, points, got.text)
			}
			require.NotContains(t, got.text, "canary")
		})
	}
	require.Equal(t, http.StatusNotFound, b.call(t, http.MethodGet, "/v1/tenants/a", "").status)
	withBOM := b.call(t, http.MethodPost, "/v1/tenants", "\ufeff"+newTenant(""))
	require.Equal(t, http.StatusCreated, withBOM.status, withBOM.text)
}

func TestBadTransport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, kind := range []string{"", "text/plain", "application/json; charset=latin1", "multipart/form-data", "application/xml"} {
		requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants", newTenant(""), "Content-Type", kind), http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants", newTenant(""), "Content-Encoding", "gzip"), http.StatusUnsupportedMediaType, "unsupported_media_type")
	got := b.call(t, http.MethodPost, "/v1/tenants", strings.Repeat(" ", 300<<10))
	requireProblem(t, got, http.StatusRequestEntityTooLarge, "payload_too_large")
	requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants", ""), http.StatusBadRequest, "invalid_request")

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+"/v1/tenants", io.MultiReader(bytes.NewReader(bytes.Repeat([]byte(" "), 300<<10))))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+testKey)
	request.Header.Set("Content-Type", "application/json")
	requireProblem(t, send(t, request), http.StatusRequestEntityTooLarge, "payload_too_large")
}

func TestRawRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	head := "Host: x\r\nAuthorization: Bearer " + testKey + "\r\n"
	for name, one := range map[string]struct {
		request string
		status  int
	}{
		"a path that cannot be unescaped": {"GET /v1/tenants/%zz HTTP/1.1\r\n" + head + "\r\n", 400},
		"dots in a path":                  {"GET /v1/tenants/../tenants HTTP/1.1\r\n" + head + "\r\n", 404},
		"escaped dots in a path":          {"GET /v1/%2e%2e/v1/tenants HTTP/1.1\r\n" + head + "\r\n", 404},
		"two slashes":                     {"GET //v1/tenants HTTP/1.1\r\n" + head + "\r\n", 404},
		"a slash at the end":              {"GET /v1/tenants/ HTTP/1.1\r\n" + head + "\r\n", 404},
		"another case":                    {"GET /V1/tenants HTTP/1.1\r\n" + head + "\r\n", 404},
		"an escaped letter":               {"GET /v1/t%65nants HTTP/1.1\r\n" + head + "\r\n", 404},
		"another method":                  {"DELETE /v1/tenants HTTP/1.1\r\n" + head + "\r\n", 405},
		"less body than it says":          {"POST /v1/tenants HTTP/1.1\r\n" + head + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{}", 400},
		"length and chunks":               {"POST /v1/tenants HTTP/1.1\r\n" + head + "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
		"a huge header":                   {"GET /v1/tenants HTTP/1.1\r\n" + head + "X: " + strings.Repeat("a", 2<<20) + "\r\n\r\n", 431},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, one.status, raw(t, b.Listener.Addr().String(), one.request))
		})
	}
}

// raw sends bytes as they are and ends its half of the connection.
func raw(t *testing.T, addr, request string) int {
	t.Helper()
	connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	require.NoError(t, connection.SetDeadline(time.Now().Add(10*time.Second)))
	go func() {
		_, _ = io.WriteString(connection, request)
		if half, ok := connection.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.NotContains(t, []int{301, 302, 307, 308}, response.StatusCode)
	return response.StatusCode
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.draft(t, "harbor", s)
	for query, pointer := range map[string]string{
		"limit=0": "query:limit", "limit=-1": "query:limit", "limit=1000000000": "query:limit", "limit=abc": "query:limit", "limit=1.5": "query:limit",
		"limit=": "query:limit", "limit=1&limit=2": "query:limit", "size=5": "query:size",
	} {
		got := b.call(t, http.MethodGet, "/v1/tenants?"+query, "")
		requireProblem(t, got, http.StatusBadRequest, "invalid_request")
		require.Contains(t, got.text, pointer, query)
	}
	for _, query := range []string{"", "stream=people", "stream=appointments&state=broken", "stream=appointments&code=%27", "stream=appointments&x=1"} {
		requireProblem(t, b.call(t, http.MethodGet, "/v1/tenants/harbor/records?"+query, ""), http.StatusBadRequest, "invalid_request")
	}
	requireProblem(t, b.call(t, http.MethodGet, "/v1/reviews?all=perhaps", ""), http.StatusBadRequest, "invalid_request")
	requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants/harbor/pause", "", "Idempotency-Key", strings.Repeat("k", 200)), http.StatusBadRequest, "invalid_request")
	requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants/harbor/pause", `{"now":true}`), http.StatusBadRequest, "invalid_request")
	requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants/harbor/check", `{}`), http.StatusBadRequest, "invalid_request")
	requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants/harbor/deactivate", `{"events":"burn"}`), http.StatusUnprocessableEntity, "invalid_value")
	requireProblem(t, b.call(t, http.MethodPut, "/v1/tenants/harbor/credentials", `{}`), http.StatusUnprocessableEntity, "invalid_value")
	requireProblem(t, b.call(t, http.MethodPut, "/v1/tenants/harbor/credentials", `{"acme":{"api_key":"with space"}}`), http.StatusUnprocessableEntity, "invalid_value")
}

func TestCursors(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	for i := range 5 {
		b.draft(t, fmt.Sprintf("tenant-%d", i), s)
	}
	var seen []string
	cursor := ""
	for range 4 {
		got := b.call(t, http.MethodGet, "/v1/tenants?limit=2&cursor="+cursor, "")
		if cursor == "" {
			got = b.call(t, http.MethodGet, "/v1/tenants?limit=2", "")
		}
		require.Equal(t, http.StatusOK, got.status, got.text)
		tenants, _ := got.json["tenants"].([]any)
		for _, one := range tenants {
			entry, _ := one.(map[string]any)
			seen = append(seen, entry["id"].(string))
		}
		if cursor, _ = got.json["next_cursor"].(string); cursor == "" {
			break
		}
	}
	require.Equal(t, []string{"tenant-0", "tenant-1", "tenant-2", "tenant-3", "tenant-4"}, seen)

	good, _ := b.call(t, http.MethodGet, "/v1/tenants?limit=2", "").json["next_cursor"].(string)
	for _, forged := range []string{"x", "AAAA", good + "A", good[:len(good)-2], strings.ToUpper(good), "dGVuYW50LTE"} {
		requireProblem(t, b.call(t, http.MethodGet, "/v1/tenants?cursor="+forged, ""), http.StatusBadRequest, "invalid_cursor")
	}
	// A cursor of one list is none of another.
	requireProblem(t, b.call(t, http.MethodGet, "/v1/tenants/tenant-1/records?stream=appointments&cursor="+good, ""), http.StatusBadRequest, "invalid_cursor")
}
