package mapping

import (
	"slices"
	"strings"

	"acmesync"
	"acmesync/app"
)

// State is the event as either side had it when both last agreed. The two may differ: not all of what Acme holds shows in
// the app, and what people write in the app comes back from Acme as the mapping makes it.
type State struct {
	Acme app.Event `json:"acme"` // as Acme's record mapped
	App  app.Event `json:"app"`  // as the app had it
	// Pending is a change that was about to be sent to Acme; nil: none.
	Pending *Pending `json:"pending,omitempty"`
}

// Pending is what was sent to Acme, written down before it was: its answer may be lost.
type Pending struct {
	Version int64     `json:"version"` // of Acme's record that the change was based on
	Fields  []string  `json:"fields"`  // that it changed
	Acme    app.Event `json:"acme"`    // what Acme's record was to map to, as far as those fields go
	App     app.Event `json:"app"`     // the app's event that it was made of
}

// Conflict is a field that both sides have changed to different values since they last agreed.
type Conflict struct {
	Field  string
	Policy acmesync.ConflictPolicy
	Winner acmesync.Side // empty: a person has to say
	Lost   string        // the other value, as people read it
}

// Merged is what both sides are to become.
type Merged struct {
	ToApp     app.Event // all of it, where AppFields is not empty
	AppFields []string  // that the app has to change
	ToAcme    []string  // fields that Acme has to change, to the app's values
	Conflicts []Conflict
}

// Undecided tells whether a person has to say which value stands.
func (m Merged) Undecided() bool {
	return slices.ContainsFunc(m.Conflicts, func(c Conflict) bool { return c.Winner == "" })
}

// Sides are the event as either side has it now, and who wins where both have changed it.
type Sides struct {
	Acme, App app.Event
	// Newer is the side that was changed last, for the policy newest.
	Newer acmesync.Side
	// Settled decides every conflict that is left to a person; empty: none is.
	Settled acmesync.Side
	// Strangers are attendees of App who are no contact that is known: they stay in the app.
	Strangers []app.Attendee
}

// Start and end are one field, and so are status and outcome: halves of either side would make what nobody wrote.
var mergedFields = []struct {
	name    string
	differs func(a, b *app.Event) bool
	copy    func(to, from *app.Event)
	shown   func(e *app.Event) string
}{
	{"owner_id", func(a, b *app.Event) bool { return a.OwnerID != b.OwnerID },
		func(to, from *app.Event) { to.OwnerID = from.OwnerID }, func(e *app.Event) string { return e.OwnerID }},
	{"title", func(a, b *app.Event) bool { return a.Title != b.Title },
		func(to, from *app.Event) { to.Title = from.Title }, func(e *app.Event) string { return e.Title }},
	{"description", func(a, b *app.Event) bool { return a.Description != b.Description },
		func(to, from *app.Event) { to.Description = from.Description }, func(e *app.Event) string { return e.Description }},
	{"start", func(a, b *app.Event) bool { return a.Start != b.Start || a.End != b.End },
		func(to, from *app.Event) { to.Start, to.End = from.Start, from.End },
		func(e *app.Event) string { return shown(e.Start) + " – " + shown(e.End) }},
	{"status", func(a, b *app.Event) bool { return a.Status != b.Status || a.Outcome != b.Outcome },
		func(to, from *app.Event) { to.Status, to.Outcome = from.Status, from.Outcome },
		func(e *app.Event) string { return strings.TrimSpace(e.Status + " " + e.Outcome) }},
	{"visibility", func(a, b *app.Event) bool { return a.Visibility != b.Visibility },
		func(to, from *app.Event) { to.Visibility = from.Visibility }, func(e *app.Event) string { return e.Visibility }},
	{"location", func(a, b *app.Event) bool { return a.Location != b.Location },
		func(to, from *app.Event) { to.Location = from.Location }, func(e *app.Event) string { return e.Location }},
	{"conference_url", func(a, b *app.Event) bool { return a.ConferenceURL != b.ConferenceURL },
		func(to, from *app.Event) { to.ConferenceURL = from.ConferenceURL }, func(e *app.Event) string { return e.ConferenceURL }},
	{attendeesField, func(a, b *app.Event) bool { return !slices.Equal(a.Attendees, b.Attendees) },
		func(to, from *app.Event) { to.Attendees = from.Attendees }, func(e *app.Event) string { return listed(e.Attendees) }},
}

