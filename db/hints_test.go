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

// hinted stores hints as a webhook does: one delivery that names each record.
func hinted(t *testing.T, d *dbtest.Database, id acmesync.TenantID, keys ...acmesync.Key) {
	t.Helper()
	var events []db.HookEvent
	for _, k := range keys {
		events = append(events, db.HookEvent{Stream: k.Stream, AcmeID: k.AcmeID, Version: 3, Body: []byte("{}")})
	}
	got, err := d.StoreHooks(t.Context(), []db.HookDelivery{{Endpoint: endpointOf(t, d, id), Tenant: id,
		WebhookID: fmt.Sprint("w", time.Now().UnixNano()), BodySHA: []byte{1}, Events: events}})
	require.NoError(t, err)
	require.Equal(t, []db.HookStatus{db.HookNew}, got)
}

func hints(t *testing.T, d *dbtest.Database, f acmesync.Fence) []acmesync.Hint {
	t.Helper()
	all, err := d.ClaimHints(t.Context(), f, 100)
	require.NoError(t, err)
	return all
}

func appointment(id string) acmesync.Key {
	return acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}
}

func TestHints(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()

	t.Run("hints are claimed in order of arrival, with the version they name, up to a number", func(t *testing.T) {
		activated(t, d, "claim")
		hinted(t, d, "claim", appointment("1"), appointment("2"))
		hinted(t, d, "claim", acmesync.Key{Stream: acmesync.Touchpoints, AcmeID: "3"})
		f := begin(t, d, "claim", acmesync.Fetch)
		two, err := d.ClaimHints(ctx, f, 2)
		require.NoError(t, err)
		require.Equal(t, []acmesync.Key{appointment("1"), appointment("2")}, []acmesync.Key{two[0].Key, two[1].Key})
		require.EqualValues(t, 3, two[0].Version)
		require.Zero(t, two[0].Tries)
		require.WithinDuration(t, time.Now(), two[0].ReceivedAt, time.Minute)
		require.Len(t, hints(t, d, f), 3)
	})
	t.Run("while the app is held, hints stay hints", func(t *testing.T) {
		activated(t, d, "held")
		hinted(t, d, "held", appointment("1"))
		in, out := begin(t, d, "held", acmesync.Fetch), begin(t, d, "held", acmesync.Deliver)
		require.NoError(t, d.Hold(ctx, out, acmesync.Hold{Dependency: acmesync.DependsOnApp, Kind: acmesync.Unavailable, Reason: "test"}, time.Hour))
		require.Empty(t, hints(t, d, in))
		_, err := d.Release(ctx, out, acmesync.DependsOnApp, "")
		require.NoError(t, err)
		require.Len(t, hints(t, d, in), 1)
	})
	t.Run("a hint that was put off is not due, comes back with its tries, and ends once", func(t *testing.T) {
		activated(t, d, "later")
		hinted(t, d, "later", appointment("1"))
		f := begin(t, d, "later", acmesync.Fetch)
		h := hints(t, d, f)[0]
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Later: []acmesync.LaterHint{{Envelope: h.Envelope, After: time.Hour}}}))
		require.Empty(t, hints(t, d, f))
		require.InDelta(t, 3600, scalar[float64](t, d, `SELECT extract(epoch FROM due_at - now()) FROM envelopes WHERE tenant = 'later'`), 5)
		exec(t, d, `UPDATE envelopes SET due_at = now() WHERE tenant = 'later'`)
		require.Equal(t, 1, hints(t, d, f)[0].Tries)
		for range 2 {
			require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Ended: []acmesync.EndedHint{{Envelope: h.Envelope, Column: acmesync.CountDone, Outcome: acmesync.EndedGone}}}))
		}
		require.Empty(t, hints(t, d, f))
		require.Equal(t, acmesync.ArrivalTotals{Received: 1, Done: 1}, balanceOf(t, d, "later", acmesync.Appointments).Arrivals)
	})
	t.Run("each way of ending goes to its own count", func(t *testing.T) {
		activated(t, d, "columns")
		hinted(t, d, "columns", appointment("1"), appointment("1"), appointment("2"), appointment("3"), appointment("4"))
		f := begin(t, d, "columns", acmesync.Fetch)
		all := hints(t, d, f)
		var ended []acmesync.EndedHint
		for i, column := range []acmesync.EndColumn{acmesync.CountDone, acmesync.CountSuperseded, acmesync.CountDuplicate, acmesync.CountParked} {
			ended = append(ended, acmesync.EndedHint{Envelope: all[i].Envelope, Column: column})
		}
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Ended: ended}))
		require.Equal(t, acmesync.ArrivalTotals{Received: 5, Done: 1, Duplicate: 1, Superseded: 1, Parked: 1, Waiting: 1},
			balanceOf(t, d, "columns", acmesync.Appointments).Arrivals)
	})
	t.Run("hints of an earlier activation are not claimed", func(t *testing.T) {
		activated(t, d, "generation")
		hinted(t, d, "generation", appointment("1"))
		exec(t, d, `UPDATE tenants SET generation = generation + 1 WHERE tenant = 'generation'`)
		require.Empty(t, hints(t, d, begin(t, d, "generation", acmesync.Fetch)))
	})
	t.Run("the product's own hints collapse with one that waits untried", func(t *testing.T) {
		activated(t, d, "collapse")
		hinted(t, d, "collapse", appointment("1"))
		f := begin(t, d, "collapse", acmesync.Fetch)
		ask := func(keys ...acmesync.Key) {
			require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{Hints: keys}))
		}
		waiting := func(id string) int {
			return scalar[int](t, d, `SELECT count(*) FROM envelopes WHERE tenant = 'collapse' AND acme_id = $1 AND ended_at IS NULL`, id)
		}
		ask(appointment("1"), appointment("2"), appointment("2"))
		ask(appointment("1"), appointment("2"))
		require.Equal(t, 1, waiting("1"))
		require.Equal(t, 1, waiting("2"))
		ask(acmesync.Key{Stream: acmesync.Touchpoints, AcmeID: "1"})
		require.Equal(t, 2, waiting("1"), "the same id in another stream is another record")
		exec(t, d, `UPDATE envelopes SET tries = 1 WHERE tenant = 'collapse' AND acme_id = '2'`)
		ask(appointment("2"))
		require.Equal(t, 2, waiting("2"), "one that was read for already may be about an older state")
		exec(t, d, `UPDATE envelopes SET ended_at = now() WHERE tenant = 'collapse'`)
		ask(appointment("1"))
		require.Equal(t, 1, waiting("1"), "one that has ended is no reason to leave it out")
	})
	t.Run("a contact that changed leaves one hint per future event that names it", func(t *testing.T) {
		activated(t, d, "contact")
		in, out := begin(t, d, "contact", acmesync.Fetch), begin(t, d, "contact", acmesync.Deliver)
		people := func(all ...acmesync.Person) {
			require.NoError(t, d.CommitFetched(ctx, in, acmesync.Fetched{People: all}))
		}
		people(person(acmesync.ContactPerson, "anna", 1), person(acmesync.ContactPerson, "bert", 1))
		link := func(contact, id string, ends time.Time) {
			require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Links: []acmesync.Link{{ContactID: contact, Key: appointment(id), EndsAt: ends}}}))
		}
		link("anna", "future", time.Now().Add(time.Hour))
		link("anna", "moved-to-the-future", time.Now().Add(time.Minute))
		link("anna", "moved-to-the-future", time.Now().Add(time.Hour))
		link("anna", "past", time.Now().Add(-time.Hour))
		link("bert", "somebody-else", time.Now().Add(time.Hour))
		require.Empty(t, waitingHints(t, d, "contact"), "new people change no event")
		people(person(acmesync.ContactPerson, "anna", 1))
		require.Empty(t, waitingHints(t, d, "contact"), "the same again changes nothing")
		people(person(acmesync.ContactPerson, "anna", 2))
		require.Equal(t, []string{"future", "moved-to-the-future"}, waitingHints(t, d, "contact"))
	})
	t.Run("a contact that comes after its event leaves a hint as well", func(t *testing.T) {
		activated(t, d, "late")
		in, out := begin(t, d, "late", acmesync.Fetch), begin(t, d, "late", acmesync.Deliver)
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Links: []acmesync.Link{{ContactID: "late", Key: appointment("nameless"), EndsAt: time.Now().Add(time.Hour)}}}))
		require.NoError(t, d.CommitFetched(ctx, in, acmesync.Fetched{People: []acmesync.Person{person(acmesync.ContactPerson, "late", 1)}}))
		require.Equal(t, []string{"nameless"}, waitingHints(t, d, "late"))
	})
	t.Run("a contact that is forgotten leaves a hint for past events too", func(t *testing.T) {
		activated(t, d, "forgotten")
		in, out := begin(t, d, "forgotten", acmesync.Fetch), begin(t, d, "forgotten", acmesync.Deliver)
		for id, ends := range map[string]time.Duration{"past": -time.Hour, "future": time.Hour} {
			require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Links: []acmesync.Link{{ContactID: "anna", Key: appointment(id), EndsAt: time.Now().Add(ends)}}}))
		}
		anna := person(acmesync.ContactPerson, "anna", 1)
		anna.Forgotten = true
		require.NoError(t, d.CommitFetched(ctx, in, acmesync.Fetched{People: []acmesync.Person{anna}}))
		require.Equal(t, []string{"future", "past"}, waitingHints(t, d, "forgotten"))
	})
	t.Run("an owner who is somebody else in the app leaves a hint per record, one who is the same none", func(t *testing.T) {
		activated(t, d, "users")
		out := begin(t, d, "users", acmesync.Deliver)
		var entries []acmesync.LedgerEntry
		for id, owner := range map[string]string{"unmatched": "new", "moved": "other", "same": "same", "nobody": "none"} {
			e := entry(acmesync.Appointments, id, acmesync.InStep, "")
			e.OwnerID = owner
			entries = append(entries, e)
		}
		matches := func(m map[string]string) {
			_, err := d.CommitMatches(ctx, out, m)
			require.NoError(t, err)
		}
		matches(map[string]string{"new": "", "other": "u_1", "same": "u_2", "none": ""})
		require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Entries: entries}))
		matches(map[string]string{"new": "", "other": "u_1", "same": "u_2", "none": ""})
		require.Empty(t, waitingHints(t, d, "users"))
		matches(map[string]string{"new": "u_5", "other": "u_6", "same": "u_2", "none": ""})
		require.Equal(t, []string{"moved", "unmatched"}, waitingHints(t, d, "users"))
	})
}

