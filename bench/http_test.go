package bench_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keepAlive is how everybody here calls: connections stay open.
func keepAlive() *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 256}}
}

var admin = keepAlive()

// ask sends JSON and reads the answer into a value; nil: whatever it is.
func ask(t testing.TB, method, url, bearer string, body, into any) {
	t.Helper()
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(t, err)
		sent = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(method, url, sent)
	require.NoError(t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := admin.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Less(t, res.StatusCode, 300, "%s %s: %s", method, url, answer)
	if into != nil {
		require.NoError(t, json.Unmarshal(answer, into), "%s %s", method, url)
	}
}

func answers(url string) (bool, string) {
	res, err := admin.Get(url)
	if err != nil {
		return false, err.Error()
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode == http.StatusOK, res.Status
}
