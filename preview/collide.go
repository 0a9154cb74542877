package preview

import (
	"acmesync"
)

// collide counts a record, and finds whether it is the same appointment as one that was looked at before: then one of both is
// left out, the one that the deliver lane would leave out. Records that were not looked at are not known to it.
func (p *Preview) collide(t *tally, s Sample) {
	if s.business == "" || !p.Draft.ByBusinessKey() {
		t.add(s)
		return
	}
	holder, taken := p.holders[s.business]
	switch {
	case !taken:
	case p.stands(holder, s):
		t.add(s.same())
		return
	default:
		t.instead(holder, holder.same())
	}
	p.holders[s.business] = s
	t.add(s)
}

// stands tells whether a record keeps the event beside another that came later: where the first wins the one whose event is there,
// else the one that was changed last.
func (p *Preview) stands(holder, other Sample) bool {
	switch {
	case p.Draft.KeepsFirst():
		return holder.Outcome != Create || other.Outcome == Create
	case !holder.at.Equal(other.at):
		return holder.at.After(other.at)
	}
	return holder.AcmeID > other.AcmeID
}

// same is the record without an event of its own, as another stands for the appointment.
func (s Sample) same() Sample {
	s.event, s.Changes = nil, nil
	if s.Outcome == Create {
		return s.as(Skip, acmesync.SameAppointment, "")
	}
	return s.as(Remove, acmesync.SameAppointment, "")
}
