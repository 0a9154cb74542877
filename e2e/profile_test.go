package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/sandbox/crm/dialects"

	"github.com/stretchr/testify/require"
)

const coralHub, coralPipe acmesync.TenantID = "coral-hub", "coral-pipe"

// profile reads one of the profiles that the documents offer.
func profile(t *testing.T, name string) json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile("../docs/profiles/" + name + ".json")
	require.NoError(t, err)
	return raw
}

// twin sets up a workspace with the same people as coral's, for a tenant that reads coral's Acme account by a profile.
func (s *stack) twin(t *testing.T, id acmesync.TenantID) {
	t.Helper()
	var users struct {
		Users []app.User `json:"users"`
		Data  []app.User `json:"data"`
	}
	getJSON(t, s.appURL+"/v1/users", s.workspaces[coral], &users)
	s.accounts[id] = s.accounts[coral]
	status, body := request(t, http.MethodPost, s.appURL+"/admin/workspaces", "", map[string]any{
		"id": id, "name": string(id), "time_zone": s.accounts[coral].TimeZone, "users": append(users.Users, users.Data...),
	})
	require.Equal(t, http.StatusCreated, status, "%s", body)
	var made struct{ Token string }
	require.NoError(t, json.Unmarshal(body, &made))
	s.workspaces[id] = made.Token
}

