package pages

import (
	"html/template"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

// functions are what templates need beyond the language.
var functions = template.FuncMap{ //nolint:gochecknoglobals // a constant in all but type
	"initials": initials,
	"ago":      func(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") },
	"join":     strings.Join,
	"statusName": func(s acme.AppointmentStatus) string {
		return strings.ReplaceAll(string(s), "_", " ")
	},
}

func initials(name string) string {
	var out []rune
	for _, word := range strings.Fields(name) {
		if len(out) < 2 {
			out = append(out, []rune(word)[0])
		}
	}
	return strings.ToUpper(string(out))
}

// instant reads a moment as far as it can be read, in the given zone for bare dates.
func instant(m *acme.Moment, zone *time.Location) (at time.Time, allDay, ok bool) {
	if m == nil {
		return time.Time{}, false, false
	}
	if m.Date != "" {
		at, err := time.ParseInLocation(time.DateOnly, m.Date, zone)
		return at, true, err == nil
	}
	if at, err := time.Parse(time.RFC3339, m.DateTime); err == nil {
		return at.In(zone), false, true
	}
	own, err := time.LoadLocation(m.TimeZone)
	if err != nil {
		return time.Time{}, false, false
	}
	at, err = time.ParseInLocation("2006-01-02T15:04:05", m.DateTime, own)
	return at.In(zone), false, err == nil
}

func anyFault(f accounts.Faults) bool {
	return f.Down || f.LatencyMS > 0 || f.Rate5xx > 0 || f.Storm429 != nil || f.HTML502 || f.TokenRevoked || f.TruncatedPage ||
		f.CursorExpired || f.BadPage > 0 || len(f.BadIDs) > 0 || f.AnswerLostAfterCommit || f.StaleListSeconds > 0 ||
		f.Webhook != accounts.WebhookFaults{}
}
