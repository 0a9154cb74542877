package mapping

import (
	"strings"
	"time"

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

// appointment is the built-in mapping within the tenant's rules.
func (r *Rules) appointment(a acme.Appointment, contacts []acme.Contact, staff Staff, on Occasion) (app.Event, error) {
	when := times(a, staff.zones, r.settings)
	if err := r.leftOut(a, when, on); err != nil {
		return app.Event{}, err
	}
	if wrong := r.wrong(a, when, staff); len(wrong) > 0 {
		return app.Event{}, wrong[0]
	}
	owner, _ := staff.AppUser(a.OwnerID)
	e := app.Event{OwnerID: owner.ID, Start: when.start, End: when.end}
	e.Status, e.Outcome, _ = r.standing(a.Status)
	if a.IsPrivate && r.appointments.Scope.Private != acmesync.PrivateFull {
		e.Visibility, e.Title, e.Outcome = app.VisibilityBusy, privateTitle, ""
		return e, nil
	}
	e.Visibility = app.VisibilityFull
	e.Title = title(a.Subject)
	e.Description = plainText(a.NotesHTML)
	e.Location = clip(a.Location, maxLocation)
	e.ConferenceURL = a.ConferenceURL
	e.Attendees = attendees(contacts, r.settings.Region)
	return e, nil
}

// wrong is all that keeps the built-in mapping from making an event of what is not left out; the first is what the record gets as
// its code.
func (r *Rules) wrong(a acme.Appointment, when span, staff Staff) []error {
	var all []error
	if _, err := r.ownerOf(a, staff); err != nil {
		all = append(all, err)
	}
	all = append(all, when.faults...)
	if _, _, err := r.standing(a.Status); err != nil {
		all = append(all, err)
	}
	return all
}

// leftOut tells what is not carried over, whatever else may be wrong with it.
func (r *Rules) leftOut(a acme.Appointment, when span, on Occasion) error {
	if err := r.excluded(a); err != nil {
		return err
	}
	if _, _, err := r.standing(a.Status); isSkip(err) {
		return err
	}
	return r.outside(when, on)
}

func (r *Rules) ownerOf(a acme.Appointment, staff Staff) (app.User, error) {
	if a.OwnerID == "" {
		return app.User{}, park(acmesync.OwnerMissing, "owner_id", "Nobody owns the appointment; give it an owner in Acme.")
	}
	owner, ok := staff.AppUser(a.OwnerID)
	if !ok {
		return app.User{}, r.unmatched(acmesync.OwnerUnmatched, "owner_id")
	}
	return owner, nil
}

// unmatched is what becomes of a record whose owner or user the app does not know.
func (r *Rules) unmatched(code acmesync.Code, field string) error {
	if r.people.UnmatchedOwner != acmesync.UnmatchedPark {
		return skip(code, field)
	}
	return park(code, field, "Whom this belongs to in Acme has no user in the app; add one with the same e-mail address, or name the user in the rules.")
}

// span is when an appointment is.
type span struct {
	start, end  app.Moment
	from, until time.Time // zero: cannot be read
	wholeDays   bool
	faults      []error // why it is no appointment as it stands
}

func times(a acme.Appointment, z *zones, s Settings) span {
	var t span
	var badStart, badEnd error
	if a.Start != nil {
		t.start, t.from, badStart = z.moment(*a.Start, "start", s.TimeZone)
	}
	if a.End != nil {
		t.end, t.until, badEnd = z.moment(*a.End, "end", s.TimeZone)
	}
	t.wholeDays = t.start.Date != "" || t.end.Date != ""
	if a.Start == nil {
		t.faults = append(t.faults, park(acmesync.StartMissing, "start", "The appointment has no start; set one in Acme."))
	}
	if a.End == nil {
		t.faults = append(t.faults, park(acmesync.EndMissing, "end", "The appointment has no end; set one in Acme."))
	}
	for _, bad := range []error{badStart, badEnd} {
		if bad != nil {
			t.faults = append(t.faults, bad)
		}
	}
	switch {
	case len(t.faults) > 0: // they cannot be compared
	case (t.start.Date == "") != (t.end.Date == ""):
		t.faults = []error{park(acmesync.TimeInvalid, "end",
			"One of start and end is a whole day and the other a time of day; make both alike in Acme.")}
	case !t.until.After(t.from):
		t.faults = []error{park(acmesync.EndBeforeStart, "end",
			"The appointment does not end after it starts; correct its times in Acme.")}
	}
	return t
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
