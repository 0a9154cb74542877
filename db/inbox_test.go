package db_test

import (
	"fmt"
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

// named answers which records the claimed pages hold, in the order in which they came.
func named(pages []acmesync.Page) []string {
	var ids []string
	for _, p := range pages {
		ids = append(ids, string(p.Body))
	}
	return ids
}

func finish(t *testing.T, d *dbtest.Database, f acmesync.Fence, pages ...acmesync.Page) {
	t.Helper()
	var ended []acmesync.EndedPage
	for _, p := range pages {
		ended = append(ended, acmesync.EndedPage{Envelope: p.Envelope, Done: p.Records})
	}
	require.NoError(t, d.CommitDelivered(t.Context(), f, acmesync.Delivered{Ended: ended}))
}

func TestClaimPages(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	appointments := func(ids ...string) acmesync.NewPage { return page(acmesync.Appointments, acmesync.Backfill, ids...) }

	t.Run("pages come back as they were stored, live first, then in order of arrival", func(t *testing.T) {
		activated(t, d, "order")
		in := begin(t, d, "order", acmesync.Fetch)
		for n := range 12 {
			fetched(t, d, in, appointments(fmt.Sprintf("b%02d", n)))
		}
		for n := range 3 {
			fetched(t, d, in, page(acmesync.Touchpoints, acmesync.Live, fmt.Sprintf("l%02d", n), "x"))
		}
		pages := claim(t, d, begin(t, d, "order", acmesync.Deliver))
		want := []string{`["l00","x"]`, `["l01","x"]`, `["l02","x"]`}
		for n := range 12 {
			want = append(want, fmt.Sprintf(`["b%02d"]`, n))
		}
		require.Equal(t, want, named(pages))
		first := pages[0]
		require.Equal(t, acmesync.Page{Envelope: first.Envelope, Kind: acmesync.PageEnvelope, Way: acmesync.ByPoll, Stream: acmesync.Touchpoints, Priority: acmesync.Live,
			Schema: acmesync.EnvelopeSchema, Records: 2, Claimed: first.Claimed, Body: []byte(`["l00","x"]`)}, first)
		require.WithinDuration(t, time.Now(), first.Claimed, time.Minute)
	})
	t.Run("a claim stops at the number of records", func(t *testing.T) {
		activated(t, d, "records")
		in := begin(t, d, "records", acmesync.Fetch)
		fetched(t, d, in, appointments("1", "2"), appointments("3", "4"), appointments("5"))
		f := begin(t, d, "records", acmesync.Deliver)
		pages, err := d.ClaimPages(ctx, f, 4, 1<<20)
		require.NoError(t, err)
		require.Equal(t, []string{`["1","2"]`, `["3","4"]`}, named(pages))
		finish(t, d, f, pages...)
		pages, err = d.ClaimPages(ctx, f, 4, 1<<20)
		require.NoError(t, err)
		require.Equal(t, []string{`["5"]`}, named(pages))
	})
	t.Run("a page behind one that does not fit waits its turn", func(t *testing.T) {
		activated(t, d, "turn")
		in := begin(t, d, "turn", acmesync.Fetch)
		fetched(t, d, in, appointments("1"), appointments("2", "3", "4"), appointments("5"))
		pages, err := d.ClaimPages(ctx, begin(t, d, "turn", acmesync.Deliver), 3, 1<<20)
		require.NoError(t, err)
		require.Equal(t, []string{`["1"]`}, named(pages))
	})
	t.Run("a claim stops at the number of bytes", func(t *testing.T) {
		activated(t, d, "bytes")
		in := begin(t, d, "bytes", acmesync.Fetch)
		fetched(t, d, in, appointments("1"), appointments("2"), appointments("3"))
		size := scalar[int](t, d, `SELECT max(bytes) FROM envelopes WHERE tenant = 'bytes'`)
		pages, err := d.ClaimPages(ctx, begin(t, d, "bytes", acmesync.Deliver), 100, 2*size)
		require.NoError(t, err)
		require.Len(t, pages, 2)
	})
	t.Run("one page comes however large it is", func(t *testing.T) {
		activated(t, d, "large")
		in := begin(t, d, "large", acmesync.Fetch)
		fetched(t, d, in, appointments("1", "2", "3"), appointments("4"))
		pages, err := d.ClaimPages(ctx, begin(t, d, "large", acmesync.Deliver), 1, 1)
		require.NoError(t, err)
		require.Equal(t, []string{`["1","2","3"]`}, named(pages))
	})
	t.Run("nothing waits: nothing comes", func(t *testing.T) {
		activated(t, d, "none")
		require.Empty(t, claim(t, d, begin(t, d, "none", acmesync.Deliver)))
	})
	t.Run("that it is tried is committed before the body is opened", func(t *testing.T) {
		activated(t, d, "opened")
		fetched(t, d, begin(t, d, "opened", acmesync.Fetch), appointments("1"))
		exec(t, d, `UPDATE envelopes SET body = '\x00' WHERE tenant = 'opened'`)
		pages, err := d.ClaimPages(ctx, begin(t, d, "opened", acmesync.Deliver), 100, 1<<20)
		require.NoError(t, err)
		require.True(t, pages[0].Sealed, "it does not open")
		require.Equal(t, 1, scalar[int](t, d, `SELECT tries FROM envelopes WHERE tenant = 'opened'`))
	})
	t.Run("a page that was tried three times comes alone, with all before it before it", func(t *testing.T) {
		activated(t, d, "alone")
		in := begin(t, d, "alone", acmesync.Fetch)
		fetched(t, d, in, appointments("1"), appointments("2"), appointments("3"), appointments("4"))
		exec(t, d, `UPDATE envelopes SET tries = 3 WHERE id = (SELECT id FROM envelopes WHERE tenant = 'alone' ORDER BY id OFFSET 2 LIMIT 1)`)
		f := begin(t, d, "alone", acmesync.Deliver)
		for _, want := range [][]string{{`["1"]`, `["2"]`}, {`["3"]`}, {`["4"]`}} {
			pages := claim(t, d, f)
			require.Equal(t, want, named(pages))
			require.Equal(t, want[0] == `["3"]`, pages[0].Tries >= acmesync.PoisonTries)
			finish(t, d, f, pages...)
		}
	})
	t.Run("claims that come to nothing are counted until a page ends", func(t *testing.T) {
		activated(t, d, "tries")
		fetched(t, d, begin(t, d, "tries", acmesync.Fetch), appointments("1"))
		for n := range 3 {
			pages := claim(t, d, begin(t, d, "tries", acmesync.Deliver))
			require.Equal(t, n, pages[0].Tries)
		}
	})
	t.Run("pages that are let go were not tried", func(t *testing.T) {
		activated(t, d, "let-go")
		fetched(t, d, begin(t, d, "let-go", acmesync.Fetch), appointments("1"))
		f := begin(t, d, "let-go", acmesync.Deliver)
		for range 5 {
			pages := claim(t, d, f)
			require.Zero(t, pages[0].Tries)
			require.NoError(t, d.ReleasePages(ctx, f, pages))
		}
		require.NoError(t, d.ReleasePages(ctx, f, claim(t, d, f)))
		require.NoError(t, d.ReleasePages(ctx, f, []acmesync.Page{}), "none is fine")
		require.Zero(t, scalar[int](t, d, `SELECT tries FROM envelopes WHERE tenant = 'let-go'`))
	})
	t.Run("what is not due yet waits", func(t *testing.T) {
		activated(t, d, "due")
		fetched(t, d, begin(t, d, "due", acmesync.Fetch), appointments("1"), appointments("2"))
		exec(t, d, `UPDATE envelopes SET due_at = now() + interval '1 hour' WHERE id = (SELECT min(id::text)::uuid FROM envelopes WHERE tenant = 'due')`)
		require.Equal(t, []string{`["2"]`}, named(claim(t, d, begin(t, d, "due", acmesync.Deliver))))
	})
	t.Run("what belongs to an earlier activation is not claimed", func(t *testing.T) {
		activated(t, d, "generation")
		fetched(t, d, begin(t, d, "generation", acmesync.Fetch), appointments("1"))
		exec(t, d, `UPDATE tenants SET generation = generation + 1 WHERE tenant = 'generation'`)
		require.Empty(t, claim(t, d, begin(t, d, "generation", acmesync.Deliver)))
	})
	t.Run("a page older than today's partition is found", func(t *testing.T) {
		activated(t, d, "aged")
		fetched(t, d, begin(t, d, "aged", acmesync.Fetch), appointments("1"))
		exec(t, d, `UPDATE envelopes SET day = day - 40 WHERE tenant = 'aged'`)
		f := begin(t, d, "aged", acmesync.Deliver)
		pages := claim(t, d, f)
		require.Equal(t, []string{`["1"]`}, named(pages))
		finish(t, d, f, pages...)
		require.Empty(t, claim(t, d, f))
	})
	t.Run("the backlog is what waits for delivery", func(t *testing.T) {
		activated(t, d, "backlog")
		in := begin(t, d, "backlog", acmesync.Fetch)
		require.NoError(t, d.CommitFetched(ctx, in, acmesync.Fetched{
			Pages: []acmesync.NewPage{appointments("1", "2"), appointments("3")}, Hints: []acmesync.Key{{Stream: acmesync.Appointments, AcmeID: "h"}},
		}))
		b, err := d.Backlog(ctx, "backlog")
		require.NoError(t, err)
		require.EqualValues(t, 3, b.Records)
		require.EqualValues(t, scalar[int](t, d, `SELECT sum(bytes) FROM envelopes WHERE tenant = 'backlog'`), b.Bytes)
		f := begin(t, d, "backlog", acmesync.Deliver)
		finish(t, d, f, claim(t, d, f)...)
		b, err = d.Backlog(ctx, "backlog")
		require.NoError(t, err)
		require.Zero(t, b)
	})
}

func TestPartialEnds(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "partial")
	fetched(t, d, begin(t, d, "partial", acmesync.Fetch), page(acmesync.Appointments, acmesync.Live, "1", "2", "3", "4", "5", "6"))
	f := begin(t, d, "partial", acmesync.Deliver)
	end := func(e acmesync.EndedPage) {
		require.NoError(t, d.CommitDelivered(ctx, f, acmesync.Delivered{Ended: []acmesync.EndedPage{e}}))
		balanced(t, d, "partial")
	}
	first := claim(t, d, f)[0]
	require.Nil(t, first.Rest)

	t.Run("what is finished counts, the rest stays for a little later", func(t *testing.T) {
		end(acmesync.EndedPage{Envelope: first.Envelope, Done: 1, Duplicate: 1, Parked: 1, Rest: []string{"4", "5", "6"}, RetryAfter: time.Hour})
		require.Empty(t, claim(t, d, f), "it is not due yet")
		exec(t, d, `UPDATE envelopes SET due_at = now() WHERE tenant = 'partial'`)
		again := claim(t, d, f)[0]
		require.Equal(t, []string{"4", "5", "6"}, again.Rest)
		require.Equal(t, 3, again.Records)
		require.Equal(t, first.Body, again.Body)
	})
	t.Run("progress takes back no more tries than begin the halving again", func(t *testing.T) {
		exec(t, d, `UPDATE envelopes SET tries = 6 WHERE tenant = 'partial'`)
		end(acmesync.EndedPage{Envelope: first.Envelope, Superseded: 1, Rest: []string{"5", "6"}})
		require.Equal(t, acmesync.PoisonTries, claim(t, d, f)[0].Tries)
	})
	t.Run("without a rest it has ended, and ends once", func(t *testing.T) {
		end(acmesync.EndedPage{Envelope: first.Envelope, Done: 2})
		end(acmesync.EndedPage{Envelope: first.Envelope, Done: 2})
		require.Empty(t, claim(t, d, f))
		b := balanceOf(t, d, "partial", acmesync.Appointments).Arrivals
		require.Equal(t, acmesync.ArrivalTotals{Received: 6, Done: 3, Duplicate: 1, Superseded: 1, Parked: 1}, b)
	})
}

// balanced holds the conservation of arrivals: each is counted once, whatever became of it.
func balanced(t *testing.T, d *dbtest.Database, id acmesync.TenantID) {
	t.Helper()
	all, err := d.Balance(t.Context(), id)
	require.NoError(t, err)
	for _, b := range all {
		require.True(t, b.Arrivals.Balanced(), "%+v", b)
	}
}

func balanceOf(t *testing.T, d *dbtest.Database, id acmesync.TenantID, s acmesync.Stream) acmesync.Balance {
	t.Helper()
	all, err := d.Balance(t.Context(), id)
	require.NoError(t, err)
	for _, b := range all {
		if b.Stream == s {
			return b
		}
	}
	require.FailNow(t, "no balance of "+string(s))
	return acmesync.Balance{}
}
