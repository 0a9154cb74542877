package calendar

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/app"
)

func event(externalID string, revision int64) app.Event {
	return app.Event{
		ExternalID: externalID, Revision: revision, OwnerID: "u_1", Title: "Check-up",
		Start:  app.Moment{DateTime: "2026-03-04T15:30:00Z", TimeZone: "America/New_York"},
		End:    app.Moment{DateTime: "2026-03-04T16:00:00Z", TimeZone: "America/New_York"},
		Status: app.StatusConfirmed, Visibility: app.VisibilityFull,
	}
}

func events(n int) []app.Event {
	list := make([]app.Event, n)
	for i := range list {
		list[i] = event(fmt.Sprintf("acme:%d", i), 1)
	}
	return list
}

// write fills a workspace with a bit of everything.
func writeABit(t *testing.T, c *app.Client) {
	t.Helper()
	ctx := t.Context()
	_, err := c.UpsertEvents(ctx, []app.Event{event("kept", 1), event("raised", 1), event("gone", 1), event("bad", 0)})
	require.NoError(t, err)
	_, err = c.UpsertEvents(ctx, []app.Event{event("raised", 9)})
	require.NoError(t, err)
	changed := event("kept", 2)
	changed.Title = "Zoë’s “second” visit 🦷\n\u2028"
	_, err = c.UpsertEvents(ctx, []app.Event{changed})
	require.NoError(t, err)
	_, err = c.DeleteEvents(ctx, []app.EventRef{{ExternalID: "gone", Revision: 5}, {ExternalID: "never", Revision: 7}})
	require.NoError(t, err)
	_, err = c.SetCounts(ctx, []app.Count{
		{UserID: "u_2", Day: "2026-03-04", Channel: "call", Direction: "inbound", Count: 4, Revision: 3},
		{UserID: "u_1", Day: "2026-03-05", Channel: "email", Direction: "outbound", Count: 2, Revision: 3},
		{UserID: "u_1", Day: "2026-03-05", Channel: "email", Direction: "outbound", Count: 0, Revision: 4},
	})
	require.NoError(t, err)
}

