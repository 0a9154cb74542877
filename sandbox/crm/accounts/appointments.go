package accounts

import (
	"cmp"
	"slices"
	"time"

	"acmesync/acme"
)

// AppointmentInput is what a writer may say about an appointment.
type AppointmentInput struct {
	Status        acme.AppointmentStatus `json:"status"`
	Subject       string                 `json:"subject"`
	NotesHTML     string                 `json:"notes_html"`
	Start         *acme.Moment           `json:"start"`
	End           *acme.Moment           `json:"end"`
	IsPrivate     bool                   `json:"is_private"`
	OwnerID       string                 `json:"owner_id"`
	ContactIDs    []string               `json:"contact_ids"`
	Location      string                 `json:"location"`
	ConferenceURL string                 `json:"conference_url"`
	SeriesID      string                 `json:"series_id"`
	OriginalStart *acme.Moment           `json:"original_start"`
	Recurrence    *acme.Recurrence       `json:"recurrence"`
	ExternalRef   string                 `json:"external_ref"`
}

func inputOf(p *acme.Appointment) AppointmentInput {
	return AppointmentInput{
		Status: p.Status, Subject: p.Subject, NotesHTML: p.NotesHTML, Start: p.Start, End: p.End,
		IsPrivate: p.IsPrivate, OwnerID: p.OwnerID, ContactIDs: slices.Clone(p.ContactIDs), Location: p.Location,
		ConferenceURL: p.ConferenceURL, SeriesID: p.SeriesID, OriginalStart: p.OriginalStart,
		Recurrence: p.Recurrence, ExternalRef: p.ExternalRef,
	}
}

func (in AppointmentInput) onto(p acme.Appointment) *acme.Appointment {
	p.Status = cmp.Or(in.Status, acme.Scheduled)
	p.Subject, p.NotesHTML, p.Start, p.End = in.Subject, in.NotesHTML, in.Start, in.End
	p.IsPrivate, p.OwnerID, p.Location, p.ConferenceURL = in.IsPrivate, in.OwnerID, in.Location, in.ConferenceURL
	p.SeriesID, p.OriginalStart, p.Recurrence, p.ExternalRef = in.SeriesID, in.OriginalStart, in.Recurrence, in.ExternalRef
	p.ContactIDs = in.ContactIDs
	if p.ContactIDs == nil {
		p.ContactIDs = []string{}
	}
	return &p
}

// CreateAppointment sets an appointment. One with the same owner, start and a common contact is refused as a duplicate.
func (a *Account) CreateAppointment(in AppointmentInput, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		if before, found, err := a.answered(now, by); found || err != nil {
			return before, 0, err
		}
		p := in.onto(acme.Appointment{Version: 1, Origin: by.Origin, CreatedAt: now, UpdatedAt: now})
		if err := a.checkAppointment(p); err != nil {
			return Written{}, 0, err
		}
		if id, found := a.duplicateOf(p); found {
			return Written{}, 0, &Refusal{
				Code: "duplicate", Message: "This appointment is already there.", ExistingID: id,
			}
		}
		p.ID = a.appointments.nextID()
		return a.commit(now, "create", by, change{p, "created"})
	})
}

// UpdateAppointment changes what edit changes; a deleted appointment cannot be changed.
func (a *Account) UpdateAppointment(id string, edit func(*AppointmentInput) error, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		if before, found, err := a.answered(now, by); found || err != nil {
			return before, 0, err
		}
		old, err := alive(&a.appointments, id, by, now, "appointment")
		if err != nil {
			return Written{}, 0, err
		}
		in := inputOf(old)
		if err := edit(&in); err != nil {
			return Written{}, 0, err
		}
		p := in.onto(*old)
		if err := a.checkAppointment(p); err != nil {
			return Written{}, 0, err
		}
		p.Version, p.UpdatedAt = old.Version+1, now
		return a.commit(now, "update", by, change{p, "updated"})
	})
}

// AttachContacts adds contacts that are not on the appointment yet.
func (a *Account) AttachContacts(id string, contacts []string, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		old, err := alive(&a.appointments, id, by, now, "appointment")
		if err != nil {
			return Written{}, 0, err
		}
		p := *old
		p.ContactIDs = slices.Clone(old.ContactIDs)
		for _, contact := range contacts {
			if _, known := a.contacts.rows[contact]; !known {
				return Written{}, 0, invalid([]FieldError{{"contact_ids", "unknown"}})
			}
			if !slices.Contains(p.ContactIDs, contact) {
				p.ContactIDs = append(p.ContactIDs, contact)
			}
		}
		if len(p.ContactIDs) == len(old.ContactIDs) {
			r := a.appointments.rows[id]
			return Written{Raw: r.raw, ID: id, Version: r.head.version, Replayed: true}, 0, nil
		}
		if existing, found := a.duplicateOf(&p); found {
			return Written{}, 0, &Refusal{Code: "duplicate", Message: "This appointment is already there.", ExistingID: existing}
		}
		p.Version, p.UpdatedAt = old.Version+1, now
		return a.commit(now, "update", by, change{&p, "updated"})
	})
}

// ByExternalRef finds the appointments an integration made under a reference.
func (a *Account) ByExternalRef(ref string, deleted bool) (raws [][]byte) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	now := a.now()
	for _, r := range a.appointments.rows {
		if r.record.ExternalRef == ref && !gone(r.head, now) && (deleted || r.head.deletedAt == nil) {
			raws = append(raws, r.raw)
		}
	}
	return raws
}

// UndeleteAppointment brings a deleted appointment back; one that is not deleted stays as it is.
func (a *Account) UndeleteAppointment(id string, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		r, found := a.appointments.get(id, now)
		if !found {
			return Written{}, 0, notFound("appointment")
		}
		if r.record.DeletedAt == nil {
			return Written{Raw: r.raw, ID: id, Version: r.head.version, Replayed: true}, 0, nil
		}
		p := *r.record
		p.DeletedAt, p.UpdatedAt, p.Version = nil, now, p.Version+1
		return a.commit(now, "undelete", by, change{&p, "undeleted"})
	})
}

// alive finds a record that may be changed.
func alive[T any](t *table[T], id string, by Request, now time.Time, what string) (*T, error) {
	r, found := t.get(id, now)
	if !found || r.head.deletedAt != nil {
		return nil, notFound(what)
	}
	return r.record, matches(by.IfMatch, r.head.version)
}

// SetStatus changes nothing but the status, so that even an appointment with unreadable times can be canceled.
func (a *Account) SetStatus(id string, status acme.AppointmentStatus, by Request) (Written, error) {
	return a.write(func(now time.Time) (Written, int64, error) {
		old, err := alive(&a.appointments, id, by, now, "appointment")
		if err != nil {
			return Written{}, 0, err
		}
		p := *old
		p.Status, p.Version, p.UpdatedAt = status, p.Version+1, now
		return a.commit(now, "update", by, change{&p, "updated"})
	})
}
