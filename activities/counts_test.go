package activities_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"acmesync"
	"acmesync/app"
	"acmesync/db"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// moving lets users of the app live in another zone than they were made with.
func (w *world) moving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(res http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v1/users" {
			next.ServeHTTP(res, req)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, req)
		var page map[string]any
		if json.Unmarshal(answer.Body.Bytes(), &page) == nil && answer.Code == http.StatusOK {
			for _, u := range page["users"].([]any) {
				user := u.(map[string]any)
				if zone, ok := w.moved.Load(user["id"]); ok {
					user["time_zone"] = zone
				}
			}
			res.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(res).Encode(page)
			return
		}
		res.WriteHeader(answer.Code)
		_, _ = res.Write(answer.Body.Bytes())
	})
}

// logged is a touch-point as the test knows it, to be counted independently of the product.
type logged struct {
	channel, direction, user, status string
	at                               time.Time
	deleted                          bool
}

// diary is all that was logged, and where the app's users live.
type diary struct {
	points        map[string]logged
	zones         map[string]string // the app's user → zone
	internal      bool              // the tenant counts what is among colleagues
	withForwarded bool
}

// appUser is who the people of the account are in the app; usr_04 is nobody.
var appUser = map[string]string{"usr_01": "u_1", "usr_02": "u_2", "usr_03": "u_3"}

// recount counts by hand what the app should show.
func (d *diary) recount(t require.TestingT) map[string]int {
	counts := map[string]int{}
	for _, p := range d.points {
		user, known := appUser[p.user]
		if p.deleted || !known || p.status == "bounced" || p.direction == "internal" && !d.internal || p.status == "forwarded" && !d.withForwarded {
			continue
		}
		zone, err := time.LoadLocation(d.zones[user])
		require.NoError(t, err)
		counts[fmt.Sprint(user, p.at.In(zone).Format(time.DateOnly), p.channel, p.direction)]++
	}
	return counts
}

// dashboard reads what the app shows.
func (w *world) dashboard(t require.TestingT) map[string]int {
	client := &app.Client{BaseURL: w.appURL, Token: w.token, HTTP: &http.Client{Timeout: 30 * time.Second}}
	shown, query := map[string]int{}, app.CountQuery{Limit: 7}
	for {
		page, err := client.Counts(context.Background(), query)
		require.NoError(t, err)
		for _, c := range page.Counts {
			if c.Count != 0 {
				shown[fmt.Sprint(c.UserID, c.Day, c.Channel, c.Direction)] = c.Count
			}
		}
		if query.Cursor = page.NextCursor; query.Cursor == "" {
			return shown
		}
	}
}

// told reads what the product says that the app shows, page by page.
func (w *world) told(t require.TestingT) map[string]int {
	told, filter, sum := map[string]int{}, db.TouchpointFilter{Limit: 5}, 0
	for {
		page, err := w.Touchpoints(context.Background(), tenant, filter)
		require.NoError(t, err)
		for _, c := range page.Counts {
			told[fmt.Sprint(c.UserID, c.Day, c.Channel, c.Direction)] = c.Count
			sum += c.Count
			filter.After = c.TouchpointCell
		}
		if len(page.Counts) == filter.Limit {
			continue
		}
		for _, total := range page.Totals {
			sum -= total.Count
			require.Zero(t, total.Unsent)
		}
		require.Zero(t, sum, "the totals are the sum of all pages")
		return told
	}
}

func (w *world) equal(t *testing.T, d *diary) {
	t.Helper()
	want := d.recount(t)
	w.tick(t)
	eventually(t, "the dashboard shows the recount", func() bool {
		return fmt.Sprint(w.dashboard(t)) == fmt.Sprint(want)
	})
	w.quiet(t)
	require.Equal(t, want, w.dashboard(t))
	require.Equal(t, want, w.told(t))
}

func (w *world) log(t *testing.T, d *diary, id string, p logged) {
	t.Helper()
	d.points[id] = p
	w.put(t, "touchpoints", id, map[string]any{
		"channel": p.channel, "direction": p.direction, "user_id": p.user, "email_status": p.status, "contact_id": "c",
		"occurred_at": p.at.Format(time.RFC3339), "logged_at": p.at.Format(time.RFC3339),
	})
	w.hook(t, acmesync.Touchpoints, id, 0)
}

func (w *world) strike(t *testing.T, d *diary, id string) {
	t.Helper()
	p, ok := d.points[id]
	if !ok || p.deleted {
		return
	}
	p.deleted = true
	d.points[id] = p
	w.call(t, http.MethodDelete, w.acmeURL+"/admin/accounts/"+w.workspace+"/records/touchpoints/"+id, "", nil, nil)
	w.hook(t, acmesync.Touchpoints, id, 0)
}

func (w *world) move(t *testing.T, d *diary, user, zone string) {
	t.Helper()
	d.zones[user] = zone
	w.moved.Store(user, zone)
	w.exec(t, `UPDATE connections SET app_users_read_at = NULL`)
}

