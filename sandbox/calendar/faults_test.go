package calendar

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/app"
)

// admin calls the admin API and decodes its answer.
func admin(t *testing.T, method, url, body string) (status int, answer map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &answer), "%s", raw)
	return res.StatusCode, answer
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s, url := serve(t, t.TempDir())
	// Each subtest breaks a workspace of its own.
	broken := func(t *testing.T, faults string) (c *app.Client, id string) {
		t.Helper()
		id = "f-" + rand12(t)
		status, made := admin(t, http.MethodPost, url+"/admin/workspaces", `{"id":"`+id+`","name":"x","time_zone":"UTC","n_users":2}`)
		require.Equal(t, http.StatusCreated, status)
		set(t, url, id, faults)
		return &app.Client{BaseURL: url, Token: made["token"].(string)}, id
	}
	whole := []struct {
		name, faults string
		kind         app.Kind
		status       int
		wait         time.Duration
		sick         bool
	}{
		{"down breaks connections", `{"down":true}`, app.KindUnavailable, 0, 0, false},
		{"html_502 answers with a web page", `{"html_502":true}`, app.KindUnavailable, 502, 0, true},
		{"rate_5xx of 1 answers 500 to everything", `{"rate_5xx":1}`, app.KindUnavailable, 500, 0, true},
		{"storm_429 names seconds", `{"storm_429":{"retry_after":7}}`, app.KindRateLimited, 429, 7 * time.Second, false},
		{"storm_429 may say rubbish", `{"storm_429":{"retry_after":"soon"}}`, app.KindRateLimited, 429, 0, false},
		{"storm_429 may say nothing", `{"storm_429":{}}`, app.KindRateLimited, 429, 0, false},
		{"token_revoked is unauthorised", `{"token_revoked":true}`, app.KindUnauthorised, 401, 0, false},
		{"forbidden is unauthorised", `{"forbidden":true}`, app.KindUnauthorised, 403, 0, false},
	}
	for _, f := range whole {
		t.Run(f.name+", and heals", func(t *testing.T) {
			t.Parallel()
			c, id := broken(t, f.faults)
			_, err := c.UpsertEvents(t.Context(), events(3))
			e := new(app.Error)
			require.ErrorAs(t, err, &e)
			require.Equal(t, f.kind, e.Kind)
			require.Equal(t, f.status, e.Status)
			require.Equal(t, f.wait, e.RetryAfter)
			require.Equal(t, f.sick, e.Sick)
			_, err = c.Workspace(t.Context())
			require.Equal(t, f.kind, app.KindOf(err))
			set(t, url, id, `{}`)
			totals, err := c.Totals(t.Context())
			require.NoError(t, err)
			require.Equal(t, 0, totals.Events, "nothing was done meanwhile")
		})
	}
	t.Run("latency_ms delays, and a caller that gives up has written nothing", func(t *testing.T) {
		t.Parallel()
		c, id := broken(t, `{"latency_ms":60000}`)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := c.UpsertEvents(ctx, events(1))
		e := new(app.Error)
		require.ErrorAs(t, err, &e)
		require.True(t, e.Sick)
		set(t, url, id, `{"latency_ms":30}`)
		began := time.Now()
		totals, err := c.Totals(t.Context())
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
		require.Equal(t, 0, totals.Events)
	})
	t.Run("rejected and busy items do not hold up their neighbours", func(t *testing.T) {
		t.Parallel()
		c, _ := broken(t, `{"reject_external_ids":["acme:1"],"busy_external_ids":["acme:2"]}`)
		results, err := c.UpsertEvents(t.Context(), events(4))
		require.NoError(t, err)
		require.Equal(t, app.Created, results[0].Status)
		require.Equal(t, app.Rejected, results[1].Status)
		require.Equal(t, "refused", results[1].Code)
		require.Equal(t, app.Failed, results[2].Status)
		require.Equal(t, "busy", results[2].Code)
		require.Equal(t, app.Created, results[3].Status)
	})
	t.Run("a batch with a poisonous event answers 500 and does nothing, others pass", func(t *testing.T) {
		t.Parallel()
		c, _ := broken(t, `{"fail_external_ids":["acme:2"]}`)
		_, err := c.UpsertEvents(t.Context(), events(4))
		e := new(app.Error)
		require.ErrorAs(t, err, &e)
		require.True(t, e.Sick)
		_, err = c.UpsertEvents(t.Context(), events(2))
		require.NoError(t, err)
		totals, err := c.Totals(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, totals.Events)
	})
	t.Run("a lost answer is a write that was done", func(t *testing.T) {
		t.Parallel()
		c, id := broken(t, `{"answer_lost_after_commit":1}`)
		_, err := c.UpsertEvents(t.Context(), events(3))
		require.Equal(t, app.KindUnavailable, app.KindOf(err))
		results, err := c.UpsertEvents(t.Context(), events(3))
		require.NoError(t, err)
		for _, r := range results {
			require.Equal(t, app.Unchanged, r.Status)
		}
		set(t, url, id, `{"answer_lost_after_commit":true}`)
		for range 3 {
			_, err = c.DeleteEvents(t.Context(), []app.EventRef{{ExternalID: "acme:0", Revision: 2}})
			require.Error(t, err)
		}
		_, faults := admin(t, http.MethodGet, url+"/admin/workspaces/"+id+"/faults", "")
		require.Equal(t, true, faults["answer_lost_after_commit"])
		set(t, url, id, `{}`)
		totals, err := c.Totals(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, totals.Events)
	})
	t.Run("a switch that does not exist is refused and changes nothing", func(t *testing.T) {
		t.Parallel()
		_, id := broken(t, `{"down":true}`)
		for _, body := range []string{`{"dwon":true}`, `{"rate_5xx":2}`, `{"latency_ms":-1}`, `{"answer_lost_after_commit":"x"}`, `[]`, ``} {
			status, _ := admin(t, http.MethodPut, url+"/admin/workspaces/"+id+"/faults", body)
			require.Equal(t, http.StatusBadRequest, status, body)
		}
		require.True(t, s.workspace(id).faults.Load().Down)
	})
	t.Run("the faults of one workspace are no other's", func(t *testing.T) {
		t.Parallel()
		broken(t, `{"down":true}`)
		_, err := clientOf(s, url, "coral-realty").Workspace(t.Context())
		require.NoError(t, err)
	})
}

func set(t *testing.T, url, id, faults string) {
	t.Helper()
	status, answer := admin(t, http.MethodPut, url+"/admin/workspaces/"+id+"/faults", faults)
	require.Equal(t, http.StatusOK, status, "%v", answer)
}
