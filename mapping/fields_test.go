package mapping_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

type args = map[string]any

var roomTables = mapping.Tables{"rooms": {"4": "Blue room"}}

func TestWrongRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule    acmesync.FieldRule
		pointer string
		says    string
		hint    string
	}{
		"an unknown target":           {acmesync.FieldRule{Target: "titel", Preset: "copy", Source: "contact.name"}, "/target", "no field \"titel\"", "title?"},
		"the event's identity":        {acmesync.FieldRule{Target: "external_id", Preset: "copy", Source: "contact.name"}, "/target", "can't be filled", "knows the event by"},
		"its revision":                {acmesync.FieldRule{Target: "revision", CEL: "1"}, "/target", "can't be filled", "older writes"},
		"its owner":                   {acmesync.FieldRule{Target: "owner_id", Preset: "copy", Source: "owner.id"}, "/target", "can't be filled", "people.owners"},
		"no way to fill it":           {acmesync.FieldRule{Target: "title", Source: "contact.name"}, "/preset", "does not say how", "copy"},
		"two ways at once":            {acmesync.FieldRule{Target: "title", Preset: "copy", Source: "contact.name", CEL: "contact.name"}, "/cel", "not both", "Remove"},
		"an unknown preset":           {acmesync.FieldRule{Target: "title", Preset: "templat"}, "/preset", "no preset", "template?"},
		"an unknown source":           {acmesync.FieldRule{Target: "title", Preset: "copy", Source: "apointment.subject"}, "/source", "no source", "appointment.subject?"},
		"an unknown field":            {acmesync.FieldRule{Target: "title", Preset: "copy", Source: "appointment.subjet"}, "/source", "no source", "appointment.subject?"},
		"an object":                   {acmesync.FieldRule{Target: "title", Preset: "copy", Source: "appointment"}, "/source", "no source", "appointment."},
		"no source":                   {acmesync.FieldRule{Target: "title", Preset: "copy"}, "/source", "does not say what it reads", "appointment.subject"},
		"text for a moment":           {acmesync.FieldRule{Target: "start", Preset: "copy", Source: "appointment.subject"}, "/target", "start takes a moment", "another"},
		"a moment for text":           {acmesync.FieldRule{Target: "title", Preset: "copy", Source: "appointment.start"}, "/target", "title takes text", "another"},
		"a moment in a template":      {acmesync.FieldRule{Target: "title", Preset: "template", Args: args{"text": "{appointment.start}"}}, "/args/text", "a moment", "tz(appointment.start.at"},
		"text for people":             {acmesync.FieldRule{Target: "attendees", Preset: "copy", Source: "contact.name"}, "/target", "attendees takes people", "another"},
		"a list for text":             {acmesync.FieldRule{Target: "title", Preset: "copy", Source: "contacts.name"}, "/source", "a list of texts", "join"},
		"a source for a template":     {acmesync.FieldRule{Target: "title", Preset: "template", Source: "contact.name", Args: args{"text": "x"}}, "/source", "no source", "Remove"},
		"nothing to join":             {acmesync.FieldRule{Target: "title", Preset: "join"}, "/source", "what it joins", "contacts.name"},
		"two things to join":          {acmesync.FieldRule{Target: "title", Preset: "join", Source: "contacts.name", Args: args{"sources": []any{"contact.name"}}}, "/args/sources", "not both", "Remove"},
		"a brace without its pair":    {acmesync.FieldRule{Target: "title", Preset: "template", Args: args{"text": "{contact.name"}}, "/args/text", "not closed", "{{"},
		"a brace too many":            {acmesync.FieldRule{Target: "title", Preset: "template", Args: args{"text": "a } b"}}, "/args/text", "not opened", "{{"},
		"an empty brace":              {acmesync.FieldRule{Target: "title", Preset: "template", Args: args{"text": "{}"}}, "/args/text", "no source", "begin with"},
		"an unknown argument":         {acmesync.FieldRule{Target: "title", Preset: "truncate", Args: args{"length": 5.0, "lengths": 5.0}}, "/args/lengths", "no argument", "length?"},
		"a missing argument":          {acmesync.FieldRule{Target: "title", Preset: "truncate"}, "/args/length", "is missing", "whole number"},
		"half a character":            {acmesync.FieldRule{Target: "title", Preset: "truncate", Args: args{"length": 1.5}}, "/args/length", "whole number", ""},
		"a number in quotes":          {acmesync.FieldRule{Target: "title", Preset: "truncate", Args: args{"length": "5"}}, "/args/length", "whole number", ""},
		"a shift by nothing":          {acmesync.FieldRule{Target: "start", Preset: "date_shift"}, "/args", "by how much", "minutes"},
		"a shift by a century":        {acmesync.FieldRule{Target: "start", Preset: "date_shift", Args: args{"days": 36500.0}}, "/args/days", "from -366 to 366", ""},
		"a shift of text":             {acmesync.FieldRule{Target: "start", Preset: "date_shift", Source: "custom.when", Args: args{"days": 1.0}}, "/source", "can't take", ""},
		"a region that is none":       {acmesync.FieldRule{Target: "title", Preset: "phone", Source: "contact.phones", Args: args{"region": "Mars"}}, "/args/region", "no country", "CH"},
		"a choice that is none":       {acmesync.FieldRule{Target: "title", Preset: "phone", Source: "contact.phones", Args: args{"invalid": "parc"}}, "/args/invalid", "none of", "park?"},
		"a table that is not there":   {acmesync.FieldRule{Target: "title", Preset: "lookup", Args: args{"table": "room"}}, "/args/table", "not there", "rooms?"},
		"an entry that is no text":    {acmesync.FieldRule{Target: "title", Preset: "lookup", Args: args{"table": args{"a/b": 1.0}}}, "/args/table/a~1b", "no text", ""},
		"a table's value of no use":   {acmesync.FieldRule{Target: "status", Preset: "lookup", Source: "custom.x", Args: args{"table": args{"a": "done"}}}, "/args/table", "status does not take", "cancelled"},
		"a default of no use":         {acmesync.FieldRule{Target: "visibility", Preset: "default", Args: args{"value": "public"}}, "/args/value", "visibility does not take", "busy"},
		"a default that is empty":     {acmesync.FieldRule{Target: "title", Preset: "default", Args: args{"value": ""}}, "/args/value", "is missing", ""},
		"a number in cel":             {acmesync.FieldRule{Target: "title", CEL: "size(contacts)"}, "/cel", "gives int", "string("},
		"text for a moment in cel":    {acmesync.FieldRule{Target: "start", CEL: "appointment.subject"}, "/cel", "start takes a moment", "tz("},
		"text for people in cel":      {acmesync.FieldRule{Target: "attendees", CEL: "contact.name"}, "/cel", "attendees takes people", "contacts"},
		"an unknown variable":         {acmesync.FieldRule{Target: "title", CEL: "contakt.name"}, "/cel", "no variable or function contakt", "contact?"},
		"an unknown field in cel":     {acmesync.FieldRule{Target: "title", CEL: "contact.nme"}, "/cel", "no field nme", "name?"},
		"an unknown function":         {acmesync.FieldRule{Target: "title", CEL: `lokup("rooms", "4")`}, "/cel", "no variable or function lokup", "lookup?"},
		"an unknown table in cel":     {acmesync.FieldRule{Target: "title", CEL: `lookup("room", "4")`}, "/cel", "no table", "rooms?"},
		"types that don't go along":   {acmesync.FieldRule{Target: "title", CEL: "contact.name + 1"}, "/cel", "overload", "string(x)"},
		"half an expression":          {acmesync.FieldRule{Target: "title", CEL: "contact.name +"}, "/cel", "Syntax error", "Correct"},
		"a pattern that is none":      {acmesync.FieldRule{Target: "title", CEL: `contact.name.matches("(") ? "a" : "b"`}, "/cel", "", ""},
		"an object that is made":      {acmesync.FieldRule{Target: "attendees", CEL: `[Contact{name: "x"}]`}, "/cel", "can't be made", "maps"},
		"the clock":                   {acmesync.FieldRule{Target: "start", CEL: "now()"}, "/cel", "no variable or function now", ""},
		"the machine's own zone":      {acmesync.FieldRule{Target: "title", CEL: `string(appointment.start.at.getHours("Local"))`}, "/cel", "overload", ""},
		"four loops in one another":   {acmesync.FieldRule{Target: "title", CEL: nested(4)}, "/cel", "more than 3 loops", "Use fewer"},
		"three loops over everything": {acmesync.FieldRule{Target: "title", CEL: nested(3)}, "/cel", "too long", "fewer loops"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			fields, problems := mapping.CompileFields([]acmesync.FieldRule{c.rule}, roomTables)
			require.Nil(t, fields)
			require.NotEmpty(t, problems)
			p := problems[0]
			require.Equal(t, "/appointments/mapping/0"+c.pointer, p.Pointer)
			require.Contains(t, p.Message, c.says)
			require.Contains(t, p.Hint, c.hint)
			require.True(t, strings.HasSuffix(p.Message, "."), p.Message)
		})
	}
}

