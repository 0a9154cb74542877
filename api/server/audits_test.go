package server_test

import (
	"net/http"
	"testing"

	"acmesync"

	"github.com/stretchr/testify/require"
)

func TestAudits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.active(t, "harbor", newSides(t))
	b.draft(t, "later", newSides(t))
	requireProblem(t, b.call(t, http.MethodPost, "/v1/tenants/later/audit", `{}`), http.StatusConflict, "wrong_state")
	audits := "/v1/tenants/harbor/audit"
	t.Run("one is begun, and the same request again is the same audit", func(t *testing.T) {
		begun := b.call(t, http.MethodPost, audits, `{"reason":"a report looked short"}`, "Idempotency-Key", "once")
		require.Equal(t, http.StatusAccepted, begun.status, begun.text)
		again := b.call(t, http.MethodPost, audits, `{"reason":"a report looked short"}`, "Idempotency-Key", "once")
		require.Equal(t, begun.json["id"], again.json["id"])
		require.Equal(t, "/v1/tenants/harbor/audits/"+begun.json["id"].(string), begun.header.Get("Location"))
		require.Equal(t, []any{"reading", "backend", false}, []any{begun.json["state"], begun.json["actor"], begun.json["equal"]})
		read := b.call(t, http.MethodGet, begun.header.Get("Location"), "")
		require.Equal(t, "a report looked short", read.json["reason"])
	})
	t.Run("a second one waits for the first", func(t *testing.T) {
		refused := b.call(t, http.MethodPost, audits, `{}`)
		require.Equal(t, []any{http.StatusConflict, "audit_running"}, []any{refused.status, refused.json["code"]})
	})
	t.Run("differences are paged in order, and a cursor of another list is refused", func(t *testing.T) {
		id := b.call(t, http.MethodGet, audits+"s", "").json["audits"].([]any)[0].(map[string]any)["id"].(string)
		for _, acmeID := range []string{"a", "b", "c"} {
			_, err := b.db.Super.Exec(`INSERT INTO audit_differences (tenant, audit, side, stream, id, kind)
				VALUES ('harbor', $1, 'app', 'appointments', $2, 'missing')`, id, acmeID)
			require.NoError(t, err)
		}
		list := audits + "s/" + id + "/differences"
		first := b.call(t, http.MethodGet, list+"?limit=2", "")
		require.Len(t, first.json["differences"], 2)
		cursor := first.json["next_cursor"].(string)
		rest := b.call(t, http.MethodGet, list+"?limit=2&cursor="+cursor, "")
		require.Len(t, rest.json["differences"], 1)
		require.Equal(t, "c", rest.json["differences"].([]any)[0].(map[string]any)["id"])
		require.Equal(t, http.StatusBadRequest, b.call(t, http.MethodGet, "/v1/tenants/harbor/records?stream=appointments&cursor="+cursor, "").status)
	})
	t.Run("it is cancelled once", func(t *testing.T) {
		id := b.call(t, http.MethodGet, audits+"s", "").json["audits"].([]any)[0].(map[string]any)["id"].(string)
		require.Equal(t, string(acmesync.AuditCancelled), b.call(t, http.MethodPost, audits+"s/"+id+"/cancel", "").json["state"])
		require.Equal(t, http.StatusConflict, b.call(t, http.MethodPost, audits+"s/"+id+"/cancel", "").status)
	})
	t.Run("none of a tenant, of no tenant, of no such id", func(t *testing.T) {
		for _, path := range []string{"/v1/tenants/nobody/audits", audits + "s/11111111-1111-1111-1111-111111111111", audits + "s/11111111-1111-1111-1111-111111111111/differences"} {
			require.Equal(t, http.StatusNotFound, b.call(t, http.MethodGet, path, "").status, path)
		}
	})
}