func TestJournal(t *testing.T) {
	t.Parallel()
	const id = "harbor-dental"
	// stop ends a sandbox before its test does, as a restart would.
	start := func(t *testing.T, dir string) (c *app.Client, stop func()) {
		t.Helper()
		s, err := Open(Config{DataDir: dir, Seed: 7})
		require.NoError(t, err)
		server := httptest.NewServer(s.Handler())
		stop = sync.OnceFunc(func() {
			server.Close()
			require.NoError(t, s.Close())
		})
		t.Cleanup(stop)
		return clientOf(s, server.URL, id), stop
	}
	t.Run("a restart forgets nothing", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		c, stop := start(t, dir)
		writeABit(t, c)
		before, err := c.Events(t.Context(), app.EventQuery{})
		require.NoError(t, err)
		totals, err := c.Totals(t.Context())
		require.NoError(t, err)
		require.Equal(t, app.Totals{Events: 2, Touchpoints: 4, Users: 7}, totals)
		stop()

		again, _ := start(t, dir)
		require.Equal(t, c.Token, again.Token)
		after, err := again.Events(t.Context(), app.EventQuery{})
		require.NoError(t, err)
		require.Equal(t, before, after)
		now, err := again.Totals(t.Context())
		require.NoError(t, err)
		require.Equal(t, totals, now)
		results, err := again.UpsertEvents(t.Context(), []app.Event{event("gone", 5), event("never", 6), event("raised", 8)})
		require.NoError(t, err)
		for _, r := range results {
			require.Equal(t, app.Stale, r.Status)
		}
		counts, err := again.SetCounts(t.Context(), []app.Count{{UserID: "u_1", Day: "2026-03-05", Channel: "email", Direction: "outbound", Count: 2, Revision: 3}})
		require.NoError(t, err)
		require.Equal(t, app.Stale, counts[0].Status)
	})
	t.Run("a reader of the file alone finds the present state", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		c, stop := start(t, dir)
		writeABit(t, c)
		stop()
		live, cells := map[string]map[string]any{}, map[string]float64{}
		file, err := os.Open(filepath.Join(dir, journalName))
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		for in := bufio.NewScanner(file); in.Scan(); {
			var l map[string]any
			require.NoError(t, json.Unmarshal(in.Bytes(), &l))
			_, err := time.Parse(time.RFC3339Nano, l["at"].(string))
			require.NoError(t, err)
			if l["workspace"] != id {
				continue
			}
			switch l["op"] {
			case "event.put":
				e := l["event"].(map[string]any)
				live[e["external_id"].(string)] = e
			case "event.delete":
				delete(live, l["external_id"].(string))
			case "event.revision":
				live[l["external_id"].(string)]["revision"] = l["revision"]
			case "count.set":
				n := l["count"].(map[string]any)
				cells[fmt.Sprint(n["user_id"], n["day"], n["channel"], n["direction"])] = n["count"].(float64)
			}
		}
		require.Len(t, live, 2)
		require.Equal(t, "Zoë’s “second” visit 🦷\n\u2028", live["kept"]["title"])
		require.InDelta(t, 9, live["raised"]["revision"], 0)
		require.Equal(t, map[string]float64{"u_22026-03-04callinbound": 4, "u_12026-03-05emailoutbound": 0}, cells)
	})
	t.Run("wherever the last line is torn, what stands before it is kept", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		c, stop := start(t, dir)
		_, err := c.UpsertEvents(t.Context(), events(2))
		require.NoError(t, err)
		stop()
		whole, err := os.ReadFile(filepath.Join(dir, journalName))
		require.NoError(t, err)
		lastLine := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
		for cut := lastLine; cut < len(whole); cut += 7 {
			torn := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(torn, journalName), whole[:cut], 0o600))
			s, err := Open(Config{DataDir: torn, Seed: 7})
			require.NoError(t, err)
			require.Equal(t, 1, s.byID[id].live)
			require.NoError(t, s.Close())
			left, err := os.ReadFile(filepath.Join(torn, journalName))
			require.NoError(t, err)
			require.Equal(t, string(whole[:lastLine]), string(left))
		}
	})
	t.Run("a last line of rubbish is cut, rubbish before good lines stops the start", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		_, stop := start(t, dir)
		stop()
		path := filepath.Join(dir, journalName)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(bytes.Clone(whole), "\x00\x00{\"op\\\n"...), 0o600))
		_, stop = start(t, dir)
		stop()
		require.NoError(t, os.WriteFile(path, append([]byte("{\"op\":\"event.put\"}\n"), whole...), 0o600))
		_, err = Open(Config{DataDir: dir, Seed: 7})
		require.ErrorContains(t, err, "at byte 0")
	})
	t.Run("two sandboxes do not share a folder", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		start(t, dir)
		_, err := Open(Config{DataDir: dir, Seed: 7})
		require.ErrorContains(t, err, "lock journal")
	})
	t.Run("writers side by side are all kept, each event at its highest revision", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		c, stop := start(t, dir)
		var all sync.WaitGroup
		for writer := range 8 {
			all.Go(func() {
				for i := range 20 {
					e := event(fmt.Sprintf("shared:%d", i%5), int64(1+writer+8*i))
					e.Title = fmt.Sprint(e.Revision)
					_, err := c.UpsertEvents(context.Background(), []app.Event{e, event(fmt.Sprintf("own:%d:%d", writer, i), 1)})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		stop()
		again, _ := start(t, dir)
		totals, err := again.Totals(t.Context())
		require.NoError(t, err)
		require.Equal(t, 165, totals.Events)
		for i := range 5 {
			page, err := again.Events(t.Context(), app.EventQuery{ExternalID: fmt.Sprintf("shared:%d", i)})
			require.NoError(t, err)
			require.Equal(t, int64(8+8*(15+i)), page.Events[0].Revision)
			require.Equal(t, fmt.Sprint(page.Events[0].Revision), page.Events[0].Title)
		}
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	t.Run("it serves until told to stop, and an open page does not hold it up", func(t *testing.T) {
		t.Parallel()
		free, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addr := free.Addr().String()
		require.NoError(t, free.Close())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- Run(ctx, Config{Addr: addr, DataDir: t.TempDir(), Seed: 1, Log: slog.New(slog.DiscardHandler)})
		}()
		require.Eventually(t, func() bool {
			res, err := http.Get("http://" + addr + "/healthz")
			if err != nil {
				return false
			}
			_ = res.Body.Close()
			return res.StatusCode == http.StatusOK
		}, 10*time.Second, 10*time.Millisecond)
		feed, err := http.Get("http://" + addr + "/w/alpine-physio/changes")
		require.NoError(t, err)
		defer func() { _ = feed.Body.Close() }()
		stop()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(4 * time.Second):
			t.Fatal("it did not stop")
		}
		rest, _ := io.ReadAll(feed.Body)
		require.True(t, strings.HasPrefix(string(rest), "data: 0\n"))
	})
	t.Run("an address in use is an error that names it", func(t *testing.T) {
		t.Parallel()
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = taken.Close() }()
		err = Run(t.Context(), Config{Addr: taken.Addr().String(), DataDir: t.TempDir()})
		require.ErrorContains(t, err, taken.Addr().String())
	})
}

func BenchmarkUpsert500(b *testing.B) {
	s, err := Open(Config{DataDir: b.TempDir(), Seed: 7})
	require.NoError(b, err)
	server := httptest.NewServer(s.Handler())
	defer func() {
		server.Close()
		require.NoError(b, s.Close())
	}()
	c := clientOf(s, server.URL, "harbor-dental")
	list := events(app.MaxItems)
	round := int64(0)
	for b.Loop() {
		round++
		for i := range list {
			list[i].Revision, list[i].Title = round, fmt.Sprint("Check-up ", round)
		}
		results, err := c.UpsertEvents(b.Context(), list)
		require.NoError(b, err)
		require.NotEqual(b, app.Unchanged, results[0].Status)
	}
}
