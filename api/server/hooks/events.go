package hooks

import (
	"errors"
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/db"
)

// eventsOf makes hints of a proven body. What cannot be read is kept raw for a person to see, and its neighbours go on;
// reason is told where nothing of it could be read.
func eventsOf(profile *acme.Profile, body []byte) (events []db.HookEvent, reason string) {
	parsed, raw, err := profile.ParseEvents(body)
	if err != nil {
		return []db.HookEvent{unreadable(body)}, reasonOf(err)
	}
	readable := false
	for i, e := range parsed {
		if e.Type == "" {
			events = append(events, unreadable(raw[i]))
			continue
		}
		readable = true
		events = append(events, hintOf(e, raw[i]))
	}
	if !readable {
		return events, "unreadable_events"
	}
	return events, ""
}

// hintOf is what an event leaves: a reason to look at its record, where the product syncs such records.
func hintOf(e acme.Event, raw []byte) db.HookEvent {
	one := db.HookEvent{Stream: streamOf(e.Type), AcmeID: e.ObjectID, Version: e.Version, Body: raw}
	if one.Stream == "" {
		one.Outcome = acmesync.EndedUnknown
	}
	return one
}

// changesOf makes hints of the app's proven body. A change of an integration's own is no reason to look: whoever made it knows.
func changesOf(body []byte) (events []db.HookEvent, reason string) {
	parsed, raw, err := app.ParseChangeEvents(body)
	if err != nil {
		return []db.HookEvent{unreadable(body)}, "unreadable"
	}
	readable := false
	for i, e := range parsed {
		if e.ID == "" {
			events = append(events, unreadable(raw[i]))
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

func unreadable(body []byte) db.HookEvent {
	return db.HookEvent{Raw: true, Outcome: acmesync.Unreadable, Body: body}
}

func reasonOf(err error) string {
	var told *acme.Error
	if errors.As(err, &told) && told.Code != "" {
		return told.Code
	}
	return "unreadable"
}

// streamOf is the stream an event's object belongs to; empty for objects this product does not sync.
func streamOf(eventType string) acmesync.Stream {
	object, _, _ := strings.Cut(eventType, ".")
	switch object {
	case "appointment":
		return acmesync.Appointments
	case "touchpoint":
		return acmesync.Touchpoints
	case "contact":
		return acmesync.Contacts
	}
	return ""
}

// isWork reports whether a delivery leaves anything for the lanes to do.
func isWork(d db.HookDelivery) bool {
	for _, e := range d.Events {
		if e.Outcome == "" {
			return true
		}
	}
	return false
}
