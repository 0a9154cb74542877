package db_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

// many is how many rows a tenant has in the tables whose plans are looked at; two more tenants have as many.
const many = 20_000

// A table that was filled a moment ago has no statistics, and the first sync is exactly that: Postgres then thinks that a
// key's first columns name a handful of rows. Each statement has to find its rows by the whole key all the same.
func TestPlansWithoutStatistics(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	for _, id := range []acmesync.TenantID{"alpha", "beta", "gamma"} {
		activated(t, d, id)
		filled(t, d, id)
	}
	watched, plans, err := d.Explained(d.URL)
	require.NoError(t, err)
	defer func() { _ = watched.Close() }()
	f := begin(t, d, "alpha", acmesync.Deliver)
	in := begin(t, d, "alpha", acmesync.Fetch)
	var ids []string
	for n := range 500 {
		ids = append(ids, fmt.Sprint("r", n*7))
	}
	pages := claim(t, d, f)
	_, err = watched.Contacts(ctx, f, ids[:1]) // opens the vault's keys and a connection outside the clock
	require.NoError(t, err)

	// By key, or through the one day's partition where that is small: never through the index of all that waits.
	byKey := regexp.MustCompile(`Update on envelopes e .*\n +Update on envelopes_\d+ e_1\n +-> [^_]*(\n.*)* on envelopes_\d+ e_1 .*\n.*id = ANY`)

	cases := []struct {
		fact  string
		do    func() error
		table string
		whole *regexp.Regexp // what the index condition on the table must contain
	}{
		{"the ledger is read by its whole key", func() error {
			got, err := watched.Ledger(ctx, f, acmesync.Appointments, ids)
			require.Len(t, got, len(ids))
			return err
		}, "ledger", regexp.MustCompile(`Index Cond: .*acme_id = u\.id`)},
		{"records in doubt are found by their whole key", func() error {
			keys := make([]acmesync.Key, len(ids))
			for i, id := range ids {
				keys[i] = appointment(id)
			}
			return watched.Doubt(ctx, f, keys)
		}, "ledger", regexp.MustCompile(`(?s)TID Cond: \(ctid = ANY.*Index Cond: .*acme_id = u\.id|Index Cond: .*acme_id = u\.id.*TID Cond: \(ctid = ANY`)},
		{"unknown contacts are found by the whole key", func() error {
			_, err := watched.UnknownContacts(ctx, in, ids)
			return err
		}, "people", regexp.MustCompile(`Index Cond: .*person_id = u\.id`)},
		{"contacts are read by the whole key", func() error {
			got, err := watched.Contacts(ctx, f, ids[:50])
			require.Len(t, got, 50)
			return err
		}, "people", regexp.MustCompile(`Index Cond: .*person_id = u\.id`)},
		{"hashes of contacts are read by the whole key", func() error {
			_, err := watched.ContactHashes(ctx, f, ids)
			return err
		}, "people", regexp.MustCompile(`Index Cond: .*person_id = u\.id`)},
		{"parked records are opened by the whole key", func() error {
			got, err := watched.OpenParked(ctx, f, acmesync.Appointments, ids[:100])
			require.Len(t, got, 100)
			return err
		}, "parked", regexp.MustCompile(`Index Cond: .*acme_id = u\.id`)},
		{"facts are moved by the whole key", func() error {
			var facts []acmesync.Fact
			for _, id := range ids {
				facts = append(facts, acmesync.Fact{AcmeID: id, UserID: "u", Day: "2026-02-02", Channel: "email", Direction: "in", OccurredAt: time.Now()})
			}
			return watched.CommitDelivered(ctx, f, acmesync.Delivered{Facts: facts, NoFacts: []string{"r1"}})
		}, "facts", regexp.MustCompile(`(?s)Index Cond: .*acme_id = fresh_\d\.acme_id.*TID Cond: \(ctid = ANY`)},
		{"events of changed contacts are found by the whole contact", func() error {
			var people []acmesync.Person
			for _, id := range ids {
				people = append(people, person(acmesync.ContactPerson, id, 9))
			}
			return watched.CommitFetched(ctx, in, acmesync.Fetched{People: people})
		}, "links", regexp.MustCompile(`Index Cond: .*contact_id = u\.id`)},
		{"contacts are indexed anew by the whole key", func() error {
			var people []acmesync.Person
			for n, id := range ids {
				p := person(acmesync.ContactPerson, id, 9)
				p.Phone = fmt.Sprintf("+4144668%04d", n)
				people = append(people, p)
			}
			return watched.CommitFetched(ctx, in, acmesync.Fetched{People: people})
		}, "people", regexp.MustCompile(`(?s)Update on people.*Index Cond: .*person_id = u\.id`)},
		{"a hint looks for one like it by its record", func() error {
			return watched.CommitFetched(ctx, in, acmesync.Fetched{Hints: []acmesync.Key{appointment("r1"), appointment("r2")}})
		}, "envelopes", regexp.MustCompile(`Index Cond: .*acme_id = u\.acme_id`)},
		{"hints are ended by their own key", func() error {
			return watched.CommitFetched(ctx, in, acmesync.Fetched{Ended: endedHints(t, d, 200)})
		}, "envelopes", byKey},
		{"a page is ended by its own key", func() error {
			return watched.CommitDelivered(ctx, f, acmesync.Delivered{Ended: []acmesync.EndedPage{{Envelope: pages[0].Envelope, Rest: []string{"p0"}}}})
		}, "envelopes", byKey},
		{"pages are let go by their own key", func() error { return watched.ReleasePages(ctx, f, pages) }, "envelopes", byKey},
	}
	for _, c := range cases {
		t.Run(c.fact, func(t *testing.T) {
			plans.Taken()
			began := time.Now()
			require.NoError(t, c.do())
			took := time.Since(began)
			plan := planOn(t, plans.Taken(), c.table)
			require.Regexp(t, c.whole, plan)
			require.NotContains(t, plan, "tenant_lane_priority", "the index of all that waits")
			require.Less(t, took, 2*time.Second, "whole tables were read:\n%s", plan)
		})
	}
	t.Run("what is known is balanced against the ledger by its whole key", func(t *testing.T) {
		plans.Taken()
		began := time.Now()
		all, err := watched.Balance(ctx, "alpha")
		require.NoError(t, err)
		require.EqualValues(t, many+300, all[0].Known)
		plan := planOn(t, plans.Taken(), "known")
		require.Regexp(t, `Index Cond: .*tenant = k\.tenant.*stream = k\.stream.*acme_id = k\.acme_id`, plan)
		require.Less(t, time.Since(began), 2*time.Second)
	})
	t.Run("a claim reads the head of what waits in order, and writes it by its own key", func(t *testing.T) {
		plans.Taken()
		_, err := watched.ClaimPages(ctx, f, 2000, 4<<20)
		require.NoError(t, err)
		all := plans.Taken()
		head, write := all[len(all)-2], all[len(all)-1]
		require.Contains(t, head, "Limit")
		require.NotContains(t, head, "Sort  (", "all that waits was sorted")
		require.NotContains(t, head, "Seq Scan on envelopes")
		require.Regexp(t, byKey, write)
	})
	t.Run("hints are claimed from the head of what waits", func(t *testing.T) {
		plans.Taken()
		_, err := watched.ClaimHints(ctx, in, 400)
		require.NoError(t, err)
		plan := planOn(t, plans.Taken(), "envelopes")
		require.NotContains(t, plan, "Sort  (")
		require.NotContains(t, plan, "Seq Scan on envelopes")
	})
	t.Run("the backlog is read from the index of what waits", func(t *testing.T) {
		plans.Taken()
		_, err := watched.Backlog(ctx, "alpha")
		require.NoError(t, err)
		require.NotContains(t, planOn(t, plans.Taken(), "envelopes"), "Seq Scan on envelopes")
	})
	t.Run("the sweep's look reads lanes, reviews and cleanups, never records or envelopes", func(t *testing.T) {
		plans.Taken()
		_, err := watched.Overdue(ctx, 100)
		require.NoError(t, err)
		plan := planOn(t, plans.Taken(), "lanes")
		for _, table := range []string{"envelopes", "ledger", "known", "parked", "positions", "facts"} {
			require.NotContains(t, plan, " on "+table)
		}
	})
	t.Run("a list of records is read from where it stopped", func(t *testing.T) {
		plans.Taken()
		_, err := watched.Written(ctx, f, "r5", 100)
		require.NoError(t, err)
		require.Regexp(t, `Index Cond: .*acme_id > `, plans.Taken()[1])
	})
}

