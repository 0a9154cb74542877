package explore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"acmesync"
	"acmesync/acme"
	"acmesync/explore"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm"

	"github.com/stretchr/testify/require"
)

const account = "coral-realty"

// world is an Acme with one seeded business, every kind of bad record among its records.
type world struct {
	t   *testing.T
	url string
	key string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	side, err := crm.Open(crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: business.All()[2:]})
	require.NoError(t, err)
	server := httptest.NewServer(side.Handler())
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, side.Close())
	})
	w := &world{t: t, url: server.URL}
	var a struct {
		APIKey string `json:"api_key"`
	}
	require.NoError(t, json.Unmarshal(w.admin(http.MethodGet, "", nil), &a))
	w.key = a.APIKey
	return w
}

func (w *world) admin(method, path string, in any) []byte {
	w.t.Helper()
	body, err := json.Marshal(in)
	require.NoError(w.t, err)
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/admin/accounts/"+account+path, bytes.NewReader(body))
	require.NoError(w.t, err)
	resp, err := (&http.Client{}).Do(req)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.Less(w.t, resp.StatusCode, 300, "%s", text)
	return text
}

func (w *world) faults(f map[string]any) { w.admin(http.MethodPut, "/faults", f) }

func (w *world) subscriptions() []acme.Subscription {
	w.t.Helper()
	client := acme.Client{BaseURL: w.url, APIKey: w.key}
	all, err := client.Subscriptions(w.t.Context())
	require.NoError(w.t, err)
	return all
}

func (w *world) explorer() *explore.Explorer {
	return &explore.Explorer{BaseURL: w.url, APIKey: w.key, Pages: 4}
}

func (w *world) run(e *explore.Explorer) explore.Report {
	w.t.Helper()
	report, err := e.Run(w.t.Context())
	require.NoError(w.t, err)
	return report
}

func resource(t *testing.T, r explore.Report, name string) explore.Resource {
	t.Helper()
	i := slices.IndexFunc(r.Resources, func(one explore.Resource) bool { return one.Name == name })
	require.GreaterOrEqual(t, i, 0)
	return r.Resources[i]
}

func field(t *testing.T, r explore.Report, of, path string) explore.Field {
	t.Helper()
	all := resource(t, r, of).Fields
	i := slices.IndexFunc(all, func(f explore.Field) bool { return f.Path == path })
	require.GreaterOrEqual(t, i, 0, path)
	return all[i]
}

func answers(r explore.Resource) map[string]explore.Answer {
	all := map[string]explore.Answer{}
	for _, c := range r.Checks {
		all[c.Name] = c.Answer
	}
	return all
}

// found tells whether a problem names these.
func found(r explore.Report, s explore.Severity, of, path string) bool {
	return slices.ContainsFunc(r.Problems, func(p explore.Problem) bool { return p.Severity == s && p.Resource == of && p.Field == path })
}

func TestExplore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.run(w.explorer())
	t.Run("an Acme that is as its contract says is usable, bad records and all", func(t *testing.T) {
		t.Parallel()
		require.True(t, r.Usable, "%+v", r.Problems)
		require.Equal(t, "Australia/Sydney", r.Account.TimeZone)
		require.Len(t, r.Resources, 4)
		for _, one := range r.Resources {
			require.True(t, one.OK)
			require.NotContains(t, answers(one), explore.No)
			for _, f := range one.Fields {
				require.NotEmpty(t, f.Contract, "%s %s", one.Name, f.Path)
				require.Zero(t, f.Wrong+f.Odd+len(f.Words), "%s %s", one.Name, f.Path)
			}
		}
	})
	t.Run("what lists do is told", func(t *testing.T) {
		t.Parallel()
		appointments := resource(t, r, "appointments")
		require.Equal(t, 700, appointments.Records)
		require.True(t, appointments.Complete)
		require.Positive(t, appointments.Deleted)
		require.Equal(t, map[string]explore.Answer{
			"page_size": explore.Yes, "ordered": explore.Yes, "cursor_stable": explore.Yes, "updated_since": explore.Yes,
			"include_deleted": explore.Yes, "batch_get": explore.Yes, "not_found": explore.Yes,
		}, answers(appointments))
		require.Positive(t, appointments.Calls.Calls)
		require.False(t, resource(t, r, "touchpoints").Complete)
	})
	t.Run("which fields the mapping uses, and how often they are missing or null", func(t *testing.T) {
		t.Parallel()
		end := field(t, r, "appointments", "end")
		require.True(t, end.Used)
		require.Equal(t, 700, end.Of)
		require.Positive(t, end.Null)
		require.True(t, found(r, explore.Loses, "appointments", "end"))
		require.True(t, found(r, explore.Note, "appointments", "location"))
		require.False(t, field(t, r, "touchpoints", "outcome_id").Used)
	})
	t.Run("zones are counted, and what is none is not named", func(t *testing.T) {
		t.Parallel()
		require.Greater(t, r.Zones["Australia/Sydney"], 100)
		require.Positive(t, r.Zones[explore.Other])
	})
	t.Run("what matters most comes first", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, explore.Loses, r.Problems[0].Severity)
		require.Equal(t, explore.Note, r.Problems[len(r.Problems)-1].Severity)
	})
	t.Run("without a hook's address nothing is written", func(t *testing.T) {
		t.Parallel()
		require.False(t, r.Webhooks.Tried)
		require.Empty(t, w.subscriptions())
	})
	t.Run("nobody's data leaves the records", func(t *testing.T) {
		t.Parallel()
		text, err := json.Marshal(r)
		require.NoError(t, err)
		client := acme.Client{BaseURL: w.url, APIKey: w.key}
		for _, of := range []acme.Resource{acme.Contacts, acme.Users} {
			page, err := client.List(t.Context(), of, acme.ListQuery{Limit: 200})
			require.NoError(t, err)
			for _, item := range page.Items {
				var person struct {
					ID, Name, Email string
					Emails, Phones  []string
				}
				require.NoError(t, json.Unmarshal(item.Raw, &person))
				for _, value := range append(append(person.Emails, person.Phones...), person.ID, person.Name, person.Email) {
					if len(value) > 3 {
						require.NotContains(t, string(text), value)
					}
				}
			}
		}
		require.NotContains(t, string(text), w.key)
	})
}

