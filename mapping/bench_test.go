package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/acme"
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
