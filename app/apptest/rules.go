package apptest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/app"
)

// testEventRules writes each bad event between two good ones: it is rejected with its rule's code
// and its neighbours are not held up.
func (s *suite) testEventRules(t *testing.T) {
	moment := func(at, zone string) app.Moment { return app.Moment{DateTime: at, TimeZone: zone} }
	bad := []struct {
		name, code, field string
		spoil             func(*app.Event)
	}{
		{"no external id", "required", "external_id", func(e *app.Event) { e.ExternalID = "" }},
		{"an external id of 201 bytes", "too_long", "external_id", func(e *app.Event) { e.ExternalID = strings.Repeat("x", 201) }},
		{"revision zero", "out_of_range", "revision", func(e *app.Event) { e.Revision = 0 }},
		{"a revision beyond 2^53-1", "out_of_range", "revision", func(e *app.Event) { e.Revision = app.MaxRevision + 1 }},
		{"an unknown owner", "unknown_user", "owner_id", func(e *app.Event) { e.OwnerID = "nobody" }},
		{"no owner", "unknown_user", "owner_id", func(e *app.Event) { e.OwnerID = "" }},
		{"a title of 501 characters", "too_long", "title", func(e *app.Event) { e.Title = strings.Repeat("é", 501) }},
		{"a status of its own", "unknown_value", "status", func(e *app.Event) { e.Status = "maybe" }},
		{"an outcome of its own", "unknown_value", "outcome", func(e *app.Event) { e.Outcome = "fine" }},
		{"no visibility", "unknown_value", "visibility", func(e *app.Event) { e.Visibility = "" }},
		{"a conference link without a scheme", "invalid_url", "conference_url", func(e *app.Event) { e.ConferenceURL = "meet.example/x" }},
		{"a conference link that is a script", "invalid_url", "conference_url", func(e *app.Event) { e.ConferenceURL = "javascript:alert(1)" }},
		{"a conference link without a host", "invalid_url", "conference_url", func(e *app.Event) { e.ConferenceURL = "https:///x" }},
		{"no start", "required", "start", func(e *app.Event) { e.Start = app.Moment{} }},
		{"no end", "required", "end", func(e *app.Event) { e.End = app.Moment{} }},
		{"an end before the start", "end_before_start", "end", func(e *app.Event) { e.Start, e.End = e.End, e.Start }},
		{"a day that ends on itself", "end_before_start", "end", func(e *app.Event) {
			e.Start, e.End = app.Moment{Date: "2031-05-06"}, app.Moment{Date: "2031-05-06"}
		}},
		{"a start with date and time", "invalid_moment", "start", func(e *app.Event) { e.Start.Date = "2031-05-06" }},
		{"a day that starts at a time", "invalid_moment", "end", func(e *app.Event) { e.End = app.Moment{Date: "2031-05-07"} }},
		{"a day that does not exist", "invalid_date", "start.date", func(e *app.Event) {
			e.Start, e.End = app.Moment{Date: "2031-02-30"}, app.Moment{Date: "2031-03-02"}
		}},
		{"a start without Z", "invalid_date", "start.date_time", func(e *app.Event) { e.Start = moment("2031-05-06T09:00:00+02:00", "Europe/Zurich") }},
		{"a start with a fraction", "invalid_date", "start.date_time", func(e *app.Event) { e.Start = moment("2031-05-06T09:00:00.5Z", "Europe/Zurich") }},
		{"a start that is no time", "invalid_date", "start.date_time", func(e *app.Event) { e.Start = moment("tomorrow", "Europe/Zurich") }},
		{"no time zone", "invalid_time_zone", "start.time_zone", func(e *app.Event) { e.Start.TimeZone = "" }},
		{"an unknown time zone", "invalid_time_zone", "end.time_zone", func(e *app.Event) { e.End.TimeZone = "Mars/Olympus" }},
		{"the server's own time zone", "invalid_time_zone", "end.time_zone", func(e *app.Event) { e.End.TimeZone = "Local" }},
	}
	for _, b := range bad {
		t.Run(b.name+" is rejected", func(t *testing.T) {
			left, right := "left of "+b.name, "right of "+b.name
			defer s.forget(t, left, right)
			e := s.event("bad", 1)
			b.spoil(&e)
			results := s.upsert(t, s.event(left, 1), e, s.event(right, 1))
			require.Equal(t, "created rejected created", statuses(results))
			require.Equal(t, b.code, results[1].Code)
			require.Equal(t, b.field, results[1].Field)
			require.NotEmpty(t, results[1].Message)
			require.Nil(t, s.held(t, "bad"))
		})
	}
	good := []struct {
		name string
		vary func(*app.Event)
	}{
		{"a title of 500 characters", func(e *app.Event) { e.Title = strings.Repeat("é", 500) }},
		{"a description of 10,000 characters", func(e *app.Event) { e.Description = strings.Repeat("ü", 10_000) }},
		{"an empty title", func(e *app.Event) { e.Title = "" }},
		{"an event without length", func(e *app.Event) { e.End = e.Start }},
		{"an all-day event", func(e *app.Event) {
			e.Start, e.End = app.Moment{Date: "2032-02-29"}, app.Moment{Date: "2032-03-01"}
		}},
		{"an event across two zones", func(e *app.Event) { e.End.TimeZone = "Asia/Kolkata" }},
		{"the largest revision", func(e *app.Event) { e.Revision = app.MaxRevision }},
		{"a plain http link", func(e *app.Event) { e.ConferenceURL = "http://meet.example" }},
	}
	for _, g := range good {
		t.Run(g.name+" is accepted", func(t *testing.T) {
			defer s.forget(t, "good-"+g.name)
			e := s.event("good-"+g.name, 1)
			g.vary(&e)
			require.Equal(t, app.Created, s.upsert(t, e)[0].Status)
			require.Equal(t, e, s.held(t, "good-"+g.name).Event)
		})
	}
	t.Run("a delete needs an external id and a revision", func(t *testing.T) {
		results := s.delete(t, app.EventRef{Revision: 1}, app.EventRef{ExternalID: s.id("x")})
		require.Equal(t, app.Rejected, results[0].Status)
		require.Equal(t, app.Rejected, results[1].Status)
		require.Equal(t, "external_id", results[0].Field)
		require.Equal(t, "revision", results[1].Field)
	})
}

