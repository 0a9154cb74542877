package apptest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"acmesync/app"
)

// now is where the list of changes ends at this moment.
func (s *suite) now(t *testing.T) string {
	t.Helper()
	cursor := ""
	for {
		page, err := s.client.Changes(s.ctx(t), app.ChangeQuery{Cursor: cursor, Limit: 500})
		require.NoError(t, err)
		cursor = page.NextCursor
		if !page.More {
			return cursor
		}
	}
}

// since lists what has changed since a cursor, two at a time.
func (s *suite) since(t *testing.T, cursor string) []app.Change {
	t.Helper()
	var all []app.Change
	for {
		page, err := s.client.Changes(s.ctx(t), app.ChangeQuery{Cursor: cursor, Limit: 2})
		require.NoError(t, err)
		all, cursor = append(all, page.Changes...), page.NextCursor
		if !page.More {
			return all
		}
	}
}

func (s *suite) change(t *testing.T, id string) *app.Change {
	t.Helper()
	found, err := s.client.ChangesOf(s.ctx(t), []string{id}, nil)
	require.NoError(t, err)
	require.LessOrEqual(t, len(found), 1)
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

func (s *suite) testChanges(t *testing.T) {
	t.Run("each event is listed once, at its newest change, in the order of versions", func(t *testing.T) {
		defer s.forget(t, "feed-0", "feed-1", "feed-2")
		from := s.now(t)
		first := s.upsert(t, s.event("feed-0", 1), s.event("feed-1", 1), s.event("feed-2", 1))
		again := s.event("feed-0", 2)
		again.Title = "once more"
		r := s.upsert(t, again)[0]
		d := s.delete(t, app.EventRef{ExternalID: s.id("feed-1"), Revision: 2})[0]
		require.Equal(t, app.Deleted, d.Status)
		all := s.since(t, from)
		require.Len(t, all, 3)
		require.Equal(t, []string{s.id("feed-2"), s.id("feed-0"), s.id("feed-1")}, []string{all[0].ExternalID, all[1].ExternalID, all[2].ExternalID})
		require.Equal(t, first[2].Version, all[0].Version)
		require.Equal(t, r.Version, all[1].Version)
		require.Equal(t, "once more", all[1].Event.Title)
		require.True(t, all[2].Deleted)
		require.Nil(t, all[2].Event)
		for i, c := range all {
			require.Equal(t, app.OriginIntegration, c.Origin)
			if i > 0 {
				require.Greater(t, c.Version, all[i-1].Version)
			}
		}
		require.Empty(t, s.since(t, s.now(t)))
	})
	t.Run("it can be entered by time, and a cursor nobody gave is refused", func(t *testing.T) {
		defer s.forget(t, "entered")
		s.upsert(t, s.event("entered", 1))
		at := s.held(t, "entered").UpdatedAt
		page, err := s.client.Changes(s.ctx(t), app.ChangeQuery{UpdatedSince: at.Truncate(time.Second), Limit: 1})
		require.NoError(t, err)
		all := append(page.Changes, s.since(t, page.NextCursor)...)
		require.Equal(t, s.id("entered"), all[len(all)-1].ExternalID)
		later, err := s.client.Changes(s.ctx(t), app.ChangeQuery{UpdatedSince: at.Add(time.Hour)})
		require.NoError(t, err)
		require.Empty(t, later.Changes)
		_, err = s.client.Changes(s.ctx(t), app.ChangeQuery{Cursor: "made-up"})
		require.Equal(t, app.KindRejected, app.KindOf(err))
	})
	t.Run("what is the same is no change", func(t *testing.T) {
		defer s.forget(t, "same")
		s.upsert(t, s.event("same", 1))
		from := s.now(t)
		require.Equal(t, app.Unchanged, s.upsert(t, s.event("same", 2))[0].Status)
		s.delete(t, app.EventRef{ExternalID: s.id("same-never"), Revision: 1})
		require.Empty(t, s.since(t, from))
	})
	t.Run("events are found by either id, deleted ones too", func(t *testing.T) {
		defer s.forget(t, "either")
		r := s.upsert(t, s.event("either", 1))[0]
		found, err := s.client.ChangesOf(s.ctx(t), []string{r.ID, "nobody"}, []string{s.id("either"), s.id("nobody")})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, r.Version, found[0].Version)
		s.delete(t, app.EventRef{ExternalID: s.id("either"), Revision: 2})
		found, err = s.client.ChangesOf(s.ctx(t), nil, []string{s.id("either")})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.True(t, found[0].Deleted)
		require.Equal(t, r.ID, found[0].ID)
	})
	t.Run("a write based on another version is a conflict and changes nothing", func(t *testing.T) {
		defer s.forget(t, "based")
		r := s.upsert(t, s.event("based", 1))[0]
		e := s.event("based", 2)
		e.Title, e.IfVersion = "based on a guess", r.Version+1
		refused := s.upsert(t, e)[0]
		require.Equal(t, app.Conflict, refused.Status)
		require.Equal(t, r.Version, refused.Version)
		require.Equal(t, app.Conflict, s.delete(t, app.EventRef{ExternalID: s.id("based"), Revision: 2, IfVersion: r.Version + 1})[0].Status)
		require.Equal(t, "Conformance based", s.held(t, "based").Title)
		e.IfVersion = r.Version
		require.Equal(t, app.Updated, s.upsert(t, e)[0].Status)
		unheard := s.event("based-on-nothing", 1)
		unheard.IfVersion = 1
		require.Equal(t, app.Conflict, s.upsert(t, unheard)[0].Status)
	})
}

