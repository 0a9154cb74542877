package acme_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

const oneEvent = `{"event_id":"evt_1","account_id":"harbor-dental","type":"appointment.updated","object_id":"apt_42","version":7,"occurred_at":"2026-03-09T14:30:00Z","attempt":2,"origin":"user"}`

func TestParseEvents(t *testing.T) {
	t.Parallel()
	t.Run("events come beside their raw bytes", func(t *testing.T) {
		t.Parallel()
		events, raw, err := acme.ParseEvents([]byte(" [" + oneEvent + ", " + oneEvent + "]\n"))
		require.NoError(t, err)
		require.Len(t, events, 2)
		require.Equal(t, acme.Event{
			EventID: "evt_1", AccountID: "harbor-dental", Type: "appointment.updated", ObjectID: "apt_42", Version: 7,
			OccurredAt: time.Date(2026, 3, 9, 14, 30, 0, 0, time.UTC), Attempt: 2, Origin: "user",
		}, events[0])
		require.Equal(t, [][]byte{[]byte(oneEvent), []byte(oneEvent)}, raw)
	})
	for name, bad := range map[string]string{
		"number":         `5`,
		"null":           `null`,
		"no type":        `{"object_id":"a"}`,
		"no object":      `{"type":"appointment.updated"}`,
		"object twice":   `{"type":"appointment.updated","object_id":"a","object_id":"b"}`,
		"object in caps": `{"type":"appointment.updated","OBJECT_ID":"a"}`,
		"number as id":   `{"type":"appointment.updated","object_id":5}`,
		"broken time":    `{"type":"appointment.updated","object_id":"a","occurred_at":"now"}`,
		"version below":  `{"type":"appointment.updated","object_id":"a","version":-1}`,
		"half surrogate": `{"type":"appointment.updated","object_id":"\udc00"}`,
	} {
		t.Run("an element that is no event ("+name+") costs its neighbours nothing", func(t *testing.T) {
			t.Parallel()
			events, raw, err := acme.ParseEvents([]byte("[" + oneEvent + "," + bad + "," + oneEvent + "]"))
			require.NoError(t, err)
			require.Len(t, events, 3)
			require.Equal(t, acme.Event{}, events[1])
			require.Equal(t, bad, string(raw[1]))
			require.Equal(t, "apt_42", events[2].ObjectID)
		})
	}
	for name, c := range map[string]struct{ body, code string }{
		"empty":           {"", acme.CodeEmptyBody},
		"white space":     {" \r\n", acme.CodeEmptyBody},
		"no events":       {"[]", acme.CodeWrongShape},
		"one event alone": {oneEvent, acme.CodeWrongShape},
		"null":            {"null", acme.CodeWrongShape},
		"text":            {`"x"`, acme.CodeWrongShape},
		"cut off":         {"[" + oneEvent, acme.CodeMalformedJSON},
		"garbage behind":  {"[" + oneEvent + "]x", acme.CodeMalformedJSON},
		"trailing comma":  {"[" + oneEvent + ",]", acme.CodeMalformedJSON},
		"stray byte":      {"[\"\xff\"]", acme.CodeInvalidUTF8},
		"too deep":        {strings.Repeat("[", 200) + strings.Repeat("]", 200), acme.CodeTooDeep},
		"HTML":            {"<html>", acme.CodeMalformedJSON},
	} {
		t.Run("a body that is no list of events ("+name+") is malformed", func(t *testing.T) {
			t.Parallel()
			_, _, err := acme.ParseEvents([]byte(c.body))
			e := failure(t, err)
			require.Equal(t, acme.KindMalformed, e.Kind)
			require.Equal(t, c.code, e.Code)
		})
	}
}
