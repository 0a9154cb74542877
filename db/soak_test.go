package db_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

// expected reports whether an error is one of the product's own answers: whatever else comes is a fault, a deadlock first of all.
func expected(err error) bool {
	var conflict *acmesync.Conflict
	return err == nil || errors.Is(err, acmesync.ErrFenced) || errors.Is(err, acmesync.ErrEpoch) || errors.Is(err, acmesync.ErrNotFound) || errors.As(err, &conflict)
}

// Everything at once on the same two tenants: both lanes (two attempts each), hooks, marks, commands, decisions, looks and the
// sweep. Nothing may wait for each other in a circle, and when all is over every arrival and every record is accounted for.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	tenants := []acmesync.TenantID{"alpha", "beta"}
	endpoints := map[acmesync.TenantID]string{}
	for _, id := range tenants {
		activated(t, d, id)
		endpoints[id] = endpointOf(t, d, id)
		f := begin(t, d, id, acmesync.Deliver)
		park(t, d, f, endMissingOf("r0", "r1")...)
	}
	record := func() string { return fmt.Sprint("r", rand.IntN(20)) }
	any1 := func() acmesync.TenantID { return tenants[rand.IntN(len(tenants))] }
	decided := func(ctx context.Context, action acmesync.OrderAction) error {
		_, err := d.Decide(ctx, any1(), endMissing, acmesync.Decision{ID: fmt.Sprint(rand.Int64()), Action: action, Actor: "test", IDs: []string{record(), record()}})
		return err
	}
	command := func(ctx context.Context, name acmesync.CommandName) error {
		_, err := d.Apply(ctx, any1(), acmesync.Command{ID: fmt.Sprint(rand.Int64()), Name: name, Actor: "test"})
		return err
	}
	work := map[string]func(context.Context) error{
		"fetch 1":   func(ctx context.Context) error { return soakFetch(ctx, d.DB, any1(), record) },
		"fetch 2":   func(ctx context.Context) error { return soakFetch(ctx, d.DB, any1(), record) },
		"deliver 1": func(ctx context.Context) error { return soakDeliver(ctx, d.DB, any1(), record) },
		"deliver 2": func(ctx context.Context) error { return soakDeliver(ctx, d.DB, any1(), record) },
		"hooks": func(ctx context.Context) error {
			var batch []db.HookDelivery
			for range 3 {
				id := any1()
				batch = append(batch, db.HookDelivery{Endpoint: endpoints[id], Tenant: id, WebhookID: fmt.Sprint(rand.IntN(200)), BodySHA: []byte{1},
					Events: []db.HookEvent{{Stream: acmesync.Appointments, AcmeID: record(), Body: []byte("{}")}}})
			}
			if _, err := d.StoreHooks(ctx, batch); err != nil {
				return err
			}
			_, err := d.Mark(ctx, []acmesync.TenantID{"beta", "alpha"}, acmesync.Fetch, acmesync.Deliver)
			return err
		},
		"pause": func(ctx context.Context) error {
			return errors.Join(command(ctx, acmesync.Pause), command(ctx, acmesync.Resume))
		},
		"sync now": func(ctx context.Context) error { return command(ctx, acmesync.SyncNow) },
		"reactivate": func(ctx context.Context) error {
			return errors.Join(command(ctx, acmesync.Deactivate), command(ctx, acmesync.Activate))
		},
		"configure": func(ctx context.Context) error {
			tenant, err := d.Tenant(ctx, any1())
			if err != nil {
				return err
			}
			_, err = d.Configure(ctx, tenant.ID, acmesync.ConfigChange{
				Config: acmesync.Config{PageSize: 10}, Over: tenant.Rules, Walk: acmesync.Polled(), Retry: []string{endMissing}, Actor: "test",
			})
			return err
		},
		"retry":   func(ctx context.Context) error { return decided(ctx, acmesync.OrderRetry) },
		"discard": func(ctx context.Context) error { return decided(ctx, acmesync.OrderDiscard) },
		"settle": func(ctx context.Context) error {
			_, err := d.SettleReview(ctx, any1(), endMissing)
			return err
		},
		"balance": func(ctx context.Context) error {
			_, err := d.Balance(ctx, any1())
			return err
		},
		"sweep": func(ctx context.Context) error {
			_, err := d.Overdue(ctx, 10)
			return err
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for name, do := range work {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := do(context.WithoutCancel(ctx)); !expected(err) {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	all.Wait()

	for _, id := range tenants {
		t.Run("afterwards all is accounted for, "+string(id), func(t *testing.T) {
			balanced(t, d, id)
			require.Zero(t, scalar[int](t, d, `
				SELECT count(*) FROM parked p JOIN reviews r USING (tenant, fingerprint) WHERE p.closed_at IS NULL AND r.state = 'resolved' AND p.tenant = $1`, id),
				"an open record in a resolved review")
			require.Zero(t, scalar[int](t, d, `
				SELECT count(*) FROM envelopes e JOIN tenants t USING (tenant) WHERE e.ended_at IS NULL AND e.generation <> t.generation AND e.tenant = $1`, id),
				"an envelope of an earlier activation waits")
			_, err := d.Apply(t.Context(), id, acmesync.Command{ID: "last", Name: acmesync.Deactivate, Actor: "test"})
			require.True(t, expected(err), "%v", err)
			for _, s := range acmesync.Recorded() {
				require.Zero(t, balanceOf(t, d, id, s).Arrivals.Waiting)
			}
			require.Zero(t, scalar[int](t, d, `
				SELECT count(*) FROM (SELECT * FROM cells WHERE tenant = $1 AND n <> 0) c FULL JOIN (
					SELECT user_id, day, channel, direction, count(*) AS n FROM facts WHERE tenant = $1 GROUP BY 1, 2, 3, 4
				) f USING (user_id, day, channel, direction) WHERE c.n IS DISTINCT FROM f.n`, id), "cells differ from a recount")
		})
	}
}

func soakFetch(ctx context.Context, d *db.DB, id acmesync.TenantID, record func() string) error {
	f, err := d.BeginLane(ctx, id, acmesync.Fetch)
	if err != nil {
		return err
	}
	hints, err := d.ClaimHints(ctx, f, 5)
	if err != nil {
		return err
	}
	r := acmesync.Fetched{
		Pages:    []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, record(), record()), page(acmesync.Touchpoints, acmesync.Backfill, record())},
		People:   []acmesync.Person{person(acmesync.ContactPerson, record(), rand.Int64N(1000)), person(acmesync.ContactPerson, record(), rand.Int64N(1000))},
		Hints:    []acmesync.Key{appointment(record())},
		Orders:   []acmesync.Order{{Action: acmesync.OrderGone, Stream: acmesync.Appointments, IDs: []string{record()}}},
		Parked:   []acmesync.ParkedRecord{parkedRecord(acmesync.Appointments, acmesync.RangePrefix+"2026-03-09T12:00:00Z", acmesync.SourceError, "list")},
		Position: &acmesync.Position{Stream: acmesync.Appointments, Cursor: "c", Walking: true},
	}
	for i, h := range hints {
		if i%2 == 0 {
			r.Ended = append(r.Ended, acmesync.EndedHint{Envelope: h.Envelope, Column: acmesync.CountDone})
		} else {
			r.Later = append(r.Later, acmesync.LaterHint{Envelope: h.Envelope, After: time.Millisecond})
		}
	}
	if err := d.CommitFetched(ctx, f, r); err != nil {
		return err
	}
	if err := d.Hold(ctx, f, acmesync.Hold{Dependency: acmesync.DependsOnAcme, Kind: acmesync.Unavailable, Reason: "r"}, 0); err != nil {
		return err
	}
	if _, err := d.Release(ctx, f, acmesync.DependsOnAcme, ""); err != nil {
		return err
	}
	return soakEnd(ctx, d, f)
}

func soakDeliver(ctx context.Context, d *db.DB, id acmesync.TenantID, record func() string) error {
	f, err := d.BeginLane(ctx, id, acmesync.Deliver)
	if err != nil {
		return err
	}
	pages, err := d.ClaimPages(ctx, f, 20, 1<<20)
	if err != nil {
		return err
	}
	at := record()
	done := acmesync.Delivered{
		Entries: []acmesync.LedgerEntry{entry(acmesync.Appointments, at, acmesync.InStep, ""), entry(acmesync.Touchpoints, at, acmesync.InStep, "")},
		Closed:  []acmesync.ClosedRecord{{Key: appointment(record()), How: "retried", By: "test"}},
		Parked:  endMissingOf(record()),
		Links:   []acmesync.Link{{ContactID: record(), Key: appointment(at), EndsAt: time.Now().Add(time.Hour)}},
		Facts:   []acmesync.Fact{fact(record(), "u", "2026-01-01"), fact(record(), "v", "2026-01-02")},
		NoFacts: []string{record()},
		Hints:   []acmesync.Key{appointment(record())},
	}
	for i, p := range pages {
		end := acmesync.EndedPage{Envelope: p.Envelope, Done: p.Records}
		if i%3 == 1 && p.Records > 1 {
			end.Done, end.Rest = 1, []string{"rest"}
		}
		done.Ended = append(done.Ended, end)
	}
	if err := d.CommitDelivered(ctx, f, done); err != nil {
		return err
	}
	cells, err := d.DueCells(ctx, f, 10)
	if err != nil {
		return err
	}
	if err := d.CommitCells(ctx, f, cells, nil); err != nil {
		return err
	}
	if _, err := d.Completed(ctx, f); err != nil {
		return err
	}
	if err := d.ReleasePages(ctx, f, pages); err != nil {
		return err
	}
	return soakEnd(ctx, d, f)
}

func soakEnd(ctx context.Context, d *db.DB, f acmesync.Fence) error {
	if err := d.ClearMark(ctx, f); err != nil {
		return err
	}
	_, _, err := d.EndLane(ctx, f)
	return err
}
