package db_test

import (
	"context"
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

// fencedCalls are the methods whose effect must not outlive the attempt: each with a call that would change something.
func fencedCalls(d *dbtest.Database) map[string]func(context.Context, acmesync.Fence) error {
	at := time.Now()
	return map[string]func(context.Context, acmesync.Fence) error{
		"CommitFetched": func(ctx context.Context, f acmesync.Fence) error {
			return d.CommitFetched(ctx, f, acmesync.Fetched{
				Pages:    []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, "straggler")},
				Hints:    []acmesync.Key{{Stream: acmesync.Appointments, AcmeID: "straggler"}},
				Position: &acmesync.Position{Stream: acmesync.Appointments, Cursor: "straggler", WatermarkAt: &at, Walking: true},
			})
		},
		"CommitDelivered": func(ctx context.Context, f acmesync.Fence) error {
			return d.CommitDelivered(ctx, f, acmesync.Delivered{
				Entries: []acmesync.LedgerEntry{entry(acmesync.Appointments, "straggler", acmesync.InStep, "")},
				Facts:   []acmesync.Fact{{AcmeID: "straggler", UserID: "u", Day: "2026-01-01", Channel: "email", Direction: "out", OccurredAt: at}},
				Parked:  []acmesync.ParkedRecord{parkedRecord(acmesync.Touchpoints, "straggler", acmesync.UserMissing, "user_id")},
			})
		},
		"Doubt": func(ctx context.Context, f acmesync.Fence) error {
			return d.Doubt(ctx, f, []acmesync.Key{appointment("straggler")})
		},
		"CommitCells": func(ctx context.Context, f acmesync.Fence) error {
			return d.CommitCells(ctx, f, []acmesync.Cell{{UserID: "u", Day: "2026-01-01", Channel: "email", Direction: "out", Changed: 1}}, nil)
		},
		"CommitMatches": func(ctx context.Context, f acmesync.Fence) error {
			_, err := d.CommitMatches(ctx, f, map[string]string{"straggler": "straggler"})
			return err
		},
		"Recount": func(ctx context.Context, f acmesync.Fence) error {
			_, err := d.Recount(ctx, f, map[string]string{"straggler": "UTC"}, func(string, time.Time) string { return "2026-01-01" })
			return err
		},
		"CommitStaff": func(ctx context.Context, f acmesync.Fence) error {
			return d.CommitStaff(ctx, f, acmesync.UserPerson, []acmesync.Person{person(acmesync.UserPerson, "straggler", 1)})
		},
		"CommitSubscription": func(ctx context.Context, f acmesync.Fence) error {
			return d.CommitSubscription(ctx, f, "sub_straggler", "whsec_straggler", time.Minute)
		},
		"CommitRemoved": func(ctx context.Context, f acmesync.Fence) error {
			return d.CommitRemoved(ctx, f, []acmesync.LedgerEntry{entry(acmesync.Appointments, "straggler", acmesync.InStep, "")})
		},
		"SavePosition": func(ctx context.Context, f acmesync.Fence) error {
			return d.SavePosition(ctx, f, acmesync.Position{Stream: acmesync.Appointments, Cursor: "straggler", Walking: true})
		},
		"ClaimPages": func(ctx context.Context, f acmesync.Fence) error {
			_, err := d.ClaimPages(ctx, f, 100, 1<<20)
			return err
		},
		"ReleasePages": func(ctx context.Context, f acmesync.Fence) error {
			var pages []acmesync.Page
			var ids []struct{ Day, ID string }
			if err := d.Super.SelectContext(ctx, &ids, `SELECT day::text, id::text FROM envelopes WHERE tenant = $1 AND lane = 'deliver'`, f.Tenant); err != nil {
				return err
			}
			for _, id := range ids {
				pages = append(pages, acmesync.Page{Envelope: acmesync.EnvelopeID{Day: id.Day, ID: id.ID}})
			}
			return d.ReleasePages(ctx, f, pages)
		},
		"Hold": func(ctx context.Context, f acmesync.Fence) error {
			return d.Hold(ctx, f, acmesync.Hold{Dependency: acmesync.DependsOnApp, Kind: acmesync.Unavailable, Reason: "straggler"}, 0)
		},
		"ClearMark": d.ClearMark,
		"Alive":     d.Alive,
		"RaiseToken": func(ctx context.Context, f acmesync.Fence) error {
			return d.RaiseToken(ctx, f, f.Token+100)
		},
	}
}

