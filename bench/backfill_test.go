package bench_test

import (
	"fmt"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// BenchmarkBackfill watches the worker's memory and the workflow's history grow, or not, during a long first sync.
func BenchmarkBackfill(b *testing.B) {
	s := newStack(b, false)
	a := s.newAccount(b, "long", backfillRecords, limit{})
	for b.Loop() {
		const id = acmesync.TenantID("long")
		w := s.newWorkspace(b, string(id), a)
		s.connect(b, id, a, w, s.acmeURL, 200, limit{})
		s.awaitQuiet(b)
		watch := watchMemory(s.worker.pid())
		idle := statusMB(s.worker.pid(), "VmRSS:")
		before := s.cpuNow()
		c := syncCell{stack: s}
		took, _ := c.syncAll(b, []acmesync.TenantID{id})
		used := s.cpuNow().since(before)
		samples := watch.end()
		peak := statusMB(s.worker.pid(), "VmHWM:")
		s.awaitQuiet(b)
		h := s.history(b, id)
		require.Positive(b, s.events(b, w))

		parts := []string{fmt.Sprintf("%.0f", idle)}
		for i := range 5 { // the growth over the run's fifths
			part := sample(samples[len(samples)*i/5 : max(len(samples)*(i+1)/5, len(samples)*i/5+1)])
			parts = append(parts, fmt.Sprintf("%.0f", part.median()))
		}
		whole := sample(samples)
		table(fmt.Sprintf("Backfill of %d appointments, %.1f contacts each, pages of 200, in %v (%.0f/s): the worker's resident memory, MB",
			backfillRecords, contactsPer, took.Round(time.Millisecond), backfillRecords/took.Seconds()),
			[]string{"idle", "1st fifth", "2nd", "3rd", "4th", "5th", "median", "peak"},
			append(parts, fmt.Sprintf("%.0f", whole.median()), fmt.Sprintf("%.0f", peak)))
		table("Its workflow", []string{"runs", "events", "activities", "rings", "events/record", "worker and api µs/record", "Postgres", "Temporal"},
			[]string{fmt.Sprint(h.runs), fmt.Sprint(h.events), fmt.Sprint(h.activities), fmt.Sprint(h.rings),
				fmt.Sprintf("%.5f", float64(h.events)/backfillRecords), perRecord(used.programs, backfillRecords),
				perRecord(used.postgres, backfillRecords), perRecord(used.temporal, backfillRecords)})
		b.ReportMetric(peak, "peak-MB")
		b.ReportMetric(float64(h.events)/backfillRecords, "events/record")
	}
	b.ReportMetric(0, "ns/op")
}
