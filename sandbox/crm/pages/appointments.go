package pages

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

// mostContacts is how many contacts a form offers; others can be named by id.
const mostContacts = 2000

// appointmentForm is the form's fields as they are shown and sent.
type appointmentForm struct {
	ID, Version          string
	Subject              string
	Date, EndDate        string // 2006-01-02; of an all-day appointment the end is the last day
	StartTime, EndTime   string // 15:04
	AllDay, IsPrivate    bool
	TimeZone             string
	OwnerID, ContactIDs  string // contact ids with commas between
	Location, Conference string
	Notes                string
	Repeats, Except      string // an RRULE, and the local starts it leaves out, with commas between
	Status               acme.AppointmentStatus
	Deleted, Series      bool
	Unreadable           string // times that the form cannot show
	Problem              *accounts.Refusal
	Users                []*acme.User
	Contacts             []*acme.Contact
	With                 []*acme.Contact // those of ContactIDs that exist
	Statuses             []acme.AppointmentStatus
}

func (p *Pages) newAppointment(v *visit) error {
	day := cmp.Or(v.r.FormValue("day"), p.Now().In(v.zone).Format(time.DateOnly))
	return p.appointmentPage(v, http.StatusOK, appointmentForm{
		Date: day, StartTime: "10:00", EndTime: "10:30", TimeZone: v.user.TimeZone, OwnerID: v.user.ID,
		ContactIDs: v.r.FormValue("contact_ids"), Status: acme.Scheduled,
	})
}

func (p *Pages) appointment(v *visit) error {
	a := v.account.Appointment(v.r.PathValue("id"))
	if a == nil {
		return &accounts.Refusal{Code: "not_found", Message: "There is no such appointment."}
	}
	return p.appointmentPage(v, http.StatusOK, formOf(a))
}

