package acmesync

// Person is a row of its own, joined to records at delivery and never copied into envelopes.
type Person struct {
	Kind       PersonKind
	ID         string
	Version    int64
	Hash       string // a UUID's form: 128 bits over the body
	MergedInto string // contacts: the id that took this one over
	Forgotten  bool   // contacts: by right to privacy; past events are to lose it too
	Email      string // for the blind index
	Body       []byte // the person as its system answers
}

// PersonKind tells whose list a person is on.
type PersonKind string

const (
	ContactPerson PersonKind = "contact"  // Acme's contacts
	UserPerson    PersonKind = "user"     // Acme's users
	AppUserPerson PersonKind = "app_user" // the app's users
)
