package mapping

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"acmesync/app"
)

// target is a field of the app's event that a rule may fill.
type target struct {
	name   string
	shape  shape    // text, moment or people
	limit  int      // text: characters; longer is cut. 0: the app judges
	values []string // text: nothing else is taken
	text   func(*app.Event) *string
	moment func(*app.Event) *app.Moment
}

func targets() []target {
	return []target{
		{name: "title", limit: maxTitle, text: func(e *app.Event) *string { return &e.Title }},
		{name: "description", limit: maxNotes, text: func(e *app.Event) *string { return &e.Description }},
		{name: "start", shape: shapeMoment, moment: func(e *app.Event) *app.Moment { return &e.Start }},
		{name: "end", shape: shapeMoment, moment: func(e *app.Event) *app.Moment { return &e.End }},
		{name: "status", values: []string{app.StatusConfirmed, app.StatusCancelled}, text: func(e *app.Event) *string { return &e.Status }},
		{name: "outcome", values: []string{"", app.OutcomeCompleted, app.OutcomeNoShow}, text: func(e *app.Event) *string { return &e.Outcome }},
		{name: "visibility", values: []string{app.VisibilityFull, app.VisibilityBusy}, text: func(e *app.Event) *string { return &e.Visibility }},
		{name: "location", limit: maxLocation, text: func(e *app.Event) *string { return &e.Location }},
		{name: "conference_url", text: func(e *app.Event) *string { return &e.ConferenceURL }},
		{name: "attendees", shape: shapePeople},
	}
}

// untouchable are the event's other fields, with what to do instead.
var untouchable = map[string]string{
	"external_id": "It is what the app knows the event by; leave it out.",
	"revision":    "It is what keeps older writes from winning; leave it out.",
	"owner_id":    "Say in people.owners who in Acme is who in the app.",
}

func findTarget(all []target, name string) (*target, bool) {
	i := slices.IndexFunc(all, func(t target) bool { return t.name == name })
	if i < 0 {
		return nil, false
	}
	return &all[i], true
}

// inTimes tells whether the field is shown even where nothing else of an appointment is.
func (t *target) shownWhenBusy() bool { return t.shape == shapeMoment || t.name == "status" }

// takes tells whether values of a kind can stand in the field.
func (t *target) takes(k shape) bool {
	switch t.shape {
	case shapeMoment:
		return k == shapeMoment
	case shapePeople:
		return k == shapePeople || k == shapePerson
	default:
		return k == shapeText || k == shapeNumber && len(t.values) == 0 || k == shapeAny
	}
}

// wants says in words what takes takes.
func (t *target) wants() string {
	switch {
	case t.shape == shapeMoment:
		return "a moment, such as appointment.start"
	case t.shape == shapePeople:
		return "people, such as contacts"
	case len(t.values) > 0:
		return "one of " + quoted(t.values)
	}
	return "text"
}

// put fills the field. What it answers is why it can't, empty if it could.
func (t *target) put(r *record, value any) cause {
	switch t.shape {
	case shapeMoment:
		return t.putMoment(r, value)
	case shapePeople:
		return putPeople(r, value)
	default:
		return t.putText(r, value)
	}
}

func (t *target) putText(r *record, value any) cause {
	text, ok := textOf(value)
	if !ok {
		return "its value is no text"
	}
	if len(t.values) > 0 && !slices.Contains(t.values, text) {
		return cause("its value is none of " + quoted(t.values))
	}
	if t.limit > 0 {
		text = clip(text, t.limit)
	}
	if t.name == "title" && !filled(text) {
		return "" // an event has a title: it keeps the one it had
	}
	*t.text(r.event) = text
	return ""
}

func (t *target) putMoment(r *record, value any) cause {
	field := t.moment(r.event)
	switch v := value.(type) {
	case *moment:
		if v.Moment == (app.Moment{}) {
			return "there is no time to take"
		}
		*field = v.Moment
		return ""
	case time.Time:
		at := v.UTC().Truncate(time.Second)
		if at.Year() < 1 || at.Year() > 9999 {
			return "its time is out of reach"
		}
		zone := field.TimeZone
		if zone == "" {
			zone = r.zones.shownIn("", false, r.Settings.TimeZone)
		}
		*field = app.Moment{DateTime: at.Format(instantLayout), TimeZone: zone}
		return ""
	}
	return "its value is no time"
}

func putPeople(r *record, value any) cause {
	switch v := value.(type) {
	case []app.Attendee:
		r.event.Attendees = v
	case []person:
		r.event.Attendees = nil
		for i := range v {
			r.event.Attendees = append(r.event.Attendees, attendee(v[i].Contact, v[i].region))
		}
	case *person:
		r.event.Attendees = nil
		if v != nobody {
			r.event.Attendees = []app.Attendee{attendee(v.Contact, v.region)}
		}
	default:
		return "its value is no list of people"
	}
	return ""
}

// textOf writes what a record's own fields may hold as text; nothing is empty text.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return strings.ToValidUTF8(strings.ReplaceAll(v, "\x00", ""), "\ufffd"), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

func quoted(values []string) string {
	marked := make([]string, len(values))
	for i, v := range values {
		marked[i] = strconv.Quote(v)
	}
	return strings.Join(marked, ", ")
}
