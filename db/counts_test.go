package db_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func fact(id, user, day string) acmesync.Fact {
	return acmesync.Fact{AcmeID: id, UserID: user, Day: day, Channel: "email", Direction: "out", OccurredAt: time.Unix(1_767_225_600, 0)}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	deliver := func(t testing.TB, f acmesync.Fence, facts []acmesync.Fact, gone ...string) {
		t.Helper()
		require.NoError(t, d.CommitDelivered(ctx, f, acmesync.Delivered{Facts: facts, NoFacts: gone}))
	}
	due := func(t testing.TB, f acmesync.Fence) []acmesync.Cell {
		t.Helper()
		cells, err := d.DueCells(ctx, f, 100)
		require.NoError(t, err)
		return cells
	}
	fresh := func(t testing.TB, id acmesync.TenantID) acmesync.Fence {
		t.Helper()
		activated(t, d, id)
		return begin(t, d, id, acmesync.Deliver)
	}

	t.Run("facts that count alike are one cell", func(t *testing.T) {
		f := fresh(t, "alike")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01"), fact("2", "u", "2026-01-01"), fact("3", "u", "2026-01-02")})
		require.ElementsMatch(t, []acmesync.Cell{
			{UserID: "u", Day: "2026-01-01", Channel: "email", Direction: "out", N: 2, Changed: 1},
			{UserID: "u", Day: "2026-01-02", Channel: "email", Direction: "out", N: 1, Changed: 1},
		}, due(t, f))
	})
	t.Run("the same facts again make nothing due", func(t *testing.T) {
		f := fresh(t, "again")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01")})
		require.NoError(t, d.CommitCells(ctx, f, due(t, f), nil))
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01")})
		require.Empty(t, due(t, f))
	})
	t.Run("a fact that moved leaves its old cell at zero, which is sent", func(t *testing.T) {
		f := fresh(t, "moved")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01")})
		require.NoError(t, d.CommitCells(ctx, f, due(t, f), nil))
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-02")})
		require.ElementsMatch(t, []acmesync.Cell{
			{UserID: "u", Day: "2026-01-01", Channel: "email", Direction: "out", N: 0, Changed: 2},
			{UserID: "u", Day: "2026-01-02", Channel: "email", Direction: "out", N: 1, Changed: 1},
		}, due(t, f))
	})
	t.Run("a fact that is gone leaves its cell, one that never was leaves none", func(t *testing.T) {
		f := fresh(t, "gone")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01")})
		deliver(t, f, nil, "1", "1", "never")
		cells := due(t, f)
		require.Len(t, cells, 1)
		require.Zero(t, cells[0].N)
	})
	t.Run("a fact named twice in one commit counts once, as its last", func(t *testing.T) {
		f := fresh(t, "twice")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01"), fact("1", "u", "2026-01-02")})
		require.Equal(t, []acmesync.Cell{{UserID: "u", Day: "2026-01-02", Channel: "email", Direction: "out", N: 1, Changed: 1}}, due(t, f))
	})
	t.Run("a fact that counts and does not in one commit counts", func(t *testing.T) {
		f := fresh(t, "both")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01")}, "1")
		require.Equal(t, 1, due(t, f)[0].N)
	})
	t.Run("a cell that changed after it was read stays due", func(t *testing.T) {
		f := fresh(t, "meanwhile")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01"), fact("2", "v", "2026-01-01")})
		read := due(t, f)
		deliver(t, f, []acmesync.Fact{fact("3", "u", "2026-01-01")})
		require.NoError(t, d.CommitCells(ctx, f, read, nil))
		require.Equal(t, []acmesync.Cell{{UserID: "u", Day: "2026-01-01", Channel: "email", Direction: "out", N: 2, Changed: 2}}, due(t, f))
		require.NoError(t, d.CommitCells(ctx, f, due(t, f), nil))
		require.NoError(t, d.CommitCells(ctx, f, read, nil), "an older answer takes nothing back")
		require.Empty(t, due(t, f))
	})
	t.Run("no more cells are read than asked for", func(t *testing.T) {
		f := fresh(t, "limit")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01"), fact("2", "v", "2026-01-01"), fact("3", "w", "2026-01-01")})
		cells, err := d.DueCells(ctx, f, 2)
		require.NoError(t, err)
		require.Len(t, cells, 2)
	})
	t.Run("a user who lives in another zone has their facts on other days, old cells at zero", func(t *testing.T) {
		f := fresh(t, "zones")
		here := map[string]string{"u": "Here", "v": "Here"}
		moved := func(zones map[string]string, day string) int {
			n, err := d.Recount(ctx, f, zones, func(zone string, at time.Time) string {
				require.Equal(t, time.Unix(1_767_225_600, 0).UTC(), at.UTC())
				return day
			})
			require.NoError(t, err)
			return n
		}
		require.Zero(t, moved(here, "2026-01-01"))
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01"), fact("2", "u", "2026-01-01"), fact("3", "v", "2026-01-01")})
		require.NoError(t, d.CommitCells(ctx, f, due(t, f), nil))
		require.Zero(t, moved(here, "2026-01-02"), "nobody has moved")
		require.Equal(t, 2, moved(map[string]string{"u": "There", "v": "Here"}, "2026-01-02"))
		require.ElementsMatch(t, []acmesync.Cell{
			{UserID: "u", Day: "2026-01-01", Channel: "email", Direction: "out", N: 0, Changed: 2},
			{UserID: "u", Day: "2026-01-02", Channel: "email", Direction: "out", N: 2, Changed: 1},
		}, due(t, f))
		require.Zero(t, moved(map[string]string{"u": "There"}, "2026-01-03"), "once is enough")
	})
	t.Run("counts are listed by what is asked for, in pages, with the totals of all", func(t *testing.T) {
		f := fresh(t, "listed")
		call := fact("4", "v", "2026-01-03")
		call.Channel, call.Direction = "call", "in"
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01"), fact("2", "u", "2026-01-01"), fact("3", "v", "2026-01-02"), call})
		list := func(filter db.TouchpointFilter) db.TouchpointPage {
			page, err := d.Touchpoints(ctx, "listed", filter)
			require.NoError(t, err)
			return page
		}
		all := list(db.TouchpointFilter{Limit: 10})
		require.Len(t, all.Counts, 3)
		require.Equal(t, db.TouchpointCount{TouchpointCell: db.TouchpointCell{UserID: "u", Day: "2026-01-01", Channel: "email", Direction: "out"}, Count: 2}, all.Counts[0])
		totals := []db.TouchpointTotal{{Channel: "call", Direction: "in", Count: 1, Unsent: 1}, {Channel: "email", Direction: "out", Count: 3, Unsent: 2}}
		require.Equal(t, totals, all.Totals)
		first := list(db.TouchpointFilter{Limit: 2})
		require.Equal(t, all.Counts[:2], first.Counts)
		require.Equal(t, totals, first.Totals)
		require.Equal(t, all.Counts[2:], list(db.TouchpointFilter{Limit: 2, After: first.Counts[1].TouchpointCell}).Counts)
		require.Len(t, list(db.TouchpointFilter{Limit: 10, User: "v"}).Counts, 2)
		require.Len(t, list(db.TouchpointFilter{Limit: 10, From: "2026-01-02", To: "2026-01-02"}).Counts, 1)
		require.Len(t, list(db.TouchpointFilter{Limit: 10, Channel: "call"}).Counts, 1)
		require.Len(t, list(db.TouchpointFilter{Limit: 10, Direction: "out"}).Counts, 2)
		require.Equal(t, db.TouchpointPage{Counts: []db.TouchpointCount{}, Totals: []db.TouchpointTotal{}}, list(db.TouchpointFilter{Limit: 10, User: "nobody"}))

		require.NoError(t, d.CommitCells(ctx, f, due(t, f), nil))
		deliver(t, f, nil, "4")
		zero := list(db.TouchpointFilter{Limit: 10, Channel: "call"}).Counts
		require.Len(t, zero, 1, "the app still shows one")
		require.False(t, zero[0].Sent)
		require.NoError(t, d.CommitCells(ctx, f, due(t, f), nil))
		require.Empty(t, list(db.TouchpointFilter{Limit: 10, Channel: "call"}).Counts)
		require.True(t, list(db.TouchpointFilter{Limit: 10}).Counts[0].Sent)
	})
	t.Run("the same ids of another tenant count apart", func(t *testing.T) {
		f, g := fresh(t, "apart-a"), fresh(t, "apart-b")
		deliver(t, f, []acmesync.Fact{fact("1", "u", "2026-01-01")})
		deliver(t, g, nil, "1")
		require.Equal(t, 1, due(t, f)[0].N)
	})
	t.Run("whatever happens, cells equal a recount and what was sent is what they were", func(t *testing.T) {
		var runs atomic.Int64
		rapid.Check(t, func(r *rapid.T) {
			f := fresh(t, acmesync.TenantID(fmt.Sprintf("rapid-%d", runs.Add(1))))
			sent := map[string]int{} // what the app holds
			ids := rapid.SampledFrom([]string{"1", "2", "3", "4", "5"})
			r.Repeat(map[string]func(*rapid.T){
				"deliver": func(r *rapid.T) {
					var facts []acmesync.Fact
					for range rapid.IntRange(0, 4).Draw(r, "facts") {
						x := fact(ids.Draw(r, "id"), rapid.SampledFrom([]string{"u", "v"}).Draw(r, "user"), rapid.SampledFrom([]string{"2026-01-01", "2026-01-02"}).Draw(r, "day"))
						x.Channel = rapid.SampledFrom([]string{"email", "phone"}).Draw(r, "channel")
						facts = append(facts, x)
					}
					deliver(t, f, facts, rapid.SliceOfN(ids, 0, 3).Draw(r, "gone")...)
				},
				"send": func(*rapid.T) {
					for _, c := range due(t, f) {
						sent[c.UserID+c.Day+c.Channel+c.Direction] = c.N
					}
					require.NoError(t, d.CommitCells(ctx, f, due(t, f), nil))
				},
				"move": func(r *rapid.T) {
					day := rapid.SampledFrom([]string{"2026-01-01", "2026-01-02", "2026-01-03"}).Draw(r, "day")
					zone := rapid.SampledFrom([]string{"A", "B"}).Draw(r, "zone")
					before := scalar[int](t, d, `SELECT count(*) FROM facts WHERE tenant = $1 AND user_id = 'v'`, f.Tenant)
					_, err := d.Recount(ctx, f, map[string]string{"v": zone}, func(string, time.Time) string { return day })
					require.NoError(t, err)
					require.Equal(t, before, scalar[int](t, d, `SELECT count(*) FROM facts WHERE tenant = $1 AND user_id = 'v'`, f.Tenant))
				},
				"deliver while sending": func(r *rapid.T) {
					read := due(t, f)
					deliver(t, f, []acmesync.Fact{fact(ids.Draw(r, "id"), "u", "2026-01-02")})
					for _, c := range read {
						sent[c.UserID+c.Day+c.Channel+c.Direction] = c.N
					}
					require.NoError(t, d.CommitCells(ctx, f, read, nil))
				},
				"": func(*rapid.T) {
					require.Zero(t, scalar[int](t, d, `
						SELECT count(*) FROM (SELECT * FROM cells WHERE tenant = $1 AND n <> 0) c FULL JOIN (
							SELECT user_id, day, channel, direction, count(*) AS n FROM facts WHERE tenant = $1 GROUP BY 1, 2, 3, 4
						) f USING (user_id, day, channel, direction) WHERE c.n IS DISTINCT FROM f.n`, f.Tenant), "cells differ from a recount")
					if len(due(t, f)) > 0 {
						return
					}
					var cells []acmesync.Cell
					require.NoError(t, d.Super.Select(&cells, `SELECT user_id, day::text AS day, channel, direction, n, changed FROM cells WHERE tenant = $1`, f.Tenant))
					for _, c := range cells {
						require.Equal(t, c.N, sent[c.UserID+c.Day+c.Channel+c.Direction], "nothing is due, yet the app holds another number")
					}
				},
			})
		})
	})
}
