package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/mapping"

	"github.com/stretchr/testify/require"
)

func TestConfigs(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.active(t, "harbor", s)
	const path = "/v1/tenants/harbor/config"
	document := `{"poll_seconds":60,"appointments":{"collision":"ignore","scope":{"private":"skip"}},"people":{"region":"DE"}}`

	t.Run("a new tenant has its defaults as version 1", func(t *testing.T) {
		got := b.call(t, http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, `"1"`, got.header.Get("ETag"))
		require.EqualValues(t, 1, got.json["version"])
	})
	t.Run("a dry run tells what a change would do and does nothing", func(t *testing.T) {
		before := b.call(t, http.MethodGet, path, "").text
		got := b.call(t, http.MethodPut, path+"?dry_run=true", document)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, false, got.json["applied"])
		require.EqualValues(t, 1, got.json["version"])
		plan, _ := got.json["plan"].(map[string]any)
		require.Equal(t, []any{"appointments"}, plan["read_again"])
		require.Contains(t, plan["changed"], "/appointments/collision")
		require.Contains(t, got.text, "Acme is asked every 60 seconds, instead of every 60 to 900 seconds.")
		got = b.call(t, http.MethodPut, path+"?dry_run=true", `{"poll":{"at":["0 8,13 * * mon-fri","30 9 * * sat"],"time_zone":"Europe/Zurich"}}`)
		require.Contains(t, got.text, "Acme is asked at the times 0 8,13 * * mon-fri and 30 9 * * sat of Europe/Zurich, instead of every 60 to 900 seconds.")
		require.Equal(t, before, b.call(t, http.MethodGet, path, "").text)
	})
	t.Run("times that lie too close are refused, with what to do", func(t *testing.T) {
		got := b.call(t, http.MethodPut, path, `{"poll":{"at":["*/7 * * * *"]}}`)
		requireProblem(t, got, http.StatusUnprocessableEntity, "invalid_config")
		require.Contains(t, got.text, "/poll/at")
		require.Contains(t, got.text, "Leave 5 minutes between them")
	})
	t.Run("a change is a version of its own, and the workflow is told", func(t *testing.T) {
		got := b.call(t, http.MethodPut, path+"?note=as+agreed", document, "If-Match", `"1"`)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, true, got.json["applied"])
		require.Equal(t, `"2"`, got.header.Get("ETag"))
		require.Eventually(t, b.workflows.has("apply_config harbor"), 5*time.Second, 5*time.Millisecond)
		require.EqualValues(t, 2, b.call(t, http.MethodGet, "/v1/tenants/harbor", "").json["config_version"])
	})
	t.Run("one that was made for an older version is refused", func(t *testing.T) {
		for _, method := range []string{http.MethodPut, http.MethodPatch} {
			requireProblem(t, b.call(t, method, path, `{"poll_seconds":99}`, "If-Match", `"1"`), http.StatusPreconditionFailed, "version_changed")
		}
	})
	t.Run("a patch leaves what it does not name, and null takes out", func(t *testing.T) {
		got := b.call(t, http.MethodPatch, path, `{"poll_seconds":null,"appointments":{"scope":{"history_days":30}}}`)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, map[string]any{
			"appointments": map[string]any{"collision": "ignore", "scope": map[string]any{"private": "skip", "history_days": 30.0}},
			"people":       map[string]any{"region": "DE"},
		}, got.json["config"])
	})
	t.Run("what it was stays readable, and is restored by putting it", func(t *testing.T) {
		list := b.call(t, http.MethodGet, path+"/versions?limit=2", "")
		require.Equal(t, http.StatusOK, list.status, list.text)
		versions, _ := list.json["versions"].([]any)
		require.Len(t, versions, 2)
		next := b.call(t, http.MethodGet, path+"/versions?limit=2&cursor="+list.json["next_cursor"].(string), "")
		require.Contains(t, next.text, `"version":1`)
		second := b.call(t, http.MethodGet, path+"/versions/2", "")
		require.Equal(t, "as agreed", second.json["note"])
		require.Equal(t, "backend", second.json["actor"])
		old, err := json.Marshal(second.json["config"])
		require.NoError(t, err)
		require.JSONEq(t, document, string(old))
		got := b.call(t, http.MethodPut, path, string(old))
		require.Equal(t, true, got.json["applied"], got.text)
		require.EqualValues(t, 4, got.json["version"])
		for _, none := range []string{"0", "99", "-1", "x", "9999999999"} {
			requireProblem(t, b.call(t, http.MethodGet, path+"/versions/"+none, ""), http.StatusNotFound, "not_found")
		}
	})
	t.Run("the same again leaves no trace", func(t *testing.T) {
		got := b.call(t, http.MethodPut, path, document)
		require.Equal(t, false, got.json["applied"])
		require.EqualValues(t, 4, got.json["version"])
		require.Contains(t, got.text, "Nothing changes.")
	})
	t.Run("all that is wrong comes back at once, with a place and what would do", func(t *testing.T) {
		got := b.call(t, http.MethodPut, path, `{"page_size":0,"appointments":{"direction":"bothways","scop":{}},"touchpoints":{"history_days":"x"}}`)
		requireProblem(t, got, http.StatusUnprocessableEntity, "invalid_config")
		errors, _ := got.json["errors"].([]any)
		require.Len(t, errors, 4)
		first, _ := errors[0].(map[string]any)
		require.Equal(t, map[string]any{"pointer": "/appointments/direction", "message": "This word is not known here.", "hint": "Did you mean both? Allowed are acme_to_app, both."}, first)
		require.EqualValues(t, 4, b.call(t, http.MethodGet, path, "").json["version"])
	})
	t.Run("in a tenant's own body the places are below its config", func(t *testing.T) {
		got := b.call(t, http.MethodPatch, "/v1/tenants/harbor", `{"config":{"page_siz":1}}`)
		requireProblem(t, got, http.StatusUnprocessableEntity, "invalid_config")
		require.Contains(t, got.text, `"/config/page_siz"`)
	})
	for name, body := range map[string]string{
		"a list": `[]`, "nothing": ``, "a word": `"both"`, "two keys alike": `{"page_size":1,"page_size":2}`, "null": `null`,
		"more than is taken": `{"profile":{"x":"` + strings.Repeat("x", mapping.MaxConfigBytes) + `"}}`,
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			for _, method := range []string{http.MethodPut, http.MethodPatch} {
				got := b.call(t, method, path, body)
				require.Contains(t, []int{400, 413, 422}, got.status, got.text)
			}
			require.EqualValues(t, 4, b.call(t, http.MethodGet, path, "").json["version"])
		})
	}
	t.Run("the schema is served", func(t *testing.T) {
		got := b.call(t, http.MethodGet, "/config.schema.json", "")
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "urn:acmesync:config", got.json["$id"])
	})
}

