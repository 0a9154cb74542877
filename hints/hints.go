// Package hints reads what was pushed and proven as hints: reasons to look, by whatever way they came.
package hints

import (
	"bytes"
	"errors"
	"strings"

	"acmesync"
	"acmesync/acme"
)

// Of makes hints of a proven body. What cannot be read is kept raw for a person to see, and its neighbours go on;
// reason is told where nothing of it could be read.
func Of(profile *acme.Profile, body []byte) (events []acmesync.HookEvent, reason string) {
	parsed, raw, err := profile.ParseEvents(body)
	if err != nil {
		return []acmesync.HookEvent{Unreadable(body)}, Reason(err)
	}
	readable := false
	for i, e := range parsed {
		if e.Type == "" {
			events = append(events, Unreadable(raw[i]))
			continue
		}
		readable = true
		events = append(events, OfEvent(e, raw[i]))
	}
	if !readable {
		return events, "unreadable_events"
	}
	return events, ""
}

// OfEvent is what an event leaves: a reason to look at its record, where the product syncs such records.
func OfEvent(e acme.Event, raw []byte) acmesync.HookEvent {
	one := acmesync.HookEvent{Stream: streamOf(e.Type), AcmeID: e.ObjectID, Version: e.Version, Body: raw}
	if one.Stream == "" {
		one.Outcome = acmesync.EndedUnknown
	}
	return one
}

// OfMessage makes hints of a broker's message, which usually is one event; webhooks are always lists.
func OfMessage(profile *acme.Profile, body []byte) (events []acmesync.HookEvent, reason string) {
	events, reason = Of(profile, body)
	if reason != acme.CodeWrongShape || !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return events, reason
	}
	list := make([]byte, 0, len(body)+2)
	list = append(append(append(list, '['), body...), ']')
	if one, strange := Of(profile, list); strange == "" {
		return one, ""
	}
	return events, reason
}

// Unreadable keeps what cannot be read as it came.
func Unreadable(body []byte) acmesync.HookEvent {
	return acmesync.HookEvent{Raw: true, Outcome: acmesync.Unreadable, Body: body}
}

// Reason is why something could not be read, as a word.
func Reason(err error) string {
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