func TestExploreDrift(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(map[string]any{"only": []string{"appointments"}, "drift": map[string]any{
		"rename": map[string]string{"subject": "headline"}, "retype": []string{"is_private"}, "words": map[string]string{"status": "tentative"}, "add": []string{"priority"},
	}})
	r := w.run(w.explorer())
	require.True(t, r.Usable, "what drifts does not end a sync")
	for _, path := range []string{"subject", "is_private", "status"} {
		require.True(t, found(r, explore.Loses, "appointments", path), path)
	}
	for _, path := range []string{"headline", "priority"} {
		require.True(t, found(r, explore.Note, "appointments", path), path)
		require.Empty(t, field(t, r, "appointments", path).Contract)
	}
	require.Equal(t, map[string]int{"tentative": 700}, field(t, r, "appointments", "status").Words)
	require.Equal(t, map[string]int{"string": 700}, field(t, r, "appointments", "is_private").Types)
}

func TestExploreTrouble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults  map[string]any
		usable  bool
		of      string
		message string
	}{
		"a revoked key":            {map[string]any{"token_revoked": true}, false, "account", "refuses the credentials"},
		"an Acme that is down":     {map[string]any{"down": true}, false, "account", "cannot be reached"},
		"a list that is cut off":   {map[string]any{"truncated_page": true, "only": []string{"contacts"}}, false, "contacts", "The list cannot be read"},
		"a cursor that is refused": {map[string]any{"cursor_expired": true, "only": []string{"appointments"}}, false, "appointments", "The list cannot be read"},
		"a web page instead":       {map[string]any{"html_502": true, "only": []string{"users"}}, false, "users", "The list cannot be read"},
	} {
		t.Run(name+" is told", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.faults(c.faults)
			r := w.run(w.explorer())
			require.Equal(t, c.usable, r.Usable)
			require.True(t, slices.ContainsFunc(r.Problems, func(p explore.Problem) bool {
				return p.Severity == explore.Blocks && p.Resource == c.of && strings.Contains(p.Message, c.message)
			}), "%+v", r.Problems)
		})
	}
	t.Run("a rate limit is kept, and told", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.admin(http.MethodPatch, "", map[string]any{"rate_limit": map[string]any{"requests": 12, "per_seconds": 1}})
		r := w.run(w.explorer())
		require.True(t, r.Usable, "%+v", r.Problems)
		require.Equal(t, 12, r.Limits.Limit)
		require.NotNil(t, r.Limits.LeastLeft)
		require.Contains(t, r.Limits.Headers, "X-Ratelimit-Remaining")
	})
	t.Run("pages that may not be so large are asked for smaller", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.admin(http.MethodPatch, "", map[string]any{"max_page": 60})
		r := w.run(w.explorer())
		require.True(t, r.Usable, "%+v", r.Problems)
		require.Equal(t, 50, resource(t, r, "appointments").Asked)
		require.Equal(t, explore.No, answers(resource(t, r, "appointments"))["page_size"])
	})
	t.Run("a profile with a fault is refused with what to do", func(t *testing.T) {
		t.Parallel()
		_, err := (&explore.Explorer{Config: acmesync.Config{Profile: []byte(`{"prefx": "/x"}`)}}).Run(t.Context())
		require.ErrorContains(t, err, "prefx")
	})
}

