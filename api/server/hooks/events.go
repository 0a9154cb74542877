package hooks

import (
	"acmesync"
	"acmesync/app"
	"acmesync/db"
	"acmesync/hints"
)

// changesOf makes hints of the app's proven body. A change of an integration's own is no reason to look: whoever made it knows.
func changesOf(body []byte) (events []db.HookEvent, reason string) {
	parsed, raw, err := app.ParseChangeEvents(body)
	if err != nil {
		return []db.HookEvent{hints.Unreadable(body)}, "unreadable"
	}
	readable := false
	for i, e := range parsed {
		if e.ID == "" {
			events = append(events, hints.Unreadable(raw[i]))
			continue
		}
		readable = true
		one := db.HookEvent{Stream: acmesync.AppEvents, AcmeID: e.ID, Version: e.Version, Body: raw[i]}
		if e.Origin == app.OriginIntegration {
			one.Outcome = acmesync.EndedEcho
		}
		events = append(events, one)
	}
	if !readable {
		return events, "unreadable_events"
	}
	return events, ""
}
