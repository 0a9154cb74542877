package mapping

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/app"
)

// Source is all that a field rule may read of one record: nothing of other records or tenants, and no clock.
type Source struct {
	Appointment acme.Appointment
	Contacts    []acme.Contact  // those that were found, in the order of contact_ids, merges already followed
	Owner       acme.User       // in Acme
	Settings    Settings        //
	Custom      json.RawMessage // an object: what the record holds beyond Acme's contract; empty: nothing
}

// record is a Source while its rules are applied. What costs something is made when it is first read.
type record struct {
	Source
	zones *zones
	event *app.Event // as filled so far

	start, end moment
	people     []person
	peopleMade bool
	own        map[string]any
	ownMade    bool
	failed     string // why custom can't be read
}

// moment is a start or an end as rules see it.
type moment struct {
	app.Moment
	at time.Time // of a whole day its beginning in UTC; zero: there is none
}

// person is a contact as rules see it: once, without those who are gone, and without anything of those who asked to
// be forgotten.
type person struct {
	acme.Contact
	region string
}

func (p *person) email() string { return email(p.Emails) }
func (p *person) phone() string { return phone(p.Phones, p.region) }

func newRecord(src Source, e *app.Event, z *zones) *record {
	return &record{Source: src, zones: z, event: e, start: momentOf(e.Start), end: momentOf(e.End)}
}

// momentOf reads back what the built-in mapping or a rule has written.
func momentOf(m app.Moment) moment {
	if m.Date != "" {
		day, _ := readDate(m.Date)
		return moment{m, day}
	}
	at, err := time.Parse(instantLayout, m.DateTime)
	if err != nil {
		return moment{}
	}
	return moment{m, at}
}

// nobody is the contact of an appointment without any.
var nobody = &person{}

func (r *record) contact() *person {
	if len(r.contacts()) == 0 {
		return nobody
	}
	return &r.people[0]
}

func (r *record) contacts() []person {
	if r.peopleMade {
		return r.people
	}
	r.peopleMade = true
	for _, c := range r.Contacts {
		if c.PrivacyDeletedAt != nil {
			c = acme.Contact{ID: c.ID, Name: forgotten}
		}
		if c.DeletedAt == nil && len(r.people) < maxAttendees && !r.has(c.ID) {
			r.people = append(r.people, person{c, r.Settings.Region})
		}
	}
	return r.people
}

func (r *record) has(contact string) bool {
	for i := range r.people {
		if r.people[i].ID == contact {
			return true
		}
	}
	return false
}

// custom answers false where the extra fields are no object that can be read.
func (r *record) custom() (map[string]any, bool) {
	if !r.ownMade {
		r.ownMade = true
		r.own, r.failed = readCustom(r.Custom)
	}
	return r.own, r.failed == ""
}

const customUnreadable = "the record's extra fields can't be read"

func readCustom(raw json.RawMessage) (map[string]any, string) {
	own := map[string]any{}
	if len(bytes.TrimSpace(raw)) == 0 {
		return own, ""
	}
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	if in.Decode(&own) != nil {
		return nil, customUnreadable
	}
	for key, value := range own {
		own[key] = plain(value)
	}
	return own, ""
}

// plain makes numbers of json's digits, of which whole ones stay exact as far as they fit, and bounds texts.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case string:
		return cut(v)
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = plain(v[key])
		}
	}
	return value
}

// customValue follows a path into the extra fields; what is not there is nil.
func (r *record) customValue(path []string) (any, bool) {
	own, ok := r.custom()
	if !ok {
		return nil, false
	}
	var value any = own
	for _, key := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil, true
		}
		value = inner[key]
	}
	return value, true
}

func (r *record) originalStart() moment {
	if r.Appointment.OriginalStart == nil {
		return moment{}
	}
	m, at, err := r.zones.moment(*r.Appointment.OriginalStart, "original_start", r.Settings.TimeZone)
	if err != nil {
		return moment{}
	}
	return moment{m, at}
}

func texts(people []person, of func(*person) []string) []string {
	var out []string
	for i := range people {
		out = append(out, of(&people[i])...)
	}
	return out
}

func filled(s string) bool { return strings.TrimSpace(s) != "" }