func TestConfigRetriesReviews(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.active(t, "harbor", s)
	fence, err := b.db.BeginLane(t.Context(), "harbor", acmesync.Deliver)
	require.NoError(t, err)
	var parked []acmesync.ParkedRecord
	for n, code := range []acmesync.Code{acmesync.EndMissing, acmesync.TooLarge} {
		parked = append(parked, acmesync.ParkedRecord{Key: acmesync.Key{Stream: acmesync.Appointments, AcmeID: fmt.Sprint(n)}, Fault: acmesync.Fault{Code: code, Message: "So."}})
	}
	parked = append(parked, acmesync.ParkedRecord{Key: acmesync.Key{Stream: acmesync.Touchpoints, AcmeID: "9"}, Fault: acmesync.Fault{Code: acmesync.UserMissing, Message: "So."}})
	require.NoError(t, b.db.CommitDelivered(t.Context(), fence, acmesync.Delivered{Parked: parked}))

	got := b.call(t, http.MethodPatch, "/v1/tenants/harbor/config", `{"appointments":{"scope":{"private":"full"}}}`)
	require.Equal(t, true, got.json["applied"], got.text)
	plan, _ := got.json["plan"].(map[string]any)
	retries, _ := plan["retries"].([]any)
	require.Len(t, retries, 1, "of the stream that is affected, and what rules can mend")
	require.Contains(t, got.text, "1 records that are parked as end_missing are tried again.")
	var orders int
	require.NoError(t, b.db.Super.Get(&orders, `SELECT count(*) FROM envelopes WHERE kind = 'order' AND ended_at IS NULL`))
	require.Equal(t, 1, orders)
	got = b.call(t, http.MethodPatch, "/v1/tenants/harbor/config", `{"poll_seconds":60}`)
	require.NotContains(t, got.text, "end_missing", "how often is asked mends no record")
}