func TestExploreHabits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(r *http.Request) // what the side does not listen to
		body   func(path string, answer map[string]any)
		check  string
		usable bool
	}{
		"a list in another order": {nil, func(_ string, answer map[string]any) {
			if list, ok := answer["data"].([]any); ok {
				slices.Reverse(list)
			}
		}, "ordered", false},
		"a list that does not know updated_since": {func(r *http.Request) {
			q := r.URL.Query()
			q.Del("updated_since")
			r.URL.RawQuery = q.Encode()
		}, nil, "updated_since", false},
		"a batch that leaves out what is missing": {nil, func(path string, answer map[string]any) {
			if strings.HasSuffix(path, ":batchGet") {
				answer["missing"] = []any{}
			}
		}, "batch_get", false},
		"a batch that shows something else": {nil, func(path string, answer map[string]any) {
			if list, ok := answer["data"].([]any); ok && strings.HasSuffix(path, ":batchGet") {
				list[0].(map[string]any)["subject"] = "Another"
			}
		}, "batch_get", false},
		"errors of another form": {nil, func(_ string, answer map[string]any) {
			if answer["code"] == "not_found" {
				delete(answer, "code")
			}
		}, "not_found", true},
	} {
		t.Run(name+" is found", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e := w.explorer()
			e.HTTP = &http.Client{Transport: changed{c.change, c.body}}
			r := w.run(e)
			require.Equal(t, explore.No, answers(resource(t, r, "appointments"))[c.check], "%+v", resource(t, r, "appointments").Checks)
			require.Equal(t, c.usable, r.Usable)
		})
	}
}

// changed stands between an Explorer and a healthy Acme.
type changed struct {
	request func(*http.Request)
	body    func(string, map[string]any)
}

func (c changed) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.request != nil {
		r = r.Clone(r.Context())
		c.request(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || c.body == nil {
		return resp, err
	}
	defer resp.Body.Close()
	in := json.NewDecoder(resp.Body)
	in.UseNumber()
	var answer map[string]any
	if err := in.Decode(&answer); err != nil {
		return nil, err
	}
	c.body(r.URL.Path, answer)
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

func TestExploreWebhooks(t *testing.T) {
	t.Parallel()
	const hook = "http://127.0.0.1:1/hook"
	t.Run("a subscription is made, read and ended", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		e := w.explorer()
		e.HookURL = hook
		r := w.run(e)
		require.Equal(t, explore.Webhooks{Tried: true, OK: true, Ended: true, Message: "A subscription can be made, read and ended."}, r.Webhooks)
		require.Empty(t, w.subscriptions())
	})
	t.Run("one whose answer got lost is ended too, and others are left alone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		client := acme.Client{BaseURL: w.url, APIKey: w.key}
		own, err := client.Subscribe(t.Context(), hook, []string{"*"})
		require.NoError(t, err)
		w.faults(map[string]any{"answer_lost_after_commit": true})
		e := w.explorer()
		e.HookURL = hook
		r := w.run(e)
		require.True(t, r.Webhooks.Ended)
		require.False(t, r.Webhooks.OK)
		require.True(t, found(r, explore.Loses, "webhooks", ""))
		left := w.subscriptions()
		require.Len(t, left, 1)
		require.Equal(t, own.ID, left[0].ID)
	})
	t.Run("an interrupt right after it was made ends it as well", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		e := w.explorer()
		e.HookURL = hook
		e.HTTP = &http.Client{Transport: changed{body: func(path string, answer map[string]any) {
			if path == "/v1/webhook-subscriptions" && answer["secret"] != nil {
				cancel()
			}
		}}}
		r, err := e.Run(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, r.Webhooks.Ended)
		require.Empty(t, w.subscriptions())
	})
}

func TestExploreProfiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hub", "pipe"} {
		t.Run(name+" is looked at as its profile makes it", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			document, err := os.ReadFile("../docs/profiles/" + name + ".json")
			require.NoError(t, err)
			e := w.explorer()
			e.Config = acmesync.Config{Profile: document, Appointments: acmesync.AppointmentRules{Mapping: []acmesync.FieldRule{
				{Target: "location", Source: "custom.no_such.field", Preset: "copy"},
			}}}
			r := w.run(e)
			require.True(t, r.Profile)
			require.True(t, r.Usable, "%+v", r.Problems)
			if name == "pipe" {
				require.Contains(t, resource(t, r, "appointments").Custom, "custom.org_id", "what no rule takes")
			}
			require.True(t, found(r, explore.Loses, "appointments", "custom.no_such.field"))
		})
	}
}
