package calendar

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/app"
	"acmesync/sandbox/business"
)

func rand12(t *testing.T) string {
	t.Helper()
	return strings.ToLower(rand.Text()[:12])
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	s, url := serve(t, t.TempDir())
	t.Run("the three businesses have workspaces and users with stable ids", func(t *testing.T) {
		t.Parallel()
		_, answer := admin(t, http.MethodGet, url+"/admin/workspaces", "")
		list := answer["workspaces"].([]any)
		for i, b := range business.All() {
			shown := list[i].(map[string]any)
			require.Equal(t, b.ID, shown["id"])
			require.Equal(t, b.Name, shown["name"])
			users, err := (&app.Client{BaseURL: url, Token: shown["token"].(string)}).Users(t.Context())
			require.NoError(t, err)
			n := 0
			for _, p := range b.People {
				if p.InApp {
					require.Equal(t, app.User{ID: fmt.Sprintf("u_%d", n+1), Name: p.Name, Email: p.Email, TimeZone: p.TimeZone, Active: true}, users[n])
					n++
				}
			}
			require.Len(t, users, n)
		}
	})
	t.Run("tokens depend on the seed and the workspace", func(t *testing.T) {
		t.Parallel()
		other := &Sandbox{seed: 8}
		require.NotEqual(t, s.tokenOf("a"), s.tokenOf("b"))
		require.NotEqual(t, s.tokenOf("a"), other.tokenOf("a"))
		require.Equal(t, s.tokenOf("a"), (&Sandbox{seed: 7}).tokenOf("a"))
	})
	t.Run("a workspace is made with so many users, or with these", func(t *testing.T) {
		t.Parallel()
		status, made := admin(t, http.MethodPost, url+"/admin/workspaces", `{"id":"load-1","name":"Load","time_zone":"Asia/Tokyo","n_users":501}`)
		require.Equal(t, http.StatusCreated, status)
		users, err := (&app.Client{BaseURL: url, Token: made["token"].(string)}).Users(t.Context())
		require.NoError(t, err)
		require.Len(t, users, 501, "over several pages")
		require.Equal(t, app.User{ID: "u_501", Name: "User 501", Email: "user501@load-1.example", TimeZone: "Asia/Tokyo", Active: true}, users[500])
		status, made = admin(t, http.MethodPost, url+"/admin/workspaces",
			`{"id":"load-2","name":"Load","time_zone":"UTC","users":[{"id":"me","name":"Me","email":"me@x.example","time_zone":"Europe/Rome"}]}`)
		require.Equal(t, http.StatusCreated, status)
		users, err = (&app.Client{BaseURL: url, Token: made["token"].(string)}).Users(t.Context())
		require.NoError(t, err)
		require.Equal(t, "me", users[0].ID)
		require.Equal(t, "Europe/Rome", users[0].TimeZone)
	})
	t.Run("a workspace that cannot be is refused", func(t *testing.T) {
		t.Parallel()
		for body, want := range map[string]int{
			`{"id":"harbor-dental","time_zone":"UTC"}`:                                   http.StatusConflict,
			`{"id":"Not An Id","time_zone":"UTC"}`:                                       http.StatusBadRequest,
			`{"id":"x/../y","time_zone":"UTC"}`:                                          http.StatusBadRequest,
			`{"id":"ok","time_zone":"Mars"}`:                                             http.StatusBadRequest,
			`{"id":"ok","time_zone":""}`:                                                 http.StatusBadRequest,
			`{"id":"ok","time_zone":"UTC","n_users":-1}`:                                 http.StatusBadRequest,
			`{"id":"ok","time_zone":"UTC","n_users":1,"users":[]}`:                       http.StatusBadRequest,
			`{"id":"ok","time_zone":"UTC","users":[{"id":"a"},{"id":"a"}]}`:              http.StatusBadRequest,
			`{"id":"ok","time_zone":"UTC","users":[{"id":"a","time_zone":"Moon/Base"}]}`: http.StatusBadRequest,
		} {
			status, answer := admin(t, http.MethodPost, url+"/admin/workspaces", body)
			require.Equal(t, want, status, "%s: %v", body, answer)
		}
		require.Nil(t, s.workspace("ok"))
		status, _ := admin(t, http.MethodGet, url+"/admin/workspaces/unknown/writes", "")
		require.Equal(t, http.StatusNotFound, status)
	})
	t.Run("a web page of elsewhere cannot write to it", func(t *testing.T) {
		t.Parallel()
		res, err := http.Post(url+"/admin/workspaces", "text/plain", strings.NewReader(`{"id":"evil","time_zone":"UTC"}`))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusUnsupportedMediaType, res.StatusCode)
	})
}

