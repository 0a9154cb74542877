package acme

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var jsonSeeds = []string{
	``, ` `, `null`, `{}`, `[]`, `{"a":1}{"b":2}`, `{"a":1,}`, `[1,]`, `{"id":"a","id":"b"}`, `{"id":"a","ID":"b"}`, `[NaN]`, `[1e400,-0,1E+2]`,
	"[\"\xff\"]", `["\ud800"]`, `["\ud83d\ude00"]`, `["\u0000"]`, "\ufeff[]", `"text"`, `[01]`, `[-]`, `[1.]`, `["\x"]`, `{"a":[{"b":[]}]}`, strings.Repeat("[", 300),
	`{"data":[{"id":"a","version":1,"updated_at":"2026-03-09T14:30:00Z","contact_ids":["b"]}],"next_cursor":null}`,
	`{"data":[5,null,{}],"next_cursor":"c"}`, `{"data":[],"missing":["a"]}`, `{"error":{}}`,
	`[{"event_id":"e","type":"appointment.updated","object_id":"a","version":7,"occurred_at":"2026-03-09T14:30:00Z","attempt":1}]`,
}

// What readPage takes must be sound JSON by the standard decoder too, and every item a piece of the answer.
func FuzzReadPage(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Add(samplePage(f, 2))
	f.Fuzz(func(t *testing.T, body []byte) {
		given := bytes.Clone(body)
		items, next, ok := readPage(body)
		require.Equal(t, given, body)
		_, _, _ = readBatch(body)
		if !ok {
			return
		}
		plain := bytes.TrimPrefix(body, []byte("\ufeff"))
		require.True(t, json.Valid(plain))
		require.True(t, utf8.ValidString(next))
		var same struct {
			Data []json.RawMessage `json:"data"`
		}
		require.NoError(t, json.Unmarshal(plain, &same))
		for _, item := range items {
			require.True(t, json.Valid(item.Raw))
			require.Contains(t, string(plain), string(item.Raw))
			if item.ID != "" {
				require.True(t, usableID(item.ID))
				require.Positive(t, item.Version)
				require.False(t, item.UpdatedAt.IsZero())
			}
		}
	})
}

// The scanner and the standard library must agree on what is JSON, but for what RFC 8259 leaves open.
func FuzzSkip(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			return
		}
		s := scanner{data: text, limit: maxPageDepth}
		ok := s.skip() && s.end()
		require.Equal(t, json.Valid(text), ok, "code %q", s.code)
	})
}

// What a decoder takes, the standard decoder reads alike, unless keys differ from known ones in case alone.
func FuzzDecodeAppointment(f *testing.F) {
	raw, err := json.Marshal(sampleAppointment(1))
	require.NoError(f, err)
	f.Add(raw)
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`{"id":"a","version":1,"updated_at":"2016-12-31T23:59:60Z","subject":"\ud83d\ude00"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := DecodeAppointment(raw)
		if err != nil {
			require.Equal(t, KindMalformed, KindOf(err))
			require.Zero(t, a)
			return
		}
		again, err := json.Marshal(a)
		require.NoError(t, err)
		b, err := DecodeAppointment(again)
		require.NoError(t, err)
		twice, err := json.Marshal(b)
		require.NoError(t, err)
		require.Equal(t, string(again), string(twice))
	})
}

// What is written of a tree is what the standard encoder writes, to the byte.
func FuzzAppendValue(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`{"b":["\u2028","€","\n\b\u007f","<&>"],"a":{"z":null,"y":-1.50e3,"x":true}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		value, ok := treeOf(text)
		if !ok || !utf8.Valid(text) {
			return
		}
		require.Equal(t, string(appendEncoded(nil, value)), string(appendValue(nil, value)))
	})
}

func FuzzParseEvents(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, raw, err := ParseEvents(body)
		if err != nil {
			require.Equal(t, KindMalformed, KindOf(err))
			require.Empty(t, events)
			return
		}
		require.NotEmpty(t, events)
		require.Len(t, raw, len(events))
		require.True(t, json.Valid(bytes.TrimPrefix(body, []byte("\ufeff"))))
		for i := range raw {
			require.True(t, json.Valid(raw[i]))
			require.Equal(t, events[i].Type == "", events[i].ObjectID == "")
		}
	})
}

// Nothing but what the secret's owner signed may ever be believed.
func FuzzVerifyWebhook(f *testing.F) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	now := time.Unix(1_773_066_600, 0)
	body := []byte(`[{"event_id":"e"}]`)
	good := SignWebhook(secret, "msg_1", now, body).Get(headerSignature)
	f.Add("msg_1", "1773066600", good, body)
	f.Add("msg_1", "1773066600", good+" v1a,x", body)
	f.Add("msg_1", "01773066600", good, body)
	f.Add("msg_1", "1773066600", "v1,", body)
	f.Add("a.b", "1773066600", good+",x", []byte{})
	f.Add("", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		h := http.Header{headerID: {id}, headerTimestamp: {stamp}, headerSignature: {signature}}
		got, err := VerifyWebhook(h, body, []string{secret}, now)
		if err != nil {
			require.Empty(t, got)
			return
		}
		require.Equal(t, id, got)
		seconds, ok := unixSeconds(stamp)
		require.True(t, ok)
		want := SignWebhook(secret, id, time.Unix(seconds, 0), body).Get(headerSignature)
		require.Contains(t, strings.Split(signature, " "), want)
	})
}
