package acmetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

func (s *suite) account(t *testing.T) {
	t.Run("tells whose key it is", func(t *testing.T) {
		account, err := s.client(t).Account(t.Context())
		require.NoError(t, err)
		_, err = time.LoadLocation(account.TimeZone)
		require.NoError(t, err)
	})
	t.Run("outcomes have different ids", func(t *testing.T) {
		outcomes, err := s.client(t).Outcomes(t.Context())
		require.NoError(t, err)
		ids := map[string]bool{}
		for _, o := range outcomes {
			require.False(t, ids[o.ID])
			ids[o.ID] = true
		}
	})
	for name, key := range map[string]string{"no key": "", "no bearer": "Basic " + s.APIKey, "an unknown key": "Bearer nobody", "a key with something behind": "Bearer " + s.APIKey + "x"} {
		t.Run(name+" is refused everywhere", func(t *testing.T) {
			for _, path := range []string{"/v1/account", "/v1/outcomes", "/v1/users", "/v1/contacts", "/v1/appointments", "/v1/touchpoints", "/v1/webhook-subscriptions", "/v1/appointments/unknown"} {
				s.call(t, http.MethodGet, path, nil, "Authorization", key).wants(t, http.StatusUnauthorized, "unauthorised")
			}
			s.call(t, http.MethodPost, "/v1/contacts:batchGet", `{"ids":["a"]}`, "Authorization", key).wants(t, http.StatusUnauthorized, "unauthorised")
			s.call(t, http.MethodPost, "/v1/appointments", `{}`, "Authorization", key).wants(t, http.StatusUnauthorized, "unauthorised")
		})
	}
}

func (s *suite) lists(t *testing.T) {
	for _, r := range resources() {
		t.Run(string(r)+" come in order, each once, and can be read", func(t *testing.T) {
			all := s.walk(t, r, acme.ListQuery{Limit: 200})
			require.NotEmpty(t, all)
			seen := map[string]bool{}
			for i, item := range all {
				require.False(t, seen[item.ID], "%s came twice", item.ID)
				seen[item.ID] = true
				require.False(t, item.Deleted)
				if i > 0 {
					require.Negative(t, order(all[i-1], item), "%s stands before %s", all[i-1].ID, item.ID)
				}
				require.NoError(t, decode(r, item.Raw))
			}
		})
		t.Run(string(r)+" come alike in small pages", func(t *testing.T) {
			first := s.some(t, r, 40)
			since := first[len(first)-1].UpdatedAt
			require.Equal(t, ids(s.walk(t, r, acme.ListQuery{UpdatedSince: since, Limit: 200})), ids(s.walk(t, r, acme.ListQuery{UpdatedSince: since, Limit: 150})))
		})
		t.Run(string(r)+" updated since an instant include those of that instant", func(t *testing.T) {
			first := s.some(t, r, 40)
			last := first[len(first)-1]
			page, err := s.client(t).List(t.Context(), r, acme.ListQuery{UpdatedSince: last.UpdatedAt, Limit: 200})
			require.NoError(t, err)
			require.Contains(t, ids(page.Items), last.ID)
			for _, item := range page.Items {
				require.False(t, item.UpdatedAt.Before(last.UpdatedAt))
			}
			page, err = s.client(t).List(t.Context(), r, acme.ListQuery{UpdatedSince: last.UpdatedAt.Add(time.Microsecond), Limit: 200})
			require.NoError(t, err)
			require.NotContains(t, ids(page.Items), last.ID)
		})
		t.Run(string(r)+" of the future are none", func(t *testing.T) {
			page, err := s.client(t).List(t.Context(), r, acme.ListQuery{UpdatedSince: time.Now().AddDate(1, 0, 0)})
			require.NoError(t, err)
			require.Empty(t, page.Items)
			require.Empty(t, page.NextCursor)
		})
		t.Run(string(r)+" with impossible parameters are refused", func(t *testing.T) {
			for _, query := range []string{"limit=0", "limit=-1", "limit=abc", "limit=501", "limit=99999999999999999999", "updated_since=yesterday", "updated_since=2026-02-30T00:00:00Z", "include_deleted=perhaps"} {
				s.call(t, http.MethodGet, "/v1/"+string(r)+"?"+query, nil).wants(t, http.StatusBadRequest, "")
			}
		})
	}
	t.Run("an instant may bear an offset", func(t *testing.T) {
		last := s.some(t, acme.Appointments, 5)[0]
		at := last.UpdatedAt.In(time.FixedZone("", -5*3600)).Format(time.RFC3339Nano)
		got := s.call(t, http.MethodGet, "/v1/appointments?limit=200&updated_since="+url.QueryEscape(at), nil).wants(t, http.StatusOK, "")
		require.Contains(t, string(got.body), last.ID)
	})
	t.Run("records that share an instant are all found in pages smaller than their number", func(t *testing.T) {
		s.needs(t, s.Import != nil)
		before := s.serverTime(t)
		s.Import(t, 25)
		all := s.walk(t, acme.Appointments, acme.ListQuery{UpdatedSince: before, Limit: 10})
		tied := map[time.Time]int{}
		for _, item := range all {
			tied[item.UpdatedAt]++
		}
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(ids(all)))), len(all))
		most := 0
		for _, n := range tied {
			most = max(most, n)
		}
		require.GreaterOrEqual(t, most, 25)
		tail := s.walk(t, acme.Appointments, acme.ListQuery{UpdatedSince: all[len(all)-1].UpdatedAt, Limit: 3})
		require.GreaterOrEqual(t, len(tail), 25)
	})
}

