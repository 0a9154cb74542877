package activities_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// spoiler puts what is no entity into every element of XML that says "spoil me".
type spoiler struct{ next http.RoundTripper }

func (s spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := s.next.RoundTrip(r)
	if err != nil || !strings.Contains(res.Header.Get("Content-Type"), "xml") {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	body = bytes.ReplaceAll(body, []byte("spoil me"), []byte("&nobody;"))
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, err
}

func TestABadElementParksAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600, Profile: json.RawMessage(`{"format":"xml"}`)})
	w.do.HTTP = &http.Client{Timeout: 30 * time.Second, Transport: spoiler{http.DefaultTransport}}
	w.put(t, "appointments", "apt_1", appointment(nil))
	w.put(t, "appointments", "apt_2", appointment(map[string]any{"subject": "spoil me"}))
	w.put(t, "appointments", "apt_3", appointment(nil))
	w.run(t)
	for _, id := range []string{"apt_1", "apt_3"} {
		w.becomes(t, id, "in_step", "")
	}
	raw := func() (all []acmesync.ParkedRecord) {
		var fingerprints []string
		require.NoError(t, w.Super.Select(&fingerprints, `SELECT fingerprint FROM reviews WHERE tenant = $1`, tenant))
		for _, one := range fingerprints {
			parked, err := w.ParkedRecords(t.Context(), tenant, one, 10)
			require.NoError(t, err)
			all = append(all, parked...)
		}
		return all
	}
	eventually(t, "the bad one is parked", func() bool { return len(raw()) == 1 })
	require.Equal(t, acmesync.Unreadable, raw()[0].Fault.Code)
	require.Contains(t, raw()[0].Fault.Message, "Record 2 of its page")
	require.Contains(t, raw()[0].Fault.Message, "entity")

	// The first record moves to the end of the list: the bad one stands before it now.
	w.put(t, "appointments", "apt_1", appointment(map[string]any{"subject": "Moved"}))
	w.put(t, "appointments", "apt_4", appointment(nil))
	w.poll(t)
	w.becomes(t, "apt_4", "in_step", "")
	eventually(t, "the change of its neighbour is there", func() bool { e := w.event(t, "apt_1"); return e != nil && e.Title == "Moved" })
	w.quiet(t)
	require.Len(t, raw(), 1, "the same bad record at another place is the same")
}
