package acme_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// canonical gives what a profile's fields make of one record.
func canonical(t *testing.T, r acme.Resource, fields, record string) map[string]any {
	t.Helper()
	client := saying(t, `{"`+string(r)+`":{"list":"items","paging":{"next":"next"},"fields":`+fields+`}}`, `{"items":[`+record+`]}`)
	page, err := client.List(t.Context(), r, acme.ListQuery{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	var out map[string]any
	require.NoError(t, json.Unmarshal(page.Items[0].Raw, &out))
	return out
}

func TestTimesOfDialects(t *testing.T) {
	t.Parallel()
	object := func(pairs ...string) map[string]any {
		m := map[string]any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	wall := func(at, zone string) map[string]any { return object("date_time", at, "time_zone", zone) }
	for name, c := range map[string]struct {
		fields, record string
		start, end     any
	}{
		"an instant in UTC":                    {`{"start":"s"}`, `{"s":"2026-03-09T14:30:00Z"}`, wall("2026-03-09T14:30:00", "UTC"), nil},
		"an instant with an offset":            {`{"start":"s"}`, `{"s":"2026-03-09T15:30:00+01:00"}`, wall("2026-03-09T14:30:00", "UTC"), nil},
		"an instant shown in a zone":           {`{"start":{"from":"s","zone_from":"z"}}`, `{"s":"2026-03-09T14:30:00Z","z":"Europe/Zurich"}`, wall("2026-03-09T15:30:00", "Europe/Zurich"), nil},
		"the second time clocks show an hour":  {`{"start":{"from":"s","zone":"Europe/Zurich"}}`, `{"s":"2026-10-25T01:30:00Z"}`, wall("2026-10-25T02:30:00+01:00", "Europe/Zurich"), nil},
		"the first time clocks show an hour":   {`{"start":{"from":"s","zone":"Europe/Zurich"}}`, `{"s":"2026-10-25T00:30:00Z"}`, wall("2026-10-25T02:30:00", "Europe/Zurich"), nil},
		"a zone that does not exist":           {`{"start":{"from":"s","zone_from":"z"}}`, `{"s":"2026-03-09T14:30:00Z","z":"Mars/Olympus"}`, wall("2026-03-09T14:30:00Z", "Mars/Olympus"), nil},
		"milliseconds":                         {`{"start":{"from":"s","time":"unix_ms"}}`, `{"s":1773066600123}`, wall("2026-03-09T14:30:00.123", "UTC"), nil},
		"seconds as a text":                    {`{"start":{"from":"s","time":"unix_s"}}`, `{"s":"1773066600"}`, wall("2026-03-09T14:30:00", "UTC"), nil},
		"seconds beyond measure":               {`{"start":{"from":"s","time":"unix_s"}}`, `{"s":1e300}`, wall("1e300", "UTC"), nil},
		"a time without a zone":                {`{"start":{"from":"s","time":"local","zone":"Europe/Zurich"}}`, `{"s":"2026-03-09 15:30"}`, wall("2026-03-09T15:30:00", "Europe/Zurich"), nil},
		"a date":                               {`{"start":"s"}`, `{"s":"2026-03-09"}`, object("date", "2026-03-09"), nil},
		"an instant that a flag makes a date":  {`{"start":{"from":"s","all_day":"whole"}}`, `{"s":"2026-03-09T00:00:00Z","whole":true}`, object("date", "2026-03-09"), nil},
		"no flag, no date":                     {`{"start":{"from":"s","all_day":"whole"}}`, `{"s":"2026-03-09T00:00:00Z","whole":false}`, wall("2026-03-09T00:00:00", "UTC"), nil},
		"words":                                {`{"start":"s"}`, `{"s":"tomorrow at ten"}`, wall("tomorrow at ten", "UTC"), nil},
		"nothing":                              {`{"start":"s"}`, `{"s":null}`, nil, nil},
		"date and clock apart":                 {`{"start":{"date":"d","clock":"c","zone":"UTC"}}`, `{"d":"2026-03-09","c":"14:30"}`, wall("2026-03-09T14:30:00", "UTC"), nil},
		"a date without a clock":               {`{"start":{"date":"d","clock":"c"}}`, `{"d":"2026-03-09","c":null}`, object("date", "2026-03-09"), nil},
		"a clock that is none":                 {`{"start":{"date":"d","clock":"c"}}`, `{"d":"2026-03-09","c":"late"}`, wall("2026-03-09Tlate", "UTC"), nil},
		"an end by its length":                 {`{"start":"s","end":{"duration":"l","unit":"min"}}`, `{"s":"2026-03-09T14:30:00Z","l":45}`, wall("2026-03-09T14:30:00", "UTC"), wall("2026-03-09T15:15:00", "UTC")},
		"a length over a change of the clocks": {`{"start":{"from":"s","zone":"Europe/Zurich"},"end":{"duration":"l","unit":"hh:mm"}}`, `{"s":"2026-03-29T00:30:00Z","l":"02:00"}`, wall("2026-03-29T01:30:00", "Europe/Zurich"), wall("2026-03-29T04:30:00", "Europe/Zurich")},
		"a length below nothing":               {`{"start":"s","end":{"duration":"l","unit":"hh:mm"}}`, `{"s":"2026-03-09T14:30:00Z","l":"-00:30"}`, wall("2026-03-09T14:30:00", "UTC"), wall("2026-03-09T14:00:00", "UTC")},
		"a length that is none":                {`{"start":"s","end":{"duration":"l","unit":"s"}}`, `{"s":"2026-03-09T14:30:00Z","l":"long"}`, wall("2026-03-09T14:30:00", "UTC"), nil},
		"two days":                             {`{"start":"s","end":{"duration":"l","unit":"hh:mm"}}`, `{"s":"2026-03-09","l":"48:00"}`, object("date", "2026-03-09"), object("date", "2026-03-11")},
		"a day without a length":               {`{"start":"s","end":{"duration":"l"}}`, `{"s":"2026-03-09"}`, object("date", "2026-03-09"), object("date", "2026-03-10")},
		"a moment in the contract's own form":  {`{"subject":"t"}`, `{"start":{"date_time":"2026-03-09T14:30:00","time_zone":"Europe/Zurich"}}`, wall("2026-03-09T14:30:00", "Europe/Zurich"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := canonical(t, acme.Appointments, c.fields, `{"id":1,"updated_at":"2026-03-09T14:30:00Z",`+c.record[1:])
			for field, want := range map[string]any{"start": c.start, "end": c.end} {
				if want == nil {
					require.NotContains(t, got, field)
				} else {
					require.Equal(t, want, got[field])
				}
			}
		})
	}
}

func TestFieldsOfDialects(t *testing.T) {
	t.Parallel()
	const base = `{"id":7,"updated_at":"2026-03-09T14:30:00Z",`
	t.Run("a record without a version takes that of its time of change", func(t *testing.T) {
		t.Parallel()
		got := canonical(t, acme.Users, `{"name":"n"}`, base+`"n":"Ann"}`)
		require.EqualValues(t, 1773066600000000, got["version"])
		require.Equal(t, "7", got["id"])
	})
	t.Run("a version of its own stays", func(t *testing.T) {
		t.Parallel()
		require.EqualValues(t, 4, canonical(t, acme.Users, `{"version":"rev"}`, base+`"rev":"4"}`)["version"])
	})
	t.Run("words are translated, unknown ones stay for the mapping to name", func(t *testing.T) {
		t.Parallel()
		const fields = `{"status":{"from":["o","s"],"enum":{"DONE":"completed"},"default":"scheduled"}}`
		require.Equal(t, "completed", canonical(t, acme.Appointments, fields, base+`"s":"DONE"}`)["status"])
		require.Equal(t, "HALF", canonical(t, acme.Appointments, fields, base+`"o":"HALF","s":"DONE"}`)["status"])
		require.Equal(t, "scheduled", canonical(t, acme.Appointments, fields, base+`"s":null}`)["status"])
	})
	t.Run("lists are gathered from many places, each value once", func(t *testing.T) {
		t.Parallel()
		got := canonical(t, acme.Contacts, `{"emails":{"from":["main","more"],"split":";"},"phones":"tel[].value","name":{"from":["a","b"],"join":" "}}`,
			base+`"main":"a@x","more":"b@x; a@x;","tel":[{"value":1},{"value":"2"},{}],"a":"Ann","b":null}`)
		require.Equal(t, []any{"a@x", "b@x"}, got["emails"])
		require.Equal(t, []any{"1", "2"}, got["phones"])
		require.Equal(t, "Ann", got["name"])
	})
	t.Run("a flag deletes, and no flag does not", func(t *testing.T) {
		t.Parallel()
		const fields = `{"deleted_at":{"flag":"gone","from":"when"}}`
		require.Equal(t, "2026-03-09T14:30:00Z", canonical(t, acme.Contacts, fields, base+`"gone":1}`)["deleted_at"])
		require.Equal(t, "2026-03-01T00:00:00Z", canonical(t, acme.Contacts, fields, base+`"gone":true,"when":"2026-03-01T00:00:00Z"}`)["deleted_at"])
		require.NotContains(t, canonical(t, acme.Contacts, fields, base+`"gone":false,"when":"2026-03-01T00:00:00Z"}`), "deleted_at")
	})
	t.Run("a length is milliseconds whatever its unit", func(t *testing.T) {
		t.Parallel()
		for unit, value := range map[string]string{"ms": `90000`, "s": `"90"`, "min": `1.5`, "hh:mm": `"00:01:30"`} {
			got := canonical(t, acme.Touchpoints, `{"duration_ms":{"from":"l","unit":"`+unit+`"}}`, base+`"l":`+value+`}`)
			require.EqualValues(t, 90000, got["duration_ms"], unit)
		}
	})
	t.Run("what no field takes goes under custom, and what one takes does not", func(t *testing.T) {
		t.Parallel()
		got := canonical(t, acme.Contacts, `{"name":"p.n"}`, base+`"p":{"n":"Ann","vip":true},"q":{"x":[1]},"custom":{"own":1}}`)
		require.Equal(t, map[string]any{"p": map[string]any{"vip": true}, "q": map[string]any{"x": []any{float64(1)}}, "own": float64(1)}, got["custom"])
	})
	t.Run("the order of keys does not change the record", func(t *testing.T) {
		t.Parallel()
		const document = `{"contacts":{"list":"items","paging":{"next":"next"},"fields":{"name":"n"}}}`
		var raws []string
		for _, body := range []string{`{"items":[{"id":1,"updated_at":"2026-03-09T14:30:00Z","n":"A","x":1,"y":2}]}`, `{"items":[{"y":2,"x":1,"n":"A","updated_at":"2026-03-09T14:30:00Z","id":1}]}`} {
			page, err := saying(t, document, body).List(t.Context(), acme.Contacts, acme.ListQuery{})
			require.NoError(t, err)
			raws = append(raws, string(page.Items[0].Raw))
		}
		require.Equal(t, raws[0], raws[1])
	})
	t.Run("a value of the wrong kind is named by the decoder", func(t *testing.T) {
		t.Parallel()
		client := saying(t, `{"contacts":{"list":"items","paging":{"next":"next"},"fields":{"name":"n"}}}`, `{"items":[`+base+`"n":{"first":"A"}}]}`)
		page, err := client.List(t.Context(), acme.Contacts, acme.ListQuery{})
		require.NoError(t, err)
		require.Equal(t, "7", page.Items[0].ID)
		_, err = acme.DecodeContact(page.Items[0].Raw)
		require.Equal(t, "name", failure(t, err).Field)
	})
	t.Run("stored items are read as they were listed", func(t *testing.T) {
		t.Parallel()
		client := saying(t, `{"contacts":{"list":"items","paging":{"next":"next"},"fields":{"name":"n"}}}`, `{"items":[`+base+`"n":"A"},{"id":1,"id":2,"version":1,"updated_at":"2026-03-09T14:30:00Z"}]}`)
		page, err := client.List(t.Context(), acme.Contacts, acme.ListQuery{})
		require.NoError(t, err)
		again, err := acme.ReadItems(acme.JoinItems(page.Items))
		require.NoError(t, err)
		require.Equal(t, page.Items, again)
		require.Empty(t, again[1].ID)
	})
}
