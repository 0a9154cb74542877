package db_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

var endMissing = acmesync.Fingerprint(acmesync.Appointments, acmesync.EndMissing, "end")

func review(t testing.TB, d *dbtest.Database, id acmesync.TenantID, fingerprint string) acmesync.Review {
	t.Helper()
	r, err := d.Review(t.Context(), id, fingerprint)
	require.NoError(t, err)
	return r
}

// closed closes parked records as the deliver lane does.
func closed(t testing.TB, d *dbtest.Database, f acmesync.Fence, how string, ids ...string) {
	t.Helper()
	var all []acmesync.ClosedRecord
	for _, id := range ids {
		all = append(all, acmesync.ClosedRecord{Key: appointment(id), How: how, By: "test", Reason: "because"})
	}
	require.NoError(t, d.CommitDelivered(t.Context(), f, acmesync.Delivered{Closed: all}))
}

func settle(t testing.TB, d *dbtest.Database, id acmesync.TenantID, fingerprint string) acmesync.Review {
	t.Helper()
	r, err := d.SettleReview(t.Context(), id, fingerprint)
	require.NoError(t, err)
	return r
}

func endMissingOf(ids ...string) []acmesync.ParkedRecord {
	var all []acmesync.ParkedRecord
	for _, id := range ids {
		all = append(all, parkedRecord(acmesync.Appointments, id, acmesync.EndMissing, "end"))
	}
	return all
}

