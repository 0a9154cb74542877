package acmetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// Reader is a side that is only read, by Acme's own contract or by a profile: what the fetch lane relies on is the same. Its
// records must stay as they are while the facts are tried.
type Reader struct {
	Client  *acme.Client
	Unknown map[acme.Resource]string // an id of each resource that can be read by id and that nobody has
}

// RunReads tries what every side has to keep that records are fetched from, as subtests of t.
func RunReads(t *testing.T, reader Reader) {
	t.Helper()
	for _, r := range resources() {
		t.Run(string(r), func(t *testing.T) {
			all := reader.walk(t, r, acme.ListQuery{Limit: 200, IncludeDeleted: true})
			require.NotEmpty(t, all, "the account has none")
			t.Run("a walk brings each record once, whatever the size of its pages", func(t *testing.T) {
				for _, limit := range []int{7, 50} {
					require.Equal(t, ids(all), ids(reader.walk(t, r, acme.ListQuery{Limit: limit, IncludeDeleted: true})))
				}
			})
			t.Run("every record has the keys it is told from its earlier self by", func(t *testing.T) {
				for _, item := range all {
					require.NotEmpty(t, item.ID, "%.200s", item.Raw)
					require.Positive(t, item.Version)
					require.False(t, item.UpdatedAt.IsZero())
				}
			})
			if reader.Client.Profile.Ordered(r) {
				t.Run("the list is in the order of updated_at and can be entered at any moment", func(t *testing.T) { reader.order(t, r, all) })
			}
			if unknown := reader.Unknown[r]; unknown != "" {
				t.Run("records read by id are those of the list, and an unknown id is said to be missing", func(t *testing.T) { reader.byID(t, r, all, unknown) })
			}
			t.Run("a cursor that nobody gave is a lost cursor", func(t *testing.T) {
				_, err := reader.Client.List(t.Context(), r, acme.ListQuery{Cursor: "bm9ib2R5J3M"})
				require.Equal(t, acme.KindCursorLost, acme.KindOf(err))
			})
		})
	}
	t.Run("account", func(t *testing.T) {
		account, err := reader.Client.Account(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, account.ID)
		_, err = time.LoadLocation(account.TimeZone)
		require.NoError(t, err)
	})
	t.Run("another key is refused", func(t *testing.T) {
		stranger := *reader.Client
		stranger.APIKey = "a-strangers-key"
		_, err := stranger.List(t.Context(), acme.Users, acme.ListQuery{})
		require.Equal(t, acme.KindUnauthorised, acme.KindOf(err))
	})
}

func (reader Reader) walk(t *testing.T, r acme.Resource, q acme.ListQuery) []acme.Item {
	t.Helper()
	var all []acme.Item
	var watch acme.Walk
	for {
		page, err := reader.Client.List(t.Context(), r, q)
		require.NoError(t, err)
		require.NoError(t, watch.Step(r, q.Cursor, page))
		require.False(t, page.Date.IsZero(), "the answer does not tell the time")
		for _, item := range page.Items {
			// A list that is paged by moments brings the last record of a page again.
			if !slices.ContainsFunc(all[max(0, len(all)-200):], func(before acme.Item) bool { return before.ID == item.ID && before.Version == item.Version }) {
				all = append(all, item)
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return all
		}
	}
}

func (reader Reader) order(t *testing.T, r acme.Resource, all []acme.Item) {
	t.Helper()
	require.True(t, slices.IsSortedFunc(all, func(a, b acme.Item) int { return a.UpdatedAt.Compare(b.UpdatedAt) }))
	since := all[len(all)/2].UpdatedAt
	var want []string
	for _, item := range all {
		if !item.UpdatedAt.Before(since) {
			want = append(want, item.ID)
		}
	}
	later := ids(reader.walk(t, r, acme.ListQuery{Limit: 50, IncludeDeleted: true, UpdatedSince: since}))
	for _, id := range want {
		require.Contains(t, later, id)
	}
}

func (reader Reader) byID(t *testing.T, r acme.Resource, all []acme.Item, unknown string) {
	t.Helper()
	some := all[:min(30, len(all))]
	asked := append(ids(some), unknown)
	batch, err := reader.Client.BatchGet(t.Context(), r, asked)
	require.NoError(t, err)
	require.Equal(t, []string{unknown}, batch.Missing)
	got := map[string]string{}
	for _, item := range batch.Items {
		got[item.ID] = string(item.Raw)
	}
	require.Len(t, got, len(some))
	for _, item := range some {
		require.JSONEq(t, string(item.Raw), got[item.ID])
	}
}