func (s *suite) cursors(t *testing.T) {
	t.Run("carry the other parameters with them", func(t *testing.T) {
		first := s.some(t, acme.Touchpoints, 30)
		since := first[len(first)-1].UpdatedAt
		all := s.walk(t, acme.Touchpoints, acme.ListQuery{UpdatedSince: since, Limit: 100})
		for _, item := range all {
			require.False(t, item.UpdatedAt.Before(since))
		}
	})
	t.Run("serve again after an answer was lost", func(t *testing.T) {
		client := s.client(t)
		page, err := client.List(t.Context(), acme.Touchpoints, acme.ListQuery{Limit: 5})
		require.NoError(t, err)
		require.NotEmpty(t, page.NextCursor)
		once, err := client.List(t.Context(), acme.Touchpoints, acme.ListQuery{Cursor: page.NextCursor, Limit: 5})
		require.NoError(t, err)
		twice, err := client.List(t.Context(), acme.Touchpoints, acme.ListQuery{Cursor: page.NextCursor, Limit: 5})
		require.NoError(t, err)
		require.Equal(t, ids(once.Items), ids(twice.Items))
	})
	t.Run("serve with another limit", func(t *testing.T) {
		client := s.client(t)
		page, err := client.List(t.Context(), acme.Touchpoints, acme.ListQuery{Limit: 5})
		require.NoError(t, err)
		one, err := client.List(t.Context(), acme.Touchpoints, acme.ListQuery{Cursor: page.NextCursor, Limit: 1})
		require.NoError(t, err)
		require.Len(t, one.Items, 1)
	})
	t.Run("that Acme did not give are refused", func(t *testing.T) {
		page, err := s.client(t).List(t.Context(), acme.Touchpoints, acme.ListQuery{Limit: 5})
		require.NoError(t, err)
		given := page.NextCursor
		for name, c := range map[string]string{"invented": "nonsense", "changed": changed(given), "cut": given[:len(given)-1], "extended": given + "A", "with a NUL": "a\x00b"} {
			_, err := s.client(t).List(t.Context(), acme.Touchpoints, acme.ListQuery{Cursor: c})
			require.Equal(t, acme.KindCursorLost, acme.KindOf(err), "%s: %v", name, err)
			s.call(t, http.MethodGet, "/v1/touchpoints?cursor="+url.QueryEscape(c), nil).wants(t, http.StatusBadRequest, "cursor_invalid")
		}
		_, err = s.client(t).List(t.Context(), acme.Appointments, acme.ListQuery{Cursor: given})
		require.Equal(t, acme.KindCursorLost, acme.KindOf(err), "another resource's cursor: %v", err)
	})
}

