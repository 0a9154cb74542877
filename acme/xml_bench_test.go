package acme

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sampleXML is the page that samplePage is, in XML.
func sampleXML(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<page xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><data>`)
	for i := range n {
		a := sampleAppointment(i)
		leaf := func(name, text string) {
			b.WriteString("<" + name + ">")
			_ = xml.EscapeText(&b, []byte(text))
			b.WriteString("</" + name + ">")
		}
		moment := func(name string, m *Moment) {
			b.WriteString("<" + name + ">")
			leaf("date_time", m.DateTime)
			leaf("time_zone", m.TimeZone)
			b.WriteString("</" + name + ">")
		}
		b.WriteString("<appointment>")
		leaf("id", a.ID)
		leaf("version", fmt.Sprint(a.Version))
		leaf("status", string(a.Status))
		leaf("subject", a.Subject)
		leaf("notes_html", a.NotesHTML)
		moment("start", a.Start)
		moment("end", a.End)
		leaf("is_private", "false")
		leaf("owner_id", a.OwnerID)
		for _, id := range a.ContactIDs {
			leaf("contact_ids", id)
		}
		leaf("location", a.Location)
		leaf("origin", a.Origin)
		leaf("created_at", a.CreatedAt.Format(time.RFC3339Nano))
		leaf("updated_at", a.UpdatedAt.Format(time.RFC3339Nano))
		b.WriteString("</appointment>")
	}
	b.WriteString("</data><next_cursor>b3BhcXVl</next_cursor></page>\n")
	return b.Bytes()
}

func xmlAppointments(tb testing.TB) *dialect {
	tb.Helper()
	p, problems := ParseProfile([]byte(`{"format":"xml"}`))
	require.Empty(tb, problems)
	return p.dialect(Appointments)
}

func readXML(d *dialect, body []byte) ([]Item, document, error) {
	return d.read("list appointments", answer{status: 200, body: body}, d.list)
}

func BenchmarkReadXMLPage(b *testing.B) {
	body, d := sampleXML(200), xmlAppointments(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if items, _, err := readXML(d, body); err != nil || len(items) != 200 || items[0].ID != "apt_000000" {
			b.Fatal("not a page")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/record")
}

// What the standard decoder's tokens alone take, without making anything of them.
func BenchmarkXMLTokensByStandardLibrary(b *testing.B) {
	body := sampleXML(200)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		for d := xml.NewDecoder(bytes.NewReader(body)); ; {
			if _, err := d.RawToken(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/record")
}

// A hundred thousand appointments in pages of 200, decoded as the lanes do, and the most memory that took.
func BenchmarkHundredThousand(b *testing.B) {
	d := xmlAppointments(b)
	for _, format := range []struct {
		name string
		body []byte
		read func([]byte) []Item
	}{
		{"JSON", samplePage(b, 200), func(body []byte) []Item { items, _, _ := readPage(body); return items }},
		{"XML", sampleXML(200), func(body []byte) []Item { items, _, _ := readXML(d, body); return items }},
	} {
		b.Run(format.name, func(b *testing.B) {
			b.ReportAllocs()
			peak, began := peakHeap(b), cpuTime(b)
			for b.Loop() {
				for range 500 {
					items := format.read(bytes.Clone(format.body))
					for _, item := range items {
						if _, err := DecodeAppointment(item.Raw); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/100_000/float64(b.N), "cpu-µs/record")
			b.ReportMetric(float64(peak())/(1<<20), "peak-MB")
		})
	}
}

// cpuTime is what the process has used of the processor: others may be busy on the same machine.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// peakHeap watches the heap until the function it gives is called.
func peakHeap(b *testing.B) func() uint64 {
	b.Helper()
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	runtime.GC()
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	}()
	return func() uint64 { close(stop); <-done; return peak.Load() }
}