// Merge compares both sides with what they last agreed on. What one side has changed travels to the other; different fields
// of one event travel both ways at once; a field that both have changed alike is agreed on. Where both have changed it
// differently the tenant's policy decides. A field that Acme cannot take back (see Writable) is Acme's where Acme has changed
// it, and stays as people have it in the app where it has not.
func (r *Rules) Merge(s State, in Sides) Merged {
	m := Merged{ToApp: in.App}
	for _, f := range mergedFields {
		if f.name == attendeesField {
			r.mergeAttendees(&m, s, in)
			continue
		}
		acmeMoved, appMoved := f.differs(&s.Acme, &in.Acme), f.differs(&s.App, &in.App)
		switch {
		case !f.differs(&in.Acme, &in.App):
		case acmeMoved && !appMoved:
			m.toApp(f.name, f.copy, in)
		case appMoved && !r.Writable(f.name, in.Acme):
			if acmeMoved {
				m.toApp(f.name, f.copy, in)
			}
		case appMoved && !acmeMoved:
			m.ToAcme = append(m.ToAcme, f.name)
		case appMoved:
			c := r.decide(f.name, in)
			if c.Winner == acmesync.AppSide {
				c.Lost = f.shown(&in.Acme)
				m.ToAcme = append(m.ToAcme, f.name)
			} else if c.Lost = f.shown(&in.App); c.Winner == acmesync.AcmeSide {
				m.toApp(f.name, f.copy, in)
			}
			m.Conflicts = append(m.Conflicts, c)
		}
	}
	return m
}

func (m *Merged) toApp(field string, take func(to, from *app.Event), in Sides) {
	take(&m.ToApp, &in.Acme)
	m.AppFields = append(m.AppFields, field)
}

func (r *Rules) decide(field string, in Sides) Conflict {
	c := Conflict{Field: field, Policy: r.Policy(field), Winner: acmesync.AcmeSide}
	switch c.Policy {
	case acmesync.AppWins:
		c.Winner = acmesync.AppSide
	case acmesync.NewestWins:
		c.Winner = in.Newer
	case acmesync.ReviewConflict:
		c.Winner = in.Settled
	case acmesync.AcmeWins:
	}
	return c
}

// Policy is whose value of a field stands where both sides have changed it. Whether an event is there at all is the field
// "deleted".
func (r *Rules) Policy(field string) acmesync.ConflictPolicy {
	chosen := r.appointments.Conflict
	return orDefault(chosen.Fields[field], orDefault(chosen.Default, acmesync.AcmeWins))
}

// Writable tells whether people's change of a field in the app may travel to Acme. A field that a rule of the tenant's fills otherwise
// than by a plain copy does not; nor, of an appointment that shows as busy only, anything but when it is and whether it takes
// place: nobody in the app has seen the rest.
func (r *Rules) Writable(field string, acmes app.Event) bool {
	if acmes.Visibility == app.VisibilityBusy && field != "start" && field != "status" {
		return false
	}
	for _, rule := range r.appointments.Mapping {
		if mergedAs(rule.Target) == field && !plainCopy(rule) {
			return false
		}
	}
	return true
}

// mergedAs is the field that a target of the mapping is merged as.
func mergedAs(target string) string {
	name, _, _ := strings.Cut(target, ".")
	switch name {
	case "end":
		return "start"
	case "outcome":
		return "status"
	}
	return name
}

// plainSource is where the built-in mapping takes a field from.
var plainSource = map[string]string{
	"title": "appointment.subject", "location": "appointment.location", "conference_url": "appointment.conference_url",
	"owner_id": "appointment.owner_id", "start": "appointment.start", "end": "appointment.end", "status": "appointment.status",
}

func plainCopy(rule acmesync.FieldRule) bool {
	return rule.CEL == "" && (rule.Preset == "" || rule.Preset == "copy") && plainSource[rule.Target] == rule.Source
}

// Agree takes over, field by field, what both sides have come to: from acmes and apps into the state.
func (s *State) Agree(fields []string, acmes, apps app.Event) {
	for _, f := range mergedFields {
		if slices.Contains(fields, f.name) {
			f.copy(&s.Acme, &acmes)
			f.copy(&s.App, &apps)
		}
	}
}

// Settle finds out what became of a change that was under way to Acme. It was made if the record has moved on and maps to
// what was sent: then those fields are agreed on as they were in the app when it was sent. Whatever people have changed in the
// app since is a change of theirs alone.
func (s *State) Settle(version int64, acmes app.Event) {
	p := s.Pending
	if s.Pending = nil; p == nil || version <= p.Version {
		return
	}
	var made []string
	for _, f := range mergedFields {
		if slices.Contains(p.Fields, f.name) && !f.differs(&p.Acme, &acmes) {
			made = append(made, f.name)
		}
	}
	s.Agree(made, acmes, p.App)
}

// Same tells whether two events say the same, whatever their external id and revision.
func Same(a, b app.Event) bool {
	return !slices.ContainsFunc(mergedFields, func(f struct {
		name    string
		differs func(a, b *app.Event) bool
		copy    func(to, from *app.Event)
		shown   func(e *app.Event) string
	}) bool {
		return f.differs(&a, &b)
	})
}
