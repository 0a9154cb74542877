package acmesync

import "strings"

// Stream is one kind of record a tenant syncs.
type Stream string

const (
	Appointments Stream = "appointments"
	Touchpoints  Stream = "touchpoints"
	Contacts     Stream = "contacts" // kept as people; has no ledger
	Users        Stream = "users"    // kept as people; has no ledger
	// AppEvents are changes that people make in the app, of tenants that sync both ways; their id is the app's. Only events
	// that were made there have a ledger row in it: it says what became of them in Acme.
	AppEvents Stream = "app_events"
)

// Recorded lists the streams whose records have a row in the ledger and in the balance.
func Recorded() []Stream { return []Stream{Appointments, Touchpoints} }

// Polled lists the streams the fetch lane walks and polls, in this order.
func Polled() []Stream { return []Stream{Appointments, Touchpoints, Contacts} }

// Key names a record of a tenant.
type Key struct {
	Stream Stream
	AcmeID string
}

// ExternalID is how the app knows a record: "acme/<connection>/<acme id>".
func ExternalID(c ConnectionID, acmeID string) string {
	return "acme/" + string(c) + "/" + acmeID
}

// AcmeIDOf takes an external id apart; ok is false for one that is not ours.
func AcmeIDOf(c ConnectionID, externalID string) (acmeID string, ok bool) {
	return strings.CutPrefix(externalID, "acme/"+string(c)+"/")
}