// nested joins contacts' names in so many loops in one another.
func nested(loops int) string {
	inner := "contact.name"
	for i := range loops {
		inner = "contacts.map(c" + string(rune('a'+i)) + ", " + inner + `).join("")`
	}
	return inner
}

func TestProblems(t *testing.T) {
	t.Parallel()
	t.Run("all rules' problems come at once", func(t *testing.T) {
		t.Parallel()
		_, problems := mapping.CompileFields([]acmesync.FieldRule{
			{Target: "titel", Preset: "coppy"}, {Target: "title", CEL: "1 + "}, {Target: "end", Preset: "date_shift"},
		}, nil)
		require.Len(t, problems, 4)
	})
	t.Run("an expression's has its line and column", func(t *testing.T) {
		t.Parallel()
		_, problems := mapping.CompileFields([]acmesync.FieldRule{{Target: "title", CEL: "appointment.subject +\n  contat.name"}}, nil)
		require.Len(t, problems, 1)
		require.Equal(t, 2, problems[0].Line)
		require.Equal(t, 3, problems[0].Column)
		require.Equal(t, "Did you mean contact?", problems[0].Hint)
	})
	t.Run("a rule that throws away what another filled is refused", func(t *testing.T) {
		t.Parallel()
		_, problems := mapping.CompileFields([]acmesync.FieldRule{
			{Target: "title", Preset: "copy", Source: "contact.name"}, {Target: "title", CEL: "appointment.subject"},
		}, nil)
		require.Len(t, problems, 1)
		require.Equal(t, "/appointments/mapping/1/target", problems[0].Pointer)
	})
	t.Run("a rule may go on from what another filled", func(t *testing.T) {
		t.Parallel()
		_, problems := mapping.CompileFields([]acmesync.FieldRule{
			{Target: "title", Preset: "copy", Source: "contact.name"}, {Target: "title", CEL: `event.title + "!"`},
			{Target: "title", Preset: "template", Args: args{"text": "{event.title}?"}}, {Target: "title", Preset: "truncate", Args: args{"length": 9.0}},
		}, nil)
		require.Empty(t, problems)
	})
	t.Run("an expression too long to read is refused", func(t *testing.T) {
		t.Parallel()
		_, problems := mapping.CompileFields([]acmesync.FieldRule{{Target: "title", CEL: strings.Repeat("(", 3_000)}}, nil)
		require.NotEmpty(t, problems)
		_, problems = mapping.CompileFields([]acmesync.FieldRule{{Target: "title", CEL: strings.Repeat("a+", 3_000) + "a"}}, nil)
		require.NotEmpty(t, problems)
	})
	t.Run("no rules change nothing", func(t *testing.T) {
		t.Parallel()
		fields, problems := mapping.CompileFields(nil, nil)
		require.Empty(t, problems)
		e := app.Event{Title: "Cleaning"}
		require.NoError(t, fields.Apply(&e, mapping.Source{}))
		require.Equal(t, app.Event{Title: "Cleaning"}, e)
		var none *mapping.Fields
		require.NoError(t, none.Apply(&e, mapping.Source{}))
	})
}

