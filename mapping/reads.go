package mapping

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"acmesync"
	"acmesync/acme"
)

// builtIn are the fields that every tenant's sync reads, whatever the tenant has chosen.
var builtIn = map[acme.Resource][]string{
	acme.Appointments: {
		"id", "version", "status", "subject", "notes_html", "start", "start.date_time", "start.time_zone", "start.date", "end", "end.date_time",
		"end.time_zone", "end.date", "is_private", "owner_id", "contact_ids", "location", "conference_url", "series_id", "original_start",
		"recurrence", "recurrence.rrule", "recurrence.exdates", "updated_at", "deleted_at",
	},
	acme.Touchpoints: {"id", "version", "channel", "direction", "user_id", "occurred_at", "logged_at", "email_status", "updated_at", "deleted_at"},
	acme.Contacts:    {"id", "version", "name", "emails", "phones", "merged_into", "privacy_deleted_at", "deleted_at", "updated_at"},
	acme.Users:       {"id", "version", "email", "updated_at"},
}

// sourcePath finds what rules read, in paths, in templates and in expressions alike.
var sourcePath = regexp.MustCompile(`\b(appointment|contacts?|owner|custom)\.([a-z_0-9]+(?:\.[A-Za-z_0-9]+)*)`)

// rooted says which resource a source's first word leads to.
var rooted = map[string]acme.Resource{
	"appointment": acme.Appointments, "contact": acme.Contacts, "contacts": acme.Contacts, "owner": acme.Users, "custom": acme.Appointments,
}

// derived are sources that are made of another field.
var derived = map[string]string{"email": "emails", "phone": "phones"}

// Reads lists the fields of a resource that a configuration's mapping reads, as paths into Acme's contract, in order.
func Reads(c acmesync.Config, r acme.Resource) []string {
	all := slices.Clone(builtIn[r])
	if r == acme.Appointments && c.Appointments.Direction == acmesync.BothWays {
		all = append(all, "external_ref", "origin")
	}
	if r == acme.Touchpoints && c.Touchpoints.MinCallSeconds > 0 {
		all = append(all, "duration_ms")
	}
	for _, rule := range c.Appointments.Mapping {
		text, err := json.Marshal(rule)
		if err != nil {
			continue // it was read from JSON
		}
		for _, found := range sourcePath.FindAllStringSubmatch(string(text), -1) {
			if rooted[found[1]] != r {
				continue
			}
			switch path := found[2]; {
			case found[1] == "custom":
				all = append(all, "custom."+path)
			case r == acme.Contacts && derived[path] != "":
				all = append(all, derived[path])
			default:
				all = append(all, strings.TrimSuffix(path, ".at"))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
