package calendar

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/app"
	"acmesync/app/apptest"
)

// serve opens a sandbox on a folder and serves it until the test ends.
func serve(t *testing.T, dir string) (*Sandbox, string) {
	t.Helper()
	s, err := Open(Config{DataDir: dir, Seed: 7})
	require.NoError(t, err)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, s.Close())
	})
	return s, server.URL
}

func clientOf(s *Sandbox, url, id string) *app.Client {
	return &app.Client{BaseURL: url, Token: s.workspace(id).token}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s, url := serve(t, t.TempDir())
	for _, w := range s.workspaces() {
		t.Run(w.id, func(t *testing.T) {
			t.Parallel()
			apptest.Run(t, apptest.Target{BaseURL: url, Token: w.token, Person: personByPage(url + "/w/" + w.id + "/events")})
		})
	}
}

// personByPage does what a person does on the calendar page.
type personByPage string

func (p personByPage) call(t *testing.T, method, path string, fields map[string]any, want int) map[string]any {
	t.Helper()
	body, err := json.Marshal(fields)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, string(p)+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, want, res.StatusCode)
	var answer map[string]any
	if want != http.StatusNoContent {
		require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
	}
	return answer
}

func (p personByPage) Create(t *testing.T, fields map[string]any) string {
	t.Helper()
	return p.call(t, http.MethodPost, "", fields, http.StatusCreated)["id"].(string)
}

func (p personByPage) Edit(t *testing.T, id string, fields map[string]any) {
	t.Helper()
	p.call(t, http.MethodPatch, "/"+id, fields, http.StatusOK)
}

func (p personByPage) Delete(t *testing.T, id string) {
	t.Helper()
	p.call(t, http.MethodDelete, "/"+id, nil, http.StatusNoContent)
}

func TestChangesSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Config{DataDir: dir, Seed: 7})
	require.NoError(t, err)
	server := httptest.NewServer(s.Handler())
	c, someone := clientOf(s, server.URL, "alpine-physio"), personByPage(server.URL+"/w/alpine-physio/events")
	someone.Create(t, map[string]any{"title": "Made here", "start_local": "2031-05-06T09:00", "end_local": "2031-05-06T10:00"})
	linked := someone.Create(t, map[string]any{"title": "Linked", "start_local": "2031-05-06T09:00", "end_local": "2031-05-06T10:00"})
	gone := someone.Create(t, map[string]any{"title": "Gone", "start_local": "2031-05-06T09:00", "end_local": "2031-05-06T10:00"})
	someone.Delete(t, gone)
	_, err = c.UpsertEvents(t.Context(), events(2))
	require.NoError(t, err)
	_, err = c.LinkEvents(t.Context(), []app.EventLink{{ID: linked, ExternalID: "acme:linked", Revision: 7}})
	require.NoError(t, err)
	someone.Edit(t, linked, map[string]any{"title": "Linked and edited"})
	hook, err := c.Subscribe(t.Context(), "http://127.0.0.1:1/hook")
	require.NoError(t, err)
	before, err := c.Changes(t.Context(), app.ChangeQuery{})
	require.NoError(t, err)
	server.Close()
	require.NoError(t, s.Close())

	s, url := serve(t, dir)
	c = clientOf(s, url, "alpine-physio")
	after, err := c.Changes(t.Context(), app.ChangeQuery{})
	require.NoError(t, err)
	require.Equal(t, before, after)
	kept, err := c.Subscription(t.Context(), hook.ID)
	require.NoError(t, err)
	require.Equal(t, "active", kept.Status)
}