func (s *suite) gets(t *testing.T) {
	for _, r := range resources() {
		t.Run(string(r)+" by id are what the list says", func(t *testing.T) {
			for _, item := range s.some(t, r, 3) {
				got := s.call(t, http.MethodGet, "/v1/"+string(r)+"/"+url.PathEscape(item.ID), nil).wants(t, http.StatusOK, "")
				require.JSONEq(t, string(item.Raw), string(got.body))
				require.Equal(t, fmt.Sprintf(`"%d"`, item.Version), got.header.Get("ETag"))
			}
		})
		t.Run(string(r)+" that are unknown are not found", func(t *testing.T) {
			for _, id := range []string{"unknown", strings.Repeat("x", 128), "'%20or%201=1", "%00", "..%2Faccount", "%F0%9F%99%82"} {
				s.call(t, http.MethodGet, "/v1/"+string(r)+"/"+id, nil).wants(t, http.StatusNotFound, "not_found")
			}
			upper := strings.ToUpper(s.some(t, r, 1)[0].ID)
			s.call(t, http.MethodGet, "/v1/"+string(r)+"/"+url.PathEscape(upper), nil).wants(t, http.StatusNotFound, "not_found")
		})
		t.Run(string(r)+" in a batch are found or missing", func(t *testing.T) {
			some := s.some(t, r, 5)
			want := ids(some)
			batch, err := s.client(t).BatchGet(t.Context(), r, append([]string{"unknown-1", "\U0001F642"}, want...))
			require.NoError(t, err)
			require.ElementsMatch(t, want, ids(batch.Items))
			require.ElementsMatch(t, []string{"unknown-1", "\U0001F642"}, batch.Missing)
			for _, item := range batch.Items {
				at := slices.IndexFunc(some, func(i acme.Item) bool { return i.ID == item.ID })
				require.JSONEq(t, string(some[at].Raw), string(item.Raw))
			}
		})
		t.Run(string(r)+" named twice in a batch are found once", func(t *testing.T) {
			id := s.some(t, r, 1)[0].ID
			batch, err := s.client(t).BatchGet(t.Context(), r, []string{id, id, "unknown", "unknown"})
			require.NoError(t, err)
			require.Equal(t, []string{id}, ids(batch.Items))
			require.Equal(t, []string{"unknown"}, batch.Missing)
		})
		t.Run(string(r)+" in a batch of 200 are answered, of 201 refused", func(t *testing.T) {
			many := make([]string, 201)
			for i := range many {
				many[i] = fmt.Sprintf("unknown-%d", i)
			}
			batch, err := s.client(t).BatchGet(t.Context(), r, many[:200])
			require.NoError(t, err)
			require.Len(t, batch.Missing, 200)
			s.call(t, http.MethodPost, "/v1/"+string(r)+":batchGet", map[string]any{"ids": many}).wants(t, http.StatusBadRequest, "too_many_ids")
		})
		t.Run(string(r)+" in a batch that can't be read are refused", func(t *testing.T) {
			for _, body := range []string{``, `{}`, `{"ids":[]}`, `{"ids":null}`, `{"ids":"a"}`, `{"ids":[1]}`, `{"ids":["a"]`, `[]`, `{"ids":["a"]}x`} {
				s.call(t, http.MethodPost, "/v1/"+string(r)+":batchGet", body).wantsRefused(t, body)
			}
		})
	}
}

// needs skips a fact whose hook the target lacks.
func (s *suite) needs(t *testing.T, hook bool) {
	t.Helper()
	if !hook {
		t.Skip("the target can't do this")
	}
}

// serverTime is the server's own clock, a second early for its resolution.
func (s *suite) serverTime(t *testing.T) time.Time {
	t.Helper()
	page, err := s.client(t).List(t.Context(), acme.Users, acme.ListQuery{Limit: 1})
	require.NoError(t, err)
	return page.Date.Add(-time.Second)
}

// order is Acme's: by updated_at, then by id, byte by byte.
func order(a, b acme.Item) int {
	if c := a.UpdatedAt.Compare(b.UpdatedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

func ids(items []acme.Item) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = item.ID
	}
	return all
}

// changed exchanges a character in the middle for another one of the same alphabet.
func changed(cursor string) string {
	b := []byte(cursor)
	if i := len(b) / 2; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

func decode(r acme.Resource, raw json.RawMessage) error {
	var err error
	switch r {
	case acme.Users:
		_, err = acme.DecodeUser(raw)
	case acme.Contacts:
		_, err = acme.DecodeContact(raw)
	case acme.Appointments:
		_, err = acme.DecodeAppointment(raw)
	case acme.Touchpoints:
		_, err = acme.DecodeTouchpoint(raw)
	}
	return err
}
