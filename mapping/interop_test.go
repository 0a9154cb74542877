package mapping_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/mapping"
)

// TestInterop compares with another implementation, in another language, on zones of another engine. Its results are
// made by `make interop`, from a seeded corpus, and committed.
func TestInterop(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/interop.json")
	require.NoError(t, err)
	var corpus []struct {
		Name   string `json:"name"`
		Zone   string `json:"zone"`
		AllDay bool   `json:"all_day"`
		Start  string `json:"start"`
		Rule   string `json:"rule"`
		Until  string `json:"until"`
		Want   string `json:"want"`
	}
	require.NoError(t, json.Unmarshal(raw, &corpus))
	require.Greater(t, len(corpus), 500)
	differs := interopDifferences()
	for _, c := range corpus {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if why := differs[c.Name]; why != "" {
				t.Skip(why)
			}
			end := c.Start // a minute later, or a day
			if c.AllDay {
				day, err := time.Parse(time.DateOnly, c.Start)
				require.NoError(t, err)
				end = day.AddDate(0, 0, 1).Format(time.DateOnly)
			} else {
				end = end[:len(end)-2] + "59"
			}
			of := series(c.Zone, c.Start, end, c.Rule)
			until, err := time.Parse(time.RFC3339, c.Until)
			require.NoError(t, err)
			for from := until.AddDate(-4, 0, 0); from.Before(until); from = from.AddDate(0, 6, 0) {
				w := mapping.Window{From: from, Until: from.AddDate(0, 6, 0)}
				x, err := mapping.Expand(of, w, settings())
				require.NoError(t, err)
				require.Equal(t, inside(w, strings.Fields(c.Want)), inside(w, originals(x)), "%s from %s in %q, between %s and %s", c.Rule, c.Start, c.Zone, w.From, w.Until)
			}
		})
	}
}

// interopDifferences are the cases that the two read otherwise, each with the reason why.
func interopDifferences() map[string]string {
	return map[string]string{
		"case 046": "ical.js finds no last day of a month where a yearly rule names several months; RFC 5545 has one in each",
		"case 303": "ical.js reads 29 February of another year as 1 March; RFC 5545, section 3.3.10: such dates are ignored",
		"case 365": "the same with 29 and 30 February",
	}
}

// inside keeps what begins within a window, a day away from its ends.
func inside(w mapping.Window, originals []string) []string {
	kept := []string{}
	for _, o := range originals {
		at, err := time.Parse("20060102T150405Z", (o + "T000000Z")[:max(len(o), 16)])
		if err == nil && at.After(w.From.Add(24*time.Hour)) && at.Before(w.Until.Add(-24*time.Hour)) {
			kept = append(kept, o)
		}
	}
	return kept
}

func BenchmarkExpand(b *testing.B) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	w := mapping.Window{From: now.AddDate(0, 0, -90), Until: now.AddDate(1, 0, 0)}
	for _, c := range []struct {
		name string
		of   acme.Appointment
	}{
		{"weekly", series("America/New_York", "2026-01-05T10:00:00", "2026-01-05T10:30:00", "FREQ=WEEKLY")},
		{"daily", series("America/New_York", "2026-01-05T10:00:00", "2026-01-05T10:30:00", "FREQ=DAILY")},
		{"daily since 1950", series("America/New_York", "1950-01-05T10:00:00", "1950-01-05T10:30:00", "FREQ=DAILY")},
		{"last working day", series("America/New_York", "2020-01-05T10:00:00", "2020-01-05T10:30:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1")},
		{"never", series("America/New_York", "2020-01-05T10:00:00", "2020-01-05T10:30:00", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				x, err := mapping.Expand(c.of, w, settings())
				require.NoError(b, err)
				n = len(x.Instances)
			}
			b.ReportMetric(float64(n), "instances")
		})
	}
}
