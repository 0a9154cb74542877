package bench_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

const auditRecords = 100_000

// BenchmarkAudit compares 100,000 appointments on both sides with the ledger, after their first sync: once where all is equal, once
// where the app has lost a hundred events.
func BenchmarkAudit(b *testing.B) {
	s := newStack(b, false)
	a := s.newAccount(b, "audited", auditRecords, limit{})
	for b.Loop() {
		const id = acmesync.TenantID("audited")
		s.connect(b, id, a, s.newWorkspace(b, string(id), a), s.acmeURL, 200, limit{})
		s.activate(b, id)
		await(b, runAtMost, "the tenant is active", func() (bool, string) {
			var state string
			require.NoError(b, s.db.Super.Get(&state, `SELECT state FROM tenants WHERE tenant = $1`, id))
			return state == "active", state
		})
		s.awaitQuiet(b)
		equal, found := s.audit(b, id)
		require.Zero(b, found)
		_, err := s.db.Super.Exec(`UPDATE ledger SET mapped = gen_random_uuid(), updated_at = now() - interval '1 hour'
			WHERE acme_id IN (SELECT acme_id FROM ledger WHERE steps = 1 ORDER BY acme_id LIMIT 100)`)
		require.NoError(b, err)
		healing, found := s.audit(b, id)
		require.EqualValues(b, 100, found)
		table("Audit of 100,000 appointments", []string{"", "took", "records/s"},
			[]string{"all equal", seconds(equal), perSecond(auditRecords, equal)}, []string{"100 differ", seconds(healing), perSecond(auditRecords, healing)})
		b.ReportMetric(equal.Seconds(), "s-equal")
		b.ReportMetric(healing.Seconds(), "s-healing")
	}
	b.ReportMetric(0, "ns/op")
}

// audit runs one to its end and answers how long it took and how many differences it found.
func (s *stack) audit(b *testing.B, id acmesync.TenantID) (time.Duration, int64) {
	b.Helper()
	var a acmesync.Audit
	began := time.Now()
	ask(b, http.MethodPost, s.apiURL+"/v1/tenants/"+string(id)+"/audit", s.apiKey, map[string]any{}, &a)
	await(b, runAtMost, "the audit ends", func() (bool, string) {
		ask(b, http.MethodGet, s.apiURL+"/v1/tenants/"+string(id)+"/audits/"+a.ID, s.apiKey, nil, &a)
		return a.EndedAt != nil, string(a.State)
	})
	require.True(b, a.Equal)
	return time.Since(began), a.Found
}

func perSecond(n int, d time.Duration) string { return fmt.Sprintf("%.0f", float64(n)/d.Seconds()) }