// formOf shows an appointment by its own wall clock, whatever the reader's zone.
func formOf(a *acme.Appointment) appointmentForm {
	f := appointmentForm{
		ID: a.ID, Version: strconv.FormatInt(a.Version, 10), Subject: a.Subject, IsPrivate: a.IsPrivate,
		OwnerID: a.OwnerID, ContactIDs: strings.Join(a.ContactIDs, ", "), Location: a.Location,
		Conference: a.ConferenceURL, Notes: a.NotesHTML, Status: a.Status, Deleted: a.DeletedAt != nil,
		Series: a.Recurrence != nil || a.SeriesID != "",
	}
	if a.Recurrence != nil {
		f.Repeats, f.Except = a.Recurrence.RRule, strings.Join(a.Recurrence.ExDates, ", ")
	}
	var unreadable []string
	f.Date, f.StartTime, f.TimeZone, f.AllDay = wall(a.Start, &unreadable)
	f.EndDate, f.EndTime, _, _ = wall(a.End, &unreadable)
	if last, err := time.Parse(time.DateOnly, f.EndDate); err == nil && f.AllDay {
		f.EndDate = last.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	if f.EndDate == f.Date {
		f.EndDate = ""
	}
	f.Unreadable = strings.Join(unreadable, ", ")
	return f
}

func wall(m *acme.Moment, unreadable *[]string) (date, clock, zone string, allDay bool) {
	switch {
	case m == nil:
		return "", "", "", false
	case m.Date != "":
		return m.Date, "", "", true
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.Parse(layout, m.DateTime); err == nil {
			return at.Format(time.DateOnly), at.Format("15:04"), m.TimeZone, false
		}
	}
	*unreadable = append(*unreadable, m.DateTime)
	return "", "", m.TimeZone, false
}

func (p *Pages) appointmentPage(v *visit, status int, f appointmentForm) error {
	f.Users, f.Contacts = v.account.Users(), v.account.Contacts("", mostContacts)
	f.Statuses = []acme.AppointmentStatus{acme.Scheduled, acme.Completed, acme.Canceled, acme.NoShow}
	f.TimeZone = cmp.Or(f.TimeZone, v.user.TimeZone)
	for _, id := range listed(f.ContactIDs) {
		if c := v.account.Contact(id); c != nil {
			f.With = append(f.With, c)
		}
	}
	return p.show(v, status, "appointment.html", "week", f)
}

// sent reads the form as it was sent.
func sent(v *visit) appointmentForm {
	value := func(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }
	return appointmentForm{
		ID: v.r.PathValue("id"), Version: value("version"), Subject: value("subject"), Date: value("date"), EndDate: value("end_date"),
		StartTime: value("start_time"), EndTime: value("end_time"), AllDay: value("all_day") != "", IsPrivate: value("is_private") != "",
		TimeZone: value("time_zone"), OwnerID: value("owner_id"), ContactIDs: value("contact_ids"), Location: value("location"),
		Conference: value("conference_url"), Notes: value("notes_html"), Repeats: value("repeats"), Except: value("except"), Status: acme.AppointmentStatus(value("status")),
	}
}

// onto puts what was sent into the appointment's fields.
func (f appointmentForm) onto(in *accounts.AppointmentInput) {
	in.Subject, in.NotesHTML, in.IsPrivate, in.OwnerID = f.Subject, f.Notes, f.IsPrivate, f.OwnerID
	in.Location, in.ConferenceURL, in.Status = f.Location, f.Conference, cmp.Or(f.Status, acme.Scheduled)
	in.ContactIDs = listed(f.ContactIDs)
	in.Recurrence = nil
	if f.Repeats != "" {
		in.Recurrence = &acme.Recurrence{RRule: f.Repeats, ExDates: listed(f.Except)}
	}
	last := cmp.Or(f.EndDate, f.Date)
	if f.AllDay {
		in.Start, in.End = &acme.Moment{Date: f.Date}, &acme.Moment{Date: last}
		if day, err := time.Parse(time.DateOnly, last); err == nil {
			in.End.Date = day.AddDate(0, 0, 1).Format(time.DateOnly)
		}
		return
	}
	in.Start = &acme.Moment{DateTime: f.Date + "T" + f.StartTime + ":00", TimeZone: f.TimeZone}
	in.End = &acme.Moment{DateTime: last + "T" + f.EndTime + ":00", TimeZone: f.TimeZone}
}

func listed(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func (p *Pages) createAppointment(v *visit) error {
	f := sent(v)
	f.OwnerID = cmp.Or(f.OwnerID, v.user.ID)
	f.TimeZone = cmp.Or(f.TimeZone, v.user.TimeZone)
	var in accounts.AppointmentInput
	f.onto(&in)
	if _, err := v.account.CreateAppointment(in, v.by()); err != nil {
		return p.again(v, f, err)
	}
	return v.goTo("?day=" + f.Date)
}

func (p *Pages) saveAppointment(v *visit) error {
	f := sent(v)
	f.TimeZone = cmp.Or(f.TimeZone, v.user.TimeZone)
	by := v.by()
	by.IfMatch, _ = strconv.ParseInt(f.Version, 10, 64)
	_, err := v.account.UpdateAppointment(f.ID, func(in *accounts.AppointmentInput) error {
		f.onto(in)
		return nil
	}, by)
	if err != nil {
		return p.again(v, f, err)
	}
	return v.goTo("?day=" + f.Date)
}

// again shows the form as it was sent, with what Acme has against it.
func (p *Pages) again(v *visit, f appointmentForm, err error) error {
	var refusal *accounts.Refusal
	if !errors.As(err, &refusal) || refusal.Code == "not_found" {
		return err
	}
	f.Problem = refusal
	status := http.StatusUnprocessableEntity
	if refusal.Code != "invalid" {
		status = http.StatusConflict
	}
	return p.appointmentPage(v, status, f)
}

func (p *Pages) cancelAppointment(v *visit) error {
	_, err := v.account.SetStatus(v.r.PathValue("id"), acme.Canceled, v.by())
	if err != nil {
		return err
	}
	return v.goTo("/appointments/" + v.r.PathValue("id"))
}

func (p *Pages) deleteAppointment(v *visit) error {
	if _, err := v.account.Delete(acme.Appointments, v.r.PathValue("id"), v.by()); err != nil {
		return err
	}
	return v.goTo("/appointments/" + v.r.PathValue("id"))
}

func (p *Pages) undeleteAppointment(v *visit) error {
	if _, err := v.account.UndeleteAppointment(v.r.PathValue("id"), v.by()); err != nil {
		return err
	}
	return v.goTo("/appointments/" + v.r.PathValue("id"))
}