func (s *suite) testPeople(t *testing.T) {
	someone := s.target.Person
	if someone == nil {
		t.Skip("nobody is there to change a calendar")
	}
	fields := func(title string) map[string]any {
		return map[string]any{
			"title": title, "owner_id": s.users[0].ID,
			"start": map[string]any{"date_time": "2031-05-07T09:00:00Z", "time_zone": "Europe/Zurich"},
			"end":   map[string]any{"date_time": "2031-05-07T09:30:00Z", "time_zone": "Europe/Zurich"},
		}
	}
	t.Run("what a person makes is a change without external id, and no integration's event", func(t *testing.T) {
		before, from := s.totals(t).Events, s.now(t)
		id := someone.Create(t, fields("Made by hand"))
		defer someone.Delete(t, id)
		all := s.since(t, from)
		require.Len(t, all, 1)
		require.Equal(t, id, all[0].ID)
		require.Empty(t, all[0].ExternalID)
		require.Equal(t, app.OriginUser, all[0].Origin)
		require.Equal(t, "Made by hand", all[0].Event.Title)
		require.Equal(t, before, s.totals(t).Events)
	})
	t.Run("a link makes it an integration's event, once", func(t *testing.T) {
		defer s.forget(t, "linked")
		before := s.totals(t).Events
		id, other := someone.Create(t, fields("To be linked")), someone.Create(t, fields("Not to be linked"))
		defer someone.Delete(t, other)
		link := func(id, name string) app.Result {
			r, err := s.client.LinkEvents(s.ctx(t), []app.EventLink{{ID: id, ExternalID: s.id(name), Revision: 5}})
			require.NoError(t, err)
			return r[0]
		}
		r := link(id, "linked")
		require.Equal(t, app.Updated, r.Status)
		require.Equal(t, s.change(t, id).Version, r.Version)
		require.Equal(t, app.Unchanged, link(id, "linked").Status)
		require.Equal(t, "taken", link(other, "linked").Code)
		require.Equal(t, "taken", link(id, "another").Code)
		require.Equal(t, "unknown_event", link("nobody", "another").Code)
		require.Equal(t, before+1, s.totals(t).Events)
		require.Equal(t, "To be linked", s.held(t, "linked").Title)
		e := s.event("linked", 6)
		require.Equal(t, app.Updated, s.upsert(t, e)[0].Status)
		require.Equal(t, id, s.held(t, "linked").ID)
	})
	t.Run("one that may be a duplicate is made beside what a person has made, and says so no more", func(t *testing.T) {
		defer s.forget(t, "beside")
		id := someone.Create(t, fields("Made by hand, too"))
		defer someone.Delete(t, id)
		e := s.event("beside", 1)
		e.Start, e.End = app.Moment{DateTime: "2031-05-07T09:00:00Z", TimeZone: "Europe/Zurich"}, app.Moment{DateTime: "2031-05-07T09:30:00Z", TimeZone: "Europe/Zurich"}
		e.AllowDuplicate = true
		r := s.upsert(t, e)[0]
		require.Equal(t, app.Created, r.Status)
		require.NotEqual(t, id, r.ID)
		require.Equal(t, app.Unchanged, s.upsert(t, e)[0].Status, "the same again is the same event")
		require.False(t, s.held(t, "beside").AllowDuplicate)
		require.Empty(t, s.change(t, id).ExternalID)
	})
	t.Run("an edit keeps the integration's revision and raises the version", func(t *testing.T) {
		defer s.forget(t, "edited")
		r := s.upsert(t, s.event("edited", 5))[0]
		someone.Edit(t, r.ID, map[string]any{"title": "By hand"})
		c := s.change(t, r.ID)
		require.Greater(t, c.Version, r.Version)
		require.Equal(t, app.OriginUser, c.Origin)
		require.Equal(t, "By hand", c.Event.Title)
		require.Equal(t, int64(5), c.Event.Revision)
		e := s.event("edited", 6)
		e.IfVersion = r.Version
		require.Equal(t, app.Conflict, s.upsert(t, e)[0].Status)
	})
	t.Run("a delete is a change and leaves the revision as a tombstone", func(t *testing.T) {
		defer s.forget(t, "by-hand")
		r := s.upsert(t, s.event("by-hand", 5))[0]
		someone.Delete(t, r.ID)
		c := s.change(t, r.ID)
		require.True(t, c.Deleted)
		require.Equal(t, app.OriginUser, c.Origin)
		require.Equal(t, s.id("by-hand"), c.ExternalID)
		require.Nil(t, s.held(t, "by-hand"))
		require.Equal(t, app.Stale, s.upsert(t, s.event("by-hand", 5))[0].Status)
		e := s.event("by-hand", 6)
		e.IfVersion = c.Version
		require.Equal(t, app.Created, s.upsert(t, e)[0].Status)
	})
}

