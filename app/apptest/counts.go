package apptest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/app"
)

// next is a revision above those of earlier runs on the same workspace: unlike events, cells have
// no ids of the suite's own.
func (s *suite) next() int64 { return time.Now().UnixMicro() }

func (s *suite) count(day string, n int, revision int64) app.Count {
	return app.Count{UserID: s.users[0].ID, Day: day, Channel: "call", Direction: "inbound", Count: n, Revision: revision}
}

// held2031 lists the suite's counts, which all lie in 2031.
func (s *suite) held2031(t *testing.T) []app.Count {
	t.Helper()
	page, err := s.client.Counts(s.ctx(t), app.CountQuery{From: "2031-01-01", To: "2031-12-31", Limit: 500})
	require.NoError(t, err)
	require.Empty(t, page.NextCursor)
	return page.Counts
}

func (s *suite) clear(t *testing.T) {
	t.Helper()
	held := s.held2031(t)
	for i := range held {
		held[i].Count, held[i].Revision = 0, s.next()
	}
	s.setCounts(t, held...)
}

func (s *suite) testCounts(t *testing.T) {
	t.Run("a count is absolute and shows in the totals", func(t *testing.T) {
		defer s.clear(t)
		before := s.totals(t).Touchpoints
		require.Equal(t, app.Updated, s.setCounts(t, s.count("2031-06-01", 5, s.next()))[0].Status)
		require.Equal(t, before+5, s.totals(t).Touchpoints)
		c := s.count("2031-06-01", 2, s.next())
		r := s.setCounts(t, c)[0]
		require.Equal(t, app.Updated, r.Status)
		require.Equal(t, c.Revision, r.Revision)
		require.Empty(t, r.ExternalID)
		require.Equal(t, before+2, s.totals(t).Touchpoints)
		require.Equal(t, []app.Count{c}, s.held2031(t))
	})
	t.Run("zero clears a count", func(t *testing.T) {
		defer s.clear(t)
		before := s.totals(t).Touchpoints
		s.setCounts(t, s.count("2031-06-02", 5, s.next()))
		require.Equal(t, app.Updated, s.setCounts(t, s.count("2031-06-02", 0, s.next()))[0].Status)
		require.Empty(t, s.held2031(t))
		require.Equal(t, before, s.totals(t).Touchpoints)
	})
	t.Run("a cleared count keeps its revision", func(t *testing.T) {
		defer s.clear(t)
		revision := s.next()
		s.setCounts(t, s.count("2031-06-03", 5, revision))
		s.setCounts(t, s.count("2031-06-03", 0, revision+10))
		r := s.setCounts(t, s.count("2031-06-03", 5, revision+5))[0]
		require.Equal(t, app.Stale, r.Status)
		require.Equal(t, revision+10, r.Revision)
		require.Empty(t, s.held2031(t))
	})
	t.Run("the same revision again is unchanged, a lower one is stale", func(t *testing.T) {
		defer s.clear(t)
		revision := s.next()
		s.setCounts(t, s.count("2031-06-04", 5, revision))
		results := s.setCounts(t,
			s.count("2031-06-04", 9, revision), s.count("2031-06-04", 9, revision-1),
			s.count("2031-06-04", 5, revision+10), s.count("2031-06-04", 9, revision+5))
		require.Equal(t, "unchanged stale unchanged stale", statuses(results))
		require.Equal(t, revision+10, results[3].Revision)
		require.Equal(t, 5, s.held2031(t)[0].Count)
	})
	t.Run("cells differ by channel and direction", func(t *testing.T) {
		defer s.clear(t)
		var counts []app.Count
		for _, channel := range []string{"call", "email"} {
			for _, direction := range []string{"inbound", "internal", "outbound"} {
				c := s.count("2031-06-05", len(counts)+1, s.next())
				c.Channel, c.Direction = channel, direction
				counts = append(counts, c)
			}
		}
		s.setCounts(t, counts...)
		require.ElementsMatch(t, counts, s.held2031(t))
	})
	t.Run("a list is filtered by days, both inclusive, and by user, and paged", func(t *testing.T) {
		defer s.clear(t)
		for _, day := range []string{"2031-06-10", "2031-06-11", "2031-06-12", "2031-06-13"} {
			s.setCounts(t, s.count(day, 1, s.next()))
		}
		q := app.CountQuery{From: "2031-06-11", To: "2031-06-13", UserID: s.users[0].ID, Limit: 2}
		first, err := s.client.Counts(s.ctx(t), q)
		require.NoError(t, err)
		require.Len(t, first.Counts, 2)
		require.NotEmpty(t, first.NextCursor)
		q.Cursor = first.NextCursor
		second, err := s.client.Counts(s.ctx(t), q)
		require.NoError(t, err)
		require.Empty(t, second.NextCursor)
		require.Len(t, second.Counts, 1)
		require.Equal(t, "2031-06-13", second.Counts[0].Day)
		none, err := s.client.Counts(s.ctx(t), app.CountQuery{From: "2031-01-01", To: "2031-12-31", UserID: "nobody"})
		require.NoError(t, err)
		require.Empty(t, none.Counts)
	})
}
