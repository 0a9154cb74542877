package calendar

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"acmesync/app"
)

const (
	maxExternalID  = 200 // bytes
	maxTitle       = 500 // runes, as the next two
	maxDescription = 50_000
	maxLocation    = 1_000
	maxURL         = 2_000 // bytes
	maxAttendees   = 200
	maxCount       = 1_000_000

	instantLayout = "2006-01-02T15:04:05Z"
	dateLayout    = "2006-01-02"
)

// fault is why an item is refused, in the contract's codes.
type fault struct{ code, field, message string }

func (f *fault) result() app.Result {
	return app.Result{Status: app.Rejected, Code: f.code, Field: f.field, Message: f.message}
}

// zones remembers the time zones that were asked for; only names that exist are kept.
type zones struct{ known sync.Map }

// load is time.LoadLocation without its two names that depend on where the program runs.
func (z *zones) load(name string) (*time.Location, error) {
	if loc, ok := z.known.Load(name); ok {
		return loc.(*time.Location), nil
	}
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("not a time zone: %q", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	z.known.Store(name, loc)
	return loc, nil
}

func checkKey(externalID string, revision int64) *fault {
	switch {
	case externalID == "":
		return &fault{"required", "external_id", "external_id is missing"}
	case len(externalID) > maxExternalID:
		return &fault{"too_long", "external_id", "external_id is longer than 200 bytes"}
	}
	return checkRevision(revision)
}

func checkRevision(revision int64) *fault {
	if revision < 1 || revision > app.MaxRevision {
		return &fault{"out_of_range", "revision", "revision is not between 1 and 2^53-1"}
	}
	return nil
}

// span is when an event is, for looking it up by time.
type span struct {
	start, end int64 // Unix seconds, end exclusive
}

// checkEvent tests what the app asks of an event beyond its key and owner. Whole days lie in the
// workspace's zone.
func (z *zones) checkEvent(e *app.Event, workspace *time.Location) (span, *fault) {
	if f := tooLong("title", e.Title, maxTitle); f != nil {
		return span{}, f
	}
	if f := tooLong("description", e.Description, maxDescription); f != nil {
		return span{}, f
	}
	if f := tooLong("location", e.Location, maxLocation); f != nil {
		return span{}, f
	}
	start, f := z.checkMoment("start", e.Start, workspace)
	if f != nil {
		return span{}, f
	}
	end, f := z.checkMoment("end", e.End, workspace)
	if f != nil {
		return span{}, f
	}
	allDay := e.Start.Date != ""
	if allDay != (e.End.Date != "") {
		return span{}, &fault{"invalid_moment", "end", "start and end are not of the same kind"}
	}
	if end.Before(start) || (allDay && !end.After(start)) {
		return span{}, &fault{"end_before_start", "end", "the event ends before it starts"}
	}
	if f := oneOf("status", e.Status, app.StatusConfirmed, app.StatusCancelled); f != nil {
		return span{}, f
	}
	if f := oneOf("outcome", e.Outcome, "", app.OutcomeCompleted, app.OutcomeNoShow); f != nil {
		return span{}, f
	}
	if f := oneOf("visibility", e.Visibility, app.VisibilityFull, app.VisibilityBusy); f != nil {
		return span{}, f
	}
	if f := checkURL(e.ConferenceURL); f != nil {
		return span{}, f
	}
	if len(e.Attendees) > maxAttendees {
		return span{}, &fault{"too_many", "attendees", "more than 200 attendees"}
	}
	return span{start.Unix(), end.Unix()}, nil
}

func (z *zones) checkMoment(field string, m app.Moment, workspace *time.Location) (time.Time, *fault) {
	switch {
	case m.Date != "" && (m.DateTime != "" || m.TimeZone != ""):
		return time.Time{}, &fault{"invalid_moment", field, "a date stands alone, without date_time and time_zone"}
	case m.Date != "":
		day, err := time.ParseInLocation(dateLayout, m.Date, workspace)
		if err != nil {
			return time.Time{}, &fault{"invalid_date", field + ".date", "not a date like 2006-01-02"}
		}
		return day, nil
	case m.DateTime == "":
		return time.Time{}, &fault{"required", field, "neither date_time nor date"}
	}
	// Formatting it back refuses what time.Parse lets pass, such as fractions.
	at, err := time.Parse(instantLayout, m.DateTime)
	if err != nil || at.Format(instantLayout) != m.DateTime {
		return time.Time{}, &fault{"invalid_date", field + ".date_time", "not an instant like 2006-01-02T15:04:05Z"}
	}
	if _, err := z.load(m.TimeZone); err != nil {
		return time.Time{}, &fault{"invalid_time_zone", field + ".time_zone", "not an IANA time zone"}
	}
	return at, nil
}

func checkURL(raw string) *fault {
	if raw == "" {
		return nil
	}
	if len(raw) > maxURL {
		return &fault{"too_long", "conference_url", "conference_url is longer than 2000 bytes"}
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return &fault{"invalid_url", "conference_url", "not an absolute http or https URL"}
	}
	return nil
}

func checkCount(c *app.Count) *fault {
	if f := checkRevision(c.Revision); f != nil {
		return f
	}
	if day, err := time.Parse(dateLayout, c.Day); err != nil || day.Format(dateLayout) != c.Day {
		return &fault{"invalid_date", "day", "not a day like 2006-01-02"}
	}
	if f := oneOf("channel", c.Channel, "call", "email"); f != nil {
		return f
	}
	if f := oneOf("direction", c.Direction, "inbound", "outbound", "internal"); f != nil {
		return f
	}
	if c.Count < 0 || c.Count > maxCount {
		return &fault{"out_of_range", "count", "count is not between 0 and 1000000"}
	}
	return nil
}

func tooLong(field, value string, runes int) *fault {
	if len(value) <= runes || utf8.RuneCountInString(value) <= runes {
		return nil
	}
	return &fault{"too_long", field, fmt.Sprintf("%s is longer than %d characters", field, runes)}
}

func oneOf(field, value string, allowed ...string) *fault {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return &fault{"unknown_value", field, field + " is none of: " + strings.TrimPrefix(strings.Join(allowed, ", "), ", ")}
}