func TestOwnerKey(t *testing.T) {
	t.Parallel()
	renamed := acmeUsers()
	renamed[0].Name = "Grace Renamed"
	before, after := staff(), mapping.NewStaff(renamed, appUsers())
	for name, c := range map[string]struct {
		rule  acmesync.FieldRule
		moved bool
	}{
		"an owner's name that no rule reads is nothing to events": {acmesync.FieldRule{Target: "title", CEL: "contact.name"}, false},
		"one that a source reads makes their records due":         {acmesync.FieldRule{Target: "title", Preset: "copy", Source: "owner.name"}, true},
		"one that a template reads makes their records due":       {acmesync.FieldRule{Target: "title", Preset: "template", Args: args{"text": "{owner.name}"}}, true},
		"one that an expression reads makes their records due":    {acmesync.FieldRule{Target: "title", CEL: "owner.name"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := compiled(t, acmesync.Config{Appointments: acmesync.AppointmentRules{Mapping: []acmesync.FieldRule{c.rule}}}, settings())
			require.Equal(t, c.moved, rules.OwnerKey(before, "usr_1") != rules.OwnerKey(after, "usr_1"))
			require.Empty(t, rules.OwnerKey(before, "usr_9"))
		})
	}
}

// TestNothingReachable holds the language to the functions it is meant to have: none of them asks a clock, a network or dice.
func TestNothingReachable(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"now()", "timestamp()", "today()", "random()", "rand()", "uuid()", "http.get(\"x\")", "get(\"x\")", "fetch(\"x\")",
		"env(\"HOME\")", "getenv(\"HOME\")", "file(\"x\")", "read(\"x\")", "sleep(1)", "tenant", "tenants", "sync", "net", "math.random()"} {
		_, problems := mapping.CompileFields([]acmesync.FieldRule{{Target: "title", CEL: "string(" + call + ")"}}, nil)
		require.NotEmpty(t, problems, call)
	}
}

