package manifest

import (
	"net/url"
	"time"

	"acmesync/acme"
)

// Appointment lists the appointment if it cannot be carried over. Deleted ones are never listed.
func (j *Judge) Appointment(a *acme.Appointment) (Entry, bool) {
	switch {
	case a.DeletedAt != nil:
		return Entry{}, false
	case a.OwnerID == "":
		return park(a.ID, OwnerMissing, "Nobody owns it.")
	case !j.Staff.InApp(a.OwnerID):
		return skip(a.ID, OwnerUnmatched, "Its owner has no user in the calendar app.")
	case a.Start == nil:
		return park(a.ID, StartMissing, "It has no start.")
	case a.End == nil:
		return park(a.ID, EndMissing, "It has no end.")
	}
	if entry, bad := j.times(a); bad {
		return entry, true
	}
	if entry, bad := j.series(a); bad {
		return entry, true
	}
	if a.ConferenceURL != "" && !absoluteHTTP(a.ConferenceURL) {
		return park(a.ID, AppRejected, "The app takes only an absolute http(s) URL as conference link.")
	}
	return Entry{}, false
}

// scope lists what was over for too long, or too far ahead, when it was last changed: that is when an integration has looked at it.
// What grows old afterwards has been carried over. A whole day lasts until it is over everywhere.
func (j *Judge) scope(a *acme.Appointment, start, end time.Time) (Entry, bool) {
	if a.UpdatedAt.IsZero() || a.Recurrence != nil { // a series goes on for as long as its rule says
		return Entry{}, false
	}
	if a.Start.Date != "" {
		start, end = start.Add(-14*time.Hour), end.Add(12*time.Hour)
	}
	now := a.UpdatedAt
	switch {
	case end.Before(now.Add(-historyDays * 24 * time.Hour)):
		return skip(a.ID, TooOld, "It was over more than 90 days ago.")
	case start.After(now.Add(horizonDays * 24 * time.Hour)):
		return skip(a.ID, BeyondHorizon, "It begins more than a year from now.")
	}
	return Entry{}, false
}

func (j *Judge) times(a *acme.Appointment) (Entry, bool) {
	start, startCode := j.instant(a.Start)
	end, endCode := j.instant(a.End)
	for _, code := range []Code{startCode, endCode} {
		switch code {
		case TimeZoneUnknown:
			return park(a.ID, code, "Its time zone is not an IANA name.")
		case TimeInvalid:
			return park(a.ID, code, "One of its times is none.")
		default: // readable
		}
	}
	if end.Before(start) {
		return park(a.ID, EndBeforeStart, "It ends before it starts.")
	}
	return j.scope(a, start, end)
}

func (j *Judge) series(a *acme.Appointment) (Entry, bool) {
	if a.Recurrence != nil {
		start, _ := j.instant(a.Start)
		switch _, code := j.rule(a, start); code {
		case RecurrenceTooDense:
			return park(a.ID, code, "It repeats more often than a calendar can show.")
		case RecurrenceInvalid:
			return park(a.ID, code, "Its rule cannot be read.")
		default: // readable
		}
		return Entry{}, false
	}
	if _, named := j.Original(a); a.SeriesID != "" && !named {
		return park(a.ID, RecurrenceInvalid, "It does not say which appointment of its series it stands for.")
	}
	return Entry{}, false
}

func absoluteHTTP(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