func TestFence(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()

	refusals := []struct {
		fact string
		want error
		then func(acmesync.TenantID)
	}{
		{"an attempt that was overtaken", acmesync.ErrFenced, func(id acmesync.TenantID) { begin(t, d, id, acmesync.Deliver) }},
		{"an attempt whose tenant was paused and resumed", acmesync.ErrEpoch, func(id acmesync.TenantID) {
			apply(t, d, id, acmesync.Pause)
			apply(t, d, id, acmesync.Resume)
		}},
		{"an attempt of an earlier activation", acmesync.ErrEpoch, func(id acmesync.TenantID) {
			apply(t, d, id, acmesync.Deactivate)
			apply(t, d, id, acmesync.Activate)
		}},
		{"an attempt of an earlier generation, were the epoch the same", acmesync.ErrEpoch, func(id acmesync.TenantID) {
			exec(t, d, `UPDATE tenants SET generation = generation + 1 WHERE tenant = $1`, id)
		}},
	}
	for i, r := range refusals {
		id := acmesync.TenantID("fenced-" + string(rune('a'+i)))
		activated(t, d, id)
		fetched(t, d, begin(t, d, id, acmesync.Fetch), page(acmesync.Appointments, acmesync.Live, "waiting"))
		f := begin(t, d, id, acmesync.Deliver)
		claim(t, d, f)
		_, err := d.Mark(ctx, []acmesync.TenantID{id}, acmesync.Deliver)
		require.NoError(t, err)
		r.then(id)
		for name, call := range fencedCalls(d) {
			t.Run(r.fact+" cannot "+name, func(t *testing.T) {
				before := dump(t, d, id)
				require.ErrorIs(t, call(ctx, f), r.want)
				require.Equal(t, before, dump(t, d, id), "nothing of it stays")
			})
		}
	}

	t.Run("the newest attempt commits", func(t *testing.T) {
		activated(t, d, "newest")
		fetched(t, d, begin(t, d, "newest", acmesync.Fetch), page(acmesync.Appointments, acmesync.Live, "waiting"))
		for name, call := range fencedCalls(d) {
			require.NoError(t, call(ctx, begin(t, d, "newest", acmesync.Deliver)), name)
		}
	})
	t.Run("each attempt's token is higher, and so are its revisions", func(t *testing.T) {
		activated(t, d, "tokens")
		first, second := begin(t, d, "tokens", acmesync.Deliver), begin(t, d, "tokens", acmesync.Deliver)
		require.Greater(t, second.Token, first.Token)
		require.Greater(t, second.Revision(1), first.Revision(acmesync.MaxWrites))
	})
	t.Run("the two lanes do not fence each other", func(t *testing.T) {
		activated(t, d, "lanes")
		f := begin(t, d, "lanes", acmesync.Deliver)
		begin(t, d, "lanes", acmesync.Fetch)
		require.NoError(t, d.Alive(ctx, f))
	})
	t.Run("a token stays high through deactivation", func(t *testing.T) {
		activated(t, d, "again")
		before := begin(t, d, "again", acmesync.Deliver)
		apply(t, d, "again", acmesync.Deactivate)
		apply(t, d, "again", acmesync.Activate)
		require.Greater(t, begin(t, d, "again", acmesync.Deliver).Token, before.Token)
	})
	t.Run("a tenant that is not to run has no attempt", func(t *testing.T) {
		draft(t, d, "asleep")
		_, err := d.BeginLane(ctx, "asleep", acmesync.Fetch)
		require.ErrorIs(t, err, acmesync.ErrEpoch)
		_, err = d.BeginLane(ctx, "nobody", acmesync.Fetch)
		require.ErrorIs(t, err, acmesync.ErrEpoch)
	})
	t.Run("a cleanup has an attempt only once the tenant has ended", func(t *testing.T) {
		activated(t, d, "ended")
		_, err := d.BeginCleanup(ctx, "ended")
		require.ErrorIs(t, err, acmesync.ErrEpoch)
		apply(t, d, "ended", acmesync.Deactivate)
		f, err := d.BeginCleanup(ctx, "ended")
		require.NoError(t, err)
		require.NoError(t, d.Alive(ctx, f))
	})
	t.Run("raising the token lifts the next attempt above what the app has seen", func(t *testing.T) {
		activated(t, d, "restored")
		f := begin(t, d, "restored", acmesync.Deliver)
		written := entry(acmesync.Appointments, "remembered", acmesync.InStep, "")
		written.Mapped, written.Steps = "33333333-3333-3333-3333-333333333333", acmesync.StepWritten
		require.NoError(t, d.CommitDelivered(ctx, f, acmesync.Delivered{Entries: []acmesync.LedgerEntry{written}}))
		remembered := func() string {
			entries, err := d.Ledger(ctx, f, acmesync.Appointments, []string{"remembered"})
			require.NoError(t, err)
			return entries["remembered"].Mapped
		}
		require.NoError(t, d.RaiseToken(ctx, f, f.Token-1))
		require.Equal(t, written.Mapped, remembered(), "the token was higher already")
		require.NoError(t, d.RaiseToken(ctx, f, 500))
		require.Empty(t, remembered(), "the restored ledger may be older than what the app holds")
		require.ErrorIs(t, d.Alive(ctx, f), acmesync.ErrFenced, "the attempt ends")
		require.Equal(t, int64(501), begin(t, d, "restored", acmesync.Deliver).Token)
	})
	t.Run("raising the token never lowers it", func(t *testing.T) {
		activated(t, d, "lower")
		begin(t, d, "lower", acmesync.Deliver)
		f := begin(t, d, "lower", acmesync.Deliver)
		require.NoError(t, d.RaiseToken(ctx, f, 1))
		require.NoError(t, d.Alive(ctx, f))
	})
}
