package mapping

import (
	"strings"

	"acmesync/acme"
	"acmesync/app"
)

// shape is what a value is, known before any record is seen.
type shape int

const (
	shapeText    shape = iota // string
	shapeNumber               // int64
	shapeBool                 // bool
	shapeTexts                // []string
	shapeInstant              // time.Time
	shapeMoment               // moment
	shapePeople               // []person, or of the event []app.Attendee
	shapePerson               // *person
	shapeAny                  // of the record's extra fields: known when it is read
)

var shapeNames = map[shape]string{
	shapeText: "text", shapeNumber: "a number", shapeBool: "true or false", shapeTexts: "a list of texts", shapeInstant: "a time stamp",
	shapeMoment: "a moment", shapePeople: "a list of people", shapePerson: "a contact", shapeAny: "an extra field",
}

func (k shape) String() string { return shapeNames[k] }

// property is one field of an object that rules may read, by path and by expression alike.
type property struct {
	name  string
	shape shape
	get   func(of any) any
}

// object is one of the things that rules read from.
type object struct {
	name       string // as expressions call its type
	properties []property
}

func (o *object) property(name string) (*property, bool) {
	for i := range o.properties {
		if o.properties[i].name == name {
			return &o.properties[i], true
		}
	}
	return nil, false
}

func (o *object) names() []string {
	names := make([]string, len(o.properties))
	for i, p := range o.properties {
		names[i] = p.name
	}
	return names
}

func of[T any](name string, k shape, get func(T) any) property {
	return property{name, k, func(v any) any { return get(v.(T)) }}
}

// catalog is what there is to read. It is the same for every tenant.
type catalog struct {
	appointment, person, user, account, event, moment *object
}

func newCatalog() *catalog {
	return &catalog{
		appointment: &object{"Appointment", appointmentProperties()},
		person:      &object{"Contact", personProperties()},
		user:        &object{"User", userProperties()},
		account: &object{"Account", []property{
			of("region", shapeText, func(s *Settings) any { return s.Region }),
			of("time_zone", shapeText, func(s *Settings) any { return s.TimeZone }),
		}},
		event:  &object{"Event", eventProperties()},
		moment: &object{"Moment", momentProperties()},
	}
}

func appointmentProperties() []property {
	text := func(name string, get func(*acme.Appointment) string) property {
		return of(name, shapeText, func(r *record) any { return get(&r.Appointment) })
	}
	return []property{
		text("id", func(a *acme.Appointment) string { return a.ID }),
		of("version", shapeNumber, func(r *record) any { return r.Appointment.Version }),
		text("status", func(a *acme.Appointment) string { return string(a.Status) }),
		text("subject", func(a *acme.Appointment) string { return a.Subject }),
		text("notes_html", func(a *acme.Appointment) string { return a.NotesHTML }),
		of("start", shapeMoment, func(r *record) any { return &r.start }),
		of("end", shapeMoment, func(r *record) any { return &r.end }),
		of("is_private", shapeBool, func(r *record) any { return r.Appointment.IsPrivate }),
		text("owner_id", func(a *acme.Appointment) string { return a.OwnerID }),
		of("contact_ids", shapeTexts, func(r *record) any { return r.Appointment.ContactIDs }),
		text("location", func(a *acme.Appointment) string { return a.Location }),
		text("conference_url", func(a *acme.Appointment) string { return a.ConferenceURL }),
		text("series_id", func(a *acme.Appointment) string { return a.SeriesID }),
		of("original_start", shapeMoment, func(r *record) any { m := r.originalStart(); return &m }),
		text("external_ref", func(a *acme.Appointment) string { return a.ExternalRef }),
		text("origin", func(a *acme.Appointment) string { return a.Origin }),
		of("created_at", shapeInstant, func(r *record) any { return r.Appointment.CreatedAt }),
		of("updated_at", shapeInstant, func(r *record) any { return r.Appointment.UpdatedAt }),
	}
}

func personProperties() []property {
	return []property{
		of("id", shapeText, func(p *person) any { return p.ID }),
		of("name", shapeText, func(p *person) any { return p.Name }),
		of("email", shapeText, func(p *person) any { return p.email() }),
		of("phone", shapeText, func(p *person) any { return p.phone() }),
		of("emails", shapeTexts, func(p *person) any { return p.Emails }),
		of("phones", shapeTexts, func(p *person) any { return p.Phones }),
	}
}

func userProperties() []property {
	return []property{
		of("id", shapeText, func(u *acme.User) any { return u.ID }),
		of("name", shapeText, func(u *acme.User) any { return u.Name }),
		of("email", shapeText, func(u *acme.User) any { return u.Email }),
		of("active", shapeBool, func(u *acme.User) any { return u.Active }),
		of("time_zone", shapeText, func(u *acme.User) any { return u.TimeZone }),
	}
}

