package crm_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"acmesync/acme"
	"acmesync/acme/acmetest"
	"acmesync/sandbox/crm"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 7, Businesses: smallest(), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	s.patch("coral-realty", map[string]any{"webhooks": map[string]any{"timeout_ms": 2000, "backoff_ms": 20, "retries": 10, "disable_after": 5}})
	const id = "coral-realty"
	acmetest.Run(t, acmetest.Target{
		BaseURL: s.url, APIKey: s.key(id),
		Import: func(t *testing.T, n int) {
			t.Helper()
			s.as(t).admin(http.MethodPost, id+"/import", map[string]any{"n": n, "kind": acme.Appointments}, nil)
		},
		Throttle: func(t *testing.T, retryAfter string) func() {
			t.Helper()
			s.as(t).faults(id, map[string]any{"storm_429": map[string]any{"retry_after": retryAfter}})
			return func() { s.as(t).faults(id, map[string]any{}) }
		},
		Rotate: func(t *testing.T, subscription string) string {
			t.Helper()
			var out struct {
				Secrets map[string]string `json:"secrets"`
			}
			s.as(t).admin(http.MethodPost, id+"/rotate-secret", nil, &out)
			return out.Secrets[subscription]
		},
		Forward: func(_ *testing.T, by time.Duration) { ahead.Add(int64(by)) },
	})
}
