package acme_test

import (
	"bytes"
	"fmt"
	"testing"

	"acmesync/acme"

	"github.com/stretchr/testify/require"
)

// BenchmarkFile turns rows of appointments into items.
func BenchmarkFile(b *testing.B) {
	const rows = 10_000
	var file bytes.Buffer
	file.WriteString("id,version,status,subject,notes_html,start,start_time_zone,end,end_time_zone,owner_id,contact_ids,created_at,updated_at\n")
	for i := range rows {
		fmt.Fprintf(&file, "apt_%d,1,scheduled,\"Talk, long\",<p>Bring the papers</p>,2026-03-02T09:00:00,Europe/Zurich,2026-03-02T10:00:00,Europe/Zurich,usr_1,con_1|con_2,2026-03-01T10:00:00Z,2026-03-01T10:00:00Z\n", i)
	}
	fmt.Fprintf(&file, "#end,%d\n", rows)
	l := layout(b, acme.Appointments, "")
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		got := readFile(b, l, file.Bytes(), 0, plainly)
		require.True(b, got.Complete)
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
