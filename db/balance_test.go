package db_test

import (
	"fmt"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestBalance(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "alpha")
	f, out := begin(t, d, "alpha", acmesync.Fetch), begin(t, d, "alpha", acmesync.Deliver)
	of := func(s acmesync.Stream) acmesync.Balance { return balanceOf(t, d, "alpha", s) }

	t.Run("a tenant without records is balanced", func(t *testing.T) {
		require.Equal(t, acmesync.Balance{Stream: acmesync.Appointments, Skipped: map[string]int64{}, Parked: map[string]int64{}, Balanced: true}, of(acmesync.Appointments))
	})
	t.Run("what fetch has seen and the lane has not done waits", func(t *testing.T) {
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "in-step", "skipped", "parked", "deleted", "waiting"), page(acmesync.Touchpoints, acmesync.Live, "in-step"))
		b := of(acmesync.Appointments)
		require.Equal(t, []int64{5, 5, 5}, []int64{b.Known, b.Waiting, b.Sum()})
		require.Equal(t, acmesync.ArrivalTotals{Received: 5, Waiting: 5}, b.Arrivals)
		require.False(t, b.Balanced)
	})
	t.Run("each record counts once, by its present state, and what still waits keeps it open", func(t *testing.T) {
		parked := parkedRecord(acmesync.Appointments, "parked", acmesync.EndMissing, "end")
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{
			Entries: []acmesync.LedgerEntry{
				entry(acmesync.Appointments, "in-step", acmesync.InStep, ""), entry(acmesync.Appointments, "skipped", acmesync.Skipped, acmesync.OwnerUnmatched),
				entry(acmesync.Appointments, "parked", acmesync.Parked, acmesync.EndMissing), entry(acmesync.Appointments, "deleted", acmesync.Deleted, ""),
				entry(acmesync.Touchpoints, "in-step", acmesync.InStep, ""),
			},
			Parked: []acmesync.ParkedRecord{parked},
		}))
		var ended []acmesync.EndedPage
		for _, p := range claim(t, d, out) {
			e := acmesync.EndedPage{Envelope: p.Envelope, Done: p.Records}
			if p.Stream == acmesync.Appointments {
				e.Done, e.Parked, e.Rest = 3, 1, []string{"waiting"}
			}
			ended = append(ended, e)
		}
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Ended: ended}))
		require.Equal(t, acmesync.Balance{Stream: acmesync.Appointments, Known: 5, InStep: 1, Deleted: 1, Waiting: 1,
			Skipped: map[string]int64{"owner_unmatched": 1}, Parked: map[string]int64{"end_missing": 1},
			Arrivals: acmesync.ArrivalTotals{Received: 5, Done: 3, Parked: 1, Waiting: 1}}, of(acmesync.Appointments))
		require.True(t, of(acmesync.Touchpoints).Balanced, "the other stream is done")
	})
	t.Run("a record that changes state is still one record", func(t *testing.T) {
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{
			Entries: []acmesync.LedgerEntry{entry(acmesync.Appointments, "parked", acmesync.InStep, ""), entry(acmesync.Appointments, "waiting", acmesync.InStep, "")},
			Closed:  []acmesync.ClosedRecord{{Key: appointment("parked"), How: "newer_version", By: "acmesync"}},
		}))
		exec(t, d, `UPDATE envelopes SET due_at = now()`)
		finish(t, d, out, claim(t, d, out)...)
		b := of(acmesync.Appointments)
		require.True(t, b.Balanced, "%+v", b)
		require.EqualValues(t, 3, b.InStep)
	})
	t.Run("a second arrival of a known record is no second record", func(t *testing.T) {
		fetched(t, d, f, page(acmesync.Appointments, acmesync.Live, "in-step"))
		require.EqualValues(t, 5, of(acmesync.Appointments).Known)
		finish(t, d, out, claim(t, d, out)...)
		require.True(t, of(acmesync.Appointments).Balanced)
	})
	t.Run("hints and orders are arrivals too", func(t *testing.T) {
		hinted(t, d, "alpha", appointment("in-step"))
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Orders: []acmesync.Order{{Action: acmesync.OrderGone, Stream: acmesync.Appointments, IDs: []string{"in-step", "deleted"}}}}))
		require.EqualValues(t, 3, of(acmesync.Appointments).Arrivals.Waiting)
		require.False(t, of(acmesync.Appointments).Balanced)
		finish(t, d, out, claim(t, d, out)...)
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Ended: []acmesync.EndedHint{{Envelope: hints(t, d, f)[0].Envelope, Column: acmesync.CountDone}}}))
		require.True(t, of(acmesync.Appointments).Balanced)
	})
	t.Run("a record Acme cannot show is known once it is to be parked", func(t *testing.T) {
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Orders: []acmesync.Order{{Action: acmesync.OrderPark, Stream: acmesync.Appointments, IDs: []string{"unreadable"}, Code: acmesync.SourceError}}}))
		require.EqualValues(t, 1, of(acmesync.Appointments).Waiting)
		finish(t, d, out, claim(t, d, out)...)
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Entries: []acmesync.LedgerEntry{entry(acmesync.Appointments, "unreadable", acmesync.Parked, acmesync.SourceError)}}))
		require.True(t, of(acmesync.Appointments).Balanced)
	})
	t.Run("what dropped partitions had counted stays counted", func(t *testing.T) {
		exec(t, d, `INSERT INTO arrival_totals (tenant, stream, received, done, duplicate) VALUES ('alpha', 'appointments', 100, 90, 10)`)
		b := of(acmesync.Appointments)
		require.Greater(t, b.Arrivals.Received, int64(100))
		require.True(t, b.Balanced)
	})
	t.Run("a record that was lost or invented shows", func(t *testing.T) {
		exec(t, d, `INSERT INTO ledger (tenant, connection, stream, acme_id, generation, version, hash, source_at, state) VALUES ('alpha', 'main', 'appointments', 'invented', 1, 1, gen_random_uuid(), now(), 'in_step')`)
		require.False(t, of(acmesync.Appointments).Balanced)
		exec(t, d, `DELETE FROM ledger WHERE acme_id IN ('invented', 'in-step')`)
		require.False(t, of(acmesync.Appointments).Balanced)
	})
	t.Run("a tenant nobody knows has an empty balance", func(t *testing.T) {
		all, err := d.Balance(ctx, "nobody")
		require.NoError(t, err)
		require.Len(t, all, 2)
	})
}

