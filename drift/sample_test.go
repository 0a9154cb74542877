package drift_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"acmesync/acme"
	"acmesync/drift"

	"github.com/stretchr/testify/require"
)

const sound = `{"id":"apt_1","version":3,"status":"scheduled","subject":"A visit","start":{"date_time":"2026-06-01T09:00:00","time_zone":"Europe/Zurich"},
	"end":{"date_time":"2026-06-01T10:00:00","time_zone":"Europe/Zurich"},"is_private":false,"contact_ids":["con_1","con_2"],"origin":"user",
	"created_at":"2026-05-01T09:00:00Z","updated_at":"2026-05-01T09:00:00Z"}`

func sampleOf(t testing.TB, r acme.Resource, records ...string) *drift.Sample {
	t.Helper()
	s, err := drift.New(r)
	require.NoError(t, err)
	for _, raw := range records {
		s.Add([]byte(raw))
	}
	return s
}

// with puts fields into the sound appointment, or in the place of its own.
func with(fields ...string) string {
	raw := sound
	for _, field := range fields {
		raw = strings.TrimSuffix(raw, "}") + "," + field + "}"
	}
	return raw
}

func TestSample(t *testing.T) {
	t.Parallel()
	t.Run("every field of the contract is counted", func(t *testing.T) {
		t.Parallel()
		for _, r := range []acme.Resource{acme.Appointments, acme.Touchpoints, acme.Contacts, acme.Users} {
			fields, err := drift.Fields(r)
			require.NoError(t, err)
			require.Greater(t, len(fields), 6)
		}
		s := sampleOf(t, acme.Appointments, sound, sound)
		require.Equal(t, 2, s.Records)
		for path, of := range map[string]int{"id": 2, "start": 2, "start.time_zone": 2, "start.date": 2, "contact_ids": 2, "contact_ids[]": 4, "location": 2} {
			require.Equal(t, of, s.Count(path).Of, path)
		}
		require.Equal(t, 2, s.Count("subject").Present)
		require.Zero(t, s.Count("location").Present)
		require.Equal(t, []int{7, 7}, []int{s.Count("subject").Shortest, s.Count("subject").Longest})
		require.Equal(t, map[string]int{"Europe/Zurich": 4}, s.Zones())
	})
	t.Run("a sound record differs in nothing", func(t *testing.T) {
		t.Parallel()
		for path, c := range sampleOf(t, acme.Appointments, sound).Counts() {
			require.NotNil(t, c.Field, path)
			require.Zero(t, c.Wrong+c.Misshaped+c.Strange, path)
		}
	})
	t.Run("null and empty are told from left out", func(t *testing.T) {
		t.Parallel()
		s := sampleOf(t, acme.Appointments, with(`"location":null`), with(`"location":""`), with(`"location":"Room 1"`), sound)
		c := s.Count("location")
		require.Equal(t, []int{4, 2, 1, 1}, []int{c.Of, c.Present, c.Null, c.Empty})
	})
	for name, c := range map[string]struct {
		field string
		path  string
		count func(drift.Count) int
	}{
		"another type":               {`"is_private":"no"`, "is_private", func(c drift.Count) int { return c.Wrong }},
		"a number that is not whole": {`"version":1.5`, "version", func(c drift.Count) int { return c.Wrong }},
		"an object for a text":       {`"location":{"room":1}`, "location", func(c drift.Count) int { return c.Wrong }},
		"an element of another type": {`"contact_ids":[7]`, "contact_ids[]", func(c drift.Count) int { return c.Wrong }},
		"a version of nothing":       {`"version":0`, "version", func(c drift.Count) int { return c.Misshaped }},
		"no instant":                 {`"updated_at":"yesterday"`, "updated_at", func(c drift.Count) int { return c.Misshaped }},
		"an empty id":                {`"id":""`, "id", func(c drift.Count) int { return c.Misshaped }},
		"a new word":                 {`"status":"tentative"`, "status", func(c drift.Count) int { return c.Strange }},
		"a new field":                {`"colour":"red"`, "colour", func(c drift.Count) int { return c.Present }},
		"a new field within":         {`"end":{"date_time":"2026-06-01T10:00:00","fold":1}`, "end.fold", func(c drift.Count) int { return c.Present }},
	} {
		t.Run(name+" is seen", func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, c.count(sampleOf(t, acme.Appointments, with(c.field), sound).Count(c.path)))
		})
	}
	t.Run("what is no record is counted as that", func(t *testing.T) {
		t.Parallel()
		s := sampleOf(t, acme.Appointments, `7`, `null`, `{"id":`, ``, `[]`)
		require.Equal(t, 5, s.Misshaped)
	})
	t.Run("what a profile leaves over is named, and its values are not", func(t *testing.T) {
		t.Parallel()
		s := sampleOf(t, acme.Appointments, with(`"custom":{"properties":{"colour":"canary","tags":["canary"]},"x":1}`))
		require.Equal(t, map[string]int{"custom.properties.colour": 1, "custom.properties.tags": 1, "custom.x": 1}, s.Custom())
	})
	t.Run("… of any resource", func(t *testing.T) {
		t.Parallel()
		s := sampleOf(t, acme.Contacts, `{"id":"con_1","custom":{"nickname":"canary"}}`)
		require.Equal(t, map[string]int{"custom.nickname": 1}, s.Custom())
		require.Zero(t, s.Count("custom").Present)
	})
	t.Run("a zone that is none is counted without its name", func(t *testing.T) {
		t.Parallel()
		s := sampleOf(t, acme.Users, `{"id":"u","version":1,"name":"Ann","email":"a@b","active":true,"time_zone":"Mars/Olympus","updated_at":"2026-05-01T09:00:00Z"}`)
		require.Equal(t, map[string]int{drift.Other: 1}, s.Zones())
	})
}

