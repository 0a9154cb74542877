package mapping

import (
	"strings"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// What the app takes at most; see its contract. Notes may be longer there, but nobody reads that much in a calendar.
const (
	maxTitle    = 500    // characters, as the next two
	maxNotes    = 20_000 //
	maxLocation = 1_000  //

	noSubject    = "(no subject)"
	privateTitle = "Busy"
)

// appointment is the built-in mapping. A canceled appointment is kept and marked, as are completed ones and those nobody came to. A private one
// shows that the time is taken, and whether it was canceled, but nothing else.
func appointment(a acme.Appointment, contacts []acme.Contact, staff Staff, s Settings) (app.Event, error) {
	owner, err := ownerOf(a, staff)
	if err != nil {
		return app.Event{}, err
	}
	e := app.Event{OwnerID: owner.ID}
	if e.Start, e.End, err = times(a, staff.zones, s); err != nil {
		return app.Event{}, err
	}
	if e.Status, e.Outcome, err = standing(a.Status); err != nil {
		return app.Event{}, err
	}
	if a.IsPrivate {
		e.Visibility, e.Title, e.Outcome = app.VisibilityBusy, privateTitle, ""
		return e, nil
	}
	e.Visibility = app.VisibilityFull
	e.Title = title(a.Subject)
	e.Description = plainText(a.NotesHTML)
	e.Location = clip(a.Location, maxLocation)
	e.ConferenceURL = a.ConferenceURL
	e.Attendees = attendees(contacts, s.Region)
	return e, nil
}

func ownerOf(a acme.Appointment, staff Staff) (app.User, error) {
	switch {
	case a.Recurrence != nil:
		return app.User{}, skip(acmesync.RecurrenceUnsupported, "recurrence")
	case a.SeriesID != "":
		return app.User{}, skip(acmesync.RecurrenceUnsupported, "series_id")
	case a.OwnerID == "":
		return app.User{}, park(acmesync.OwnerMissing, "owner_id", "Nobody owns the appointment; give it an owner in Acme.")
	}
	owner, ok := staff.AppUser(a.OwnerID)
	if !ok {
		return app.User{}, skip(acmesync.OwnerUnmatched, "owner_id")
	}
	return owner, nil
}

func times(a acme.Appointment, z *zones, s Settings) (start, end app.Moment, err error) {
	switch {
	case a.Start == nil:
		return start, end, park(acmesync.StartMissing, "start", "The appointment has no start; set one in Acme.")
	case a.End == nil:
		return start, end, park(acmesync.EndMissing, "end", "The appointment has no end; set one in Acme.")
	}
	start, from, err := z.moment(*a.Start, "start", s.TimeZone)
	if err != nil {
		return start, end, err
	}
	end, until, err := z.moment(*a.End, "end", s.TimeZone)
	switch {
	case err != nil:
		return start, end, err
	case (start.Date == "") != (end.Date == ""):
		return start, end, park(acmesync.TimeInvalid, "end",
			"One of start and end is a whole day and the other a time of day; make both alike in Acme.")
	case !until.After(from):
		return start, end, park(acmesync.EndBeforeStart, "end",
			"The appointment does not end after it starts; correct its times in Acme.")
	}
	return start, end, nil
}

func standing(s acme.AppointmentStatus) (status, outcome string, err error) {
	switch s {
	case acme.Scheduled:
		return app.StatusConfirmed, "", nil
	case acme.Completed:
		return app.StatusConfirmed, app.OutcomeCompleted, nil
	case acme.NoShow:
		return app.StatusConfirmed, app.OutcomeNoShow, nil
	case acme.Canceled:
		return app.StatusCancelled, "", nil
	}
	return "", "", park(acmesync.Unreadable, "status", "The status is none that is known here; set another one in Acme or ask support.")
}

// title keeps the subject as typed, unless there is nothing to see in it.
func title(subject string) string {
	if strings.TrimSpace(subject) == "" {
		return noSubject
	}
	return clip(subject, maxTitle)
}

// clip shortens text to at most so many runes, the last one "…" where something is missing.
func clip(text string, runes int) string {
	if len(text) <= runes {
		return text
	}
	n, last := 0, 0 // last: where the rune that "…" would replace begins
	for i := range text {
		if n++; n == runes {
			last = i
		}
		if n > runes {
			return strings.TrimRight(text[:last], " \n\u200d") + "…"
		}
	}
	return text
}
