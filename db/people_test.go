package db_test

import (
	"fmt"
	"testing"
	"time"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

// person is a version of somebody; versions differ in their hash and body.
func person(kind acmesync.PersonKind, id string, version int64) acmesync.Person {
	return acmesync.Person{Kind: kind, ID: id, Version: version, Hash: fmt.Sprintf("00000000-0000-0000-0000-%012d", version),
		Email: id + "@example.test", Body: fmt.Appendf(nil, `{"id":%q,"version":%d}`, id, version)}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "alpha")
	f := begin(t, d, "alpha", acmesync.Fetch)
	keep := func(t *testing.T, people ...acmesync.Person) {
		t.Helper()
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{People: people}))
	}
	contact := func(id string, version int64, into string) acmesync.Person {
		p := person(acmesync.ContactPerson, id, version)
		p.MergedInto = into
		return p
	}
	contacts := func(t *testing.T, ids ...string) map[string]acmesync.Person {
		t.Helper()
		found, err := d.Contacts(ctx, f, ids)
		require.NoError(t, err)
		hashes, err := d.ContactHashes(ctx, f, ids)
		require.NoError(t, err)
		require.Len(t, hashes, len(found))
		for id, p := range found {
			require.Equal(t, p.Hash, hashes[id], "who is behind %s", id)
		}
		return found
	}

	t.Run("nobody asked for is nobody found", func(t *testing.T) {
		require.Empty(t, contacts(t))
		unknown, err := d.UnknownContacts(ctx, f, nil)
		require.NoError(t, err)
		require.Empty(t, unknown)
	})
	t.Run("a contact comes back as it was kept, an unknown one is left out and told", func(t *testing.T) {
		keep(t, contact("anna", 1, ""))
		found := contacts(t, "anna", "nobody")
		require.Len(t, found, 1)
		p := found["anna"]
		require.Equal(t, acmesync.Person{Kind: acmesync.ContactPerson, ID: "anna", Version: 1, Hash: p.Hash, Body: []byte(`{"id":"anna","version":1}`)}, p)
		unknown, err := d.UnknownContacts(ctx, f, []string{"anna", "nobody"})
		require.NoError(t, err)
		require.Equal(t, []string{"nobody"}, unknown)
	})
	t.Run("an older version does not replace a newer one", func(t *testing.T) {
		keep(t, contact("anna", 3, ""))
		keep(t, contact("anna", 2, ""))
		require.EqualValues(t, 3, contacts(t, "anna")["anna"].Version)
	})
	t.Run("of two versions in one commit the newer one is kept", func(t *testing.T) {
		keep(t, contact("bert", 1, ""), contact("bert", 5, ""), contact("bert", 2, ""))
		require.EqualValues(t, 5, contacts(t, "bert")["bert"].Version)
	})
	t.Run("merges are followed to whoever took the contact over, by the id asked for", func(t *testing.T) {
		keep(t, contact("m1", 1, "m2"), contact("m2", 1, "m3"), contact("m3", 7, ""))
		found := contacts(t, "m1", "m2", "m3")
		for _, id := range []string{"m1", "m2", "m3"} {
			require.Equal(t, "m3", found[id].ID)
		}
	})
	t.Run("a chain that ends at somebody unknown stops at the last who is known", func(t *testing.T) {
		keep(t, contact("e1", 1, "e2"), contact("e2", 1, "vanished"))
		require.Equal(t, "e2", contacts(t, "e1")["e1"].ID)
	})
	t.Run("a chain in a circle, or without end, comes to an end", func(t *testing.T) {
		keep(t, contact("c1", 1, "c2"), contact("c2", 1, "c1"), contact("self", 1, "self"))
		require.Len(t, contacts(t, "c1", "c2", "self"), 3)
		var chain []acmesync.Person
		for n := range 20 {
			chain = append(chain, contact(fmt.Sprint("l", n), 1, fmt.Sprint("l", n+1)))
		}
		keep(t, chain...)
		require.Equal(t, "l5", contacts(t, "l0")["l0"].ID, "five steps")
	})
	t.Run("an id asked for twice is one answer", func(t *testing.T) {
		require.Len(t, contacts(t, "anna", "anna"), 1)
	})
	t.Run("the two sides' users are kept apart", func(t *testing.T) {
		require.NoError(t, d.CommitStaff(ctx, f, acmesync.UserPerson, []acmesync.Person{person(acmesync.UserPerson, "u", 1)}))
		require.NoError(t, d.CommitStaff(ctx, f, acmesync.AppUserPerson, []acmesync.Person{person(acmesync.AppUserPerson, "u", 2), person(acmesync.AppUserPerson, "v", 1)}))
		ours, err := d.Staff(ctx, f, acmesync.UserPerson)
		require.NoError(t, err)
		require.Len(t, ours, 1)
		theirs, err := d.Staff(ctx, f, acmesync.AppUserPerson)
		require.NoError(t, err)
		require.Len(t, theirs, 2)
		require.EqualValues(t, 2, theirs["u"].Version)
	})
	t.Run("a side's users are stale ten minutes after they were read, and the stamp tells each reading", func(t *testing.T) {
		activated(t, d, "stale")
		g, out := begin(t, d, "stale", acmesync.Fetch), begin(t, d, "stale", acmesync.Deliver)
		fetched(t, d, g, page(acmesync.Appointments, acmesync.Live, "one"))
		stale := func(kind acmesync.PersonKind) bool {
			is, _, err := d.StaffStale(ctx, g, kind)
			require.NoError(t, err)
			return is
		}
		stamps := map[string]bool{}
		stamp := func() {
			pages, err := d.ClaimPages(ctx, out, 1, 1<<20)
			require.NoError(t, err)
			require.Len(t, pages, 1)
			require.False(t, stamps[pages[0].StaffStamp], "the stamp is new")
			stamps[pages[0].StaffStamp] = true
		}
		require.True(t, stale(acmesync.UserPerson) && stale(acmesync.AppUserPerson))
		stamp()
		require.NoError(t, d.CommitStaff(ctx, g, acmesync.UserPerson, nil))
		require.True(t, !stale(acmesync.UserPerson) && stale(acmesync.AppUserPerson))
		stamp()
		require.NoError(t, d.CommitStaff(ctx, g, acmesync.AppUserPerson, nil))
		require.False(t, stale(acmesync.AppUserPerson))
		stamp()
		exec(t, d, `UPDATE connections SET users_read_at = now() - interval '601 s' WHERE tenant = 'stale'`)
		require.True(t, stale(acmesync.UserPerson))
		stamp()
	})
	t.Run("both lanes keep people at once", func(t *testing.T) {
		out := begin(t, d, "alpha", acmesync.Deliver)
		errs := make(chan error, 40)
		people := func(kind acmesync.PersonKind, n int) []acmesync.Person {
			return []acmesync.Person{person(kind, "x", int64(n+10)), person(kind, "y", int64(n+10))}
		}
		go func() {
			for n := range 20 {
				errs <- d.CommitFetched(ctx, f, acmesync.Fetched{People: people(acmesync.ContactPerson, n)})
			}
		}()
		go func() {
			for n := range 20 {
				errs <- d.CommitStaff(ctx, out, acmesync.AppUserPerson, people(acmesync.AppUserPerson, n))
			}
		}()
		for range 40 {
			select {
			case err := <-errs:
				require.NoError(t, err)
			case <-time.After(20 * time.Second):
				require.FailNow(t, "they wait for each other")
			}
		}
	})
}