func (s *suite) testCountRules(t *testing.T) {
	bad := []struct {
		name, code, field string
		spoil             func(*app.Count)
	}{
		{"an unknown user", "unknown_user", "user_id", func(c *app.Count) { c.UserID = "nobody" }},
		{"a day that does not exist", "invalid_date", "day", func(c *app.Count) { c.Day = "2031-02-30" }},
		{"a day that is a time", "invalid_date", "day", func(c *app.Count) { c.Day = "2031-02-03T00:00:00Z" }},
		{"a channel of its own", "unknown_value", "channel", func(c *app.Count) { c.Channel = "fax" }},
		{"no direction", "unknown_value", "direction", func(c *app.Count) { c.Direction = "" }},
		{"a negative count", "out_of_range", "count", func(c *app.Count) { c.Count = -1 }},
		{"revision zero", "out_of_range", "revision", func(c *app.Count) { c.Revision = 0 }},
	}
	for _, b := range bad {
		t.Run(b.name+" is rejected", func(t *testing.T) {
			defer s.clear(t)
			c := s.count("2031-07-01", 3, 1)
			b.spoil(&c)
			results := s.setCounts(t, s.count("2031-07-02", 1, s.next()), c, s.count("2031-07-03", 1, s.next()))
			require.Equal(t, "updated rejected updated", statuses(results))
			require.Equal(t, b.code, results[1].Code)
			require.Equal(t, b.field, results[1].Field)
			require.NotEmpty(t, results[1].Message)
		})
	}
}
