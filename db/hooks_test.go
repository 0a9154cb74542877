package db_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestStoreHooks(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	for _, id := range []acmesync.TenantID{"alpha", "beta"} {
		activated(t, d, id)
	}
	delivery := func(id acmesync.TenantID, webhook string, events ...db.HookEvent) db.HookDelivery {
		return db.HookDelivery{Endpoint: endpointOf(t, d, id), Tenant: id, WebhookID: webhook, BodySHA: []byte(webhook), Events: events}
	}
	event := func(id string) db.HookEvent {
		return db.HookEvent{Stream: acmesync.Appointments, AcmeID: id, Version: 7, Body: []byte(`{"id":"` + id + `"}`)}
	}
	store := func(t *testing.T, all ...db.HookDelivery) []db.HookStatus {
		t.Helper()
		got, err := d.StoreHooks(ctx, all)
		require.NoError(t, err)
		return got
	}
	stored := func(id string) int { return scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE acme_id = $1`, id) }

	t.Run("each delivery keeps the way it came", func(t *testing.T) {
		byKafka := delivery("alpha", "kafka:1", event("way-1"))
		byKafka.Way = acmesync.ByKafka
		require.Equal(t, []db.HookStatus{db.HookNew, db.HookNew}, store(t, byKafka, delivery("beta", "way-2", event("way-2"))))
		way := `SELECT way FROM envelopes WHERE acme_id = $1`
		require.Equal(t, []string{"kafka", "hook"}, []string{scalar[string](t, d, way, "way-1"), scalar[string](t, d, way, "way-2")})
	})
	t.Run("an account leads to every tenant that has connected it", func(t *testing.T) {
		require.NoError(t, d.DescribeAccount(ctx, "alpha", "shared", "US", "UTC"))
		require.NoError(t, d.DescribeAccount(ctx, "beta", "shared", "US", "UTC"))
		found, err := d.AccountHooks(ctx, "shared")
		require.NoError(t, err)
		require.Equal(t, []db.AccountHook{{Tenant: "alpha", Endpoint: endpointOf(t, d, "alpha")}, {Tenant: "beta", Endpoint: endpointOf(t, d, "beta")}}, found)
		nobody, err := d.AccountHooks(ctx, "")
		require.NoError(t, err)
		require.Empty(t, nobody)
	})
	t.Run("of five identical deliveries in parallel one is new and four are duplicates", func(t *testing.T) {
		for round := range 10 {
			id := fmt.Sprint("five-", round)
			same := delivery("alpha", id, event(id))
			answers := make(chan db.HookStatus, 5)
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					got, err := d.StoreHooks(ctx, []db.HookDelivery{same})
					if err != nil {
						t.Error(err)
						return
					}
					answers <- got[0]
				})
			}
			all.Wait()
			close(answers)
			count := map[db.HookStatus]int{}
			for a := range answers {
				count[a]++
			}
			require.Equal(t, map[db.HookStatus]int{db.HookNew: 1, db.HookDuplicate: 4}, count)
			require.Equal(t, 1, stored(id))
		}
	})
	t.Run("batches that hold the same deliveries in other orders do not deadlock", func(t *testing.T) {
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for round := range 15 {
					batch := []db.HookDelivery{
						delivery("alpha", fmt.Sprint("x-", round), event("crossed")), delivery("beta", fmt.Sprint("x-", round), event("crossed")),
						delivery("alpha", fmt.Sprint("y-", round), event("crossed")),
					}
					if worker%2 == 1 {
						batch[0], batch[2] = batch[2], batch[0]
					}
					if _, err := d.StoreHooks(ctx, batch); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		require.Equal(t, 45, stored("crossed"))
	})
	t.Run("duplicates within one batch are stored once", func(t *testing.T) {
		got := store(t, delivery("alpha", "twice", event("twice")), delivery("alpha", "twice", event("twice")))
		require.ElementsMatch(t, []db.HookStatus{db.HookNew, db.HookDuplicate}, got)
		require.Equal(t, 1, stored("twice"))
	})
	t.Run("the same webhook id at two endpoints is two deliveries", func(t *testing.T) {
		require.Equal(t, []db.HookStatus{db.HookNew, db.HookNew}, store(t, delivery("alpha", "shared", event("shared")), delivery("beta", "shared", event("shared"))))
		require.Equal(t, 2, scalar[int](t, d, `SELECT count(DISTINCT tenant) FROM envelopes WHERE acme_id = 'shared'`))
	})
	t.Run("deliveries of several tenants with several events each go to their own", func(t *testing.T) {
		got := store(t, delivery("beta", "m1", event("b1"), event("b2")), delivery("alpha", "m2", event("a1")), delivery("alpha", "m3"))
		require.Equal(t, []db.HookStatus{db.HookNew, db.HookNew, db.HookNew}, got)
		require.Equal(t, "beta", scalar[string](t, d, `SELECT tenant FROM envelopes WHERE acme_id = 'b2'`))
		require.Equal(t, "alpha", scalar[string](t, d, `SELECT tenant FROM envelopes WHERE acme_id = 'a1'`))
		f := begin(t, d, "beta", acmesync.Fetch)
		for _, h := range hints(t, d, f) {
			require.EqualValues(t, 7, h.Version)
		}
	})
	t.Run("no deliveries are no error", func(t *testing.T) {
		require.Empty(t, store(t))
	})
	t.Run("an endpoint nobody is behind any more is gone, its neighbours in the batch are stored", func(t *testing.T) {
		activated(t, d, "left")
		gone := delivery("left", "late", event("late"))
		apply(t, d, "left", acmesync.Deactivate)
		unknown := delivery("alpha", "unknown", event("unknown"))
		unknown.Endpoint = "ffffffffffffffffffffffffffffffff"
		require.Equal(t, []db.HookStatus{db.HookGone, db.HookNew, db.HookGone}, store(t, gone, delivery("alpha", "near", event("near")), unknown))
		require.Zero(t, stored("late")+stored("unknown"))
		draft(t, d, "unborn")
		require.Equal(t, []db.HookStatus{db.HookGone}, store(t, delivery("unborn", "early", event("early"))))
	})
	t.Run("a gone delivery is taken once somebody is behind the endpoint again", func(t *testing.T) {
		apply(t, d, "left", acmesync.Activate)
		require.Equal(t, []db.HookStatus{db.HookNew}, store(t, delivery("left", "late", event("late"))))
	})
	t.Run("a paused tenant's hooks are kept for later", func(t *testing.T) {
		activated(t, d, "paused")
		apply(t, d, "paused", acmesync.Pause)
		require.Equal(t, []db.HookStatus{db.HookNew}, store(t, delivery("paused", "p", event("paused"))))
		apply(t, d, "paused", acmesync.Resume)
		require.Len(t, hints(t, d, begin(t, d, "paused", acmesync.Fetch)), 1)
	})
	t.Run("a body that cannot be read is parked raw, with or without a code, and is nobody's hint", func(t *testing.T) {
		activated(t, d, "raw")
		store(t, delivery("raw", "r1", db.HookEvent{Raw: true, Outcome: acmesync.Unreadable, Body: []byte("<html>")}),
			delivery("raw", "r2", db.HookEvent{Raw: true, Stream: acmesync.Appointments, Body: []byte("<html>")}))
		require.Equal(t, 2, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'raw' AND kind = 'raw' AND parked = 1 AND done = 0 AND ended_at IS NOT NULL`))
		require.Empty(t, hints(t, d, begin(t, d, "raw", acmesync.Fetch)))
	})
	t.Run("an event about something the product does not sync has ended as it arrives", func(t *testing.T) {
		activated(t, d, "unsynced")
		store(t, delivery("unsynced", "u", db.HookEvent{AcmeID: "deal-1", Outcome: acmesync.EndedUnknown, Body: []byte("{}")}, event("beside")))
		require.Equal(t, "unknown_object", scalar[string](t, d, `SELECT outcome FROM envelopes WHERE acme_id = 'deal-1' AND done = 1 AND ended_at IS NOT NULL`))
		require.Len(t, hints(t, d, begin(t, d, "unsynced", acmesync.Fetch)), 1)
		balanced(t, d, "unsynced")
	})
	t.Run("a body comes back as it came", func(t *testing.T) {
		require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE position('crossed'::bytea IN body) > 0`), "and no table shows it readably")
	})
	t.Run("a batch with one poison fails as a whole, nothing is stored, and each alone shows which it was", func(t *testing.T) {
		poison := delivery("alpha", "poison", event("nul\x00byte"))
		good := delivery("alpha", "good", event("good"))
		_, err := d.StoreHooks(ctx, []db.HookDelivery{good, poison})
		require.Error(t, err)
		require.False(t, db.Unavailable(err), "it is the batch's fault, not Postgres's")
		require.Zero(t, stored("good"))
		require.Equal(t, []db.HookStatus{db.HookNew}, store(t, good))
		_, err = d.StoreHooks(ctx, []db.HookDelivery{poison})
		require.Error(t, err)
	})
	t.Run("an endpoint is found with its tenant's state", func(t *testing.T) {
		e, err := d.Endpoint(ctx, endpointOf(t, d, "paused"))
		require.NoError(t, err)
		require.Equal(t, db.Endpoint{Tenant: "paused", Connection: acmesync.MainConnection, State: acmesync.Starting}, e)
		_, err = d.Endpoint(ctx, "nobody")
		require.ErrorIs(t, err, acmesync.ErrNotFound)
	})
	t.Run("a hook waits for nobody who changes the connection, and two batches never for each other", func(t *testing.T) {
		activated(t, d, "busy")
		hook := delivery("busy", "b", event("busy"))
		changing := d.Super.MustBegin()
		_, err := changing.Exec(`SELECT 1 FROM connections WHERE tenant = 'busy' FOR UPDATE`)
		require.NoError(t, err)
		defer func() { _ = changing.Rollback() }()
		bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		got, err := d.StoreHooks(bounded, []db.HookDelivery{hook})
		require.NoError(t, err, "when webhooks were last seen is noted with the next one")
		require.Equal(t, []db.HookStatus{db.HookNew}, got)
		require.NoError(t, changing.Rollback())
		store(t, delivery("busy", "c", event("busy")))
		require.True(t, scalar[bool](t, d, `SELECT hook_seen_at IS NOT NULL FROM connections WHERE tenant = 'busy'`))
	})
	for _, command := range []acmesync.CommandName{acmesync.Deactivate, acmesync.Activate} {
		t.Run("no hook slips in behind "+string(command), func(t *testing.T) {
			id := acmesync.TenantID("behind-" + string(command)[:5])
			activated(t, d, id)
			if command == acmesync.Activate {
				apply(t, d, id, acmesync.Stop)
			}
			endpoint := endpointOf(t, d, id)
			storing := as(t, d, "acmesync_intake", "")
			var status string
			require.NoError(t, storing.Get(&status, `
				SELECT status FROM intake_store(ARRAY[$1], ARRAY['late'], ARRAY['\x01'::bytea], ARRAY[1], ARRAY[gen_random_uuid()], ARRAY['hint'],
					ARRAY['appointments'], ARRAY['1'], ARRAY[1::bigint], ARRAY[''], ARRAY['\x00'::bytea], ARRAY['d1'])`, endpoint))
			require.Equal(t, "new", status)
			applied := make(chan error, 1)
			go func() {
				_, err := d.Apply(context.WithoutCancel(ctx), id, acmesync.Command{ID: "behind", Name: command, Actor: "test"})
				applied <- err
			}()
			eventually(t, "the command is through or waits for the hook", func() bool { return len(applied) == 1 || waitsForLock(t, d) })
			require.NoError(t, storing.Commit())
			require.NoError(t, <-applied)
			require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = $1 AND ended_at IS NULL`, id), "nothing waits that nobody will ever take")
		})
	}
}
