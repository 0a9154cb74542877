package apptest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/app"
)

func (s *suite) testReadEvents(t *testing.T) {
	names := []string{"read-0", "read-1", "read-2", "read-3", "read-day"}
	defer s.forget(t, names...)
	for i, at := range []string{"08", "09", "10", "11"} {
		e := s.event(names[i], 1)
		e.Start.DateTime, e.End.DateTime = "2031-08-01T"+at+":00:00Z", "2031-08-01T"+at+":30:00Z"
		s.upsert(t, e)
	}
	day := s.event("read-day", 1)
	day.Start, day.End = app.Moment{Date: "2031-09-10"}, app.Moment{Date: "2031-09-12"}
	s.upsert(t, day)
	list := func(t *testing.T, q app.EventQuery) []string {
		t.Helper()
		var found []string
		for {
			page, err := s.client.Events(s.ctx(t), q)
			require.NoError(t, err)
			for _, e := range page.Events {
				if name, ours := strings.CutPrefix(e.ExternalID, s.run+":"); ours {
					found = append(found, name)
				}
			}
			if page.NextCursor == "" {
				return found
			}
			require.NotEqual(t, q.Cursor, page.NextCursor)
			q.Cursor = page.NextCursor
		}
	}
	at := func(hour, minute int) time.Time { return time.Date(2031, 8, 1, hour, minute, 0, 0, time.UTC) }
	t.Run("a list holds what overlaps the time asked for", func(t *testing.T) {
		require.Equal(t, names[1:3], list(t, app.EventQuery{From: at(9, 15), To: at(10, 15)}))
		require.Equal(t, names[1:2], list(t, app.EventQuery{From: at(8, 30), To: at(10, 0)}))
	})
	t.Run("a day is listed on all its days", func(t *testing.T) {
		noon := time.Date(2031, 9, 11, 12, 0, 0, 0, time.UTC)
		require.Equal(t, []string{"read-day"}, list(t, app.EventQuery{From: noon, To: noon.Add(time.Hour)}))
		later := noon.Add(48 * time.Hour)
		require.Empty(t, list(t, app.EventQuery{From: later, To: later.Add(time.Hour)}))
	})
	t.Run("pages hold each event once", func(t *testing.T) {
		require.Equal(t, names, list(t, app.EventQuery{Limit: 1, From: at(0, 0), To: at(0, 0).AddDate(0, 2, 0)}))
	})
	t.Run("an owner's list holds the owner's events", func(t *testing.T) {
		require.Equal(t, names, list(t, app.EventQuery{OwnerID: s.users[0].ID, Limit: 500}))
		require.Empty(t, list(t, app.EventQuery{OwnerID: "nobody"}))
	})
	t.Run("an unknown external id has an empty list, an unknown id is gone", func(t *testing.T) {
		require.Nil(t, s.held(t, "unheard of"))
		for _, id := range []string{"unheard-of", "e_0", "e_999999999", "..%2Fworkspace", "e_01"} {
			_, err := s.client.Event(s.ctx(t), id)
			require.Equal(t, app.KindGone, app.KindOf(err), id)
		}
	})
}

// testRequests sends what the client never would.
func (s *suite) testRequests(t *testing.T) {
	send := func(t *testing.T, method, path, token, contentType, body string) (int, map[string]any) {
		t.Helper()
		req, err := http.NewRequestWithContext(s.ctx(t), method, strings.TrimRight(s.target.BaseURL, "/")+path, strings.NewReader(body))
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		res, err := s.http.Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		raw, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		var told map[string]any
		require.NoError(t, json.Unmarshal(raw, &told), "%s", raw)
		return res.StatusCode, told
	}
	post := func(t *testing.T, path, body string) int {
		t.Helper()
		status, told := send(t, http.MethodPost, path, s.target.Token, "application/json", body)
		require.NotEmpty(t, told["code"])
		return status
	}
	const upsert = "/v1/events:bulkUpsert"
	t.Run("no token, or one that is not known, is unauthorised", func(t *testing.T) {
		for _, token := range []string{"", "nonsense", s.target.Token + "x"} {
			for _, path := range []string{"/v1/workspace", "/v1/users", "/v1/events", "/v1/touchpoint-counts", "/v1/totals", "/v1/events/x"} {
				status, _ := send(t, http.MethodGet, path, token, "", "")
				require.Equal(t, http.StatusUnauthorized, status, path)
			}
			status, _ := send(t, http.MethodPost, upsert, token, "application/json", `{"events":[]}`)
			require.Equal(t, http.StatusUnauthorized, status)
		}
	})
	t.Run("a body that is not the operation's is refused", func(t *testing.T) {
		for _, body := range []string{"", " ", "null", "[]", "{", `{"events":`, `{"events":null}`, `{}`, `{"counts":[]}`, `{"events":{}}`, `{"events":[1]}`, `{"events":[]}x`, "{\"events\":[],\"x\":\"\xff\"}"} {
			require.Equal(t, http.StatusBadRequest, post(t, upsert, body), "%q", body)
		}
		require.Equal(t, http.StatusBadRequest, post(t, "/v1/events:bulkDelete", `{"events":7}`))
		require.Equal(t, http.StatusBadRequest, post(t, "/v1/touchpoint-counts:bulkSet", `{"events":[]}`))
	})
	t.Run("a body of another type is refused", func(t *testing.T) {
		for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
			status, _ := send(t, http.MethodPost, upsert, s.target.Token, contentType, `{"events":[]}`)
			require.Equal(t, http.StatusUnsupportedMediaType, status)
		}
	})
	t.Run("more than 500 items are too many and none is written", func(t *testing.T) {
		events := make([]app.Event, app.MaxItems+1)
		for i := range events {
			events[i] = s.event("many", int64(i+1))
		}
		_, err := s.client.UpsertEvents(s.ctx(t), events)
		require.Equal(t, app.KindRejected, app.KindOf(err))
		require.Nil(t, s.held(t, "many"))
		_, err = s.client.SetCounts(s.ctx(t), make([]app.Count, app.MaxItems+1))
		require.Equal(t, app.KindRejected, app.KindOf(err))
		_, err = s.client.DeleteEvents(s.ctx(t), make([]app.EventRef, app.MaxItems+1))
		require.Equal(t, app.KindRejected, app.KindOf(err))
	})
	t.Run("a body of more than 16 MiB is too large", func(t *testing.T) {
		body := bytes.Repeat([]byte(" "), app.MaxRequestBytes+1)
		require.Equal(t, http.StatusRequestEntityTooLarge, post(t, upsert, string(body)))
	})
	t.Run("a parameter that is not readable is refused", func(t *testing.T) {
		for _, path := range []string{
			"/v1/events?from=yesterday", "/v1/events?limit=0", "/v1/events?limit=x", "/v1/events?cursor=nonsense",
			"/v1/users?cursor=nonsense", "/v1/touchpoint-counts?from=2031-02-30", "/v1/touchpoint-counts?cursor=%00",
		} {
			status, told := send(t, http.MethodGet, path, s.target.Token, "", "")
			require.Equal(t, http.StatusBadRequest, status, path)
			require.NotEmpty(t, told["details"])
		}
	})
}
