package mapping

import (
	"slices"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// KeepsFirst tells whether an appointment's event stays as it was first delivered. A fate that takes it out of the calendar
// still does.
func (r *Rules) KeepsFirst() bool { return r.appointments.Collision == acmesync.CollideIgnore }

// MakesSecond tells whether an appointment gets an event of its own where the app says that a person has made the same one.
func (r *Rules) MakesSecond() bool { return r.appointments.Collision == acmesync.CollideCreate }

// ByBusinessKey tells whether appointments with the same owner, start and contacts are one, whatever their ids.
func (r *Rules) ByBusinessKey() bool {
	return r.appointments.BusinessKey && r.appointments.Collision != acmesync.CollideCreate
}

// BusinessKey is the same for the same owner, start and contacts, whoever has taken a contact over: contacts are by the ids that
// the record names, merges followed.
func BusinessKey(e app.Event, ids []string, contacts map[string]acme.Contact) string {
	var named []string
	for _, id := range ids {
		if behind := contacts[id].ID; behind != "" {
			id = behind
		}
		named = append(named, id)
	}
	slices.Sort(named)
	parts := [][]byte{[]byte(e.OwnerID), []byte(e.Start.DateTime), []byte(e.Start.Date)}
	for _, id := range slices.Compact(named) {
		parts = append(parts, []byte(id))
	}
	return acmesync.Hash(parts...)
}
