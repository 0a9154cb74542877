package mapping_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

const layout = "2006-01-02T15:04:05Z"

func TestAnyAppointment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, contacts := anyAppointment(t), rapid.SliceOfN(rapid.Custom(anyContact), 0, 5).Draw(t, "contacts")
		s := mapping.Settings{Region: rapid.SampledFrom([]string{"", "US", "CH", "xx"}).Draw(t, "region"), TimeZone: anyZone(t)}

		rules := compiled(t, acmesync.Config{}, s)
		got, err := rules.Appointment(a, contacts, staff(), occasion())
		again, errAgain := rules.Appointment(a, contacts, staff(), occasion())
		require.Equal(t, got, again)
		require.Equal(t, err, errAgain)
		if err != nil {
			explained(t, err, a.Subject, a.NotesHTML, a.Location)
			return
		}
		acceptable(t, got)
		if a.IsPrivate {
			require.Equal(t, app.Event{
				OwnerID: got.OwnerID, Title: "Busy", Start: got.Start, End: got.End, Status: got.Status, Visibility: app.VisibilityBusy,
			}, got)
		}
		require.Equal(t, app.AppendEvent(nil, &got), app.AppendEvent(nil, &again))
	})
}

// acceptable holds an event to what the app's contract asks of one.
func acceptable(t *rapid.T, e app.Event) {
	require.NotEmpty(t, e.OwnerID)
	require.NotEmpty(t, e.Title)
	require.LessOrEqual(t, utf8.RuneCountInString(e.Title), 500)
	require.LessOrEqual(t, utf8.RuneCountInString(e.Description), 20_000)
	require.LessOrEqual(t, utf8.RuneCountInString(e.Location), 1_000)
	require.LessOrEqual(t, len(e.Attendees), 200)
	for _, a := range e.Attendees {
		require.NotEmpty(t, a.Name)
	}
	require.Equal(t, e.Start.Date == "", e.End.Date == "")
	if e.Start.Date != "" {
		require.Equal(t, app.Moment{Date: e.Start.Date}, e.Start)
		require.Less(t, e.Start.Date, e.End.Date)
		return
	}
	for _, m := range []app.Moment{e.Start, e.End} {
		at, err := time.Parse(layout, m.DateTime)
		require.NoError(t, err)
		require.Equal(t, m.DateTime, at.Format(layout))
		_, err = time.LoadLocation(m.TimeZone)
		require.NoError(t, err)
		require.NotContains(t, []string{"", "Local"}, m.TimeZone)
	}
	require.Less(t, e.Start.DateTime, e.End.DateTime)
}

// explained wants one of the two errors, and a sentence that says nothing of what the record holds.
func explained(t *rapid.T, err error, contents ...string) {
	var skip *mapping.Skip
	var fault *acmesync.Fault
	if errors.As(err, &skip) {
		require.NotEmpty(t, skip.Code)
		require.NotEmpty(t, skip.Field)
		return
	}
	require.ErrorAs(t, err, &fault)
	require.NotEmpty(t, fault.Code)
	require.NotEmpty(t, fault.Field)
	require.True(t, strings.HasSuffix(fault.Message, "."), fault.Message)
	for _, c := range contents {
		if len(c) > 8 {
			require.NotContains(t, fault.Message, c)
		}
	}
}