func TestReviews(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	fresh := func(t *testing.T, id acmesync.TenantID) acmesync.Fence {
		t.Helper()
		activated(t, d, id)
		return begin(t, d, id, acmesync.Deliver)
	}

	t.Run("records that fail alike are one review", func(t *testing.T) {
		f := fresh(t, "alike")
		park(t, d, f, append(endMissingOf("1", "2"), parkedRecord(acmesync.Appointments, "3", acmesync.EndMissing, "start"),
			parkedRecord(acmesync.Touchpoints, "1", acmesync.UserMissing, "user_id"))...)
		all, err := d.Reviews(ctx, "alike", false, 10)
		require.NoError(t, err)
		require.Len(t, all, 3)
		r := review(t, d, "alike", endMissing)
		require.Equal(t, acmesync.Review{Tenant: "alike", Fingerprint: endMissing, Kind: acmesync.RecordsReview, Stream: acmesync.Appointments,
			Code: acmesync.EndMissing, Field: "end", State: acmesync.ReviewOpen, StateSince: r.StateSince, OpenedAt: r.OpenedAt, Open: 2}, r)
	})
	t.Run("a stream that is blocked is a review of its own kind", func(t *testing.T) {
		f := fresh(t, "blocked")
		park(t, d, f, parkedRecord(acmesync.Appointments, "1", acmesync.StreamBlocked, ""))
		require.Equal(t, acmesync.BlockedReview, review(t, d, "blocked", acmesync.Fingerprint(acmesync.Appointments, acmesync.StreamBlocked, "")).Kind)
	})
	t.Run("the same record parked twice is one parked record with two tries and its newest body", func(t *testing.T) {
		f := fresh(t, "twice")
		park(t, d, f, endMissingOf("1")...)
		again := parkedRecord(acmesync.Appointments, "1", acmesync.EndMissing, "end")
		again.Version, again.Body = 2, []byte(`{"newer":true}`)
		park(t, d, f, again)
		open, err := d.OpenParked(ctx, f, acmesync.Appointments, []string{"1", "unknown"})
		require.NoError(t, err)
		require.Len(t, open, 1)
		require.Equal(t, 2, open[0].Tries)
		require.Equal(t, again.Body, open[0].Body)
		require.EqualValues(t, 2, open[0].Version)
		require.EqualValues(t, 1, review(t, d, "twice", endMissing).Open)
	})
	t.Run("a record that fails in another way moves to the other review, and the first can be settled", func(t *testing.T) {
		f := fresh(t, "moves")
		park(t, d, f, endMissingOf("1")...)
		park(t, d, f, parkedRecord(acmesync.Appointments, "1", acmesync.TimeInvalid, "start"))
		require.Equal(t, acmesync.ReviewResolved, settle(t, d, "moves", endMissing).State)
		require.EqualValues(t, 1, review(t, d, "moves", acmesync.Fingerprint(acmesync.Appointments, acmesync.TimeInvalid, "start")).Open)
	})
	t.Run("a record without a body is opened without one", func(t *testing.T) {
		f := fresh(t, "bodiless")
		r := parkedRecord(acmesync.Appointments, "1", acmesync.SourceError, "")
		r.Body = nil
		park(t, d, f, r)
		open, err := d.OpenParked(ctx, f, acmesync.Appointments, []string{"1"})
		require.NoError(t, err)
		require.Nil(t, open[0].Body)
	})
	t.Run("a closed record says how, by whom and why, is not opened any more, and closes once", func(t *testing.T) {
		f := fresh(t, "closes")
		park(t, d, f, endMissingOf("1", "2")...)
		closed(t, d, f, "discarded", "1")
		closed(t, d, f, "retried", "1")
		open, err := d.OpenParked(ctx, f, acmesync.Appointments, []string{"1", "2"})
		require.NoError(t, err)
		require.Len(t, open, 1)
		story, err := d.Record(ctx, "closes", acmesync.Appointments, "1")
		require.NoError(t, err)
		require.Equal(t, []string{"discarded", "test", "because"}, []string{story.Parked.ClosedHow, story.Parked.ClosedBy, story.Parked.Reason})
		records, err := d.ParkedRecords(ctx, "closes", endMissing, 10)
		require.NoError(t, err)
		require.Len(t, records, 1)
		require.Equal(t, "2", records[0].Key.AcmeID)
	})
	t.Run("a review with an open record is not resolved", func(t *testing.T) {
		f := fresh(t, "open")
		park(t, d, f, endMissingOf("1", "2")...)
		closed(t, d, f, "retried", "1")
		r := settle(t, d, "open", endMissing)
		require.Equal(t, acmesync.ReviewOpen, r.State)
		require.EqualValues(t, 1, r.Open)
	})
	t.Run("a review without an open record is resolved, once", func(t *testing.T) {
		f := fresh(t, "resolved")
		park(t, d, f, endMissingOf("1")...)
		closed(t, d, f, "retried", "1")
		r := settle(t, d, "resolved", endMissing)
		require.Equal(t, acmesync.ReviewResolved, r.State)
		require.Equal(t, r, settle(t, d, "resolved", endMissing), "its state is as old as it was")
		all, err := d.Reviews(ctx, "resolved", false, 10)
		require.NoError(t, err)
		require.Empty(t, all)
		all, err = d.Reviews(ctx, "resolved", true, 10)
		require.NoError(t, err)
		require.Len(t, all, 1)
	})
	t.Run("parking into a resolved review opens it again, and nobody has noticed it yet", func(t *testing.T) {
		f := fresh(t, "reopened")
		park(t, d, f, endMissingOf("1")...)
		closed(t, d, f, "retried", "1")
		settle(t, d, "reopened", endMissing)
		require.Empty(t, unnoticed(t, d, "reopened"))
		park(t, d, f, endMissingOf("1")...)
		require.Equal(t, acmesync.ReviewReopened, review(t, d, "reopened", endMissing).State)
		require.Equal(t, []string{endMissing}, unnoticed(t, d, "reopened"))
		require.Equal(t, acmesync.ReviewReopened, settle(t, d, "reopened", endMissing).State)
		require.Empty(t, unnoticed(t, d, "reopened"))
	})
	t.Run("parking into an open review changes neither its age nor who noticed it", func(t *testing.T) {
		f := fresh(t, "ages")
		park(t, d, f, endMissingOf("1")...)
		before := settle(t, d, "ages", endMissing)
		park(t, d, f, endMissingOf("2")...)
		after := review(t, d, "ages", endMissing)
		require.Equal(t, before.StateSince, after.StateSince)
		require.Empty(t, unnoticed(t, d, "ages"))
	})
	t.Run("the staff's list has all tenants' reviews, newest first", func(t *testing.T) {
		all, err := d.Reviews(ctx, "", true, 1000)
		require.NoError(t, err)
		tenants := map[acmesync.TenantID]bool{}
		for i, r := range all {
			tenants[r.Tenant] = true
			require.True(t, i == 0 || !all[i-1].OpenedAt.Before(r.OpenedAt))
		}
		require.Greater(t, len(tenants), 5)
		few, err := d.Reviews(ctx, "", true, 2)
		require.NoError(t, err)
		require.Equal(t, all[:2], few)
	})
	t.Run("a review that is not there is not found", func(t *testing.T) {
		_, err := d.Review(ctx, "alike", "nothing")
		require.ErrorIs(t, err, acmesync.ErrNotFound)
		_, err = d.SettleReview(ctx, "alike", "nothing")
		require.ErrorIs(t, err, acmesync.ErrNotFound)
	})
}