func TestSampleKeepsNobodysData(t *testing.T) {
	t.Parallel()
	s := sampleOf(t, acme.Appointments,
		with(`"ann@canary.example":1`, `"+41 79 123 45 67":true`, `"n41791234567":1`, `"status":"Ann Canary, call back"`, `"custom":{"ann@canary.example":{"deep":1}}`))
	var names []string
	for path, c := range s.Counts() {
		names = append(names, path)
		names = append(names, slices.Collect(maps.Keys(c.Words))...)
	}
	names = append(names, slices.Collect(maps.Keys(s.Custom()))...)
	for _, name := range names {
		require.NotContains(t, strings.ToLower(name), "canary")
		require.NotContains(t, name, "79")
	}
	require.Equal(t, 1, s.Count(drift.Other).Present, "records that have such names, not names")
	require.Equal(t, map[string]int{drift.Other: 1}, s.Count("status").Words)
}

func TestSampleIsBounded(t *testing.T) {
	t.Parallel()
	s := sampleOf(t, acme.Appointments)
	for i := range 3000 {
		s.Add([]byte(with(fmt.Sprintf(`"f%s":1`, word(i)), fmt.Sprintf(`"status":"s%s"`, word(i)), fmt.Sprintf(`"custom":{"c%s":1}`, word(i)))))
	}
	require.Less(t, len(s.Counts()), 300)
	require.LessOrEqual(t, len(s.Count("status").Words), 21)
	require.LessOrEqual(t, len(s.Custom()), 201)
	require.Equal(t, 3000, s.Count("status").Strange)
}

// word is a number in letters.
func word(n int) string {
	return strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprint(n))
}

func FuzzSample(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte(`{"start":[{"date_time":null}],"contact_ids":{"a":[]},"custom":[1]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := sampleOf(t, acme.Appointments, string(raw))
		require.Equal(t, 1, s.Records)
		for path, c := range s.Counts() {
			require.LessOrEqual(t, c.Wrong+c.Misshaped, c.Present, path)
			require.LessOrEqual(t, c.Present+c.Null, c.Of, path)
		}
	})
}

func BenchmarkLook(b *testing.B) {
	for b.Loop() {
		s := sampleOf(b, acme.Appointments)
		for range 20 {
			s.Add([]byte(sound))
		}
	}
}
