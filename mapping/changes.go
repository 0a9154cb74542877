package mapping

import (
	"slices"
	"strings"

	"acmesync"
	"acmesync/app"
)

// FieldChange is a field of an event whose value would be another one, both as people read them; empty: none.
type FieldChange struct {
	Field  string `json:"field"` // as the app's contract names it
	Before string `json:"before"`
	After  string `json:"after"`
}

// ChangedFields lists in the contract's order what differs between two states of an event. Who wrote them and how
// often, ExternalID and Revision, is no difference.
func ChangedFields(before, after app.Event) []FieldChange {
	var changed []FieldChange
	note := func(field, was, is string) {
		if was != is {
			changed = append(changed, FieldChange{Field: field, Before: was, After: is})
		}
	}
	note("owner_id", before.OwnerID, after.OwnerID)
	note("title", before.Title, after.Title)
	note("description", before.Description, after.Description)
	note("start", shown(before.Start), shown(after.Start))
	note("end", shown(before.End), shown(after.End))
	note("status", before.Status, after.Status)
	note("outcome", before.Outcome, after.Outcome)
	note("visibility", before.Visibility, after.Visibility)
	note("location", before.Location, after.Location)
	note("conference_url", before.ConferenceURL, after.ConferenceURL)
	if !slices.Equal(before.Attendees, after.Attendees) {
		changed = append(changed, FieldChange{Field: "attendees", Before: listed(before.Attendees), After: listed(after.Attendees)})
	}
	return changed
}

// shown writes a moment in one line: "2026-06-01", or "2026-06-01T08:00:00Z Europe/Zurich".
func shown(m app.Moment) string {
	if m.Date != "" {
		return m.Date
	}
	return strings.TrimSpace(m.DateTime + " " + m.TimeZone)
}

func listed(attendees []app.Attendee) string {
	lines := make([]string, len(attendees))
	for i, a := range attendees {
		lines[i] = strings.Join(slices.DeleteFunc([]string{a.Name, a.Email, a.Phone}, func(s string) bool { return s == "" }), ", ")
	}
	return strings.Join(lines, "; ")
}

// EventHash covers all that an event says: not how it is written.
func EventHash(e app.Event) string {
	e.Revision, e.IfVersion, e.AllowDuplicate = 0, 0, false
	return acmesync.Hash(app.AppendEvent(nil, &e))
}
