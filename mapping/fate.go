package mapping

import (
	"acmesync"
	"acmesync/acme"
	"acmesync/app"
)

// Deleted is what becomes of the event of an appointment that Acme has deleted.
func (r *Rules) Deleted() acmesync.Fate {
	return orDefault(r.appointments.When.Deleted, acmesync.FateRemove)
}

// Cancelled marks an event as one that does not take place any more.
func Cancelled(e app.Event) app.Event {
	e.Status, e.Outcome = app.StatusCancelled, ""
	return e
}

// standing says how an appointment's status shows, or that the tenant wants none of that status in the calendar.
func (r *Rules) standing(s acme.AppointmentStatus) (status, outcome string, err error) {
	when := r.appointments.When
	switch s {
	case acme.Scheduled:
		return app.StatusConfirmed, "", nil
	case acme.Completed:
		return fated(when.Completed, app.StatusConfirmed, app.OutcomeCompleted, acmesync.CompletedRemoved)
	case acme.NoShow:
		return fated(when.NoShow, app.StatusConfirmed, app.OutcomeNoShow, acmesync.NoShowRemoved)
	case acme.Canceled:
		return fated(when.Canceled, app.StatusCancelled, "", acmesync.CanceledRemoved)
	}
	return "", "", park(acmesync.Unreadable, "status", "The status is none that is known here; set another one in Acme or ask support.")
}

func fated(f acmesync.Fate, markedStatus, markedOutcome string, removed acmesync.Code) (status, outcome string, err error) {
	switch f {
	case acmesync.FateRemove:
		return "", "", skip(removed, "status")
	case acmesync.FateKeep:
		return app.StatusConfirmed, "", nil
	case acmesync.FateMark:
	}
	return markedStatus, markedOutcome, nil
}

func orDefault[T comparable](chosen, ordinary T) T {
	var none T
	if chosen == none {
		return ordinary
	}
	return chosen
}
