package mapping

import (
	"slices"
	"time"

	"acmesync/acme"
	"acmesync/app"
)

// InstanceEvent is the event that a series has at an instance; false: it has none there, or it is out of the window.
func (r *Rules) InstanceEvent(a acme.Appointment, contacts []acme.Contact, staff Staff, on Occasion, original string) (app.Event, bool) {
	if a.Recurrence == nil {
		return app.Event{}, false
	}
	series, err := r.Series(a, contacts, staff, on)
	if err != nil {
		return app.Event{}, false
	}
	for _, e := range series.Events {
		if e.Original == original {
			return e.Event, true
		}
	}
	return app.Event{}, false
}

// Exception is the appointment that is to stand for an instance of a series: as the series has it, whose event is e, under the
// name that Expand gives it. What of it is to be otherwise is laid over it.
func Exception(series acme.Appointment, e app.Event, original string) (acme.Appointment, error) {
	a := series
	a.ID, a.Recurrence, a.SeriesID, a.ExternalRef, a.DeletedAt = "", nil, series.ID, "", nil
	a.ContactIDs = slices.Clone(series.ContactIDs)
	start, end, err := momentsOf(e)
	if err != nil {
		return a, err
	}
	moment, _, err := originalStart(original, e.Start.TimeZone)
	if err != nil {
		return a, err
	}
	a.Start, a.End, a.OriginalStart = &start, &end, &moment
	return a, nil
}

// ExceptionInput is what Acme is asked to make so that the patched exception comes of it.
func ExceptionInput(exception acme.Appointment, p acme.AppointmentPatch) acme.AppointmentInput {
	a := Patched(exception, p)
	return acme.AppointmentInput{
		Status: a.Status, Subject: subjectOf(a.Subject), NotesHTML: a.NotesHTML, Start: a.Start, End: a.End, IsPrivate: a.IsPrivate,
		OwnerID: a.OwnerID, ContactIDs: a.ContactIDs, Location: a.Location, ConferenceURL: a.ConferenceURL,
		SeriesID: a.SeriesID, OriginalStart: a.OriginalStart,
	}
}

// Excluded is a series' recurrence without an instance; false: it is left out already.
func (r *Rules) Excluded(a acme.Appointment, original string) (acme.Recurrence, bool) {
	was := *a.Recurrence
	first, at, err := originalStart(original, a.Start.TimeZone)
	if err != nil {
		return was, false
	}
	around := Window{From: at.Add(-2 * lastMidnight), Until: at.Add(2 * lastMidnight)}
	there := func(by acme.Recurrence) bool {
		a.Recurrence = &by
		x, err := Expand(a, around, r.settings)
		return err == nil && slices.ContainsFunc(x.Instances, func(i Instance) bool { return i.Original == original })
	}
	if !there(was) {
		return was, false
	}
	// As the contract writes it; a start that a clock change moves is none that the rule names, and is left out by its instant.
	for _, text := range []string{first.DateTime + first.Date, original} {
		without := acme.Recurrence{RRule: was.RRule, ExDates: append(slices.Clone(was.ExDates), text)}
		if !there(without) {
			return without, true
		}
	}
	return was, false
}

// originalStart reads the name that Expand gives an instance.
func originalStart(original, zone string) (acme.Moment, time.Time, error) {
	at, err := time.Parse(compactInstant, original)
	m := app.Moment{DateTime: at.Format(time.RFC3339), TimeZone: zone}
	if err != nil {
		if at, err = time.Parse(compactDate, original); err != nil {
			return acme.Moment{}, at, err
		}
		m = app.Moment{Date: at.Format(time.DateOnly)}
	}
	moment, err := MomentToAcme(m)
	return moment, at, err
}