func TestExplodingExpressions(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a text that grows tenfold at each step":     `"x"` + strings.Repeat(`.replace("x", "xxxxxxxxxx")`, 20),
		"a text that grows between its letters":      "appointment.subject" + strings.Repeat(`.replace("", appointment.notes_html)`, 5),
		"a list that doubles":                        `[["a"]]` + strings.Repeat(".map(x, x+x+x+x+x+x+x+x+x+x)", 3) + `[0].join("")`,
		"a loop over everything in every round":      `custom.many.map(a, custom.many.map(b, string(a) + string(b)).join("")).join("")`,
		"a pattern that goes back and forth":         `appointment.notes_html.matches("(x+x+)+y") ? "a" : "b"`,
		"a number that leaves its range":             `string(9223372036854775807 + custom.one)`,
		"a sum of long texts":                        "appointment.notes_html" + strings.Repeat(" + appointment.notes_html", 150),
		"a text split into letters and joined again": `appointment.notes_html.split("").join(appointment.subject)`,
	} {
		t.Run(name+" ends", func(t *testing.T) {
			t.Parallel()
			fields, problems := mapping.CompileFields([]acmesync.FieldRule{{Target: "description", CEL: text}}, nil)
			if len(problems) > 0 {
				require.Equal(t, "/appointments/mapping/0/cel", problems[0].Pointer)
				return
			}
			e := app.Event{Title: "x"}
			err := fields.Apply(&e, mapping.Source{
				Appointment: acme.Appointment{Subject: strings.Repeat("s", 1_000), NotesHTML: strings.Repeat("x", 900_000)},
				Custom:      []byte(`{"one": 1, "many": [` + strings.Repeat("1,", 2_000) + `1]}`),
			})
			require.LessOrEqual(t, len(e.Description), 100_000)
			if err != nil {
				var fault *acmesync.Fault
				require.ErrorAs(t, err, &fault)
				require.Equal(t, acmesync.MappingFailed, fault.Code)
				require.Equal(t, "description", fault.Field)
			}
		})
	}
}