// calendar is all that a workspace's calendar shows, by a name that is the same whoever's ids they are.
func (s *stack) calendar(t *testing.T, id acmesync.TenantID, name func(acmeID string) string) map[string]app.StoredEvent {
	t.Helper()
	all := map[string]app.StoredEvent{}
	cursor := ""
	for {
		var page struct {
			Events     []app.StoredEvent `json:"events"`
			NextCursor string            `json:"next_cursor"`
		}
		getJSON(t, s.appURL+"/v1/events?limit=500&cursor="+url.QueryEscape(cursor), s.workspaces[id], &page)
		for _, e := range page.Events {
			parts := strings.SplitN(e.ExternalID, "/", 4)
			require.GreaterOrEqual(t, len(parts), 3, e.ExternalID)
			parts[2] = name(parts[2])
			all[strings.Join(parts[2:], "/")] = e
		}
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}

func (s *stack) dashboard(t *testing.T, id acmesync.TenantID) map[string]int {
	t.Helper()
	all := map[string]int{}
	cursor := ""
	for {
		var page app.CountPage
		getJSON(t, s.appURL+"/v1/touchpoint-counts?limit=500&cursor="+url.QueryEscape(cursor), s.workspaces[id], &page)
		for _, c := range page.Counts {
			all[strings.Join([]string{c.UserID, c.Day, c.Channel, c.Direction}, " ")] = c.Count
		}
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}

func hubName(id string) string { return dialects.FromHub(acme.Appointments, id) }
func pipeName(id string) string {
	var n int64
	if _, err := fmt.Sscan(id, &n); err != nil {
		return id
	}
	_, name := dialects.FromActivity(n)
	return name
}

// content is an event without what names it and tells its age.
func content(e app.StoredEvent) string {
	e.ID, e.ExternalID, e.Revision, e.IfVersion = "", "", 0, 0
	var fields map[string]any
	b, _ := json.Marshal(e)
	_ = json.Unmarshal(b, &fields)
	for _, name := range []string{"version", "created_at", "updated_at", "origin"} {
		delete(fields, name)
	}
	b, _ = json.Marshal(fields)
	return string(b)
}

// lossy names what Pipe cannot say: series and their exceptions, and times in zones that do not exist.
func (s *stack) lossy(t *testing.T) map[string]bool {
	t.Helper()
	var manifest struct {
		Appointments []struct{ ID, Code string } `json:"appointments"`
	}
	getJSON(t, s.acmeURL+"/admin/accounts/"+string(coral)+"/manifest", "", &manifest)
	lost := map[string]bool{}
	for _, m := range manifest.Appointments {
		if m.Code == "time_zone_unknown" {
			lost[m.ID] = true
		}
	}
	client := acme.Client{BaseURL: s.acmeURL, APIKey: s.accounts[coral].APIKey}
	q := acme.ListQuery{Limit: 200, IncludeDeleted: true}
	for {
		page, err := client.List(context.Background(), acme.Appointments, q)
		require.NoError(t, err)
		for _, item := range page.Items {
			if a, err := acme.DecodeAppointment(item.Raw); err == nil && (a.SeriesID != "" || a.Recurrence != nil) {
				lost[item.ID] = true
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return lost
		}
	}
}

func TestDialects(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1})
	s.twin(t, coralHub)
	s.twin(t, coralPipe)
	s.activate(t, coral, map[string]any{"poll_seconds": 3600})
	s.activate(t, coralHub, map[string]any{"poll_seconds": 3600, "profile": profile(t, "hub")})
	s.activate(t, coralPipe, map[string]any{"poll_seconds": 3600, "profile": profile(t, "pipe")})
	s.awaitEqual(t, coral, time.Minute)

	t.Run("an account read in another CRM's words ends in the same calendar and the same dashboard", func(t *testing.T) {
		s.awaitState(t, coralHub, time.Minute, "active")
		eventually(t, time.Minute, "hub's dashboard is coral's", func() (bool, string) {
			return maps.Equal(s.dashboard(t, coral), s.dashboard(t, coralHub)), ""
		})
		want, got := s.calendar(t, coral, strings.Clone), s.calendar(t, coralHub, hubName)
		require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
		for name, e := range want {
			require.Equal(t, content(e), content(got[name]), name)
		}
		own, theirs := s.balance(t, coral), s.balance(t, coralHub)
		require.True(t, theirs.Balanced)
		for _, stream := range []acmesync.Stream{acmesync.Appointments, acmesync.Touchpoints} {
			a, b := own.stream(stream), theirs.stream(stream)
			require.Equal(t, []any{a.Known, a.InStep, a.Deleted, a.Skipped, a.Parked}, []any{b.Known, b.InStep, b.Deleted, b.Skipped, b.Parked}, stream)
		}
	})

	t.Run("one that says less ends in the same calendar apart from what it cannot say", func(t *testing.T) {
		s.awaitState(t, coralPipe, time.Minute, "active")
		eventually(t, time.Minute, "pipe's dashboard is coral's", func() (bool, string) {
			return maps.Equal(s.dashboard(t, coral), s.dashboard(t, coralPipe)), ""
		})
		require.True(t, s.balance(t, coralPipe).Balanced)
		lost := s.lossy(t)
		want, got := s.calendar(t, coral, strings.Clone), s.calendar(t, coralPipe, pipeName)
		for _, all := range []map[string]app.StoredEvent{want, got} {
			maps.DeleteFunc(all, func(name string, _ app.StoredEvent) bool {
				id, _, _ := strings.Cut(name, "/")
				return lost[id]
			})
		}
		require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
		for name, e := range want {
			other := got[name]
			if e.Start.Date == "" { // the zone is lost, the instant is not
				e.Start.TimeZone, e.End.TimeZone = other.Start.TimeZone, other.End.TimeZone
			}
			require.Equal(t, content(e), content(other), name)
		}
	})

	t.Run("an appointment set by hand arrives by the dialects' own webhooks", func(t *testing.T) {
		acmeID := s.setAppointment(t, coral, "Told in three ways")
		s.awaitEvent(t, coralHub, dialects.HubID(acme.Appointments, acmeID), 15*time.Second)
		s.awaitEvent(t, coralPipe, fmt.Sprint(dialects.Activity(acme.Appointments, acmeID)), 15*time.Second)
		for _, id := range []acmesync.TenantID{coralHub, coralPipe} {
			status, body := s.api(t, http.MethodGet, "/v1/tenants/"+string(id)+"/balance", nil)
			require.Equal(t, http.StatusOK, status)
			require.NotContains(t, string(body), `"unreadable"`)
		}
	})

	t.Run("a field that only the dialect has can be mapped", func(t *testing.T) {
		status, body := s.api(t, http.MethodPut, "/v1/tenants/"+string(coralPipe)+"/config", map[string]any{
			"poll_seconds": 3600, "profile": profile(t, "pipe"),
			"appointments": map[string]any{"mapping": []any{map[string]any{"target": "location", "preset": "copy", "source": "custom.type"}}},
		})
		require.Equal(t, http.StatusOK, status, "%s", body)
		eventually(t, time.Minute, "every event that is shown whole has the activity's type", func() (bool, string) {
			for name, e := range s.calendar(t, coralPipe, pipeName) {
				if e.Visibility != "private" && e.Title != "Busy" && e.Location != "meeting" {
					return false, name
				}
			}
			return true, ""
		})
	})

	t.Run("a profile that leads to web pages is held with what to do, and goes on once it is right", func(t *testing.T) {
		s.twin(t, "coral-lost")
		s.activate(t, "coral-lost", map[string]any{"poll_seconds": 3600, "profile": map[string]any{
			"appointments": map[string]any{"path": "/"},
		}})
		s.awaitState(t, "coral-lost", 20*time.Second, "held")
		holds := s.holds(t, "coral-lost")
		require.NotEmpty(t, holds)
		require.Contains(t, holds[0].Reason, "web page")
		status, body := s.api(t, http.MethodPost, "/v1/tenants/coral-lost/check", nil)
		require.Equal(t, http.StatusOK, status, "%s", body)
		require.Contains(t, string(body), "web page")
		status, body = s.api(t, http.MethodPut, "/v1/tenants/coral-lost/config", map[string]any{"poll_seconds": 3600})
		require.Equal(t, http.StatusOK, status, "%s", body)
		s.awaitState(t, "coral-lost", time.Minute, "active")
		require.Equal(t, s.dashboard(t, coral), s.dashboard(t, "coral-lost"))
	})
}
