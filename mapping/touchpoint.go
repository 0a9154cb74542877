package mapping

import (
	"time"

	"acmesync"
	"acmesync/acme"
)

const (
	// clockSlack is how far a touch-point may lie after the moment it was written down: people plan
	// a call and log it at once, and clocks differ.
	clockSlack = 24 * time.Hour

	bounced   = "bounced"
	forwarded = "forwarded"
)

// touchpoint is the built-in mapping within the tenant's rules.
func (r *Rules) touchpoint(t acme.Touchpoint, staff Staff, on Occasion) (acmesync.Fact, error) {
	if err := r.notCounted(t, on); err != nil {
		return acmesync.Fact{}, err
	}
	if wrong := r.wrongTouchpoint(t, staff); len(wrong) > 0 {
		return acmesync.Fact{}, wrong[0]
	}
	user, _ := staff.AppUser(t.UserID)
	day, _ := staff.Day(user.TimeZone, *t.OccurredAt)
	return acmesync.Fact{
		AcmeID: t.ID, UserID: user.ID, Day: day,
		Channel: string(t.Channel), Direction: string(t.Direction), OccurredAt: t.OccurredAt.UTC(),
	}, nil
}

// notCounted tells what does not count. What counted before it grew old goes on counting.
func (r *Rules) notCounted(t acme.Touchpoint, on Occasion) error {
	count := r.touchpoints
	old := count.HistoryDays > 0 && t.OccurredAt != nil && t.OccurredAt.Before(on.Now.Add(-days(count.HistoryDays, 0)))
	switch {
	case t.Direction == acme.Internal && !count.CountInternal:
		return skip(acmesync.InternalNotCounted, "direction")
	case t.EmailStatus == bounced && !count.CountBounced:
		return skip(acmesync.BouncedNotCounted, "email_status")
	case t.EmailStatus == forwarded && count.IgnoreForwarded:
		return skip(acmesync.ForwardedNotCounted, "email_status")
	case t.Channel == acme.Call && t.DurationMS != nil && *t.DurationMS < int64(count.MinCallSeconds)*1000:
		return skip(acmesync.CallTooShort, "duration_ms")
	case old && !on.Delivered:
		return skip(acmesync.TooOld, "occurred_at")
	}
	return nil
}

// wrongTouchpoint is all that keeps it from being counted under a name the app knows; the first is what the record gets as its code.
func (r *Rules) wrongTouchpoint(t acme.Touchpoint, staff Staff) []error {
	var all []error
	if t.Channel != acme.Call && t.Channel != acme.Email {
		all = append(all, park(acmesync.Unreadable, "channel", "The channel is neither call nor email; correct it in Acme or ask support."))
	}
	if t.Direction != acme.Inbound && t.Direction != acme.Outbound && t.Direction != acme.Internal {
		all = append(all, park(acmesync.Unreadable, "direction", "The direction is none that is known here; correct it in Acme or ask support."))
	}
	user, known := staff.AppUser(t.UserID)
	switch {
	case t.UserID == "":
		all = append(all, park(acmesync.UserMissing, "user_id", "Nobody is named who made the touch-point; name a user in Acme."))
	case !known:
		all = append(all, r.unmatched(acmesync.UserUnmatched, "user_id"))
	}
	if err := happened(t); err != nil {
		return append(all, err)
	}
	if _, ok := staff.Day(user.TimeZone, *t.OccurredAt); !ok {
		all = append(all, park(acmesync.TimeInvalid, "occurred_at", "The touch-point's time is out of reach; correct it in Acme."))
	}
	return all
}

func happened(t acme.Touchpoint) error {
	switch {
	case t.OccurredAt == nil:
		return park(acmesync.OccurredMissing, "occurred_at", "The touch-point does not say when it happened; enter the time in Acme.")
	case !t.LoggedAt.IsZero() && t.OccurredAt.Sub(t.LoggedAt) > clockSlack:
		return park(acmesync.OccurredAfterLogged, "occurred_at",
			"The touch-point was logged more than a day before it happened; correct its time in Acme.")
	}
	return nil
}

// Day is the day of the calendar in a zone, by its IANA name, "2006-01-02"; in UTC where there is no such zone. False: no day
// that can be written so.
func (s Staff) Day(zone string, at time.Time) (string, bool) {
	in, ok := s.zones.load(zone)
	if !ok {
		in = time.UTC
	}
	day := at.In(in)
	return day.Format(time.DateOnly), day.Year() >= 1 && day.Year() <= 9999
}