func (s *suite) testWebhooks(t *testing.T) {
	type delivery struct {
		header http.Header
		body   []byte
	}
	got := make(chan delivery, 100)
	refuse := make(chan int, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case status := <-refuse:
			w.WriteHeader(status)
		default:
			got <- delivery{r.Header, body}
		}
	}))
	defer receiver.Close()
	hook, err := s.client.Subscribe(s.ctx(t), receiver.URL)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.client.Unsubscribe(s.ctx(t), hook.ID)) }()
	next := func(t *testing.T) []app.ChangeEvent {
		t.Helper()
		select {
		case d := <-got:
			signed, err := standardwebhooks.NewWebhook(hook.Secret)
			require.NoError(t, err)
			require.NoError(t, signed.Verify(d.body, d.header))
			events, _, err := app.ParseChangeEvents(d.body)
			require.NoError(t, err)
			return events
		case <-time.After(20 * time.Second):
			require.FailNow(t, "no webhook came")
			return nil
		}
	}
	t.Run("a change is told, signed, by name alone", func(t *testing.T) {
		defer func() { s.forget(t, "told"); next(t) }()
		r := s.upsert(t, s.event("told", 1))[0]
		e := next(t)[0]
		require.Equal(t, r.ID, e.ID)
		require.Equal(t, s.id("told"), e.ExternalID)
		require.Equal(t, "event.created", e.Type)
		require.Equal(t, r.Version, e.Version)
		require.Equal(t, app.OriginIntegration, e.Origin)
	})
	t.Run("a delivery that failed is made again", func(t *testing.T) {
		defer func() { s.forget(t, "again-told"); next(t) }()
		refuse <- http.StatusServiceUnavailable
		s.upsert(t, s.event("again-told", 1))
		require.Equal(t, s.id("again-told"), next(t)[0].ExternalID)
	})
	t.Run("the subscription is listed without its secret", func(t *testing.T) {
		all, err := s.client.Subscriptions(s.ctx(t))
		require.NoError(t, err)
		raw, err := json.Marshal(all)
		require.NoError(t, err)
		require.Contains(t, string(raw), hook.ID)
		require.NotContains(t, string(raw), hook.Secret)
	})
	t.Run("410 ends it", func(t *testing.T) {
		defer s.forget(t, "gone-told")
		refuse <- http.StatusGone
		s.upsert(t, s.event("gone-told", 1))
		require.Eventually(t, func() bool {
			now, err := s.client.Subscription(s.ctx(t), hook.ID)
			return err == nil && now.Status == "disabled" && now.DisabledReason != ""
		}, 20*time.Second, 20*time.Millisecond)
	})
	t.Run("one that nobody knows is gone", func(t *testing.T) {
		_, err := s.client.Subscription(s.ctx(t), "sub_nobody")
		require.Equal(t, app.KindGone, app.KindOf(err))
	})
}
