package mapping

import (
	"strings"

	"acmesync/acme"
	"acmesync/app"
)

// Staff knows who in Acme is who in the app. It may be used by several goroutines at once.
type Staff struct {
	known   map[string]acme.User // by Acme's user id
	matched map[string]app.User  // Acme's user id → the app's user
	zones   *zones
}

// NewStaff matches Acme's users to the app's by e-mail, without regard to case and surrounding
// spaces. Being inactive is no obstacle on either side: who has left keeps what was theirs, and the app takes it.
// Where several app users share an address, an active one comes first, then the lowest id.
func NewStaff(acmeUsers []acme.User, appUsers []app.User) Staff {
	byEmail := make(map[string]app.User, len(appUsers))
	for _, u := range appUsers {
		key := emailKey(u.Email)
		if held, taken := byEmail[key]; key != "" && (!taken || preferred(u, held)) {
			byEmail[key] = u
		}
	}
	s := Staff{
		known:   make(map[string]acme.User, len(acmeUsers)),
		matched: make(map[string]app.User, len(acmeUsers)),
		zones:   new(zones),
	}
	for _, u := range acmeUsers {
		s.known[u.ID] = u
		if match, ok := byEmail[emailKey(u.Email)]; ok {
			s.matched[u.ID] = match
		}
	}
	return s
}

// AppUser finds the app's user of an Acme user; false if there is none.
func (s Staff) AppUser(acmeUserID string) (app.User, bool) {
	u, ok := s.matched[acmeUserID]
	return u, ok
}

// AcmeUser finds the Acme user of an app user: the way back. Where several match the same one, it is the lowest id.
func (s Staff) AcmeUser(appUserID string) (string, bool) {
	lowest := ""
	for id, u := range s.matched {
		if u.ID == appUserID && (lowest == "" || id < lowest) {
			lowest = id
		}
	}
	return lowest, lowest != ""
}

// Known tells whether the Acme user was in the list at all: an unknown one is a reason to read the list again.
func (s Staff) Known(acmeUserID string) bool {
	_, ok := s.known[acmeUserID]
	return ok
}

func preferred(u, over app.User) bool {
	if u.Active != over.Active {
		return u.Active
	}
	return u.ID < over.ID
}

func emailKey(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
