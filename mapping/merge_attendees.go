package mapping

import (
	"slices"
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

const attendeesField = "attendees"

// mergeAttendees is Merge for who is there. Acme has contacts where the app has what people have typed, so two of them are the same
// customer by what they are reached by, and one is left as it stands in the app while nothing about it has changed in Acme. What
// only says a customer's name otherwise does not travel; nor do those whom Acme does not know, who stay whatever it says.
func (r *Rules) mergeAttendees(m *Merged, s State, in Sides) {
	acmeMoved := !slices.Equal(s.Acme.Attendees, in.Acme.Attendees)
	appMoved := r.othersThere(s.App.Attendees, in.App.Attendees, in.Strangers) && r.othersThere(in.Acme.Attendees, in.App.Attendees, in.Strangers)
	switch {
	case !acmeMoved && !appMoved:
	case !acmeMoved:
		if r.Writable(attendeesField, in.Acme) {
			m.ToAcme = append(m.ToAcme, attendeesField)
		}
	case !appMoved || !r.Writable(attendeesField, in.Acme):
		r.attendeesToApp(m, s, in)
	default:
		c := r.decide(attendeesField, in)
		if c.Winner == acmesync.AppSide {
			c.Lost = listed(in.Acme.Attendees)
			m.ToAcme = append(m.ToAcme, attendeesField)
		} else if c.Lost = listed(in.App.Attendees); c.Winner == acmesync.AcmeSide {
			r.attendeesToApp(m, s, in)
		}
		m.Conflicts = append(m.Conflicts, c)
	}
}

// attendeesToApp are those of Acme, each as it stands in the app already unless Acme has changed it, and then whom Acme does not know.
func (r *Rules) attendeesToApp(m *Merged, s State, in Sides) {
	theirs, agreed := r.pair(in.Acme.Attendees, in.App.Attendees), r.pair(s.App.Attendees, s.Acme.Attendees)
	var all []app.Attendee
	met := map[int]bool{}
	for i, a := range in.Acme.Attendees {
		at := theirs[i]
		if met[at] = true; at >= 0 && slices.Contains(s.Acme.Attendees, a) {
			a = in.App.Attendees[at]
		}
		all = append(all, a)
	}
	for i, a := range in.App.Attendees {
		before := slices.Index(s.App.Attendees, a)
		if !met[i] && len(all) < maxAttendees && (slices.Contains(in.Strangers, a) || before >= 0 && agreed[before] < 0) {
			all = append(all, a)
		}
	}
	if !slices.Equal(all, in.App.Attendees) {
		m.ToApp.Attendees = all
		m.AppFields = append(m.AppFields, attendeesField)
	}
}

// othersThere tells whether somebody Acme knows has come or gone between two lists.
func (r *Rules) othersThere(before, after, strangers []app.Attendee) bool {
	return len(r.Unpaired(before, after)) > 0 || slices.ContainsFunc(r.Unpaired(after, before), func(i int) bool {
		return !slices.Contains(strangers, after[i])
	})
}

// Unpaired are the places of those in a list who are not in the other.
func (r *Rules) Unpaired(list, other []app.Attendee) []int {
	var alone []int
	for i, at := range r.pair(list, other) {
		if at < 0 {
			alone = append(alone, i)
		}
	}
	return alone
}

// pair finds for each of a list its place in the other, -1 where it has none. Those that are equal find each other first.
func (r *Rules) pair(list, other []app.Attendee) []int {
	places, taken := make([]int, len(list)), make([]bool, len(other))
	for i := range places {
		places[i] = -1
	}
	for _, same := range []func(a, b app.Attendee) bool{func(a, b app.Attendee) bool { return a == b }, r.sameCustomer} {
		for i, a := range list {
			for n := 0; n < len(other) && places[i] < 0; n++ {
				if !taken[n] && same(a, other[n]) {
					places[i], taken[n] = n, true
				}
			}
		}
	}
	return places
}

// sameCustomer: by address; where one has none, or both bear the same name, by number; and by name where one has neither.
func (r *Rules) sameCustomer(a, b app.Attendee) bool {
	one, other := r.ReachOf(a), r.ReachOf(b)
	named := strings.EqualFold(strings.TrimSpace(a.Name), strings.TrimSpace(b.Name))
	switch {
	case one.Email != "" && strings.EqualFold(one.Email, other.Email):
		return true
	case one.Email != "" && other.Email != "" && !named:
		return false
	case one.Phone != "" && other.Phone != "":
		return one.Phone == other.Phone
	}
	return named && (one == acmesync.Reach{} || other == acmesync.Reach{})
}

// Attendee is how a contact is shown in the app; false: it is not.
func (r *Rules) Attendee(c acme.Contact) (app.Attendee, bool) {
	shown := attendees([]acme.Contact{c}, r.settings.Region)
	if len(shown) == 0 {
		return app.Attendee{}, false
	}
	return shown[0], true
}
