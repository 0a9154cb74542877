package acmesync

import "slices"

// Person is a row of its own, joined to records at delivery and never copied into envelopes.
type Person struct {
	Kind       PersonKind
	ID         string
	Version    int64
	Hash       string // a UUID's form: 128 bits over the body
	MergedInto string // contacts: the id that took this one over
	Forgotten  bool   // contacts: by right to privacy; past events are to lose it too
	Email      string // for the blind index
	Phone      string // the same, as E.164; contacts alone
	Body       []byte // the person as its system answers
}

// Reach is how a customer is reached: what tells which contact an attendee is. Either may be empty.
type Reach struct {
	Email string
	Phone string // E.164
}

// Reached are the contacts that have an address, or a number, as their first; merges are followed.
type Reached struct {
	ByEmail []string
	ByPhone []string
}

// Contact is the one that is meant: by address, where several share it by number too, and by number alone where nobody has the
// address. Empty: nobody, or, where many says so, nobody can tell which.
func (r Reached) Contact() (id string, many bool) {
	all := r.ByEmail
	if len(all) == 0 {
		all = r.ByPhone
	}
	if len(all) > 1 {
		var both []string
		for _, one := range r.ByEmail {
			if slices.Contains(r.ByPhone, one) {
				both = append(both, one)
			}
		}
		if len(both) == 1 {
			all = both
		}
	}
	if len(all) == 1 {
		return all[0], false
	}
	return "", len(all) > 1
}

// PersonKind tells whose list a person is on.
type PersonKind string

const (
	ContactPerson PersonKind = "contact"  // Acme's contacts
	UserPerson    PersonKind = "user"     // Acme's users
	AppUserPerson PersonKind = "app_user" // the app's users
)
