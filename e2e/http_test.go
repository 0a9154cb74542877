package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func getJSON(t *testing.T, url, bearer string, into any) {
	t.Helper()
	status, body := request(t, http.MethodGet, url, bearer, nil)
	require.Equal(t, http.StatusOK, status, "GET %s: %s", url, body)
	require.NoError(t, json.Unmarshal(body, into), "GET %s", url)
}

// request sends JSON and answers what came back.
func request(t *testing.T, method, url, bearer string, body any) (int, []byte) {
	t.Helper()
	status, answer, err := tryRequest(t, method, url, bearer, body)
	require.NoError(t, err)
	return status, answer
}

func tryRequest(t *testing.T, method, url, bearer string, body any) (int, []byte, error) {
	t.Helper()
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		require.NoError(t, err)
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, sent)
	require.NoError(t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}
