package bench_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"acmesync"
	"acmesync/workflows"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

// connect sets a tenant up as a draft, polled hourly: whatever is measured, it is not a poll in between.
func (s *stack) connect(b *testing.B, id acmesync.TenantID, a account, w workspace, acmeURL string, page int, l limit) {
	b.Helper()
	acme := map[string]any{"base_url": acmeURL}
	if l.Requests > 0 {
		acme["rate_limit"] = l
	}
	ask(b, http.MethodPost, s.apiURL+"/v1/tenants", s.apiKey, map[string]any{
		"id": id, "name": string(id), "acme": acme, "app": map[string]any{"base_url": s.appURL},
		"config": map[string]any{"poll_seconds": 3600, "page_size": page},
	}, nil)
	ask(b, http.MethodPut, s.apiURL+"/v1/tenants/"+string(id)+"/credentials", s.apiKey, map[string]any{
		"acme": map[string]any{"api_key": a.APIKey}, "app": map[string]any{"token": w.Token},
	}, nil)
}

func (s *stack) activate(b *testing.B, id acmesync.TenantID) {
	b.Helper()
	ask(b, http.MethodPost, s.apiURL+"/v1/tenants/"+string(id)+"/activate", s.apiKey, nil, nil)
}

// readAgain has everything read once more.
func (s *stack) readAgain(b *testing.B, id acmesync.TenantID) {
	b.Helper()
	handle, err := s.temporal.UpdateWorkflow(b.Context(), client.UpdateWorkflowOptions{
		WorkflowID: workflows.TenantSyncID(id), UpdateName: workflows.BackfillUpdate,
		Args: []any{workflows.CommandInput{}}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(b, err)
	require.NoError(b, handle.Get(b.Context(), nil))
}

// lanes is how far a tenant is, by its own tables.
type lanes struct {
	State   string     `db:"state"`
	Walked  bool       `db:"walked"`  // every stream was read to its end
	Waiting int        `db:"waiting"` // envelopes
	Alive   int        `db:"alive"`   // lanes that run
	First   *time.Time `db:"first"`   // page stored since a moment
	Last    *time.Time `db:"last"`    // page delivered
}

func (s *stack) lanes(b *testing.B, id acmesync.TenantID, since time.Time) lanes {
	b.Helper()
	var l lanes
	require.NoError(b, s.db.Super.Get(&l, `
		SELECT t.state, (SELECT bool_and(backfilled_at IS NOT NULL) FROM positions WHERE tenant = $1) AS walked,
			(SELECT count(*) FROM lanes WHERE tenant = $1 AND alive_at IS NOT NULL) AS alive, e.*
		FROM tenants t, (SELECT count(*) FILTER (WHERE ended_at IS NULL) AS waiting,
			min(received_at) FILTER (WHERE received_at >= $2) AS first, max(ended_at) AS last
			FROM envelopes WHERE tenant = $1) e
		WHERE t.tenant = $1`, id, since))
	return l
}

// awaitQuiet waits until no lane of any tenant runs, so that the other side has the machine for itself.
func (s *stack) awaitQuiet(b *testing.B) {
	b.Helper()
	await(b, time.Minute, "no lane runs", func() (bool, string) {
		var alive int
		require.NoError(b, s.db.Super.Get(&alive, `SELECT count(*) FROM lanes WHERE alive_at IS NOT NULL OR marked_at IS NOT NULL`))
		return alive == 0, fmt.Sprint(alive)
	})
}

func texts(ids []acmesync.TenantID) pq.StringArray {
	out := make(pq.StringArray, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}
