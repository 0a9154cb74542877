package db_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func newTenant(id acmesync.TenantID) db.NewTenant {
	return db.NewTenant{ID: id, Name: "Tenant " + string(id), AcmeURL: "https://acme.test", AppURL: "https://app.test", Actor: "test"}
}

// draft makes a tenant with its keys.
func draft(t testing.TB, d *dbtest.Database, id acmesync.TenantID) {
	t.Helper()
	_, err := d.CreateTenant(t.Context(), newTenant(id))
	require.NoError(t, err)
}

// activated makes a tenant whose first sync is under way.
func activated(t testing.TB, d *dbtest.Database, id acmesync.TenantID) {
	t.Helper()
	draft(t, d, id)
	apply(t, d, id, acmesync.Activate)
}

func apply(t testing.TB, d *dbtest.Database, id acmesync.TenantID, name acmesync.CommandName) acmesync.Tenant {
	t.Helper()
	tenant, err := d.Apply(t.Context(), id, acmesync.Command{ID: fmt.Sprintf("%s-%d", name, time.Now().UnixNano()), Name: name, Actor: "test", Reason: "because"})
	require.NoError(t, err)
	return tenant
}

func begin(t testing.TB, d *dbtest.Database, id acmesync.TenantID, lane acmesync.Lane) acmesync.Fence {
	t.Helper()
	f, err := d.BeginLane(t.Context(), id, lane)
	require.NoError(t, err)
	return f
}

// page is a page of records with these ids, in the shape fetch stores.
func page(stream acmesync.Stream, priority acmesync.Priority, ids ...string) acmesync.NewPage {
	return acmesync.NewPage{Stream: stream, Way: acmesync.ByPoll, Priority: priority, IDs: ids, Records: len(ids), Body: []byte(`["` + strings.Join(ids, `","`) + `"]`)}
}

// fetched stores pages as the fetch lane does.
func fetched(t testing.TB, d *dbtest.Database, f acmesync.Fence, pages ...acmesync.NewPage) {
	t.Helper()
	require.NoError(t, d.CommitFetched(t.Context(), f, acmesync.Fetched{Pages: pages}))
}

func claim(t testing.TB, d *dbtest.Database, f acmesync.Fence) []acmesync.Page {
	t.Helper()
	pages, err := d.ClaimPages(t.Context(), f, 2000, 4<<20)
	require.NoError(t, err)
	return pages
}

func entry(stream acmesync.Stream, id string, state acmesync.LedgerState, code acmesync.Code) acmesync.LedgerEntry {
	return acmesync.LedgerEntry{Key: acmesync.Key{Stream: stream, AcmeID: id}, Version: 1, SourceAt: time.Unix(1_700_000_000, 0), State: state, Code: code,
		Hash: "11111111-1111-1111-1111-111111111111"}
}

func parkedRecord(stream acmesync.Stream, id string, code acmesync.Code, field string) acmesync.ParkedRecord {
	return acmesync.ParkedRecord{Key: acmesync.Key{Stream: stream, AcmeID: id}, Version: 1, Body: []byte(`{"id":"` + id + `"}`),
		Fault: acmesync.Fault{Code: code, Field: field, Message: "A sentence."}}
}

// park parks records as the deliver lane does.
func park(t testing.TB, d *dbtest.Database, f acmesync.Fence, records ...acmesync.ParkedRecord) {
	t.Helper()
	require.NoError(t, d.CommitDelivered(t.Context(), f, acmesync.Delivered{Parked: records}))
}

func endpointOf(t testing.TB, d *dbtest.Database, id acmesync.TenantID) string {
	t.Helper()
	c, err := d.Connection(t.Context(), id)
	require.NoError(t, err)
	return c.HookEndpoint
}

// scalar reads one value as the superuser: around every wall.
func scalar[T any](t testing.TB, d *dbtest.Database, query string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, d.Super.Get(&v, query, args...))
	return v
}

func exec(t testing.TB, d *dbtest.Database, query string, args ...any) {
	t.Helper()
	_, err := d.Super.Exec(query, args...)
	require.NoError(t, err)
}

// eventually waits until a condition holds, and fails the test after 20 seconds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			require.FailNow(t, "it never came to pass: "+what)
		case <-tick.C:
		}
	}
}

// blocked waits until a statement of this database waits for a lock.
func blocked(t testing.TB, d *dbtest.Database) {
	t.Helper()
	eventually(t, "a statement waits for a lock", func() bool { return waitsForLock(t, d) })
}

func waitsForLock(t testing.TB, d *dbtest.Database) bool {
	t.Helper()
	return scalar[int](t, d, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
}
