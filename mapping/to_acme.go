package mapping

import (
	"html"
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// What Acme takes at most; see its contract.
const (
	acmeSubject  = 500   // characters
	acmeNotes    = 65536 // bytes
	acmeLocation = 1000
)

// Patch is what Acme's record has to change so that it maps to the event's values of these fields. A value that Acme has no
// word for is a *acmesync.Fault.
func (r *Rules) Patch(fields []string, e app.Event, staff Staff) (acme.AppointmentPatch, error) {
	var p acme.AppointmentPatch
	for _, field := range fields {
		if err := r.patch(&p, field, e, staff); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (r *Rules) patch(p *acme.AppointmentPatch, field string, e app.Event, staff Staff) error {
	switch field {
	case "owner_id":
		owner, ok := staff.AcmeUser(e.OwnerID)
		if !ok {
			return park(acmesync.OwnerUnmatched, "owner_id", "In the app this belongs to somebody who has no user in Acme; give it to somebody else, or add the user.")
		}
		p.OwnerID = &owner
	case "title":
		subject := subjectOf(e.Title)
		p.Subject = &subject
	case "description":
		notes := notesOf(e.Description)
		p.NotesHTML = &notes
	case "start":
		start, end, err := momentsOf(e)
		if err != nil {
			return err
		}
		p.Start, p.End = &start, &end
	case "status":
		status := statusOf(e)
		p.Status = &status
	case "visibility":
		private := e.Visibility == app.VisibilityBusy
		p.IsPrivate = &private
	case "location":
		location := clip(e.Location, acmeLocation)
		p.Location = &location
	case "conference_url":
		p.ConferenceURL = &e.ConferenceURL
	}
	return nil
}

// Input is the appointment that an event made in the app becomes. Errors are *Skip or *acmesync.Fault.
func (r *Rules) Input(e app.Event, staff Staff) (acme.AppointmentInput, error) {
	owner, ok := staff.AcmeUser(e.OwnerID)
	if !ok {
		return acme.AppointmentInput{}, r.unmatched(acmesync.OwnerUnmatched, "owner_id")
	}
	start, end, err := momentsOf(e)
	if err != nil {
		return acme.AppointmentInput{}, err
	}
	return acme.AppointmentInput{
		Status: statusOf(e), Subject: subjectOf(e.Title), NotesHTML: notesOf(e.Description), Start: &start, End: &end,
		IsPrivate: e.Visibility == app.VisibilityBusy, OwnerID: owner, Location: clip(e.Location, acmeLocation), ConferenceURL: e.ConferenceURL,
	}, nil
}

// DeletedInApp is what becomes of the appointment whose event people have deleted in the app.
func (r *Rules) DeletedInApp() acmesync.Fate {
	return orDefault(r.appointments.When.DeletedInApp, acmesync.FateRemove)
}

func momentsOf(e app.Event) (start, end acme.Moment, err error) {
	if start, err = MomentToAcme(e.Start); err == nil {
		end, err = MomentToAcme(e.End)
	}
	if err != nil {
		return start, end, park(acmesync.TimeInvalid, "start", "The times that the app shows cannot be written in Acme; set them again in the app.")
	}
	return start, end, nil
}

func statusOf(e app.Event) acme.AppointmentStatus {
	switch {
	case e.Status == app.StatusCancelled:
		return acme.Canceled
	case e.Outcome == app.OutcomeCompleted:
		return acme.Completed
	case e.Outcome == app.OutcomeNoShow:
		return acme.NoShow
	}
	return acme.Scheduled
}

func subjectOf(title string) string {
	if strings.TrimSpace(title) == "" {
		return noSubject
	}
	return clip(title, acmeSubject)
}

// notesOf writes plain text so that plainText reads it again.
func notesOf(text string) string {
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = html.EscapeString(line)
	}
	notes := "<p>" + strings.Join(lines, "<br>") + "</p>"
	for runes := len(text) / 2; len(notes) > acmeNotes; runes /= 2 {
		notes = notesOf(clip(text, max(runes, 1)))
	}
	return notes
}

// Patched is the record as it is going to be when Acme has taken the patch.
func Patched(a acme.Appointment, p acme.AppointmentPatch) acme.Appointment {
	set(&a.Status, p.Status)
	set(&a.Subject, p.Subject)
	set(&a.NotesHTML, p.NotesHTML)
	set(&a.IsPrivate, p.IsPrivate)
	set(&a.OwnerID, p.OwnerID)
	set(&a.Location, p.Location)
	set(&a.ConferenceURL, p.ConferenceURL)
	set(&a.ContactIDs, p.ContactIDs)
	if p.Start != nil {
		a.Start = p.Start
	}
	if p.End != nil {
		a.End = p.End
	}
	return a
}

// Made is the record that Acme is going to make of the input.
func Made(in acme.AppointmentInput) acme.Appointment {
	return acme.Appointment{
		Status: in.Status, Subject: in.Subject, NotesHTML: in.NotesHTML, Start: in.Start, End: in.End, IsPrivate: in.IsPrivate,
		OwnerID: in.OwnerID, Location: in.Location, ConferenceURL: in.ConferenceURL, ExternalRef: in.ExternalRef,
	}
}

func set[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}
