package mapping

import (
	"errors"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// Series is what the master of a series becomes: an event for each instance in the window.
type Series struct {
	Events []SeriesEvent // in the order of the rule; Event.ExternalID is the caller's, as ever
	From   time.Time     // where the window begins: what was written of earlier ones stays as it is
	Again  time.Time     // when the next instance comes inside the horizon; zero: there is none
}

// SeriesEvent is the event of one instance, under its name within the series.
type SeriesEvent struct {
	Original string
	Event    app.Event
}

// Series maps the master of a series. Each instance is mapped as if it were an appointment of its own, so that every rule
// of the tenant's holds for it. A series without an instance in the window is left out until one comes inside, unless
// it was delivered before. Errors are *Skip or *acmesync.Fault.
func (r *Rules) Series(a acme.Appointment, contacts []acme.Contact, staff Staff, on Occasion) (Series, error) {
	if err := r.asWhole(a, contacts, staff, on); err != nil {
		return Series{}, err
	}
	w := r.Window(on.Now).ForSeries(on.Now)
	x, err := expand(a, w, staff.zones, r.settings)
	if err != nil {
		return Series{}, err
	}
	s := Series{From: w.From}
	if !x.Next.IsZero() {
		s.Again = x.Next.Add(on.Now.Sub(w.Until))
	}
	if len(x.Instances) == 0 && !on.Delivered {
		if s.Again.IsZero() {
			return Series{}, skip(acmesync.TooOld, "recurrence.rrule")
		}
		return Series{}, &Skip{Code: acmesync.BeyondHorizon, Field: "recurrence.rrule", Again: s.Again}
	}
	for _, i := range x.Instances {
		e, err := r.one(a, i, contacts, staff, on)
		if err != nil {
			return Series{}, err
		}
		s.Events = append(s.Events, SeriesEvent{Original: i.Original, Event: e})
	}
	return s, nil
}

// Original names the instance that an exception stands for. Errors are *acmesync.Fault.
func (r *Rules) Original(a acme.Appointment, staff Staff) (string, error) {
	return original(a, staff.zones, r.settings)
}

// asWhole tells what leaves the series out or parks it whatever its instances are: the same checks in the same order as
// for a single appointment, but for when it is.
func (r *Rules) asWhole(a acme.Appointment, contacts []acme.Contact, staff Staff, on Occasion) error {
	a.Recurrence, on.Delivered = nil, true
	_, err := r.Appointment(a, contacts, staff, on)
	var s *Skip
	if errors.As(err, &s) && s.Code == acmesync.BeyondHorizon {
		return nil
	}
	return err
}

// one maps an instance. The window has been looked at: what is at its edge now is in.
func (r *Rules) one(a acme.Appointment, i Instance, contacts []acme.Contact, staff Staff, on Occasion) (app.Event, error) {
	a.Recurrence, a.Start, a.End = nil, &i.Start, &i.End
	on.Delivered = true
	return r.Appointment(a, contacts, staff, on)
}
