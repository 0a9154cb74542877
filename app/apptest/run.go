// Package apptest is the conformance suite of the calendar app's contract: what the client of
// package app may rely on. The sandbox passes it, and so must any real app behind the same
// contract. Every answer is also checked against openapi.yaml.
package apptest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/app"
)

// Target is the app under test. Its workspace needs at least one user, and nobody else may write
// to it while the suite runs. The suite deletes the events it wrote and clears its counts.
type Target struct {
	BaseURL string
	Token   string
	HTTP    *http.Client // nil: one of the suite's own
	Person  Person       // nil: what concerns people's own changes is skipped
}

// Person changes the workspace's calendar as people do, past the API.
type Person interface {
	Create(t *testing.T, fields map[string]any) (id string)
	Edit(t *testing.T, id string, fields map[string]any)
	Delete(t *testing.T, id string)
}

// suite is one run; ids and days of its own keep it apart from what the workspace holds already.
type suite struct {
	target Target
	client *app.Client
	http   *http.Client
	run    string
	users  []app.User
}

// Run runs the whole suite, one subtest after the other.
func Run(t *testing.T, target Target) {
	t.Helper()
	if target.HTTP == nil {
		transport := &http.Transport{MaxIdleConnsPerHost: 4}
		t.Cleanup(transport.CloseIdleConnections)
		target.HTTP = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	}
	checked := *target.HTTP
	checked.Transport = newValidator(t, target.HTTP.Transport)
	s := &suite{
		target: target, http: &checked, run: "apptest-" + strings.ToLower(rand.Text()[:8]),
		client: &app.Client{BaseURL: target.BaseURL, Token: target.Token, HTTP: &checked},
	}
	var err error
	s.users, err = s.client.Users(s.ctx(t))
	require.NoError(t, err)
	require.NotEmpty(t, s.users, "the workspace needs a user")

	t.Run("workspace", s.testWorkspace)
	t.Run("events", s.testEvents)
	t.Run("event rules", s.testEventRules)
	t.Run("reading events", s.testReadEvents)
	t.Run("changes", s.testChanges)
	t.Run("people's changes", s.testPeople)
	t.Run("webhooks", s.testWebhooks)
	t.Run("counts", s.testCounts)
	t.Run("count rules", s.testCountRules)
	t.Run("requests", s.testRequests)
}

func (s *suite) ctx(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func (s *suite) id(name string) string { return s.run + ":" + name }

// event is a valid one to vary.
func (s *suite) event(name string, revision int64) app.Event {
	return app.Event{
		ExternalID: s.id(name), Revision: revision, OwnerID: s.users[0].ID,
		Title:  "Conformance " + name,
		Start:  app.Moment{DateTime: "2031-05-06T09:00:00Z", TimeZone: "Europe/Zurich"},
		End:    app.Moment{DateTime: "2031-05-06T09:30:00Z", TimeZone: "Europe/Zurich"},
		Status: app.StatusConfirmed, Visibility: app.VisibilityFull,
	}
}

func (s *suite) upsert(t *testing.T, events ...app.Event) []app.Result {
	t.Helper()
	results, err := s.client.UpsertEvents(s.ctx(t), events)
	require.NoError(t, err)
	return results
}

func (s *suite) delete(t *testing.T, refs ...app.EventRef) []app.Result {
	t.Helper()
	results, err := s.client.DeleteEvents(s.ctx(t), refs)
	require.NoError(t, err)
	return results
}

func (s *suite) setCounts(t *testing.T, counts ...app.Count) []app.Result {
	t.Helper()
	results, err := s.client.SetCounts(s.ctx(t), counts)
	require.NoError(t, err)
	return results
}

func (s *suite) totals(t *testing.T) app.Totals {
	t.Helper()
	totals, err := s.client.Totals(s.ctx(t))
	require.NoError(t, err)
	return totals
}

// held reads an event by its external id; nil when the app has none.
func (s *suite) held(t *testing.T, name string) *app.StoredEvent {
	t.Helper()
	page, err := s.client.Events(s.ctx(t), app.EventQuery{ExternalID: s.id(name)})
	require.NoError(t, err)
	require.LessOrEqual(t, len(page.Events), 1)
	if len(page.Events) == 0 {
		return nil
	}
	return &page.Events[0]
}

// forget deletes events at a revision above any the suite uses.
func (s *suite) forget(t *testing.T, names ...string) {
	t.Helper()
	refs := make([]app.EventRef, len(names))
	for i, name := range names {
		refs[i] = app.EventRef{ExternalID: s.id(name), Revision: app.MaxRevision}
	}
	s.delete(t, refs...)
}

func statuses(results []app.Result) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%s ", r.Status)
	}
	return strings.TrimSpace(b.String())
}
