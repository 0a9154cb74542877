package activities

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)

// ago is a moment before Acme's noon.
func ago(d time.Duration) time.Time { return noon.Add(-d) }

func itemAt(id string, at time.Time) acme.Item { return acme.Item{ID: id, UpdatedAt: at} }

func TestAdvance(t *testing.T) {
	t.Parallel()
	old := ago(24 * time.Hour)
	cases := []struct {
		fact   string
		from   acmesync.Position
		answer acme.Page
		want   acmesync.Position
	}{
		{
			"a page in the middle of a walk moves cursor and watermark",
			acmesync.Position{Cursor: "c1", Walking: true, WatermarkAt: &old},
			acme.Page{Date: noon, NextCursor: "c2", Items: []acme.Item{itemAt("1", ago(time.Hour)), itemAt("2", ago(time.Minute))}},
			acmesync.Position{Cursor: "c2", Walking: true, WatermarkAt: new(ago(time.Minute)), WatermarkID: "2"},
		},
		{
			"the last page ends the walk, and the stream has been read to its end",
			acmesync.Position{Cursor: "c1", Walking: true, WatermarkAt: &old, WatermarkID: "0"},
			acme.Page{Date: noon, Items: []acme.Item{itemAt("1", ago(time.Hour))}},
			acmesync.Position{Backfilled: true, WatermarkAt: new(ago(time.Hour)), WatermarkID: "1"},
		},
		{
			"an empty last page keeps the watermark",
			acmesync.Position{Cursor: "c1", Walking: true, WatermarkAt: &old, WatermarkID: "0", Backfilled: true},
			acme.Page{Date: noon},
			acmesync.Position{Backfilled: true, WatermarkAt: &old, WatermarkID: "0"},
		},
		{
			"an empty account has a watermark all the same",
			acmesync.Position{},
			acme.Page{Date: noon},
			acmesync.Position{Backfilled: true, WatermarkAt: new(ago(overlap))},
		},
		{
			"the watermark is never past Acme's own clock less the overlap",
			acmesync.Position{WatermarkAt: &old},
			acme.Page{Date: noon, Items: []acme.Item{itemAt("1", ago(overlap)), itemAt("2", ago(overlap-time.Millisecond)), itemAt("3", noon.Add(time.Hour))}},
			acmesync.Position{Backfilled: true, WatermarkAt: new(ago(overlap)), WatermarkID: "1"},
		},
		{
			"the watermark never goes back",
			acmesync.Position{WatermarkAt: new(ago(time.Minute)), WatermarkID: "9"},
			acme.Page{Date: noon, Items: []acme.Item{itemAt("1", ago(time.Hour))}},
			acmesync.Position{Backfilled: true, WatermarkAt: new(ago(time.Minute)), WatermarkID: "9"},
		},
		{
			"an unreadable item moves nothing",
			acmesync.Position{WatermarkAt: &old},
			acme.Page{Date: noon, Items: []acme.Item{itemAt("", ago(time.Minute)), itemAt("1", ago(time.Hour))}},
			acmesync.Position{Backfilled: true, WatermarkAt: new(ago(time.Hour)), WatermarkID: "1"},
		},
		{
			"a page that came is no suspect any more",
			acmesync.Position{WatermarkAt: &old, PageLimit: 1, PageFailures: 2},
			acme.Page{Date: noon, NextCursor: "c", Items: []acme.Item{itemAt("1", ago(time.Hour))}},
			acmesync.Position{Cursor: "c", Walking: true, WatermarkAt: new(ago(time.Hour)), WatermarkID: "1"},
		},
		{
			"a walk that has met the last moments begins again at the watermark once they are over, and is not at its end",
			acmesync.Position{Cursor: "c1", Walking: true, WatermarkAt: &old},
			acme.Page{Date: noon, NextCursor: "c2", Items: []acme.Item{itemAt("1", ago(time.Minute)), itemAt("2", ago(time.Second))}},
			acmesync.Position{WatermarkAt: new(ago(time.Minute)), WatermarkID: "1", PollAfter: overlap - time.Second},
		},
		{
			"records dated in the future do not stop a walk",
			acmesync.Position{Cursor: "c1", Walking: true, WatermarkAt: &old},
			acme.Page{Date: noon, NextCursor: "c2", Items: []acme.Item{itemAt("1", ago(time.Minute)), itemAt("2", noon.Add(time.Hour))}},
			acmesync.Position{Cursor: "c2", Walking: true, WatermarkAt: new(ago(time.Minute)), WatermarkID: "1"},
		},
	}
	for _, c := range cases {
		t.Run(c.fact, func(t *testing.T) {
			t.Parallel()
			before := c.from
			require.Equal(t, c.want, advance(c.from, c.answer))
			require.Equal(t, before, c.from, "what was read stays as it was")
		})
	}
}

