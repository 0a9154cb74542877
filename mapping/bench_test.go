package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

func BenchmarkAppointment(b *testing.B) {
	a := acme.Appointment{
		Status: acme.Scheduled, OwnerID: "usr_1", Subject: "Cleaning, Ann Lee", NotesHTML: "<p>Please bring the <b>papers</b> of last time.</p>",
		Start: &acme.Moment{DateTime: "2026-06-01T10:00:00", TimeZone: "America/New_York"},
		End:   &acme.Moment{DateTime: "2026-06-01T10:30:00", TimeZone: "America/New_York"}, Location: "Room 1",
	}
	contacts := []acme.Contact{{ID: "con_1", Name: "Ann Lee", Emails: []string{"ann.lee@mail.example"}, Phones: []string{"(212) 555-0123"}}}
	who, rules := staff(), compiled(b, acmesync.Config{}, settings())
	b.ReportAllocs()
	for b.Loop() {
		_, err := rules.Appointment(a, contacts, who, occasion())
		require.NoError(b, err)
	}
}

func BenchmarkTouchpoint(b *testing.B) {
	at := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
	p := acme.Touchpoint{ID: "tpt_1", Channel: acme.Call, Direction: acme.Inbound, UserID: "usr_1", OccurredAt: &at, LoggedAt: at}
	who, rules := staff(), compiled(b, acmesync.Config{}, settings())
	b.ReportAllocs()
	for b.Loop() {
		_, err := rules.Touchpoint(p, who, occasion())
		require.NoError(b, err)
	}
}

// BenchmarkFields applies five rules: a copy, a join, a template and two expressions.
func BenchmarkFields(b *testing.B) {
	fields := rulesOf(b,
		acmesync.FieldRule{Target: "location", Preset: "copy", Source: "custom.room"},
		acmesync.FieldRule{Target: "description", Preset: "join", Args: args{"sources": []any{"event.description", "contacts.name"}, "separator": "\n"}},
		acmesync.FieldRule{Target: "title", Preset: "template", Args: args{"text": "{appointment.subject} – {contact.name}"}},
		acmesync.FieldRule{Target: "title", CEL: `event.title + " (" + tz(appointment.start.at, "Europe/Zurich", "HH:mm") + ")"`},
		acmesync.FieldRule{Target: "end", CEL: `event.end.at + duration("15m")`},
	)
	src := mapping.Source{
		Appointment: acme.Appointment{Subject: "Cleaning"}, Settings: settings(), Custom: []byte(`{"room": "Blue room"}`),
		Contacts: []acme.Contact{{ID: "con_1", Name: "Ann Lee", Emails: []string{"ann.lee@mail.example"}, Phones: []string{"(212) 555-0123"}}},
	}
	event := app.Event{
		Title: "Cleaning", Description: "Please bring the papers of last time.", Status: "confirmed", Visibility: "full",
		Start: app.Moment{DateTime: "2026-06-01T14:00:00Z", TimeZone: "America/New_York"}, End: app.Moment{DateTime: "2026-06-01T14:30:00Z", TimeZone: "America/New_York"},
	}
	b.ReportAllocs()
	for b.Loop() {
		e := event
		require.NoError(b, fields.Apply(&e, src))
	}
}
