package bench_test

import (
	"net/http"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

const previewRecords = 10_000

// BenchmarkPreview asks what a configuration would do to 10,000 appointments, in one request: before the first sync, when every
// contact is read from Acme, and after it; and before it under a rate limit of 100 requests per 10 seconds.
func BenchmarkPreview(b *testing.B) {
	s := newStack(b, false)
	for b.Loop() {
		a := s.newAccount(b, "preview", previewRecords, limit{})
		s.connect(b, "preview", a, s.newWorkspace(b, "preview", a), s.acmeURL, 200, limit{})
		before := s.preview(b, "preview")
		s.activate(b, "preview")
		await(b, runAtMost, "the tenant is active", func() (bool, string) {
			var state string
			require.NoError(b, s.db.Super.Get(&state, `SELECT state FROM tenants WHERE tenant = 'preview'`))
			return state == "active", state
		})
		after := s.preview(b, "preview")

		l := limit{Requests: 100, PerSeconds: 10}
		limited := s.newAccount(b, "limited", previewRecords, l)
		s.connect(b, "limited", limited, s.newWorkspace(b, "limited", limited), s.acmeURL, 200, l)
		slow := s.preview(b, "limited")
		table("Preview of 10,000 appointments in one request, seconds", []string{"", "seconds"},
			[]string{"before the first sync", seconds(before)}, []string{"after it", seconds(after)}, []string{"before it, 100 requests per 10 s", seconds(slow)})
		b.ReportMetric(before.Seconds(), "s-before")
		b.ReportMetric(after.Seconds(), "s-after")
		b.ReportMetric(slow.Seconds(), "s-limited")
	}
	b.ReportMetric(0, "ns/op")
}

func seconds(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }

func (s *stack) preview(b *testing.B, id acmesync.TenantID) time.Duration {
	b.Helper()
	var result struct {
		Partial bool
		Reason  string
		Records int
	}
	began := time.Now()
	ask(b, http.MethodPost, s.apiURL+"/v1/tenants/"+string(id)+"/preview", s.apiKey, map[string]any{
		"config": map[string]any{"appointments": map[string]any{"scope": map[string]any{"private": "full"}}},
	}, &result)
	took := time.Since(began)
	require.False(b, result.Partial, result.Reason)
	require.GreaterOrEqual(b, result.Records, previewRecords)
	return took
}