func (w *world) choose(t *testing.T, d *diary, c acmesync.TouchpointRules) {
	t.Helper()
	d.internal, d.withForwarded = c.CountInternal, !c.IgnoreForwarded
	now, err := w.Tenant(t.Context(), tenant)
	require.NoError(t, err)
	now.Config.Touchpoints = c
	_, err = w.Configure(t.Context(), tenant, acmesync.ConfigChange{Config: now.Config, Over: now.Rules, Walk: []acmesync.Stream{acmesync.Touchpoints}, Actor: "test"})
	require.NoError(t, err)
}

// evening is the same evening in Sydney, and still the day before in London and New York.
var evening = time.Date(2026, 5, 4, 13, 30, 0, 0, time.UTC)

func TestTouchpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	d := &diary{points: map[string]logged{}, zones: map[string]string{"u_1": "Australia/Sydney", "u_2": "Australia/Sydney", "u_3": "Australia/Sydney"}, withForwarded: true}
	w.run(t)
	w.quiet(t)
	late := logged{channel: "call", direction: "outbound", user: "usr_01", at: evening}

	t.Run("late, edited, reclassified and deleted ones end as a recount says", func(t *testing.T) {
		for i := range 4 {
			w.log(t, d, fmt.Sprintf("tp_%d", i), late)
		}
		w.equal(t, d)
		mail, inbound, other := late, late, late
		mail.channel, mail.status = "email", "sent"
		inbound.direction = "inbound"
		other.at = late.at.AddDate(0, 0, -40)
		w.log(t, d, "tp_1", mail)
		w.log(t, d, "tp_2", inbound)
		w.log(t, d, "tp_3", other)
		w.strike(t, d, "tp_0")
		w.equal(t, d)
	})
	t.Run("one that goes to a user without match counts no more, and again with the next", func(t *testing.T) {
		nobody, somebody := late, late
		nobody.user, somebody.user = "usr_04", "usr_02"
		w.log(t, d, "tp_2", nobody)
		w.equal(t, d)
		w.log(t, d, "tp_2", somebody)
		w.equal(t, d)
	})
	t.Run("a user's zone that changes moves their days, nobody else's", func(t *testing.T) {
		before := w.dashboard(t)
		w.move(t, d, "u_1", "Pacific/Auckland") // the day after, there
		w.equal(t, d)
		require.NotEqual(t, before, w.dashboard(t))
		w.move(t, d, "u_1", "Australia/Sydney")
		w.equal(t, d)
		require.Equal(t, before, w.dashboard(t))
	})
	t.Run("a count rule that changes recounts what is there, and takes it back", func(t *testing.T) {
		colleagues, passedOn := late, late
		colleagues.direction = "internal"
		passedOn.channel, passedOn.status = "email", "forwarded"
		w.log(t, d, "tp_5", colleagues)
		w.log(t, d, "tp_6", passedOn)
		w.equal(t, d)
		before := w.dashboard(t)
		w.choose(t, d, acmesync.TouchpointRules{CountInternal: true, IgnoreForwarded: true})
		w.equal(t, d)
		require.NotEqual(t, before, w.dashboard(t))
		w.choose(t, d, acmesync.TouchpointRules{})
		w.equal(t, d)
		require.Equal(t, before, w.dashboard(t))
	})
	t.Run("whatever happens in whatever order, the dashboard equals a recount", func(t *testing.T) {
		zones := []string{"Australia/Sydney", "Pacific/Auckland", "America/New_York", "Europe/London", "UTC"}
		for seed := range 3 {
			for i, step := range rapid.SliceOfN(rapid.Custom(anyStep), 40, 40).Example(seed) {
				id := fmt.Sprintf("tp_%d", step.record)
				switch step.what {
				case "strike":
					w.strike(t, d, id)
				case "replay":
					w.hook(t, acmesync.Touchpoints, id, 0)
					w.poll(t)
				case "move":
					w.move(t, d, fmt.Sprintf("u_%d", 1+step.record%3), zones[step.record%len(zones)])
				case "choose":
					w.choose(t, d, acmesync.TouchpointRules{CountInternal: step.record%2 == 0, IgnoreForwarded: step.record%3 == 0})
				default:
					if p := d.points[id]; !p.deleted {
						w.log(t, d, id, step.as)
					}
				}
				if i%20 == 19 {
					w.equal(t, d)
				}
			}
		}
	})
}

// step is one thing that happens to a diary.
type step struct {
	what   string
	record int
	as     logged
}

func anyStep(t *rapid.T) step {
	s := step{
		what:   rapid.SampledFrom([]string{"log", "log", "log", "log", "strike", "replay", "move", "choose"}).Draw(t, "what"),
		record: rapid.IntRange(10, 25).Draw(t, "record"),
		as: logged{
			channel:   rapid.SampledFrom([]string{"call", "email"}).Draw(t, "channel"),
			direction: rapid.SampledFrom([]string{"inbound", "outbound", "internal"}).Draw(t, "direction"),
			user:      rapid.SampledFrom([]string{"usr_01", "usr_02", "usr_03", "usr_04"}).Draw(t, "user"),
			at:        evening.Add(time.Duration(rapid.IntRange(-72, 72).Draw(t, "hours")) * time.Hour),
		},
	}
	if s.as.channel == "email" {
		s.as.status = rapid.SampledFrom([]string{"sent", "bounced", "forwarded"}).Draw(t, "status")
	}
	return s
}
