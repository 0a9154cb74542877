package acmetest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// reply is an answer to what the client has no method for, or would not send.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request with our key; body is JSON text, or anything to be encoded, or nil. Headers are name, value, …;
// an empty value takes a header away.
func (s *suite) call(t *testing.T, method, path string, body any, headers ...string) reply {
	t.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		encoded, err := json.Marshal(b)
		require.NoError(t, err)
		text = encoded
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.BaseURL+path, bytes.NewReader(text))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.APIKey)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := s.http(t, false).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{status: resp.StatusCode, header: resp.Header, body: text}
}

// wants asserts the status and, of a refusal, its code.
func (r reply) wants(t *testing.T, status int, code string) reply {
	t.Helper()
	require.Equal(t, status, r.status, "%s", r.body)
	if code != "" {
		require.Equal(t, code, r.text(t, "code"))
	}
	return r
}

// wantsRefused asserts that Acme blames the request; whether as 400 or 422 is a matter of taste.
func (r reply) wantsRefused(t *testing.T, what string) reply {
	t.Helper()
	require.Contains(t, []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, r.status, "%s: %s", what, r.body)
	return r
}

// text is a field of the answer.
func (r reply) text(t *testing.T, field string) string {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal(r.body, &fields))
	v, _ := fields[field].(string)
	return v
}

// record decodes the answer strictly.
func record[T any](t *testing.T, r reply, decode func([]byte) (T, error)) T {
	t.Helper()
	v, err := decode(r.body)
	require.NoError(t, err)
	return v
}
