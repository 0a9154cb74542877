package calendar

import (
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
			apptest.Run(t, apptest.Target{BaseURL: url, Token: w.token})
		})
	}
}