func TestAnyTouchpoint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := acme.Touchpoint{
			ID:      "tpt_1",
			Channel: rapid.SampledFrom([]acme.Channel{acme.Call, acme.Email, "fax", ""}).Draw(t, "channel"),
			Direction: rapid.SampledFrom([]acme.Direction{
				acme.Inbound, acme.Outbound, acme.Internal, "sideways", "",
			}).Draw(t, "direction"),
			UserID:      rapid.SampledFrom([]string{"usr_1", "usr_2", "usr_9", ""}).Draw(t, "user"),
			EmailStatus: rapid.SampledFrom([]string{"", "sent", "bounced", "forwarded"}).Draw(t, "status"),
			OccurredAt:  rapid.Ptr(rapid.Custom(anyInstant), true).Draw(t, "occurred"),
			LoggedAt:    anyInstant(t),
		}
		rules := compiled(t, acmesync.Config{}, settings())
		got, err := rules.Touchpoint(p, staff(), occasion())
		again, errAgain := rules.Touchpoint(p, staff(), occasion())
		require.Equal(t, got, again)
		require.Equal(t, err, errAgain)
		if err != nil {
			explained(t, err)
			return
		}
		day, err := time.Parse(time.DateOnly, got.Day)
		require.NoError(t, err)
		require.Less(t, got.OccurredAt.Sub(day).Abs(), 38*time.Hour) // a day and 14 hours
		require.True(t, got.OccurredAt.Equal(*p.OccurredAt))
		require.Contains(t, []string{"u-grace", "u-ruby"}, got.UserID)
	})
}

// TestInstants shows that an instant survives its way through a wall-clock time in any zone, but for
// the second time around when clocks go back.
func TestInstants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		require.NoError(t, err)
		at := aroundChange(t, anyInstant(t).In(zone)).UTC()
		wall := at.In(zone).Format("2006-01-02T15:04:05")

		got := instant(t, acme.Moment{DateTime: wall, TimeZone: zone.String()})
		require.Equal(t, wall, got.In(zone).Format("2006-01-02T15:04:05"), "it is the same time on the wall")
		require.False(t, got.After(at), "it is the first such time")
		if got.Before(at) {
			_, before := got.In(zone).Zone()
			_, after := at.In(zone).Zone()
			require.Greater(t, before, after, "only when clocks went back between the two")
		}
		written := acme.Moment{DateTime: at.In(zone).Format(time.RFC3339), TimeZone: zone.String()}
		if len(written.DateTime) <= len("2006-01-02T15:04:05+00:00") && at.In(zone).Format("05") == at.Format("05") {
			require.True(t, instant(t, written).Equal(at), "with its offset it is that instant")
		}
	})
}

// instant maps an appointment with that start and reads when it is.
func instant(t *rapid.T, start acme.Moment) time.Time {
	a := acme.Appointment{
		Status: acme.Scheduled, OwnerID: "usr_1", Start: &start, End: &acme.Moment{DateTime: "2101-01-01T00:00:00Z"},
	}
	e, err := compiled(t, acmesync.Config{}, settings()).Appointment(a, nil, staff(), occasion())
	require.NoError(t, err)
	at, err := time.Parse(layout, e.Start.DateTime)
	require.NoError(t, err)
	return at
}

var zones = []string{
	"America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "Europe/Dublin", "Africa/Casablanca", "Pacific/Apia",
	"Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "America/St_Johns", "America/Santiago", "Antarctica/Troll", "UTC",
}

func anyZone(t *rapid.T) string {
	odd := []string{"", "Local", "Mars/Olympus", "right/UTC", "../UTC", "\x00", "UTC/"}
	return rapid.OneOf(rapid.SampledFrom(zones), rapid.SampledFrom(odd), rapid.String()).Draw(t, "zone")
}

func anyInstant(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(0, 4_102_444_000).Draw(t, "unix"), 0).UTC() // 1970 … 2099
}

// aroundChange moves most instants to within a day of the zone's next clock change.
func aroundChange(t *rapid.T, at time.Time) time.Time {
	_, change := at.ZoneBounds()
	if change.IsZero() || change.Year() > 2099 || rapid.IntRange(0, 4).Draw(t, "anywhere") == 0 {
		return at
	}
	return change.Add(time.Duration(rapid.IntRange(-86_400, 86_400).Draw(t, "seconds from change")) * time.Second)
}