func TestLedger(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "alpha")
	f := begin(t, d, "alpha", acmesync.Deliver)
	commit := func(entries ...acmesync.LedgerEntry) {
		require.NoError(t, d.CommitDelivered(ctx, f, acmesync.Delivered{Entries: entries}))
	}
	read := func(ids ...string) map[string]acmesync.LedgerEntry {
		got, err := d.Ledger(ctx, f, acmesync.Appointments, ids)
		require.NoError(t, err)
		return got
	}

	t.Run("an entry comes back as it was written", func(t *testing.T) {
		want := acmesync.LedgerEntry{Key: appointment("1"), Version: 7, SourceAt: time.Unix(1_700_000_000, 123_456_000).UTC(), Hash: "22222222-2222-2222-2222-222222222222",
			State: acmesync.Parked, Code: acmesync.EndMissing, Field: "end", Revision: f.Revision(3), AppID: "ev_1", Steps: acmesync.StepWritten, OwnerID: "o1",
			Mapped: "33333333-3333-3333-3333-333333333333"}
		commit(want)
		got := read("1", "unknown")
		require.Len(t, got, 1)
		e := got["1"]
		require.WithinDuration(t, time.Now(), e.UpdatedAt, time.Minute)
		want.UpdatedAt, e.SourceAt = e.UpdatedAt, e.SourceAt.UTC()
		require.Equal(t, want, e)
	})
	t.Run("an entry is replaced whole, in its own stream only", func(t *testing.T) {
		commit(entry(acmesync.Touchpoints, "1", acmesync.Skipped, acmesync.UserUnmatched))
		commit(entry(acmesync.Appointments, "1", acmesync.InStep, ""))
		e := read("1")["1"]
		require.Equal(t, []any{acmesync.InStep, acmesync.Code(""), "", int64(0), ""}, []any{e.State, e.Code, e.Field, e.Revision, e.AppID})
		records, err := d.Records(ctx, "alpha", db.RecordFilter{Stream: acmesync.Touchpoints, Limit: 10})
		require.NoError(t, err)
		require.Equal(t, acmesync.UserUnmatched, records[0].Code)
	})
	t.Run("an entry without a hash equals no record's", func(t *testing.T) {
		e := entry(acmesync.Appointments, "unagreed", acmesync.InStep, "")
		e.Hash = ""
		commit(e)
		require.Equal(t, "00000000-0000-0000-0000-000000000000", read("unagreed")["unagreed"].Hash)
	})
	t.Run("of a record in doubt nobody is sure what the app holds, and only of that", func(t *testing.T) {
		doubted, sure := entry(acmesync.Appointments, "doubted", acmesync.InStep, ""), entry(acmesync.Appointments, "sure", acmesync.InStep, "")
		doubted.Mapped, sure.Mapped, sure.Steps = "33333333-3333-3333-3333-333333333333", "33333333-3333-3333-3333-333333333333", acmesync.StepWritten
		commit(doubted, sure, entry(acmesync.Touchpoints, "doubted", acmesync.InStep, ""))
		require.NoError(t, d.Doubt(ctx, f, []acmesync.Key{appointment("doubted"), appointment("unknown")}))
		got := read("doubted", "sure")
		require.Equal(t, []any{"00000000-0000-0000-0000-000000000000", "", acmesync.StepWritten, int64(1)},
			[]any{got["doubted"].Hash, got["doubted"].Mapped, got["doubted"].Steps, got["doubted"].Version})
		require.Equal(t, []any{sure.Hash, sure.Mapped}, []any{got["sure"].Hash, got["sure"].Mapped})
		other, err := d.Ledger(ctx, f, acmesync.Touchpoints, []string{"doubted"})
		require.NoError(t, err)
		require.Equal(t, sure.Hash, other["doubted"].Hash)
	})
	t.Run("two results of one record in one round are refused, and nothing of the round is kept", func(t *testing.T) {
		err := d.CommitDelivered(ctx, f, acmesync.Delivered{Entries: []acmesync.LedgerEntry{
			entry(acmesync.Appointments, "other", acmesync.InStep, ""), entry(acmesync.Appointments, "double", acmesync.InStep, ""), entry(acmesync.Appointments, "double", acmesync.Deleted, ""),
		}})
		require.Error(t, err, "neither may silently win: the app has only one of them")
		require.Empty(t, read("other", "double"))
	})
	t.Run("records are listed by id, narrowed, page by page", func(t *testing.T) {
		for n := range 7 {
			commit(entry(acmesync.Appointments, fmt.Sprint("list-", n), acmesync.Skipped, acmesync.OwnerUnmatched))
		}
		var ids []string
		filter := db.RecordFilter{Stream: acmesync.Appointments, State: acmesync.Skipped, Code: acmesync.OwnerUnmatched, Limit: 3}
		for {
			page, err := d.Records(ctx, "alpha", filter)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				ids = append(ids, r.AcmeID)
			}
			filter.After = ids[len(ids)-1]
		}
		require.Equal(t, []string{"list-0", "list-1", "list-2", "list-3", "list-4", "list-5", "list-6"}, ids)
	})
	t.Run("events about to be removed are written again by a later activation, whatever becomes of the removal", func(t *testing.T) {
		activated(t, d, "removing")
		out := begin(t, d, "removing", acmesync.Deliver)
		written := entry(acmesync.Appointments, "1", acmesync.InStep, "")
		written.Steps, written.AppID = acmesync.StepWritten, "ev_1"
		skipped := entry(acmesync.Appointments, "2", acmesync.Skipped, acmesync.OwnerUnmatched)
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Entries: []acmesync.LedgerEntry{written, skipped}}))
		apply(t, d, "removing", acmesync.Deactivate)
		cleaning, err := d.BeginCleanup(ctx, "removing")
		require.NoError(t, err)
		entries, err := d.Written(ctx, cleaning, "", 10)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, "ev_1", entries[0].AppID)
		apply(t, d, "removing", acmesync.Activate) // while the app is being asked to remove them
		require.ErrorIs(t, d.CommitRemoved(ctx, cleaning, entries), acmesync.ErrEpoch)
		got, err := d.Ledger(ctx, begin(t, d, "removing", acmesync.Deliver), acmesync.Appointments, []string{"1", "2"})
		require.NoError(t, err)
		require.Equal(t, "00000000-0000-0000-0000-000000000000", got["1"].Hash, "a write is due: the event may be gone")
		require.Equal(t, skipped.Hash, got["2"].Hash)
		_, err = d.Written(ctx, cleaning, "", 10)
		require.ErrorIs(t, err, acmesync.ErrFenced, "and no further event is named for removal")
	})
	t.Run("events that were removed are not listed again", func(t *testing.T) {
		activated(t, d, "removed")
		out := begin(t, d, "removed", acmesync.Deliver)
		var all []acmesync.LedgerEntry
		for n := range 5 {
			e := entry(acmesync.Appointments, fmt.Sprint(n), acmesync.InStep, "")
			e.Steps = acmesync.StepWritten
			all = append(all, e)
		}
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Entries: all}))
		apply(t, d, "removed", acmesync.Deactivate)
		cleaning, err := d.BeginCleanup(ctx, "removed")
		require.NoError(t, err)
		first, err := d.Written(ctx, cleaning, "", 2)
		require.NoError(t, err)
		require.Equal(t, []string{"0", "1"}, []string{first[0].Key.AcmeID, first[1].Key.AcmeID})
		for i := range first {
			first[i].Steps, first[i].Hash = 0, ""
		}
		require.NoError(t, d.CommitRemoved(ctx, cleaning, first))
		rest, err := d.Written(ctx, cleaning, "", 10)
		require.NoError(t, err)
		require.Len(t, rest, 3)
		rest, err = d.Written(ctx, cleaning, "3", 10)
		require.NoError(t, err)
		require.Len(t, rest, 1)
	})
}

