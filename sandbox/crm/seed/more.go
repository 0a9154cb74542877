package seed

import (
	"fmt"
	"slices"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/manifest"
)

// More makes n records of one resource for an account that has its data already. The plan names its
// contacts by how many there are; turn makes one import differ from the next; code spoils them all.
func More(plan Plan, resource acme.Resource, n int, turn int64, code manifest.Code) (*Set, error) {
	m, err := newMaker(plan)
	if err != nil {
		return nil, err
	}
	if err := m.possible(resource, code); err != nil {
		return nil, err
	}
	d := m.dice(uint64(turn)<<8 | 4)
	m.set.Contacts = make([]acme.Contact, plan.Contacts)
	for i := range m.set.Contacts {
		m.set.Contacts[i].ID = fmt.Sprintf("con_%06d", i+1)
	}
	made := &Set{}
	for i := range n {
		switch resource {
		case acme.Contacts:
			made.Contacts = append(made.Contacts, m.contact(d, plan.Contacts+i))
		case acme.Touchpoints:
			t := m.touchpoint(d, i)
			if code != "" {
				m.spoilTouchpoint(d, &t, code)
			}
			made.Touchpoints = append(made.Touchpoints, t)
		default:
			p := m.appointment(d, i)
			p.Start, p.End = m.ahead(d, p)
			if code != "" {
				m.spoil(d, &p, code, i)
			} else {
				m.mess(d, &p)
			}
			made.Appointments = append(made.Appointments, p)
		}
	}
	return made, nil
}

// possible refuses a defect that the resource cannot have.
func (m *maker) possible(resource acme.Resource, code manifest.Code) error {
	var codes []manifest.Code
	switch resource {
	case acme.Appointments:
		codes = append(parkedAppointments(), manifest.TooOld, manifest.BeyondHorizon)
		if len(m.outside) > 0 {
			codes = append(codes, manifest.OwnerUnmatched)
		}
	case acme.Touchpoints:
		codes = append(parkedTouchpoints(), manifest.InternalNotCounted, manifest.BouncedNotCounted)
		if len(m.outside) > 0 {
			codes = append(codes, manifest.UserUnmatched)
		}
	default: // the others have none
	}
	if code != "" && !slices.Contains(codes, code) {
		return fmt.Errorf("%s of this account cannot be spoiled by %q", resource, code)
	}
	return nil
}

// ahead moves an imported appointment into the days to come.
func (m *maker) ahead(d dice, p acme.Appointment) (start, end *acme.Moment) {
	local := m.Anchor.AddDate(0, 0, d.between(1, FutureDays-1)).Add(time.Duration(d.between(8*4, 18*4)) * 15 * time.Minute)
	return wall(local, p.Start.TimeZone), wall(local.Add(45*time.Minute), p.Start.TimeZone)
}
