package mapping_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

func rulesOf(t require.TestingT, rules ...acmesync.FieldRule) *mapping.Fields {
	fields, problems := mapping.CompileFields(rules, roomTables)
	require.Empty(t, problems)
	return fields
}

// anySource is a record that the built-in mapping has taken, with its event.
func anySource(t *rapid.T) (app.Event, mapping.Source) {
	a := anyAppointment(t)
	a.OwnerID, a.SeriesID, a.Status, a.IsPrivate = "usr_1", "", acme.Scheduled, false
	start := anyInstant(t)
	zone := rapid.SampledFrom(zones).Draw(t, "zone of both")
	whole := rapid.Bool().Draw(t, "whole days")
	a.Start, a.End = momentAt(start, zone, whole), momentAt(start.AddDate(0, 0, rapid.IntRange(1, 3).Draw(t, "days")), zone, whole)
	a.Custom, _ = json.Marshal(map[string]any{
		"text": rapid.String().Draw(t, "custom text"), "n": rapid.Int().Draw(t, "custom number"),
		"list": rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "custom list"),
	})
	contacts := rapid.SliceOfN(rapid.Custom(anyContact), 0, 4).Draw(t, "contacts")
	rules, problems := mapping.Compile(acmesync.Config{Appointments: acmesync.AppointmentRules{
		Scope: acmesync.Scope{HistoryDays: -1, HorizonDays: 3_660},
	}}, settings())
	require.Empty(t, problems)
	e, err := rules.Appointment(a, contacts, staff(), mapping.Occasion{Now: start})
	require.NoError(t, err)
	return e, mapping.Source{Appointment: a, Contacts: contacts, Owner: acmeUsers()[0], Settings: settings(), Custom: a.Custom}
}

func momentAt(at interface{ Format(string) string }, zone string, whole bool) *acme.Moment {
	if whole {
		return &acme.Moment{Date: at.Format("2006-01-02")}
	}
	return &acme.Moment{DateTime: at.Format("2006-01-02T15:04:05Z07:00"), TimeZone: zone}
}

func applied(t *rapid.T, rules *mapping.Fields, e app.Event, src mapping.Source) app.Event {
	require.NoError(t, rules.Apply(&e, src))
	return e
}

func TestFieldLaws(t *testing.T) {
	t.Parallel()
	t.Run("what a field is copied from itself is what it was", func(t *testing.T) {
		t.Parallel()
		same := rulesOf(t,
			acmesync.FieldRule{Target: "title", Preset: "copy", Source: "event.title"},
			acmesync.FieldRule{Target: "description", CEL: "event.description"},
			acmesync.FieldRule{Target: "location", Preset: "template", Args: args{"text": "{event.location}"}},
			acmesync.FieldRule{Target: "start", Preset: "copy", Source: "appointment.start"},
			acmesync.FieldRule{Target: "end", CEL: "event.end"},
			acmesync.FieldRule{Target: "attendees", CEL: "contacts"},
		)
		rapid.Check(t, func(t *rapid.T) {
			e, src := anySource(t)
			got := applied(t, same, e, src)
			require.Empty(t, mapping.ChangedFields(valid(e), valid(got)))
		})
	})
	t.Run("the same record gives the same event", func(t *testing.T) {
		t.Parallel()
		rules := rulesOf(t, anyRules...)
		rapid.Check(t, func(t *rapid.T) {
			e, src := anySource(t)
			one, other := e, e
			require.Equal(t, rules.Apply(&one, src), rules.Apply(&other, src))
			require.Equal(t, one, other)
		})
	})
	t.Run("truncated text is at most so long, and all of a shorter one", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			e, src := anySource(t)
			length := rapid.IntRange(1, 60).Draw(t, "length")
			got := applied(t, rulesOf(t, acmesync.FieldRule{Target: "location", Preset: "truncate", Source: "event.title", Args: args{"length": length}}), e, src)
			require.LessOrEqual(t, utf8.RuneCountInString(got.Location), length)
			if utf8.RuneCountInString(e.Title) <= length {
				require.Equal(t, valid(e).Title, got.Location)
			}
		})
	})
	t.Run("joined text holds each part that is not empty, in order", func(t *testing.T) {
		t.Parallel()
		rules := rulesOf(t, acmesync.FieldRule{Target: "description", Preset: "join", Source: "custom.list", Args: args{"separator": "|"}})
		rapid.Check(t, func(t *rapid.T) {
			e, src := anySource(t)
			var custom struct{ List []string }
			require.NoError(t, json.Unmarshal(src.Custom, &custom))
			var parts []string
			for _, p := range custom.List {
				if p = strings.TrimSpace(strings.ReplaceAll(p, "\x00", "")); p != "" {
					parts = append(parts, p)
				}
			}
			require.Equal(t, strings.Join(parts, "|"), applied(t, rules, e, src).Description)
		})
	})
	t.Run("shifted there and back is where it was", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			e, src := anySource(t)
			days, minutes := 0, rapid.IntRange(1, 600).Draw(t, "minutes")
			if e.Start.Date != "" {
				days, minutes = rapid.IntRange(1, 300).Draw(t, "days"), 0
			}
			shift := func(target string, sign int) acmesync.FieldRule {
				return acmesync.FieldRule{Target: target, Preset: "date_shift", Args: args{"days": sign * days, "minutes": sign * minutes}}
			}
			got := applied(t, rulesOf(t, shift("start", 1), shift("end", 1), shift("start", -1), shift("end", -1)), e, src)
			require.Equal(t, e.Start, got.Start)
			require.Equal(t, e.End, got.End)
			on := applied(t, rulesOf(t, shift("end", 1)), e, src)
			require.Equal(t, e.End.TimeZone, on.End.TimeZone)
			require.NotEqual(t, e.End, on.End)
		})
	})
	t.Run("whatever rules make of a record, the app may take it", func(t *testing.T) {
		t.Parallel()
		rules := rulesOf(t, anyRules...)
		rapid.Check(t, func(t *rapid.T) {
			e, src := anySource(t)
			if err := rules.Apply(&e, src); err != nil {
				explained(t, err, src.Appointment.Subject, src.Appointment.NotesHTML)
				return
			}
			acceptable(t, e)
		})
	})
}

