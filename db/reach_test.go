package db_test

import (
	"testing"

	"acmesync"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestContactsReached(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	activated(t, d, "alpha")
	f := begin(t, d, "alpha", acmesync.Fetch)
	contact := func(id, email, phone, into string, version int64) acmesync.Person {
		p := person(acmesync.ContactPerson, id, version)
		p.Email, p.Phone, p.MergedInto = email, phone, into
		return p
	}
	keep := func(t *testing.T, people ...acmesync.Person) {
		t.Helper()
		require.NoError(t, d.CommitFetched(ctx, f, acmesync.Fetched{People: people}))
	}
	reached := func(t *testing.T, email, phone string) acmesync.Reached {
		t.Helper()
		all, err := d.ContactsReached(ctx, f, []acmesync.Reach{{}, {Email: email, Phone: phone}})
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Zero(t, all[0])
		return all[1]
	}
	const number = "+41446681800"

	t.Run("a contact is found by address, whatever its case, and by number", func(t *testing.T) {
		keep(t, contact("anna", "Anna@example.test", number, "", 1))
		require.Equal(t, acmesync.Reached{ByEmail: []string{"anna"}}, reached(t, "anna@EXAMPLE.test", ""))
		require.Equal(t, acmesync.Reached{ByPhone: []string{"anna"}}, reached(t, "nobody@example.test", number))
	})
	t.Run("several of one number are all told, each once, merges followed to their end", func(t *testing.T) {
		keep(t, contact("bert", "", number, "", 1), contact("anne", "", number, "anni", 1), contact("anni", "", "", "anna", 1))
		require.ElementsMatch(t, []string{"anna", "bert"}, reached(t, "", number).ByPhone)
	})
	t.Run("neither address nor number can be read in the table", func(t *testing.T) {
		require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM people WHERE position(convert_to('446681800', 'UTF8') IN phone_index) > 0`))
	})
	t.Run("one from before there was an index of numbers is found once it is read again, and no event is concerned", func(t *testing.T) {
		const another = "+41446681801"
		keep(t, contact("carl", "carl@example.test", "", "", 1))
		require.Empty(t, reached(t, "", another).ByPhone)
		hints := scalar[int](t, d, `SELECT count(*) FROM envelopes`)
		keep(t, contact("carl", "carl@example.test", another, "", 1))
		require.Equal(t, []string{"carl"}, reached(t, "", another).ByPhone)
		require.Equal(t, hints, scalar[int](t, d, `SELECT count(*) FROM envelopes`))
	})
	t.Run("one that has changed is found no more by what it had", func(t *testing.T) {
		keep(t, contact("carl", "charles@example.test", "", "", 2))
		require.Zero(t, reached(t, "carl@example.test", "+41446681801"))
	})
}