func eventProperties() []property {
	text := func(name string, get func(*app.Event) string) property {
		return of(name, shapeText, func(e *app.Event) any { return get(e) })
	}
	return []property{
		text("title", func(e *app.Event) string { return e.Title }),
		text("description", func(e *app.Event) string { return e.Description }),
		of("start", shapeMoment, func(e *app.Event) any { m := momentOf(e.Start); return &m }),
		of("end", shapeMoment, func(e *app.Event) any { m := momentOf(e.End); return &m }),
		text("status", func(e *app.Event) string { return e.Status }),
		text("outcome", func(e *app.Event) string { return e.Outcome }),
		text("visibility", func(e *app.Event) string { return e.Visibility }),
		text("location", func(e *app.Event) string { return e.Location }),
		text("conference_url", func(e *app.Event) string { return e.ConferenceURL }),
	}
}

func momentProperties() []property {
	return []property{
		of("at", shapeInstant, func(m *moment) any { return m.at }),
		of("date", shapeText, func(m *moment) any { return m.Date }),
		of("date_time", shapeText, func(m *moment) any { return m.DateTime }),
		of("time_zone", shapeText, func(m *moment) any { return m.TimeZone }),
	}
}

// source is a path that was found: what stands there, and how it is read.
type source struct {
	shape shape
	read  func(*record) (any, bool) // false: the record's extra fields can't be read
}

func reads(k shape, get func(*record) any) source {
	return source{k, func(r *record) (any, bool) { return get(r), true }}
}

// find looks a path up. Where it leads nowhere, nearest is the path somebody may have meant; empty: none comes close.
func (c *catalog) find(path string) (found source, nearest string, ok bool) {
	steps := strings.Split(path, ".")
	root, rest := steps[0], steps[1:]
	switch root {
	case "custom":
		if len(rest) == 0 || !allFilled(rest) {
			return source{}, "", false
		}
		return source{shapeAny, func(r *record) (any, bool) { return r.customValue(rest) }}, "", true
	case "contacts":
		if len(rest) == 0 {
			return reads(shapePeople, func(r *record) any { return r.contacts() }), "", true
		}
		return c.ofAll(rest)
	}
	object, start := c.root(root)
	if object == nil {
		guess := closest(root, c.roots())
		if guess != "" && len(rest) > 0 {
			guess = strings.Join(append([]string{guess}, rest...), ".")
			if _, _, ok := c.find(guess); !ok {
				guess = ""
			}
		}
		return source{}, guess, false
	}
	return c.walk(root, object, start, rest)
}

func (c *catalog) roots() []string {
	return []string{"appointment", "contact", "contacts", "owner", "account", "event", "custom"}
}

func (c *catalog) root(name string) (*object, func(*record) any) {
	switch name {
	case "appointment":
		return c.appointment, func(r *record) any { return r }
	case "contact":
		return c.person, func(r *record) any { return r.contact() }
	case "owner":
		return c.user, func(r *record) any { return &r.Owner }
	case "account":
		return c.account, func(r *record) any { return &r.Settings }
	case "event":
		return c.event, func(r *record) any { return r.event }
	}
	return nil, nil
}

func (c *catalog) walk(path string, o *object, get func(*record) any, rest []string) (source, string, bool) {
	k := shapeAny
	for i, step := range rest {
		if o == nil {
			return source{}, path, false
		}
		p, ok := o.property(step)
		if !ok {
			guess := closest(step, o.names())
			if guess != "" {
				guess = path + "." + guess
			}
			return source{}, guess, false
		}
		before := get
		get, k, o = func(r *record) any { return p.get(before(r)) }, p.shape, nil
		if p.shape == shapeMoment {
			o = c.moment
		}
		path += "." + rest[i]
	}
	if len(rest) == 0 {
		if path != "contact" {
			return source{}, path + "." + o.properties[min(1, len(o.properties)-1)].name, false
		}
		k = shapePerson
	}
	return reads(k, get), "", true
}

// ofAll reads one property of every contact.
func (c *catalog) ofAll(rest []string) (source, string, bool) {
	p, ok := c.person.property(rest[0])
	if !ok || len(rest) > 1 {
		guess := closest(rest[0], c.person.names())
		if guess != "" {
			guess = "contacts." + guess
		}
		return source{}, guess, false
	}
	return reads(shapeTexts, func(r *record) any {
		return texts(r.contacts(), func(one *person) []string {
			if list, ok := p.get(one).([]string); ok {
				return list
			}
			return []string{p.get(one).(string)}
		})
	}), "", true
}

func allFilled(steps []string) bool {
	for _, s := range steps {
		if !filled(s) {
			return false
		}
	}
	return true
}