func TestContactsInARace(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "race")
	in, out := begin(t, d, "race", acmesync.Fetch), begin(t, d, "race", acmesync.Deliver)
	// However the two commits meet, the record is read again, unless it was mapped with what the contact is now.
	for n := range 40 {
		contact, record := fmt.Sprint("contact-", n), fmt.Sprint("record-", n)
		require.NoError(t, d.CommitFetched(ctx, in, acmesync.Fetched{People: []acmesync.Person{person(acmesync.ContactPerson, contact, 1)}}))
		hashes, err := d.ContactHashes(ctx, out, []string{contact})
		require.NoError(t, err)
		errs := make(chan error, 2)
		go func() {
			errs <- d.CommitFetched(ctx, in, acmesync.Fetched{People: []acmesync.Person{person(acmesync.ContactPerson, contact, 2)}})
		}()
		go func() {
			errs <- d.CommitDelivered(ctx, out, acmesync.Delivered{Links: []acmesync.Link{{ContactID: contact, Key: appointment(record),
				EndsAt: time.Now().Add(time.Hour), Mapped: true, Hash: hashes[contact]}}})
		}()
		require.NoError(t, <-errs)
		require.NoError(t, <-errs)
		require.Contains(t, waitingHints(t, d, "race"), record)
	}
	t.Run("a record whose people are as they were leaves none", func(t *testing.T) {
		hashes, err := d.ContactHashes(ctx, out, []string{"contact-1", "nobody"})
		require.NoError(t, err)
		for _, id := range []string{"contact-1", "nobody"} {
			require.NoError(t, d.CommitDelivered(ctx, out, acmesync.Delivered{Links: []acmesync.Link{{ContactID: id, Key: appointment("calm"),
				EndsAt: time.Now().Add(time.Hour), Mapped: true, Hash: hashes[id]}}}))
		}
		require.NotContains(t, waitingHints(t, d, "race"), "calm")
	})
}

func waitingHints(t *testing.T, d *dbtest.Database, id acmesync.TenantID) []string {
	t.Helper()
	var ids []string
	require.NoError(t, d.Super.Select(&ids, `SELECT acme_id FROM envelopes WHERE tenant = $1 AND kind = 'hint' AND ended_at IS NULL ORDER BY 1`, id))
	return ids
}