// Acme shows a change up to five seconds after the time it bears, and pages come seconds apart. However the two fall, a
// reader that goes on from where it stopped has seen every change once it is visible long enough.
func TestNoChangeIsPassedBy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		type change struct {
			id             string
			dated, visible time.Time
		}
		var changes []change
		for n := range rapid.IntRange(0, 40).Draw(r, "changes") {
			dated := noon.Add(time.Duration(rapid.IntRange(-60_000, 60_000).Draw(r, "dated ms")) * time.Millisecond)
			lag := time.Duration(rapid.IntRange(0, int(overlap.Milliseconds())-1).Draw(r, "lag ms")) * time.Millisecond
			changes = append(changes, change{id: fmt.Sprint(n), dated: dated, visible: dated.Add(lag)})
		}
		slices.SortStableFunc(changes, func(a, b change) int { return a.dated.Compare(b.dated) })
		limit := rapid.IntRange(1, 5).Draw(r, "page size")
		// list answers a page as Acme does at a moment: by time, then id, from a time on or behind the cursor's place.
		list := func(p acmesync.Position, now time.Time) acme.Page {
			page := acme.Page{Date: now}
			for i, c := range changes {
				behind := p.Walking && p.Cursor != ""
				if c.visible.After(now) || behind && fmt.Sprintf("%04d", i) <= p.Cursor ||
					!behind && p.WatermarkAt != nil && c.dated.Before(*p.WatermarkAt) {
					continue
				}
				if len(page.Items) == limit {
					page.NextCursor = fmt.Sprintf("%04d", last(page, changes, func(c change) string { return c.id }))
					break
				}
				page.Items = append(page.Items, itemAt(c.id, c.dated))
			}
			return page
		}
		seen := map[string]bool{}
		var p acmesync.Position
		now := noon.Add(-50 * time.Second)
		end := noon.Add(5 * time.Minute)
		for now.Before(end) {
			answer := list(p, now)
			for _, item := range answer.Items {
				seen[item.ID] = true
			}
			p = advance(p, answer)
			now = now.Add(p.PollAfter + time.Duration(rapid.IntRange(10, 15_000).Draw(r, "until the next page ms"))*time.Millisecond)
			p.PollAfter = 0
		}
		for _, c := range changes {
			if !seen[c.id] {
				r.Fatalf("change %s, dated %v, visible %v, was never read", c.id, c.dated.Sub(noon), c.visible.Sub(noon))
			}
		}
	})
}

// last is the place of a page's last item in Acme's list.
func last[T any](page acme.Page, all []T, id func(T) string) int {
	want := page.Items[len(page.Items)-1].ID
	return slices.IndexFunc(all, func(c T) bool { return id(c) == want })
}

func TestAdvanceInAListWithoutOrder(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 9, 14, 30, 0, 0, time.UTC)
	t.Run("a page in the middle moves the cursor and nothing else", func(t *testing.T) {
		t.Parallel()
		next := advance(acmesync.Position{}, acme.Page{Unordered: true, NextCursor: "c", Latest: began, Date: began, Items: []acme.Item{{ID: "a", UpdatedAt: began.Add(-time.Hour)}}})
		require.True(t, next.Walking)
		require.Nil(t, next.WatermarkAt)
		require.False(t, next.Backfilled)
	})
	t.Run("the end moves the watermark to the newest record less the overlap", func(t *testing.T) {
		t.Parallel()
		next := advance(acmesync.Position{Walking: true, Cursor: "c"}, acme.Page{Unordered: true, Latest: began, Date: began.Add(time.Hour)})
		require.False(t, next.Walking)
		require.True(t, next.Backfilled)
		require.Equal(t, began.Add(-overlap), *next.WatermarkAt)
	})
	t.Run("the watermark never goes back", func(t *testing.T) {
		t.Parallel()
		before := began.Add(time.Hour)
		next := advance(acmesync.Position{WatermarkAt: &before}, acme.Page{Unordered: true, Latest: began, Date: began})
		require.Equal(t, before, *next.WatermarkAt)
	})
}