func TestFigures(t *testing.T) {
	t.Parallel()
	s, url := serve(t, t.TempDir())
	c := clientOf(s, url, "alpine-physio")
	at := url + "/admin/workspaces/alpine-physio"
	before := time.Now()
	_, err := c.UpsertEvents(t.Context(), events(3))
	require.NoError(t, err)
	after := time.Now()
	_, err = c.UpsertEvents(t.Context(), append(events(3), event("bad", 0)))
	require.NoError(t, err)
	changed := event("acme:1", 5)
	changed.Title = "moved"
	_, err = c.UpsertEvents(t.Context(), []app.Event{changed, event("acme:1", 2)})
	require.NoError(t, err)
	_, err = c.DeleteEvents(t.Context(), []app.EventRef{{ExternalID: "acme:2", Revision: 9}, {ExternalID: "x", Revision: 1}})
	require.NoError(t, err)
	_, err = c.SetCounts(t.Context(), []app.Count{{UserID: "u_1", Day: "2026-03-04", Channel: "call", Direction: "inbound", Count: 4, Revision: 3}})
	require.NoError(t, err)

	t.Run("figures tell requests, and items by what became of them", func(t *testing.T) {
		t.Parallel()
		_, writes := admin(t, http.MethodGet, at+"/writes", "")
		require.Equal(t, map[string]any{"upsert": 3.0, "delete": 1.0, "counts": 1.0, "link": 0.0, "writes": 5.0, "reads": 0.0}, writes["requests"])
		require.Equal(t, map[string]any{"created": 3.0, "updated": 1.0, "unchanged": 3.0, "stale": 1.0, "rejected": 1.0, "deleted": 1.0, "absent": 1.0}, writes["events"])
		require.Equal(t, map[string]any{"updated": 1.0}, writes["counts"])
		require.InDelta(t, 6, writes["applied"], 0)
		require.InDelta(t, 3, writes["unchanged"], 0)
		require.InDelta(t, 1, writes["stale"], 0)
		require.InDelta(t, 1, writes["rejected"], 0)
	})
	t.Run("arrivals tell when each applied write of an event came", func(t *testing.T) {
		t.Parallel()
		_, one := admin(t, http.MethodGet, at+"/received?external_id=acme:1", "")
		list := one["arrivals"].([]any)
		require.Len(t, list, 2)
		first := list[0].(map[string]any)
		when, err := time.Parse(time.RFC3339Nano, first["at"].(string))
		require.NoError(t, err)
		require.WithinRange(t, when, before.Add(-time.Millisecond), after.Add(time.Millisecond))
		require.Equal(t, "created", first["status"])
		require.Equal(t, "updated", list[1].(map[string]any)["status"])
		require.InDelta(t, 5, list[1].(map[string]any)["revision"], 0)
	})
	t.Run("arrivals are listed in order from a seq on", func(t *testing.T) {
		t.Parallel()
		_, all := admin(t, http.MethodGet, at+"/received", "")
		require.Len(t, all["arrivals"], 5)
		require.InDelta(t, 5, all["last_seq"], 0)
		require.InDelta(t, 1, all["first_seq"], 0)
		_, rest := admin(t, http.MethodGet, at+"/received?after=3&limit=1", "")
		require.Len(t, rest["arrivals"], 1)
		require.InDelta(t, 4, rest["arrivals"].([]any)[0].(map[string]any)["seq"], 0)
	})
}

func TestArrivalsAreBounded(t *testing.T) {
	t.Parallel()
	var a arrivals
	for i := range maxArrivals + 10 {
		a.add(fmt.Sprint(i), 1, app.Created, time.Time{})
	}
	require.Len(t, a.ring, maxArrivals)
	list := a.after(0, "", 3)
	require.Equal(t, "10", list[0].ExternalID)
	require.Equal(t, int64(11), list[0].Seq)
	require.Empty(t, a.after(0, "9", 10))
	require.Len(t, a.after(maxArrivals+8, "", 10), 2)
	require.Empty(t, a.after(maxArrivals+10, "", 10))
}

