package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"acmesync"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
)

func TestAudits(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1})
	s.activate(t, coral, map[string]any{"poll_seconds": 3600})
	s.awaitEqual(t, coral, time.Minute)
	s.awaitState(t, coral, 10*time.Second, "active")
	tenant := "/v1/tenants/" + string(coral)
	audit := func(t *testing.T, during func()) acmesync.Audit {
		t.Helper()
		status, body := s.api(t, http.MethodPost, tenant+"/audit", map[string]any{"reason": "a customer asks"})
		require.Equal(t, http.StatusAccepted, status, "%s", body)
		during()
		var a acmesync.Audit
		require.NoError(t, json.Unmarshal(body, &a))
		eventually(t, 2*time.Minute, "the audit ends", func() (bool, string) {
			_, body := s.api(t, http.MethodGet, tenant+"/audits/"+a.ID, nil)
			require.NoError(t, json.Unmarshal(body, &a))
			return a.EndedAt != nil, fmt.Sprintf("%+v", a)
		})
		return a
	}
	t.Run("both sides are proven equal", func(t *testing.T) {
		before := s.writes(t, coral)
		a := audit(t, func() {})
		require.True(t, a.Equal, "%+v", a)
		require.Equal(t, s.appTotals(t, coral).Events, a.Events)
		require.Equal(t, before, s.writes(t, coral))
		for _, stream := range acmesync.Recorded() {
			_, err := s.temporal.DescribeWorkflowExecution(t.Context(), workflows.ReviewID(coral, acmesync.Fingerprint(stream, acmesync.MassDelete, "list")), "")
			var none *serviceerror.NotFound
			require.ErrorAs(t, err, &none, "nobody reviews what is not there")
		}
	})
	t.Run("so they are with a worker killed in the middle", func(t *testing.T) {
		a := audit(t, func() {
			for range 2 {
				<-time.After(150 * time.Millisecond)
				s.workers[0].kill()
				s.workers[0].start(t)
			}
		})
		require.True(t, a.Equal, "%+v", a)
	})
}
