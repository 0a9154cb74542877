package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTouchpoints(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.draft(t, "harbor", s)
	b.draft(t, "coral", s)
	const path = "/v1/tenants/harbor/touchpoints"
	for i := range 5 {
		_, err := b.db.Super.Exec(`INSERT INTO cells (tenant, connection, user_id, day, channel, direction, n, changed, sent)
			VALUES ('harbor', 'main', $1, $2, $3, 'outbound', $4, 2, 2)`,
			fmt.Sprintf("u_%d", i%2), fmt.Sprintf("2026-01-%02d", i+1), []string{"call", "email"}[i%2], i+1)
		require.NoError(t, err)
	}
	counts := func(t *testing.T, got answer) []any {
		t.Helper()
		require.Equal(t, http.StatusOK, got.status, got.text)
		list, _ := got.json["counts"].([]any)
		return list
	}

	t.Run("pages hold each count once, in order, with the totals of all", func(t *testing.T) {
		var seen []any
		query := "?limit=2"
		for range 4 {
			got := b.call(t, http.MethodGet, path+query, "")
			seen = append(seen, counts(t, got)...)
			require.Equal(t, []any{
				map[string]any{"channel": "call", "direction": "outbound", "count": 9.0, "unsent": 0.0},
				map[string]any{"channel": "email", "direction": "outbound", "count": 6.0, "unsent": 0.0},
			}, got.json["totals"])
			cursor, _ := got.json["next_cursor"].(string)
			if cursor == "" {
				break
			}
			query = "?limit=2&cursor=" + url.QueryEscape(cursor)
		}
		require.Len(t, seen, 5)
		require.Equal(t, map[string]any{"user_id": "u_0", "day": "2026-01-01", "channel": "call", "direction": "outbound", "count": 1.0, "sent": true}, seen[0])
		require.Equal(t, "u_1", seen[4].(map[string]any)["user_id"])
	})
	t.Run("filters go together", func(t *testing.T) {
		require.Len(t, counts(t, b.call(t, http.MethodGet, path+"?user=u_0&from=2026-01-02&to=2026-01-03&channel=call&direction=outbound", "")), 1)
		got := b.call(t, http.MethodGet, path+"?direction=inbound", "")
		require.Empty(t, counts(t, got))
		require.Equal(t, []any{}, got.json["totals"])
	})
	t.Run("another tenant has none of them", func(t *testing.T) {
		require.Empty(t, counts(t, b.call(t, http.MethodGet, "/v1/tenants/coral/touchpoints", "")))
	})
	t.Run("what makes no sense is refused", func(t *testing.T) {
		for _, query := range []string{"from=yesterday", "from=2026-02-31", "to=2026-1-1", "channel=fax", "direction=out", "user=", "user=%00", "day=2026-01-01", "limit=0"} {
			requireProblem(t, b.call(t, http.MethodGet, path+"?"+query, ""), http.StatusBadRequest, "invalid_request")
		}
		good, _ := b.call(t, http.MethodGet, path+"?limit=2", "").json["next_cursor"].(string)
		requireProblem(t, b.call(t, http.MethodGet, path+"?channel=call&cursor="+url.QueryEscape(good), ""), http.StatusBadRequest, "invalid_cursor")
		requireProblem(t, b.call(t, http.MethodGet, "/v1/tenants/nobody/touchpoints", ""), http.StatusNotFound, "not_found")
	})
}
