package mapping

import "acmesync"

// KeepsFirst tells whether an appointment's event stays as it was first delivered. A fate that takes it out of the calendar
// still does.
func (r *Rules) KeepsFirst() bool { return r.appointments.Collision == acmesync.CollideIgnore }

// ByBusinessKey tells whether appointments with the same owner, start and contacts are one, whatever their ids.
func (r *Rules) ByBusinessKey() bool {
	return r.appointments.BusinessKey && r.appointments.Collision != acmesync.CollideCreate
}
