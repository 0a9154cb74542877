package activities_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// shortCursors lets every cursor expire after one use: each walk has two pages before it is refused.
type shortCursors struct {
	mu      sync.Mutex
	pages   map[string]int // by path: since the walk began
	refused int
}

func (s *shortCursors) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/v1/appointments") {
		s.mu.Lock()
		q := req.URL.Query()
		if q.Get("cursor") == "" {
			s.pages[req.URL.Path] = 0
		} else if s.pages[req.URL.Path]++; s.pages[req.URL.Path] > 1 {
			s.refused++
			q.Set("cursor", "expired")
			req = req.Clone(req.Context())
			req.URL = &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Path: req.URL.Path, RawQuery: q.Encode()}
		}
		s.mu.Unlock()
	}
	return http.DefaultTransport.RoundTrip(req)
}

func TestCursorsThatExpire(t *testing.T) {
	t.Parallel()
	t.Run("a walk whose cursor always expires after two pages ends, and misses nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, acmesync.Config{PollSeconds: 3600, PageSize: 5})
		short := &shortCursors{pages: map[string]int{}}
		w.do.HTTP = &http.Client{Transport: short, Timeout: 30 * time.Second}
		long := time.Now().Add(-time.Hour).UTC() // all of it is settled when it is read
		for n := range 60 {
			w.put(t, "appointments", fmt.Sprintf("apt_%02d", n), appointment(map[string]any{"updated_at": long.Add(time.Duration(n) * time.Second)}))
		}
		w.run(t)
		eventually(t, "all have arrived", func() bool {
			b := w.balance(t, acmesync.Appointments)
			return b.InStep == 60 && b.Balanced
		})
		short.mu.Lock()
		defer short.mu.Unlock()
		require.Greater(t, short.refused, 4, "cursors did expire")
		require.Less(t, short.refused, 20, "each walk went on where the one before had come to")
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM holds`))
	})
	t.Run("a walk that comes no further begins again more and more seldom, and is seen as held", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, acmesync.Config{PollSeconds: 3600, PageSize: 2})
		short := &shortCursors{pages: map[string]int{}}
		w.do.HTTP = &http.Client{Transport: short, Timeout: 30 * time.Second}
		w.importAtOnce(t, 12) // all of one moment: no later watermark to begin at
		w.run(t)
		eventually(t, "it is held", func() bool {
			return w.scalar(t, `SELECT count(*) FROM holds WHERE stream = 'appointments' AND kind = 'cursor_lost'`) == 1
		})
		eventually(t, "it was tried again", func() bool {
			w.exec(t, `UPDATE holds SET next_at = now()`)
			return w.scalar(t, `SELECT restarts FROM positions WHERE stream = 'appointments'`) > 8
		})
		eventually(t, "the wait has grown", func() bool {
			return w.scalar(t, `SELECT coalesce(max(extract(epoch FROM next_at - now()))::int, 0) FROM holds WHERE stream = 'appointments'`) > 6
		})
	})
}

// importAtOnce makes so many appointments with one and the same time of change.
func (w *world) importAtOnce(t *testing.T, n int) {
	t.Helper()
	at := time.Now().Add(-time.Hour).UTC()
	for i := range n {
		w.put(t, "appointments", fmt.Sprintf("apt_%02d", i), appointment(map[string]any{"updated_at": at}))
	}
}

func TestWalks(t *testing.T) {
	t.Parallel()
	all := func(w *world, n int64) func() bool {
		return func() bool {
			b := w.balance(t, acmesync.Appointments)
			return b.InStep == n && b.Known == n
		}
	}
	t.Run("records of one moment at the edges of pages all arrive", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, acmesync.Config{PollSeconds: 3600, PageSize: 2})
		w.importAtOnce(t, 9)
		w.run(t)
		eventually(t, "all have arrived", all(w, 9))
	})
	t.Run("records that change while they are walked arrive as they are then", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, acmesync.Config{PollSeconds: 1, PageSize: 2})
		w.importAtOnce(t, 30)
		w.run(t)
		for n := 29; n >= 0; n -= 3 {
			w.put(t, "appointments", fmt.Sprintf("apt_%02d", n), map[string]any{"subject": "Changed meanwhile"})
		}
		eventually(t, "all have arrived as they are", func() bool {
			if !all(w, 30)() {
				return false
			}
			for n := 29; n >= 0; n -= 3 {
				if w.event(t, fmt.Sprintf("apt_%02d", n)).Title != "Changed meanwhile" {
					return false
				}
			}
			return true
		})
	})
	t.Run("a clock that goes back hides nothing: a webhook brings what no list of news shows", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, acmesync.Config{PollSeconds: 1, PageSize: 5})
		w.put(t, "appointments", "apt_before", appointment(nil))
		w.run(t)
		eventually(t, "it arrives", all(w, 1))
		earlier := time.Now().Add(-time.Hour).UTC()
		w.put(t, "appointments", "apt_earlier", appointment(map[string]any{"updated_at": earlier}))
		w.hook(t, acmesync.Appointments, "apt_earlier", 1)
		w.put(t, "appointments", "apt_before", map[string]any{"subject": "Changed an hour ago", "updated_at": earlier})
		w.hook(t, acmesync.Appointments, "apt_before", 2)
		eventually(t, "both arrive", func() bool { return all(w, 2)() && w.event(t, "apt_before").Title == "Changed an hour ago" })
	})
	t.Run("records dated in 2099 arrive, and later ones too", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, acmesync.Config{PollSeconds: 1, PageSize: 2})
		for n := range 5 {
			w.put(t, "appointments", fmt.Sprintf("apt_2099_%d", n), appointment(map[string]any{"updated_at": time.Date(2099, 1, 1, 0, 0, n, 0, time.UTC)}))
		}
		w.run(t)
		eventually(t, "they arrive", all(w, 5))
		w.put(t, "appointments", "apt_today", appointment(nil))
		eventually(t, "the poll brings today's", all(w, 6))
	})
	t.Run("a list that lags behind misses nothing, and takes nothing back", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, acmesync.Config{PollSeconds: 1, PageSize: 5})
		w.acmeFaults(t, map[string]any{"stale_list_seconds": 3})
		w.put(t, "appointments", "apt_lag", appointment(nil))
		w.put(t, "appointments", "apt_list", appointment(nil))
		w.run(t)
		w.put(t, "appointments", "apt_lag", map[string]any{"subject": "Newer than the list"})
		w.hook(t, acmesync.Appointments, "apt_lag", 2)
		eventually(t, "what the webhook named arrives", func() bool {
			e := w.event(t, "apt_lag")
			return e != nil && e.Title == "Newer than the list"
		})
		eventually(t, "the list brings the other", all(w, 2))
		require.Equal(t, "Newer than the list", w.event(t, "apt_lag").Title)
	})
}

func TestMergedContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.put(t, "contacts", "con_old", map[string]any{"name": "Old"})
	w.run(t)
	w.put(t, "appointments", "apt", appointment(map[string]any{"contact_ids": []string{"con_old"}}))
	w.hook(t, acmesync.Appointments, "apt", 0)
	eventually(t, "it arrives", func() bool { return w.event(t, "apt") != nil })
	w.put(t, "contacts", "con_new", map[string]any{"name": "New"}) // nobody has named it yet, and its webhook is lost
	w.put(t, "contacts", "con_old", map[string]any{"merged_into": "con_new"})
	w.hook(t, acmesync.Contacts, "con_old", 0)
	eventually(t, "it shows whoever took the contact over", func() bool {
		w.tick(t)
		return w.event(t, "apt").Attendees[0].Name == "New"
	})
}

func TestRestOfAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.run(t)
	w.quiet(t)
	w.appFaults(t, map[string]any{"busy_external_ids": []string{externalID("apt_twice")}})
	// A page with one record three times: as a webhook's read and a list of Acme's may bring it.
	w.put(t, "appointments", "apt_twice", appointment(nil))
	w.put(t, "appointments", "apt_fine", appointment(nil))
	first, fine := w.raw(t, "apt_twice"), w.raw(t, "apt_fine")
	w.put(t, "appointments", "apt_twice", map[string]any{"subject": "The newest"})
	second := w.raw(t, "apt_twice")
	w.store(t, acmesync.Appointments, acmesync.ByPoll, first, second, fine, first)
	eventually(t, "the neighbour arrives", func() bool { return w.event(t, "apt_fine") != nil })
	w.appFaults(t, map[string]any{})
	w.tick(t)
	eventually(t, "the newest version arrives", func() bool {
		w.tick(t)
		e := w.event(t, "apt_twice")
		return e != nil && e.Title == "The newest"
	})
	w.quiet(t)
	b := w.balance(t, acmesync.Appointments)
	require.True(t, b.Arrivals.Balanced(), "%+v", b.Arrivals)
	require.EqualValues(t, 4, b.Arrivals.Received)
	require.EqualValues(t, 2, b.Arrivals.Done)
	require.EqualValues(t, 2, b.Arrivals.Superseded+b.Arrivals.Duplicate)
}

// raw reads a record of Acme's as it stands.
func (w *world) raw(t *testing.T, id string) json.RawMessage {
	t.Helper()
	var raw json.RawMessage
	w.call(t, http.MethodGet, w.acmeURL+"/v1/appointments/"+id, w.key, nil, &raw)
	return raw
}

// store brings a page as the fetch lane does; its attempts go on beside it.
func (w *world) store(t require.TestingT, stream acmesync.Stream, way acmesync.Way, items ...json.RawMessage) {
	body, err := json.Marshal(items)
	require.NoError(t, err)
	ids := make([]string, len(items))
	for i, item := range items {
		var one struct{ ID string }
		require.NoError(t, json.Unmarshal(item, &one))
		ids[i] = one.ID
	}
	page := acmesync.NewPage{Stream: stream, Way: way, IDs: ids, Records: len(items), Body: body}
	eventually(t, "the page is stored", func() bool {
		var f acmesync.Fence
		f.Tenant, f.Connection, f.Lane = tenant, acmesync.MainConnection, acmesync.Fetch
		row := w.Super.QueryRow(`SELECT l.token, t.epoch, t.generation FROM lanes l JOIN tenants t USING (tenant) WHERE l.lane = 'fetch'`)
		require.NoError(t, row.Scan(&f.Token, &f.Epoch, &f.Generation))
		return w.CommitFetched(context.Background(), f, acmesync.Fetched{Pages: []acmesync.NewPage{page}}) == nil
	})
}