// planOn finds the plan that has to do with a table.
func planOn(t *testing.T, plans []string, table string) string {
	t.Helper()
	on := regexp.MustCompile(`(Scan|Update|Insert|Delete)( using \S+)? on ` + table)
	for i := len(plans) - 1; i >= 0; i-- {
		if on.MatchString(plans[i]) && (table != "envelopes" || !strings.Contains(plans[i], "INSERT INTO people")) {
			return plans[i]
		}
	}
	require.FailNow(t, "no statement has touched "+table, strings.Join(plans, "\n\n"))
	return ""
}

func endedHints(t *testing.T, d *dbtest.Database, n int) []acmesync.EndedHint {
	t.Helper()
	var ids []struct{ Day, ID string }
	require.NoError(t, d.Super.Select(&ids, `SELECT day::text, id::text FROM envelopes WHERE tenant = 'alpha' AND lane = 'fetch' AND ended_at IS NULL LIMIT $1`, n))
	var ended []acmesync.EndedHint
	for _, id := range ids {
		ended = append(ended, acmesync.EndedHint{Envelope: acmesync.EnvelopeID{Day: id.Day, ID: id.ID}, Column: acmesync.CountDone})
	}
	return ended
}

// filled gives a tenant many rows everywhere, and sees to it that Postgres does not learn how many.
func filled(t *testing.T, d *dbtest.Database, id acmesync.TenantID) {
	t.Helper()
	for _, table := range []string{"ledger", "known", "people", "parked", "links", "facts", "cells", "reviews"} {
		exec(t, d, `ALTER TABLE `+table+` SET (autovacuum_enabled = false)`)
	}
	var partitions []string
	require.NoError(t, d.Super.Select(&partitions, `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'envelopes'::regclass`))
	for _, p := range partitions {
		exec(t, d, `ALTER TABLE `+p+` SET (autovacuum_enabled = false)`)
	}
	// One body that opens serves all people: what is sealed for one does not open as another, so each is stored by the product.
	f := begin(t, d, id, acmesync.Fetch)
	var people []acmesync.Person
	if id == "alpha" {
		for n := range 500 {
			people = append(people, person(acmesync.ContactPerson, fmt.Sprint("r", n*7), 1))
		}
		require.NoError(t, d.CommitFetched(t.Context(), f, acmesync.Fetched{People: people}))
	}
	for _, q := range []string{
		`INSERT INTO ledger (tenant, connection, stream, acme_id, generation, version, hash, source_at, state, steps)
			SELECT $1, 'main', 'appointments', 'r' || n, 1, 1, gen_random_uuid(), now(), 'in_step', 1 FROM generate_series(0, $2::int - 1) n`,
		`INSERT INTO known (tenant, connection, stream, acme_id) SELECT $1, 'main', 'appointments', 'r' || n FROM generate_series(0, $2::int - 1) n`,
		`INSERT INTO people (tenant, connection, kind, person_id, hash, body, key_id)
			SELECT $1, 'main', 'contact', 'r' || n, gen_random_uuid(), '\x00', 'd1' FROM generate_series(0, $2::int - 1) n ON CONFLICT DO NOTHING`,
		`INSERT INTO reviews (tenant, fingerprint, connection, kind, stream, code, state) SELECT $1, 'f', 'main', 'records', 'appointments', 'end_missing', 'open' WHERE $2::int > 0`,
		`INSERT INTO parked (tenant, connection, stream, acme_id, fingerprint, code, message, body_id)
			SELECT $1, 'main', 'appointments', 'r' || n, 'f', 'end_missing', 'm', gen_random_uuid() FROM generate_series(0, $2::int - 1) n`,
		`INSERT INTO links (tenant, connection, contact_id, stream, acme_id, ends_at)
			SELECT $1, 'main', 'r' || n, 'appointments', 'r' || n, now() + interval '1 day' FROM generate_series(0, $2::int - 1) n`,
		`INSERT INTO facts (tenant, connection, acme_id, user_id, day, channel, direction, occurred_at)
			SELECT $1, 'main', 'r' || n, 'u', '2026-01-01', 'email', 'out', now() FROM generate_series(0, $2::int - 1) n`,
		`INSERT INTO cells (tenant, connection, user_id, day, channel, direction, n)
			SELECT $1, 'main', 'u' || n, '2026-01-01', 'email', 'out', 1 FROM generate_series(0, $2::int - 1) n`,
		`INSERT INTO envelopes (id, tenant, connection, generation, lane, kind, way, stream, acme_id, day)
			SELECT gen_random_uuid(), $1, 'main', 1, 'fetch', 'hint', 'hook', 'appointments', 'r' || n, current_date - (n % 3 = 0)::int FROM generate_series(0, $2::int - 1) n`,
	} {
		exec(t, d, q, id, many)
	}
	var pages []acmesync.NewPage
	for n := range 300 {
		pages = append(pages, page(acmesync.Appointments, acmesync.Backfill, fmt.Sprint("p", n)))
	}
	fetched(t, d, f, pages...)
	require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM pg_stats WHERE schemaname = 'public' AND tablename IN ('ledger', 'known', 'people')`), "the tables have no statistics")
}