func TestPages(t *testing.T) {
	t.Parallel()
	s, url := serve(t, t.TempDir())
	c := clientOf(s, url, "coral-realty")
	get := func(t *testing.T, path string) (int, string) {
		t.Helper()
		res, err := http.Get(url + path)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		raw, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(raw)
	}
	busy := event("busy", 1)
	busy.Title, busy.Visibility, busy.Description = "Secret", app.VisibilityBusy, "secret too"
	day := event("day", 1)
	day.Start, day.End = app.Moment{Date: "2026-03-05"}, app.Moment{Date: "2026-03-06"}
	script := event("script", 1)
	script.Title, script.OwnerID = "</script><script>alert(1)</script>", "u_2"
	_, err := c.UpsertEvents(t.Context(), []app.Event{busy, day, script})
	require.NoError(t, err)
	_, err = c.SetCounts(t.Context(), []app.Count{
		{UserID: "u_2", Day: "2020-05-06", Channel: "call", Direction: "inbound", Count: 4, Revision: 1},
		{UserID: "u_2", Day: "2020-05-06", Channel: "call", Direction: "outbound", Count: 3, Revision: 1},
		{UserID: "u_1", Day: "2020-05-01", Channel: "email", Direction: "outbound", Count: 2, Revision: 1},
	})
	require.NoError(t, err)

	t.Run("each page is served", func(t *testing.T) {
		t.Parallel()
		for path, has := range map[string]string{
			"/":                         "Coral Coast Realty",
			"/w/coral-realty/calendar":  "Times in Australia/Sydney",
			"/w/coral-realty/dashboard": "Calls per day",
			"/w/coral-realty/":          "Ruby Walsh",
			"/static/vendor/event-calendar-5.10.1/event-calendar.min.js": "EventCalendar v5.10.1",
			"/static/vendor/event-calendar-5.10.1/LICENSE":               "MIT License",
			"/static/vendor/uplot-1.6.32/uPlot.iife.min.js":              "uPlot",
			"/static/vendor/uplot-1.6.32/LICENSE":                        "MIT",
		} {
			status, body := get(t, path)
			require.Equal(t, http.StatusOK, status, path)
			require.Contains(t, body, has)
			require.NotContains(t, body, "src=\"http", "no page loads anything from elsewhere")
		}
		status, _ := get(t, "/w/nobody/calendar")
		require.Equal(t, http.StatusNotFound, status)
	})
	t.Run("the calendar shows wall-clock times of the workspace and hides what is busy only", func(t *testing.T) {
		t.Parallel()
		status, body := get(t, "/w/coral-realty/calendar.json?from=2026-03-01&to=2026-03-08")
		require.Equal(t, http.StatusOK, status)
		require.NotContains(t, strings.ToLower(body), "secret")
		require.NotContains(t, body, "</script>")
		require.Contains(t, body, `"title":"Busy","start":"2026-03-05T02:30:00","end":"2026-03-05T03:00:00"`)
		require.Contains(t, body, `"start":"2026-03-05","end":"2026-03-06","all_day":true`)
		_, body = get(t, "/w/coral-realty/calendar.json?from=2026-03-01&to=2026-03-08&user=u_2")
		require.Contains(t, body, "script")
		require.NotContains(t, body, "Busy")
		_, body = get(t, "/w/coral-realty/calendar.json?from=2026-03-07&to=2026-03-08")
		require.Contains(t, body, `"events":[]`)
		status, _ = get(t, "/w/coral-realty/calendar.json")
		require.Equal(t, http.StatusBadRequest, status)
	})
	t.Run("the dashboard adds up directions and falls back to the latest days that have any", func(t *testing.T) {
		t.Parallel()
		feed := s.workspace("coral-realty").touchpoints(7, time.Now())
		require.Equal(t, []string{"2020-04-30", "2020-05-01", "2020-05-02", "2020-05-03", "2020-05-04", "2020-05-05", "2020-05-06"}, feed.Days)
		require.Equal(t, []int{0, 0, 0, 0, 0, 0, 7}, feed.Users[1].Call)
		require.Equal(t, []int{0, 2, 0, 0, 0, 0, 0}, feed.Users[0].Email)
		require.Equal(t, map[string]int{"call": 7, "email": 2}, feed.Totals)
		require.Equal(t, 9, feed.Ever)
		status, _ := get(t, "/w/coral-realty/dashboard.json?days=0")
		require.Equal(t, http.StatusBadRequest, status)
	})
	t.Run("the change feed speaks when something is written, not when nothing changes", func(t *testing.T) {
		t.Parallel()
		c := clientOf(s, url, "alpine-physio")
		res, err := http.Get(url + "/w/alpine-physio/changes")
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		lines := make(chan string, 16)
		go func() {
			defer close(lines)
			buf := make([]byte, 256)
			for {
				n, err := res.Body.Read(buf)
				if n > 0 {
					lines <- string(buf[:n])
				}
				if err != nil {
					return
				}
			}
		}()
		next := func() string {
			select {
			case line := <-lines:
				return line
			case <-time.After(5 * time.Second):
				t.Fatal("the feed is silent")
				return ""
			}
		}
		require.Equal(t, "data: 0\n\n", next())
		for range 2 {
			_, err = c.UpsertEvents(t.Context(), events(2))
			require.NoError(t, err)
		}
		require.Equal(t, "data: 1\n\n", next())
		_, err = c.DeleteEvents(t.Context(), []app.EventRef{{ExternalID: "acme:0", Revision: 2}})
		require.NoError(t, err)
		require.Equal(t, "data: 2\n\n", next())
	})
}