func unnoticed(t *testing.T, d *dbtest.Database, id acmesync.TenantID) []string {
	t.Helper()
	all, err := d.UnnoticedReviews(t.Context(), id)
	require.NoError(t, err)
	return all
}

// A lane parks while a workflow settles: whichever comes first, no open record is ever left in a resolved review.
func TestSettlingWhileParking(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "race")
	f := begin(t, d, "race", acmesync.Deliver)
	park(t, d, f, endMissingOf("0")...)
	reopened := 0
	for round := range 80 {
		closed(t, d, f, "retried", "0", "1")
		var all sync.WaitGroup
		all.Go(func() {
			if err := d.CommitDelivered(ctx, f, acmesync.Delivered{Parked: endMissingOf(fmt.Sprint(round % 2))}); err != nil {
				t.Error(err)
			}
		})
		for range 2 {
			all.Go(func() {
				if _, err := d.SettleReview(ctx, "race", endMissing); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		r := review(t, d, "race", endMissing)
		require.EqualValues(t, 1, r.Open)
		require.NotEqual(t, acmesync.ReviewResolved, r.State, "round %d", round)
		if r.State == acmesync.ReviewReopened {
			reopened++
		}
	}
	require.Positive(t, reopened)
}

// A decision locks the tenant, then the review. Settling must not hold the review while it waits for the tenant.
func TestSettlingWhileDeciding(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	activated(t, d, "alpha")
	park(t, d, begin(t, d, "alpha", acmesync.Deliver), endMissingOf("1")...)
	deciding := d.Super.MustBegin()
	lock := func(query string) error {
		_, err := deciding.Exec(query)
		return err
	}
	require.NoError(t, lock(`SELECT 1 FROM tenants WHERE tenant = 'alpha' FOR UPDATE`))
	settled := make(chan error, 1)
	go func() {
		_, err := d.SettleReview(t.Context(), "alpha", endMissing)
		settled <- err
	}()
	eventually(t, "it is settled or waits for the tenant", func() bool { return len(settled) == 1 || waitsForLock(t, d) })
	require.NoError(t, lock(`SELECT 1 FROM reviews WHERE tenant = 'alpha' FOR UPDATE`))
	require.NoError(t, deciding.Commit())
	require.NoError(t, <-settled)
}

func TestDecide(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	fresh := func(t *testing.T, id acmesync.TenantID, ids ...string) acmesync.Fence {
		t.Helper()
		activated(t, d, id)
		f := begin(t, d, id, acmesync.Deliver)
		park(t, d, f, endMissingOf(ids...)...)
		return f
	}
	decide := func(id acmesync.TenantID, decision acmesync.Decision) (int, error) {
		decision.Actor, decision.Reason = "anna", "because"
		return d.Decide(ctx, id, endMissing, decision)
	}

	t.Run("a retry leaves one order for all open records, and the audit log says who", func(t *testing.T) {
		f := fresh(t, "retry", "1", "2", "3")
		closed(t, d, f, "retried", "3")
		n, err := decide("retry", acmesync.Decision{ID: "d1", Action: acmesync.OrderRetry})
		require.NoError(t, err)
		require.Equal(t, 2, n)
		pages := claim(t, d, f)
		require.Len(t, pages, 1)
		require.Equal(t, acmesync.OrderEnvelope, pages[0].Kind)
		require.Equal(t, 2, pages[0].Records)
		require.JSONEq(t, `{"action":"retry","stream":"appointments","ids":["1","2"],"actor":"anna","reason":"because"}`, string(pages[0].Body))
		require.Equal(t, acmesync.ReviewOpen, review(t, d, "retry", endMissing).State)
		audit, err := d.Audit(ctx, "retry", 1)
		require.NoError(t, err)
		require.Equal(t, db.AuditEntry{At: audit[0].At, Actor: "anna", Action: "review_retry", Target: endMissing, Detail: "because"}, audit[0])
	})
	t.Run("a decision applies once per id, however often and at once it is sent", func(t *testing.T) {
		fresh(t, "once", "1")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := decide("once", acmesync.Decision{ID: "d1", Action: acmesync.OrderRetry}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Equal(t, 1, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'once'`))
		_, err := decide("once", acmesync.Decision{ID: "d2", Action: acmesync.OrderRetry})
		require.NoError(t, err)
		require.Equal(t, 2, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'once'`), "another decision is another order")
	})
	t.Run("a decision about some records leaves the others alone", func(t *testing.T) {
		f := fresh(t, "some", "1", "2", "3")
		n, err := decide("some", acmesync.Decision{ID: "d1", Action: acmesync.OrderRetry, IDs: []string{"3", "1", "unknown"}})
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Contains(t, string(claim(t, d, f)[0].Body), `"ids":["1","3"]`)
	})
	t.Run("a discard compensates until the lane has done it, then the review is resolved", func(t *testing.T) {
		f := fresh(t, "discard", "1")
		_, err := decide("discard", acmesync.Decision{ID: "d1", Action: acmesync.OrderDiscard})
		require.NoError(t, err)
		require.Equal(t, acmesync.ReviewCompensating, review(t, d, "discard", endMissing).State)
		require.Equal(t, acmesync.ReviewCompensating, settle(t, d, "discard", endMissing).State)
		closed(t, d, f, "discarded", "1")
		require.Equal(t, acmesync.ReviewResolved, settle(t, d, "discard", endMissing).State)
	})
	t.Run("a discard of some leaves a review open for the others once it is carried out", func(t *testing.T) {
		f := fresh(t, "part", "1", "2")
		_, err := decide("part", acmesync.Decision{ID: "d1", Action: acmesync.OrderDiscard, IDs: []string{"1"}})
		require.NoError(t, err)
		require.Equal(t, acmesync.ReviewCompensating, settle(t, d, "part", endMissing).State)
		closed(t, d, f, "discarded", "1")
		require.Equal(t, acmesync.ReviewOpen, settle(t, d, "part", endMissing).State)
		_, err = decide("part", acmesync.Decision{ID: "d2", Action: acmesync.OrderDiscard})
		require.NoError(t, err)
		park(t, d, f, endMissingOf("2")...) // it could not be taken back: it is parked again
		require.Equal(t, acmesync.ReviewOpen, settle(t, d, "part", endMissing).State)
	})
	for _, command := range []acmesync.CommandName{acmesync.Deactivate, acmesync.Stop} {
		t.Run(fmt.Sprintf("%s closes what is parked, its review resolves, and the next activation tries it again", command), func(t *testing.T) {
			id := acmesync.TenantID("end-" + string(command))
			f := fresh(t, id, "1")
			bad := entry(acmesync.Appointments, "1", acmesync.Parked, acmesync.EndMissing)
			require.NoError(t, d.CommitDelivered(ctx, f, acmesync.Delivered{Entries: []acmesync.LedgerEntry{bad}}))
			apply(t, d, id, command)
			ended, err := d.EndedReviews(ctx, id)
			require.NoError(t, err)
			require.Equal(t, []string{endMissing}, ended)
			require.Equal(t, acmesync.ReviewResolved, settle(t, d, id, endMissing).State)
			apply(t, d, id, acmesync.Activate)
			f = begin(t, d, id, acmesync.Deliver)
			now, err := d.Ledger(ctx, f, acmesync.Appointments, []string{"1"})
			require.NoError(t, err)
			require.NotEqual(t, bad.Hash, now["1"].Hash, "whatever the record says, it is mapped again")
			park(t, d, f, endMissingOf("1")...)
			require.Equal(t, acmesync.ReviewReopened, review(t, d, id, endMissing).State)
		})
	}
	t.Run("a decision about nothing that is open is a conflict, and its id can be used again", func(t *testing.T) {
		f := fresh(t, "nothing", "1")
		closed(t, d, f, "retried", "1")
		var conflict *acmesync.Conflict
		_, err := decide("nothing", acmesync.Decision{ID: "d1", Action: acmesync.OrderRetry})
		require.ErrorAs(t, err, &conflict)
		require.Equal(t, "nothing_open", conflict.Code)
		park(t, d, f, endMissingOf("1")...)
		n, err := decide("nothing", acmesync.Decision{ID: "d1", Action: acmesync.OrderRetry})
		require.NoError(t, err)
		require.Equal(t, 1, n)
	})
	t.Run("many records are several orders of what one round can do", func(t *testing.T) {
		activated(t, d, "many")
		f := begin(t, d, "many", acmesync.Deliver)
		var ids []string
		for n := range 1100 {
			ids = append(ids, fmt.Sprintf("r%04d", n))
		}
		park(t, d, f, endMissingOf(ids...)...)
		n, err := decide("many", acmesync.Decision{ID: "d1", Action: acmesync.OrderRetry})
		require.NoError(t, err)
		require.Equal(t, 1100, n)
		var sizes []int
		require.NoError(t, d.Super.Select(&sizes, `SELECT records FROM envelopes WHERE tenant = 'many' ORDER BY id`))
		require.Equal(t, []int{500, 500, 100}, sizes)
	})
	t.Run("a tenant that has ended takes no decision: nobody would carry it out", func(t *testing.T) {
		fresh(t, "over", "1")
		apply(t, d, "over", acmesync.Deactivate)
		var conflict *acmesync.Conflict
		_, err := decide("over", acmesync.Decision{ID: "d1", Action: acmesync.OrderRetry})
		require.ErrorAs(t, err, &conflict)
		require.Equal(t, "wrong_state", conflict.Code)
		require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'over' AND ended_at IS NULL`))
	})
	t.Run("a decision taken while the tenant is paused waits for it", func(t *testing.T) {
		fresh(t, "pausing", "1")
		apply(t, d, "pausing", acmesync.Pause)
		_, err := decide("pausing", acmesync.Decision{ID: "d1", Action: acmesync.OrderRetry})
		require.NoError(t, err)
		apply(t, d, "pausing", acmesync.Resume)
		require.Len(t, claim(t, d, begin(t, d, "pausing", acmesync.Deliver)), 1)
	})
	t.Run("a review that is not there is not found", func(t *testing.T) {
		fresh(t, "missing", "1")
		_, err := d.Decide(ctx, "missing", "nothing", acmesync.Decision{ID: "d", Action: acmesync.OrderRetry})
		require.ErrorIs(t, err, acmesync.ErrNotFound)
	})
}

func TestRanges(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	at := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	fingerprint := acmesync.Fingerprint(acmesync.Appointments, acmesync.SourceError, "list")
	parkRange := func(t *testing.T, id acmesync.TenantID, p *acmesync.Position) acmesync.Fence {
		t.Helper()
		activated(t, d, id)
		f := begin(t, d, id, acmesync.Fetch)
		r := parkedRecord(acmesync.Appointments, acmesync.RangePrefix+at.Format(time.RFC3339Nano), acmesync.SourceError, "list")
		r.Body = nil
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Parked: []acmesync.ParkedRecord{r}, Position: p}))
		return f
	}
	position := func(t *testing.T, f acmesync.Fence) acmesync.Position {
		t.Helper()
		all, err := d.Positions(ctx, f)
		require.NoError(t, err)
		require.Equal(t, acmesync.Appointments, all[0].Stream)
		return all[0]
	}
	retry := func(t *testing.T, id acmesync.TenantID) {
		t.Helper()
		n, err := d.Decide(ctx, id, fingerprint, acmesync.Decision{ID: "d", Action: acmesync.OrderRetry, Actor: "anna"})
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
	later := at.Add(time.Hour)

	t.Run("a retried range sends the watermark back to its beginning, closes, and is due at once", func(t *testing.T) {
		f := parkRange(t, "back", &acmesync.Position{Stream: acmesync.Appointments, WatermarkAt: &later, Backfilled: true, PollAfter: time.Hour, PageLimit: 1, PageFailures: 2})
		require.False(t, position(t, f).Due)
		retry(t, "back")
		p := position(t, f)
		require.WithinDuration(t, at, *p.WatermarkAt, time.Millisecond)
		require.True(t, p.WatermarkAt.Before(at))
		require.True(t, p.Due && p.Backfilled && !p.Walking && p.PageLimit == 0 && p.PageFailures == 0, "%+v", p)
		require.Equal(t, acmesync.ReviewResolved, settle(t, d, "back", fingerprint).State)
		require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'back'`), "there is nothing for the deliver lane")
	})
	t.Run("a watermark that is earlier already stays", func(t *testing.T) {
		earlier := at.Add(-time.Hour)
		f := parkRange(t, "early", &acmesync.Position{Stream: acmesync.Appointments, WatermarkAt: &earlier})
		retry(t, "early")
		require.True(t, position(t, f).WatermarkAt.Equal(earlier))
	})
	t.Run("a walk from the very beginning is not made to begin at the range", func(t *testing.T) {
		parkRange(t, "first", &acmesync.Position{Stream: acmesync.Appointments, WatermarkAt: &later})
		apply(t, d, "first", acmesync.Rewalk)
		retry(t, "first")
		require.Nil(t, position(t, begin(t, d, "first", acmesync.Fetch)).WatermarkAt, "what is older than the range would never be read")
	})
}
