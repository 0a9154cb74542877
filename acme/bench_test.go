package acme

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sampleAppointment is a record of an ordinary size, about 600 bytes.
func sampleAppointment(n int) Appointment {
	at := time.Date(2026, 3, 9, 14, 30, n%60, 123000, time.UTC)
	return Appointment{
		ID: fmt.Sprintf("apt_%06d", n), Version: int64(n%7 + 1), Status: Scheduled,
		Subject: "Check-up with Zoë", NotesHTML: `<p>Bring the last X-ray, please.<br>Second line "quoted".</p>`,
		Start: &Moment{DateTime: "2026-03-10T09:00:00", TimeZone: "America/New_York"}, End: &Moment{DateTime: "2026-03-10T09:30:00", TimeZone: "America/New_York"},
		OwnerID: "usr_01", ContactIDs: []string{"con_000123", "con_000124"}, Location: "Room 4, 12 Harbor Street",
		Origin: "user", CreatedAt: at.Add(-time.Hour), UpdatedAt: at,
	}
}

func samplePage(tb testing.TB, n int) []byte {
	tb.Helper()
	records := make([]Appointment, n)
	for i := range records {
		records[i] = sampleAppointment(i)
	}
	body, err := json.Marshal(map[string]any{"data": records, "next_cursor": "b3BhcXVl"})
	require.NoError(tb, err)
	return body
}

func BenchmarkReadPage(b *testing.B) {
	body := samplePage(b, 200)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if items, _, ok := readPage(body); !ok || len(items) != 200 {
			b.Fatal("not a page")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/record")
}

func BenchmarkDecodeAppointment(b *testing.B) {
	raw, err := json.Marshal(sampleAppointment(1))
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := DecodeAppointment(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeAppointmentByStandardLibrary(b *testing.B) {
	raw, err := json.Marshal(sampleAppointment(1))
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		var a Appointment
		if err := json.Unmarshal(raw, &a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseEvents(b *testing.B) {
	one := `{"event_id":"evt_1","account_id":"harbor-dental","type":"appointment.updated","object_id":"apt_000042","version":7,"occurred_at":"2026-03-09T14:30:00Z","attempt":1,"origin":"user"}`
	body := []byte("[" + strings.Repeat(one+",", 9) + one + "]")
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, _, err := ParseEvents(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadDialectPage(b *testing.B) {
	raw, err := os.ReadFile("../docs/profiles/hub.json")
	require.NoError(b, err)
	p, problems := ParseProfile(raw)
	require.Empty(b, problems)
	record := `{"id":"42","properties":{"hs_meeting_title":"Check-up with Zoë","hs_meeting_body":"<p>Bring the last X-ray, please.</p>","hs_meeting_outcome":"SCHEDULED",` +
		`"hs_meeting_start_time":"2026-03-10T13:00:00Z","hs_meeting_end_time":"2026-03-10T13:30:00Z","hs_timezone":"America/New_York","hs_visibility":"SHARED",` +
		`"hs_meeting_location":"Room 4, 12 Harbor Street","hubspot_owner_id":"1","hs_object_source":"USER"},"associations":{"contacts":{"results":[{"id":"123"},{"id":"124"}]}},` +
		`"createdAt":"2026-03-09T13:30:00.000Z","updatedAt":"2026-03-09T14:30:00.000Z","archived":false}`
	body := []byte("[" + strings.Repeat(record+",", 199) + record + "]")
	d := p.dialect(Appointments)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if items, ok := d.items(body); !ok || len(items) != 200 || items[0].ID != "42" {
			b.Fatal("not a page")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/record")
}