func anyMoment(t *rapid.T) acme.Moment {
	written := rapid.Custom(func(t *rapid.T) string {
		as := []string{"2006-01-02T15:04:05", time.RFC3339, time.RFC3339Nano, time.DateOnly, time.RFC1123, "2006-01-02T15:04:60Z"}
		return anyInstant(t).Format(rapid.SampledFrom(as).Draw(t, "layout"))
	})
	text := rapid.OneOf(written, written, rapid.StringMatching(`[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]{0,12})?(Z|z|[+-][0-9]{2}:[0-9]{2})?`), rapid.String())
	var m acme.Moment
	if rapid.Bool().Draw(t, "whole day") {
		m.Date = rapid.OneOf(rapid.Custom(func(t *rapid.T) string { return anyInstant(t).Format(time.DateOnly) }), text).Draw(t, "date")
	}
	if m.Date == "" || rapid.IntRange(0, 9).Draw(t, "both") == 0 {
		m.DateTime = text.Draw(t, "date_time")
	}
	m.TimeZone = anyZone(t)
	return m
}

func anyAppointment(t *rapid.T) acme.Appointment {
	tags := rapid.SampledFrom([]string{"<p>", "</p>", "<br>", "<ul>", "</ul>", "<li>", "<pre>", "</pre>", "<script>", "</script>", "<!--", "&nbsp;", "&#0;", "\n", " ", "<", "a", "é", "👩‍👧", "</ol>", "<ol>", "<style/>"})
	return acme.Appointment{
		ID: "apt_1",
		Status: rapid.SampledFrom([]acme.AppointmentStatus{
			acme.Scheduled, acme.Scheduled, acme.Completed, acme.Canceled, acme.NoShow, "", "tentative",
		}).Draw(t, "status"),
		Subject: rapid.OneOf(rapid.String(), rapid.StringN(490, 510, -1)).Draw(t, "subject"),
		NotesHTML: rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(tags), func(parts []string) string {
			return strings.Join(parts, "")
		})).Draw(t, "notes"),
		Start:         rapid.Ptr(rapid.Custom(anyMoment), true).Draw(t, "start"),
		End:           rapid.Ptr(rapid.Custom(anyMoment), true).Draw(t, "end"),
		IsPrivate:     rapid.Bool().Draw(t, "private"),
		OwnerID:       rapid.SampledFrom([]string{"usr_1", "usr_1", "usr_2", "usr_9", ""}).Draw(t, "owner"),
		Location:      rapid.String().Draw(t, "location"),
		ConferenceURL: rapid.String().Draw(t, "link"),
		SeriesID:      rapid.SampledFrom([]string{"", "", "", "apt_0"}).Draw(t, "series"),
	}
}

func anyContact(t *rapid.T) acme.Contact {
	phone := rapid.OneOf(rapid.StringMatching(`[+0-9 ().x-]{0,25}`), rapid.StringMatching(`(tel:)?[+＋0-9٠-٩;=a-z ]{0,40}`), rapid.String())
	email := rapid.OneOf(rapid.StringMatching(`[a-z" <]{0,5}@[A-Z\[\]."é]{0,8}>?`), rapid.String())
	c := acme.Contact{
		ID: rapid.SampledFrom([]string{"con_1", "con_2", "con_3"}).Draw(t, "id"), Name: rapid.String().Draw(t, "name"),
		Emails: rapid.SliceOfN(email, 0, 3).Draw(t, "emails"), Phones: rapid.SliceOfN(phone, 0, 3).Draw(t, "phones"),
	}
	at := anyInstant(t)
	if rapid.IntRange(0, 5).Draw(t, "forgotten") == 0 {
		c.PrivacyDeletedAt = &at
	}
	return c
}

func TestLongContentsStayShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<p>é</p><ul><li>", 40_000)
	a := acme.Appointment{
		Status: acme.Scheduled, OwnerID: "usr_1", NotesHTML: long,
		Start: &acme.Moment{Date: "2026-06-01"}, End: &acme.Moment{Date: "2026-06-02"},
	}
	e, err := compiled(t, acmesync.Config{}, settings()).Appointment(a, nil, staff(), occasion())
	require.NoError(t, err)
	require.LessOrEqual(t, utf8.RuneCountInString(e.Description), 20_000)
	require.Greater(t, utf8.RuneCountInString(e.Description), 19_000)
	raw, err := json.Marshal(e)
	require.NoError(t, err)
	require.Less(t, len(raw), 100_000)
}
