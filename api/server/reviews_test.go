package server_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// park leaves parked records and one in step, as the deliver lane does.
func (b *bundle) park(t *testing.T, tenant acmesync.TenantID, ids ...string) string {
	t.Helper()
	fence, err := b.db.BeginLane(t.Context(), tenant, acmesync.Deliver)
	require.NoError(t, err)
	fault := acmesync.Fault{Code: acmesync.EndMissing, Field: "end", Message: "It has no end."}
	entry := func(id string, state acmesync.LedgerState, code acmesync.Code) acmesync.LedgerEntry {
		return acmesync.LedgerEntry{Key: acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}, Version: 1, SourceAt: time.Now(),
			Hash: "00000000-0000-0000-0000-000000000001", State: state, Code: code, UpdatedAt: time.Now()}
	}
	d := acmesync.Delivered{Entries: []acmesync.LedgerEntry{entry("ok-1", acmesync.InStep, "")}}
	for _, id := range ids {
		d.Entries = append(d.Entries, entry(id, acmesync.Parked, fault.Code))
		d.Parked = append(d.Parked, acmesync.ParkedRecord{Key: acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}, Fault: fault, Version: 1, Body: []byte(`{"name":"canary"}`)})
	}
	require.NoError(t, b.db.CommitDelivered(t.Context(), fence, d))
	return acmesync.Fingerprint(acmesync.Appointments, fault.Code, fault.Field)
}

func TestReviews(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.active(t, "harbor", s)
	b.active(t, "other", s)
	fingerprint := b.park(t, "harbor", "apt-1", "apt-2", "apt/3+x")
	id := "harbor." + fingerprint

	t.Run("are listed for all and for one tenant", func(t *testing.T) {
		for query, n := range map[string]int{"": 1, "?tenant=harbor": 1, "?tenant=other": 0, "?all=true": 1} {
			require.Len(t, b.call(t, http.MethodGet, "/v1/reviews"+query, "").json["reviews"], n, query)
		}
		got := b.call(t, http.MethodGet, "/v1/reviews/"+id, "")
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, id, got.json["id"])
		require.EqualValues(t, 3, got.json["open"])
		require.Equal(t, "end_missing", got.json["code"])
	})
	t.Run("show their records without what they say", func(t *testing.T) {
		got := b.call(t, http.MethodGet, "/v1/reviews/"+id+"/records", "")
		require.Len(t, got.json["records"], 3)
		require.NotContains(t, got.text, "canary")
	})
	t.Run("are decided, once per key", func(t *testing.T) {
		got := b.call(t, http.MethodPost, "/v1/reviews/"+id+"/decisions", `{"action":"retry","ids":["apt-1"]}`, "Idempotency-Key", "d1")
		require.Equal(t, http.StatusAccepted, got.status, got.text)
		require.Equal(t, map[string]any{"review": id, "action": "retry", "records": 1.0, "replayed": false}, got.json)
		got = b.call(t, http.MethodPost, "/v1/reviews/"+id+"/decisions", `{"action":"retry","ids":["apt-1"]}`, "Idempotency-Key", "d1")
		require.Equal(t, true, got.json["replayed"])
		require.Eventually(t, b.workflows.has("review harbor "+fingerprint), 5*time.Second, 5*time.Millisecond)
		require.Eventually(t, b.workflows.has("ring harbor"), 5*time.Second, 5*time.Millisecond)
	})
	t.Run("are discarded for a reason only", func(t *testing.T) {
		requireProblem(t, b.call(t, http.MethodPost, "/v1/reviews/"+id+"/decisions", `{"action":"discard"}`), http.StatusUnprocessableEntity, "invalid_value")
		require.Equal(t, http.StatusAccepted, b.call(t, http.MethodPost, "/v1/reviews/"+id+"/decisions", `{"action":"discard","reason":"test data"}`).status)
		require.Equal(t, "compensating", b.call(t, http.MethodGet, "/v1/reviews/"+id, "").json["state"])
	})
	t.Run("know what they hold", func(t *testing.T) {
		requireProblem(t, b.call(t, http.MethodPost, "/v1/reviews/"+id+"/decisions", `{"action":"retry","ids":["nobody"]}`), http.StatusConflict, "nothing_open")
		requireProblem(t, b.call(t, http.MethodPost, "/v1/reviews/"+id+"/decisions", `{"action":"burn"}`), http.StatusUnprocessableEntity, "invalid_value")
		requireProblem(t, b.call(t, http.MethodPost, "/v1/reviews/"+id+"/decisions", `{"action":"retry","ids":[]}`), http.StatusUnprocessableEntity, "invalid_value")
		requireProblem(t, b.call(t, http.MethodPost, "/v1/reviews/other."+fingerprint+"/decisions", `{"action":"retry"}`), http.StatusNotFound, "not_found")
	})
}

func TestRecords(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.active(t, "harbor", s)
	b.active(t, "other", s)
	fingerprint := b.park(t, "harbor", "apt-1", "apt-2", "apt/3+x")

	var seen []string
	path := "/v1/tenants/harbor/records?stream=appointments&limit=1&state=parked"
	for next := ""; ; {
		got := b.call(t, http.MethodGet, path+next, "")
		require.Equal(t, http.StatusOK, got.status, got.text)
		rows, _ := got.json["records"].([]any)
		for _, one := range rows {
			row, _ := one.(map[string]any)
			seen = append(seen, row["acme_id"].(string))
		}
		cursor, _ := got.json["next_cursor"].(string)
		if cursor == "" {
			break
		}
		next = "&cursor=" + cursor
		for _, foreign := range []string{"/v1/tenants/other/records?stream=appointments&state=parked", "/v1/tenants/harbor/records?stream=appointments",
			"/v1/tenants/harbor/records?stream=touchpoints&state=parked"} {
			requireProblem(t, b.call(t, http.MethodGet, foreign+next, ""), http.StatusBadRequest, "invalid_cursor")
		}
	}
	require.ElementsMatch(t, []string{"apt-1", "apt-2", "apt/3+x"}, seen)

	for escaped, id := range map[string]string{"apt-1": "apt-1", "apt%2F3+x": "apt/3+x", "apt%2F3%2Bx": "apt/3+x"} {
		got := b.call(t, http.MethodGet, "/v1/tenants/harbor/records/appointments/"+escaped, "")
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, id, got.json["acme_id"])
		parked, _ := got.json["parked"].(map[string]any)
		require.Equal(t, "harbor."+fingerprint, parked["review"])
		require.Equal(t, "It has no end.", parked["message"])
	}
	for _, path := range []string{"harbor/records/appointments/nobody", "harbor/records/people/apt-1", "other/records/appointments/apt-1",
		"harbor/records/appointments/%00", "harbor/records/appointments/%ff", fmt.Sprintf("harbor/records/appointments/%0300d", 1)} {
		requireProblem(t, b.call(t, http.MethodGet, "/v1/tenants/"+path, ""), http.StatusNotFound, "not_found")
	}
}
