package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	gojson "github.com/goccy/go-json"
	"github.com/stretchr/testify/require"
)

func sampleEvents(n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{
			ExternalID: fmt.Sprintf("acme:appointments:%d", i), Revision: int64(i) + 1<<40, OwnerID: "u_3",
			Title:       "Check-up with Zoë “Zo” O'Neil",
			Description: "Second visit.\nBring the X-ray, ask about <allergies> & insurance.",
			Start:       Moment{DateTime: "2026-03-04T15:30:00Z", TimeZone: "America/New_York"},
			End:         Moment{DateTime: "2026-03-04T16:00:00Z", TimeZone: "America/New_York"},
			Status:      StatusConfirmed, Visibility: VisibilityFull, Location: "Room 4",
			ConferenceURL: "https://meet.example/abc?x=1&y=2",
			Attendees:     []Attendee{{Name: "Zoë O'Neil", Email: "zoe@example.com", Phone: "+12815550123"}},
		}
	}
	return events
}

// plain is what encoding/json writes without its HTML escapes.
func plain(t require.TestingT, v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(v))
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func TestEncode(t *testing.T) {
	t.Parallel()
	t.Run("an event is written as encoding/json writes it", func(t *testing.T) {
		t.Parallel()
		for _, e := range append(sampleEvents(2), Event{}, Event{Start: Moment{Date: "2026-01-01"}}, Event{IfVersion: 3, AllowDuplicate: true}) {
			require.Equal(t, plain(t, e), string(AppendEvent(nil, &e)))
		}
	})
	t.Run("a count and a reference are written as encoding/json writes them", func(t *testing.T) {
		t.Parallel()
		c := Count{UserID: "u_1", Day: "2026-01-02", Channel: "call", Direction: "inbound", Count: -3, Revision: 1<<53 - 1}
		require.Equal(t, plain(t, c), string(AppendCount(nil, &c)))
		r := EventRef{ExternalID: "a\"b", Revision: 7}
		require.Equal(t, plain(t, r), string(appendEventRef(nil, &r)))
	})
	t.Run("an empty list is a list", func(t *testing.T) {
		t.Parallel()
		require.JSONEq(t, `{"events":[]}`, string(appendList(nil, "events", nil, AppendEvent)))
	})
}

func FuzzEncode(f *testing.F) {
	f.Add("plain", "with \"quotes\" and \\", "\x00\x1f\x7f\b\f\n\r\t")
	f.Add("\xff\xfe", "\u2028\u2029\ufffd", "👩‍👩‍👧 \u202e Ünï")
	f.Add("</script>&", "\xed\xa0\x80", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		e := Event{
			ExternalID: a, Title: b, Description: c, Start: Moment{DateTime: b, TimeZone: c}, End: Moment{Date: a},
			Attendees: []Attendee{{Name: c, Phone: a}, {Name: b, Email: c}},
		}
		// Compared after decoding: the standard library may choose another escape for the same character.
		var want, got any
		require.NoError(t, json.Unmarshal([]byte(plain(t, e)), &want))
		require.NoError(t, json.Unmarshal(AppendEvent(nil, &e), &got))
		require.Equal(t, want, got)
	})
}

func BenchmarkEncode(b *testing.B) {
	events := sampleEvents(MaxItems)
	type batch struct {
		Events []Event `json:"events"`
	}
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = appendList(make([]byte, 0, 64+len(events)*640), "events", events, AppendEvent)
		}
	})
	b.Run("goccy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = gojson.Marshal(batch{events})
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = json.Marshal(batch{events})
		}
	})
}

func BenchmarkDecodeResults(b *testing.B) {
	results := make([]Result, MaxItems)
	for i := range results {
		results[i] = Result{ExternalID: fmt.Sprintf("acme:appointments:%d", i), Status: Created, ID: fmt.Sprintf("e_%d", i), Revision: 1 << 40}
	}
	body, err := json.Marshal(map[string]any{"results": results})
	require.NoError(b, err)
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			answer := resultList{expected: MaxItems}
			require.NoError(b, decode(body, &answer))
			require.Len(b, answer.Results, MaxItems)
		}
	})
	b.Run("goccy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var answer resultList
			require.NoError(b, gojson.Unmarshal(body, &answer))
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var answer resultList
			require.NoError(b, json.Unmarshal(body, &answer))
		}
	})
}
