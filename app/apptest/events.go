package apptest

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/app"
)

func (s *suite) testWorkspace(t *testing.T) {
	t.Run("it has an id, a name and a real time zone", func(t *testing.T) {
		w, err := s.client.Workspace(s.ctx(t))
		require.NoError(t, err)
		require.NotEmpty(t, w.ID)
		require.NotEmpty(t, w.Name)
		_, err = time.LoadLocation(w.TimeZone)
		require.NoError(t, err)
	})
	t.Run("users have ids of their own, emails and real time zones", func(t *testing.T) {
		seen := map[string]bool{}
		for _, u := range s.users {
			require.False(t, seen[u.ID], u.ID)
			seen[u.ID] = true
			require.NotEmpty(t, u.Email)
			require.NotEmpty(t, u.TimeZone)
			_, err := time.LoadLocation(u.TimeZone)
			require.NoError(t, err)
		}
		require.Equal(t, len(s.users), s.totals(t).Users)
	})
}

func (s *suite) testEvents(t *testing.T) {
	t.Run("a new event is created and read back as it was written", func(t *testing.T) {
		defer s.forget(t, "whole")
		e := s.event("whole", 10)
		e.Title = "Zoë “Zo” O'Neil 👩‍👩‍👧 </script>\u2028"
		e.Description = "line one\nline two\t\"quoted\" \\ back"
		e.Outcome, e.Location, e.ConferenceURL = app.OutcomeNoShow, "Room 4", "https://meet.example/a?b=1&c=2"
		e.Visibility = app.VisibilityBusy
		e.Attendees = []app.Attendee{{Name: "Zoë", Email: "zoe@example.com", Phone: "+12815550123"}, {Name: "No Contact"}}
		before := s.totals(t)
		r := s.upsert(t, e)[0]
		require.Equal(t, app.Created, r.Status)
		require.Equal(t, int64(10), r.Revision)
		require.NotEmpty(t, r.ID)
		held := s.held(t, "whole")
		require.NotNil(t, held)
		require.Equal(t, e, held.Event)
		require.Equal(t, r.ID, held.ID)
		byID, err := s.client.Event(s.ctx(t), r.ID)
		require.NoError(t, err)
		require.Equal(t, *held, byID)
		require.Equal(t, before.Events+1, s.totals(t).Events)
	})
	t.Run("the same revision again is unchanged, whatever it holds", func(t *testing.T) {
		defer s.forget(t, "again")
		e := s.event("again", 10)
		first := s.upsert(t, e)[0]
		e.Title = "another title"
		r := s.upsert(t, e)[0]
		require.Equal(t, app.Unchanged, r.Status)
		require.Equal(t, first.ID, r.ID)
		require.Equal(t, int64(10), r.Revision)
		require.Equal(t, "Conformance again", s.held(t, "again").Title)
	})
	t.Run("a higher revision updates and keeps the id", func(t *testing.T) {
		defer s.forget(t, "update")
		first := s.upsert(t, s.event("update", 10))[0]
		e := s.event("update", 11)
		e.Status = app.StatusCancelled
		r := s.upsert(t, e)[0]
		require.Equal(t, app.Updated, r.Status)
		require.Equal(t, first.ID, r.ID)
		require.Equal(t, e, s.held(t, "update").Event)
	})
	t.Run("a higher revision with the same content is unchanged, and counts from then on", func(t *testing.T) {
		defer s.forget(t, "raised")
		s.upsert(t, s.event("raised", 10))
		r := s.upsert(t, s.event("raised", 20))[0]
		require.Equal(t, app.Unchanged, r.Status)
		require.Equal(t, int64(20), r.Revision)
		require.Equal(t, int64(20), s.held(t, "raised").Revision)
		require.Equal(t, app.Stale, s.upsert(t, s.event("raised", 15))[0].Status)
	})
	t.Run("a lower revision is stale and answered with the app's own", func(t *testing.T) {
		defer s.forget(t, "stale")
		s.upsert(t, s.event("stale", 10))
		e := s.event("stale", 9)
		e.Title = "from the past"
		r := s.upsert(t, e)[0]
		require.Equal(t, app.Stale, r.Status)
		require.Equal(t, int64(10), r.Revision)
		require.Equal(t, "Conformance stale", s.held(t, "stale").Title)
		d := s.delete(t, app.EventRef{ExternalID: s.id("stale"), Revision: 9})[0]
		require.Equal(t, app.Stale, d.Status)
		require.Equal(t, int64(10), d.Revision)
		require.NotNil(t, s.held(t, "stale"))
	})
	t.Run("a deleted event is gone and its tombstone refuses what is not newer", func(t *testing.T) {
		defer s.forget(t, "gone")
		before := s.totals(t).Events
		created := s.upsert(t, s.event("gone", 10))[0]
		d := s.delete(t, app.EventRef{ExternalID: s.id("gone"), Revision: 12})[0]
		require.Equal(t, app.Deleted, d.Status)
		require.Equal(t, int64(12), d.Revision)
		require.Nil(t, s.held(t, "gone"))
		_, err := s.client.Event(s.ctx(t), created.ID)
		require.Equal(t, app.KindGone, app.KindOf(err))
		require.Equal(t, before, s.totals(t).Events)
		for _, revision := range []int64{11, 12} {
			r := s.upsert(t, s.event("gone", revision))[0]
			require.Equal(t, app.Stale, r.Status)
			require.Equal(t, int64(12), r.Revision)
		}
		again := s.upsert(t, s.event("gone", 13))[0]
		require.Equal(t, app.Created, again.Status)
		require.NotEqual(t, created.ID, again.ID)
		require.NotNil(t, s.held(t, "gone"))
	})
	t.Run("a delete again, or of what never was, is absent and leaves a tombstone", func(t *testing.T) {
		ref := app.EventRef{ExternalID: s.id("never"), Revision: 7}
		for range 2 {
			r := s.delete(t, ref)[0]
			require.Equal(t, app.Absent, r.Status)
			require.Equal(t, int64(7), r.Revision)
		}
		require.Equal(t, app.Stale, s.upsert(t, s.event("never", 6))[0].Status)
		ref.Revision = 9
		require.Equal(t, app.Absent, s.delete(t, ref)[0].Status)
		require.Equal(t, app.Stale, s.upsert(t, s.event("never", 8))[0].Status)
		ref.Revision = 8
		r := s.delete(t, ref)[0]
		require.Equal(t, app.Stale, r.Status)
		require.Equal(t, int64(9), r.Revision)
	})
	t.Run("a delete with the event's own revision deletes", func(t *testing.T) {
		s.upsert(t, s.event("own", 5))
		require.Equal(t, app.Deleted, s.delete(t, app.EventRef{ExternalID: s.id("own"), Revision: 5})[0].Status)
	})
	t.Run("items of one external id are processed in order", func(t *testing.T) {
		defer s.forget(t, "twice")
		last := s.event("twice", 3)
		last.Title = "the last word"
		results := s.upsert(t, s.event("twice", 1), last, s.event("twice", 2))
		require.Equal(t, "created updated stale", statuses(results))
		require.Equal(t, int64(3), results[2].Revision)
		require.Equal(t, "the last word", s.held(t, "twice").Title)
		ref := app.EventRef{ExternalID: s.id("twice"), Revision: 4}
		require.Equal(t, "deleted absent", statuses(s.delete(t, ref, ref)))
	})
	t.Run("a full batch is answered in the order of the request", func(t *testing.T) {
		var names []string
		var events []app.Event
		for i := range app.MaxItems {
			names = append(names, "batch-"+strconv.Itoa(i))
			events = append(events, s.event(names[i], 1))
		}
		defer s.forget(t, names...)
		for i, r := range s.upsert(t, events...) {
			require.Equal(t, app.Created, r.Status)
			require.Equal(t, s.id(names[i]), r.ExternalID)
		}
	})
	t.Run("an empty batch has no results", func(t *testing.T) {
		require.Empty(t, s.upsert(t))
		require.Empty(t, s.delete(t))
		require.Empty(t, s.setCounts(t))
	})
}