func TestRecordStory(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "alpha")
	f, out := begin(t, d, "alpha", acmesync.Fetch), begin(t, d, "alpha", acmesync.Deliver)
	story := func(id string) db.RecordStory {
		s, err := d.Record(ctx, "alpha", acmesync.Appointments, id)
		require.NoError(t, err)
		return s
	}
	t.Run("a record nobody has heard of is not found", func(t *testing.T) {
		_, err := d.Record(ctx, "alpha", acmesync.Appointments, "42")
		require.ErrorIs(t, err, acmesync.ErrNotFound)
	})
	t.Run("a record that was only hinted at waits", func(t *testing.T) {
		hinted(t, d, "alpha", appointment("42"))
		s := story("42")
		require.Empty(t, s.State)
		require.Len(t, s.Arrivals, 1)
		require.Equal(t, []any{acmesync.ByHook, "waiting", int64(3)}, []any{s.Arrivals[0].Way, s.Arrivals[0].Outcome, s.Arrivals[0].Version})
	})
	t.Run("what arrived when, by which way, and what became of it", func(t *testing.T) {
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{
			Pages: []acmesync.NewPage{{Stream: acmesync.Appointments, Way: acmesync.ByHint, IDs: []string{"41", "42"}, Records: 2, Body: []byte(`[]`)}},
			Ended: []acmesync.EndedHint{{Envelope: hints(t, d, f)[0].Envelope, Column: acmesync.CountDone}},
		}))
		require.Equal(t, "waiting", story("42").Arrivals[0].Outcome)
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{
			Entries: []acmesync.LedgerEntry{entry(acmesync.Appointments, "42", acmesync.Parked, acmesync.EndMissing)}, Parked: endMissingOf("42"),
		}))
		finish(t, d, out, claim(t, d, out)...)
		hinted(t, d, "alpha", appointment("42"))
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Ended: []acmesync.EndedHint{{Envelope: hints(t, d, f)[0].Envelope, Column: acmesync.CountSuperseded}}}))
		hinted(t, d, "alpha", appointment("42"))
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Ended: []acmesync.EndedHint{{Envelope: hints(t, d, f)[0].Envelope, Column: acmesync.CountDone, Outcome: acmesync.EndedGone}}}))
		s := story("42")
		var ways []string
		for _, a := range s.Arrivals {
			ways = append(ways, string(a.Way)+" "+a.Outcome)
		}
		require.Equal(t, []string{"hook gone", "hook superseded", "hint done", "hook done"}, ways, "newest first")
		require.Equal(t, acmesync.Parked, s.State)
		require.Equal(t, acmesync.EndMissing, s.Parked.Code)
		require.Equal(t, endMissing, s.Parked.Review)
	})
	t.Run("the same id in another stream is another record", func(t *testing.T) {
		_, err := d.Record(ctx, "alpha", acmesync.Touchpoints, "42")
		require.ErrorIs(t, err, acmesync.ErrNotFound)
	})
	t.Run("a record with very many arrivals shows the newest", func(t *testing.T) {
		exec(t, d, `INSERT INTO envelopes (id, tenant, connection, generation, lane, kind, way, stream, acme_id, received_at)
			SELECT gen_random_uuid(), 'alpha', 'main', 1, 'fetch', 'hint', 'hook', 'appointments', 'busy', now() - n * interval '1 second' FROM generate_series(1, 300) n`)
		s := story("busy")
		require.Len(t, s.Arrivals, 100)
		require.True(t, s.Arrivals[0].ReceivedAt.After(s.Arrivals[99].ReceivedAt))
	})
}
