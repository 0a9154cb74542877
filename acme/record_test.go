package acme_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

const keysOf = `"id":"a","version":1,"updated_at":"2026-03-09T14:30:00Z"`

func TestDecode(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 9, 14, 30, 0, 123456000, time.UTC)
	later := at.Add(time.Hour)

	t.Run("an appointment is what was encoded", func(t *testing.T) {
		t.Parallel()
		want := acme.Appointment{
			ID: "apt_1", Version: 1 << 60, Status: acme.NoShow, Subject: "Zoë \U0001F468\u200D\U0001F469\u200D\U0001F467 \"x\" \\ / \u2028", NotesHTML: "<p>a\n\tb</p>",
			Start: &acme.Moment{DateTime: "2026-03-08T02:30:00", TimeZone: "America/New_York"}, End: &acme.Moment{Date: "2026-03-09"},
			IsPrivate: true, OwnerID: "usr_1", ContactIDs: []string{"con_1", "con/2"}, Location: "L", ConferenceURL: "https://meet.example/1",
			SeriesID: "apt_0", OriginalStart: &acme.Moment{Date: "2026-03-07"}, Recurrence: &acme.Recurrence{RRule: "FREQ=DAILY", ExDates: []string{"2026-03-10"}},
			ExternalRef: "op-1", Origin: "import", CreatedAt: at, UpdatedAt: later, DeletedAt: &later,
		}
		raw, err := json.Marshal(want)
		require.NoError(t, err)
		got, err := acme.DecodeAppointment(raw)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("a touch-point is what was encoded", func(t *testing.T) {
		t.Parallel()
		ms := int64(61_000)
		want := acme.Touchpoint{
			ID: "tp_1", Version: 2, Channel: acme.Call, Direction: acme.Internal, UserID: "u", ContactID: "c", OccurredAt: &at, LoggedAt: later,
			DurationMS: &ms, OutcomeID: "o", EmailStatus: "bounced", UpdatedAt: later, DeletedAt: &later,
		}
		raw, err := json.Marshal(want)
		require.NoError(t, err)
		got, err := acme.DecodeTouchpoint(raw)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("a contact is what was encoded", func(t *testing.T) {
		t.Parallel()
		want := acme.Contact{
			ID: "c", Version: 3, Name: "Νίκος", Emails: []string{"a@b", ""}, Phones: []string{"+1 (281) 332-2575 x12"}, MergedInto: "c2",
			PrivacyDeletedAt: &at, DeletedAt: &later, CreatedAt: at, UpdatedAt: later,
		}
		raw, err := json.Marshal(want)
		require.NoError(t, err)
		got, err := acme.DecodeContact(raw)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("a user is what was encoded", func(t *testing.T) {
		t.Parallel()
		want := acme.User{ID: "u", Version: 3, Name: "Mei", Email: "mei@harbor-dental.example", Active: true, TimeZone: "America/Chicago", UpdatedAt: later}
		raw, err := json.Marshal(want)
		require.NoError(t, err)
		got, err := acme.DecodeUser(raw)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
	t.Run("what is absent or null stays empty", func(t *testing.T) {
		t.Parallel()
		got, err := acme.DecodeAppointment([]byte(`{` + keysOf + `,"subject":null,"start":null,"end":null,"is_private":null,"contact_ids":null,"owner_id":null,"recurrence":null,"deleted_at":null}`))
		require.NoError(t, err)
		require.Equal(t, acme.Appointment{ID: "a", Version: 1, UpdatedAt: time.Date(2026, 3, 9, 14, 30, 0, 0, time.UTC)}, got)
	})
	t.Run("keys match in exact case and unknown ones are skipped", func(t *testing.T) {
		t.Parallel()
		got, err := acme.DecodeAppointment([]byte(`{` + keysOf + `,"ID":"b","Subject":5,"x":{"y":[1,{"z":null}]},"x":1,"__proto__":{}}`))
		require.NoError(t, err)
		require.Equal(t, "a", got.ID)
		require.Empty(t, got.Subject)
	})
	t.Run("escapes are resolved, in keys as well", func(t *testing.T) {
		t.Parallel()
		got, err := acme.DecodeAppointment([]byte(`{` + keysOf + `,"\u0073ubject":"\u0041\ud83d\ude00\/\b\f\n\r\t\"\\"}`))
		require.NoError(t, err)
		require.Equal(t, "A\U0001F600/\b\f\n\r\t\"\\", got.Subject)
	})
	t.Run("white space and a byte order mark do no harm", func(t *testing.T) {
		t.Parallel()
		_, err := acme.DecodeAppointment([]byte("\ufeff \r\n\t{ \"id\" : \"a\" , \"version\" : 1 , \"updated_at\" : \"2026-03-09T14:30:00Z\" , \"contact_ids\" : [ \"c\" , \"d\" ] } \n"))
		require.NoError(t, err)
	})
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, code, field string }{
		"empty":                         {``, acme.CodeEmptyBody, ""},
		"white space":                   {" \n ", acme.CodeEmptyBody, ""},
		"NUL bytes":                     {"\x00\x00", acme.CodeMalformedJSON, ""},
		"null":                          {`null`, acme.CodeWrongShape, ""},
		"array":                         {`[]`, acme.CodeWrongShape, ""},
		"cut off":                       {`{"id":"a"`, acme.CodeMalformedJSON, ""},
		"trailing comma":                {`{` + keysOf + `,}`, acme.CodeMalformedJSON, ""},
		"second value":                  {`{` + keysOf + `}{}`, acme.CodeMalformedJSON, ""},
		"no id":                         {`{"version":1,"updated_at":"2026-03-09T14:30:00Z"}`, acme.CodeMissingField, "id"},
		"null id":                       {`{"id":null,"version":1,"updated_at":"2026-03-09T14:30:00Z"}`, acme.CodeMissingField, "id"},
		"no version":                    {`{"id":"a","updated_at":"2026-03-09T14:30:00Z"}`, acme.CodeMissingField, "version"},
		"version -1":                    {`{"id":"a","version":-1,"updated_at":"2026-03-09T14:30:00Z"}`, acme.CodeNumberRange, "version"},
		"version -0":                    {`{"id":"a","version":-0,"updated_at":"2026-03-09T14:30:00Z"}`, acme.CodeMissingField, "version"},
		"version 1E+2":                  {`{"id":"a","version":1E+2,"updated_at":"2026-03-09T14:30:00Z"}`, acme.CodeNumberRange, "version"},
		"version 1e400":                 {`{"id":"a","version":1e400,"updated_at":"2026-03-09T14:30:00Z"}`, acme.CodeNumberRange, "version"},
		"version of 400 digits":         {`{"id":"a","version":` + strings.Repeat("9", 400) + `}`, acme.CodeNumberRange, "version"},
		"version as text":               {`{"id":"a","version":"1"}`, acme.CodeWrongType, "version"},
		"no updated_at":                 {`{"id":"a","version":1}`, acme.CodeMissingField, "updated_at"},
		"30 February":                   {`{"updated_at":"2026-02-30T00:00:00Z"}`, acme.CodeBadTime, "updated_at"},
		"24 o'clock":                    {`{"updated_at":"2026-02-20T24:00:00Z"}`, acme.CodeBadTime, "updated_at"},
		"second 61":                     {`{"updated_at":"2026-02-20T23:59:61Z"}`, acme.CodeBadTime, "updated_at"},
		"space instead of T":            {`{"updated_at":"2026-02-20 23:00:00Z"}`, acme.CodeBadTime, "updated_at"},
		"offset of 25 hours":            {`{"updated_at":"2026-02-20T23:00:00+25:00"}`, acme.CodeBadTime, "updated_at"},
		"no offset":                     {`{"updated_at":"2026-02-20T23:00:00"}`, acme.CodeBadTime, "updated_at"},
		"year 10000":                    {`{"updated_at":"10000-02-20T23:00:00Z"}`, acme.CodeBadTime, "updated_at"},
		"comma in the second":           {`{"updated_at":"2026-02-20T23:00:00,5Z"}`, acme.CodeBadTime, "updated_at"},
		"time as a number":              {`{"updated_at":1773066600000}`, acme.CodeWrongType, "updated_at"},
		"id twice":                      {`{"id":"a","id":"a"}`, acme.CodeDuplicateKey, "id"},
		"id twice, once escaped":        {`{"id":"a","\u0069d":"a"}`, acme.CodeDuplicateKey, "id"},
		"subject twice, once null":      {`{"subject":null,"subject":"a"}`, acme.CodeDuplicateKey, "subject"},
		"date twice within start":       {`{"start":{"date":"a","date":"b"}}`, acme.CodeDuplicateKey, "start.date"},
		"subject as a number":           {`{"subject":5}`, acme.CodeWrongType, "subject"},
		"subject as an object":          {`{"subject":{"a":1}}`, acme.CodeWrongType, "subject"},
		"start as text":                 {`{"start":"2026-03-09"}`, acme.CodeWrongType, "start"},
		"start.date_time as a number":   {`{"start":{"date_time":5}}`, acme.CodeWrongType, "start.date_time"},
		"is_private as text":            {`{"is_private":"yes"}`, acme.CodeWrongType, "is_private"},
		"contact_ids as text":           {`{"contact_ids":"con_1"}`, acme.CodeWrongType, "contact_ids"},
		"a contact id as a number":      {`{"contact_ids":["a","b",5]}`, acme.CodeWrongType, "contact_ids[2]"},
		"a contact id as null":          {`{"contact_ids":[null]}`, acme.CodeWrongType, "contact_ids[0]"},
		"an empty contact id":           {`{"contact_ids":[""]}`, acme.CodeBadID, "contact_ids[0]"},
		"an owner id too long":          {`{"owner_id":"` + strings.Repeat("u", 129) + `"}`, acme.CodeBadID, "owner_id"},
		"an exdate as a number":         {`{"recurrence":{"rrule":"x","exdates":["a",1]}}`, acme.CodeWrongType, "recurrence.exdates[1]"},
		"broken JSON within a field":    {`{"subject":{"a":}}`, acme.CodeMalformedJSON, "subject"},
		"stray byte":                    {"{\"subject\":\"\xff\"}", acme.CodeInvalidUTF8, ""},
		"lone high surrogate":           {`{"subject":"a\ud800b"}`, acme.CodeInvalidUTF8, "subject"},
		"lone low surrogate":            {`{"subject":"\udc00"}`, acme.CodeInvalidUTF8, "subject"},
		"surrogates the wrong way":      {`{"subject":"\udc00\ud800"}`, acme.CodeInvalidUTF8, "subject"},
		"high surrogate, then a letter": {`{"subject":"\ud800\u0041"}`, acme.CodeInvalidUTF8, "subject"},
		"high surrogate, then a tab":    {`{"subject":"\ud800\t12345"}`, acme.CodeInvalidUTF8, "subject"},
		"NUL character":                 {`{"notes_html":"a\u0000b"}`, acme.CodeNulCharacter, "notes_html"},
		"65 levels":                     {`{"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, acme.CodeTooDeep, "x"},
		"a megabyte":                    {`{` + keysOf + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`, acme.CodeTooLarge, ""},
		"a forged key does no harm":     {`{"a\u001b[31m` + strings.Repeat("k", 500) + `":}`, acme.CodeMalformedJSON, "a [31m" + strings.Repeat("k", 58)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := acme.DecodeAppointment([]byte(c.raw))
			e := failure(t, err)
			require.Equal(t, acme.KindMalformed, e.Kind)
			require.Equal(t, c.code, e.Code)
			require.Equal(t, c.field, e.Field)
			require.Zero(t, got)
		})
	}
	t.Run("64 levels are read", func(t *testing.T) {
		t.Parallel()
		_, err := acme.DecodeAppointment([]byte(`{` + keysOf + `,"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`))
		require.NoError(t, err)
	})
	t.Run("a hundred thousand unknown keys are read", func(t *testing.T) {
		t.Parallel()
		_, err := acme.DecodeAppointment([]byte(`{` + keysOf + strings.Repeat(`,"k":0`, 100_000) + `}`))
		require.NoError(t, err)
	})
}

func TestInstants(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-03-09T14:30:00Z":           time.Date(2026, 3, 9, 14, 30, 0, 0, time.UTC),
		"2026-03-09t14:30:00z":           time.Date(2026, 3, 9, 14, 30, 0, 0, time.UTC),
		"2026-03-09T14:30:00+05:30":      time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC),
		"2026-03-09T14:30:00.123456789Z": time.Date(2026, 3, 9, 14, 30, 0, 123456789, time.UTC),
		"2016-12-31T23:59:60Z":           time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC),
		"2016-12-31T23:59:60.5Z":         time.Date(2017, 1, 1, 0, 0, 0, 500_000_000, time.UTC),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := acme.DecodeUser([]byte(`{"id":"u","version":1,"updated_at":"` + text + `"}`))
			require.NoError(t, err)
			require.True(t, want.Equal(got.UpdatedAt), got.UpdatedAt)
			require.Equal(t, time.UTC, got.UpdatedAt.Location())
		})
	}
}