// anyRules are one of each kind.
var anyRules = []acmesync.FieldRule{
	{Target: "title", Preset: "template", Args: args{"text": "{custom.text} {contact.name} {{{custom.n}}}"}},
	{Target: "description", Preset: "join", Args: args{"sources": []any{"event.description", "custom.list", "contacts.emails"}, "separator": "\n"}},
	{Target: "location", CEL: `custom.list.map(x, lookup("rooms", x, x.upper())).join(", ") + phone(contact.name)`},
	{Target: "attendees", CEL: `contacts.map(c, {"name": c.name, "email": c.email, "phone": custom.text})`},
	{Target: "end", CEL: `event.end.date != "" ? event.end : event.end`},
	{Target: "status", Preset: "lookup", Source: "custom.text", Args: args{"table": args{"a": "cancelled"}, "default": "confirmed"}},
}

// valid is the event as text may stand in it.
func valid(e app.Event) app.Event {
	clean := func(s string) string { return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\ufffd") }
	e.Title, e.Description, e.Location = clean(e.Title), clean(e.Description), clean(e.Location)
	return e
}

func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		`appointment.subject`, `contacts.map(c, c.name).join(", ")`, `tz(appointment.start.at, "Europe/Zurich", "HH:mm")`,
		`tz("2026-03-29T02:30:00", "Europe/Zurich")`, `phone(contact.phones[0], "CH")`, `lookup({"a": "b"}, custom.text, "c")`,
		`custom.?a.?b.orValue("x")`, `custom.list[0]`, `[contact]`, `[{"name": "x"}]`, `event.start`, `timestamp("2026-01-01T00:00:00Z") + duration("1h")`,
		`dyn(contacts)[0].emails`, `custom.list.all(x, x == "")`, `"a".replace("", "b").split("").join("c")`, `1 / 0`, `null`, `type(contact)`,
		`contacts.exists_one(c, c == contact) ? "a" : "b"`, `appointment == appointment`, `has(custom.text)`, `b"bytes"`, `"\u0000"`, `size(owner.name) + 1u`,
		`optional.none().value()`, `{contact.name: contact}[""].name`, `custom.list.map(x, custom.list.map(y, x + y).join("")).join("")`,
	} {
		f.Add(seed, "subject", `{"text": "a", "list": ["b", "c"], "n": 1e400}`, uint8(0))
	}
	f.Add(`custom.a`, "\xff", `{"a": {"b": [1, 2.5, null, true]}}`, uint8(2))
	f.Add(`custom.a`, "", `[1]`, uint8(9))
	f.Add(`custom`, "", `{`, uint8(1))
	names := []string{"title", "description", "start", "end", "status", "outcome", "visibility", "location", "conference_url", "attendees"}
	f.Fuzz(func(t *testing.T, expression, subject, custom string, target uint8) {
		fields, problems := mapping.CompileFields([]acmesync.FieldRule{{Target: names[int(target)%len(names)], CEL: expression}}, roomTables)
		if len(problems) > 0 {
			for _, p := range problems {
				require.NotEmpty(t, p.Message)
				require.True(t, strings.HasPrefix(p.Pointer, "/appointments/mapping/0"))
			}
			return
		}
		e := app.Event{
			Title: "x", Start: app.Moment{DateTime: "2026-06-01T14:00:00Z", TimeZone: "UTC"}, End: app.Moment{DateTime: "2026-06-01T15:00:00Z", TimeZone: "UTC"},
			Status: "confirmed", Visibility: "full",
		}
		src := mapping.Source{
			Appointment: acme.Appointment{Subject: subject}, Settings: settings(), Custom: json.RawMessage(custom),
			Contacts: []acme.Contact{{ID: "con_1", Name: subject, Emails: []string{"a@b.example"}, Phones: []string{subject}}},
		}
		if err := fields.Apply(&e, src); err != nil {
			var fault *acmesync.Fault
			require.ErrorAs(t, err, &fault)
			require.Equal(t, acmesync.MappingFailed, fault.Code)
			require.Equal(t, names[int(target)%len(names)], fault.Field)
			return
		}
		require.NotEmpty(t, e.Title)
		require.True(t, utf8.ValidString(e.Title+e.Description+e.Location))
		require.LessOrEqual(t, utf8.RuneCountInString(e.Description), 20_000)
		require.Less(t, e.Start.DateTime+e.Start.Date, e.End.DateTime+e.End.Date)
	})
}
