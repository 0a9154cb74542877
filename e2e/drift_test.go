package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// alertBox takes the alerts that the product sends.
type alertBox struct {
	mu    sync.Mutex
	texts []string
}

func (b *alertBox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.texts = append(b.texts, string(text))
}

func (b *alertBox) naming(words ...string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, text := range b.texts {
		all := true
		for _, word := range words {
			all = all && strings.Contains(text, word)
		}
		if all {
			n++
		}
	}
	return n
}

// drift lists what holds and what has changed back, as "field finding".
func (s *stack) drift(t *testing.T, id acmesync.TenantID) (open, resolved []string) {
	t.Helper()
	var v struct{ Drift []acmesync.Drift }
	getJSON(t, s.apiURLs[0]+"/v1/tenants/"+string(id)+"/drift", s.apiKey, &v)
	for _, d := range v.Drift {
		if d.ResolvedAt == nil {
			open = append(open, d.Field+" "+string(d.Finding))
		} else {
			resolved = append(resolved, d.Field+" "+string(d.Finding))
		}
	}
	return open, resolved
}

func TestDrift(t *testing.T) {
	t.Parallel()
	box := &alertBox{}
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	s := newStack(t, options{workers: 1, apis: 1, env: []string{
		"ACMESYNC_DRIFT_SECONDS=1", "ALERT_URLS=generic+" + server.URL + "/?disabletls=yes",
	}})
	s.activate(t, coral, map[string]any{"poll_seconds": 3600})
	s.awaitEqual(t, coral, time.Minute)
	open, resolved := s.drift(t, coral)
	require.Empty(t, append(open, resolved...), "every kind of bad record is within the contract")

	t.Run("a field that Acme adds is told once, is listed, and the sync goes on", func(t *testing.T) {
		s.acmeFaults(t, coral, map[string]any{"drift": map[string]any{"add": []string{"priority"}}, "only": []string{"appointments"}})
		for n := range 3 {
			id := s.setAppointment(t, coral, fmt.Sprintf("While it drifts %d", n))
			eventually(t, 20*time.Second, "it arrives", func() (bool, string) { return len(s.event(t, coral, id)) == 1, "" })
			<-time.After(1100 * time.Millisecond) // the next look
		}
		eventually(t, 20*time.Second, "it is told", func() (bool, string) {
			open, _ := s.drift(t, coral)
			return len(open) == 1 && box.naming("priority") == 1, fmt.Sprint(open, box.naming("priority"))
		})
		require.Equal(t, 1, box.naming(string(coral)))
		s.awaitState(t, coral, 10*time.Second, "active")
		s.awaitEqual(t, coral, time.Minute)
	})
	t.Run("switched off it is resolved", func(t *testing.T) {
		s.acmeFaults(t, coral, map[string]any{})
		require.NoError(t, s.backfill(t, coral))
		eventually(t, time.Minute, "it has changed back", func() (bool, string) {
			open, resolved := s.drift(t, coral)
			return len(open) == 0 && len(resolved) == 1, fmt.Sprint(open, resolved)
		})
		s.awaitEqual(t, coral, time.Minute)
		require.Equal(t, 1, box.naming(string(coral)))
	})
}
