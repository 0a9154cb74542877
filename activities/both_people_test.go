package activities_test

import (
	"slices"
	"testing"

	"acmesync"
	"acmesync/app"

	"github.com/stretchr/testify/require"
)

func TestAttendeesBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(acmesync.ConflictRules{Fields: map[string]acmesync.ConflictPolicy{"attendees": acmesync.AppWins}}))
	for id, fields := range map[string]map[string]any{
		"con_ada":   {"name": "Ada", "emails": []string{"ada@example.com"}},
		"con_grace": {"name": "Grace", "phones": []string{"(02) 9374 4000"}},
		"con_hilda": {"name": "Hilda", "emails": []string{"hilda@example.com"}},
	} {
		w.put(t, "contacts", id, fields)
	}
	w.run(t)
	w.poll(t)
	w.quiet(t)
	eventually(t, "the contacts are known", func() bool { return w.scalar(t, `SELECT count(*) FROM people WHERE kind = 'contact'`) == 3 })
	stranger := map[string]any{"name": "A stranger", "email": "stranger@example.com"}
	ada := map[string]any{"name": "Ada L.", "email": "Ada@example.com"}
	grace := map[string]any{"name": "Grace", "phone": "+61 2 9374 4000"}
	has := func(id string, contacts ...string) func() bool {
		return func() bool { return slices.Equal(w.record(t, id).ContactIDs, contacts) }
	}
	names := func(id string) (all []string) {
		for _, a := range w.event(t, id).Attendees {
			all = append(all, a.Name)
		}
		return all
	}
	note := func(id string) string {
		_, code := w.entry(t, acmesync.Appointments, id)
		return code
	}

	t.Run("customers who are added and taken away are attached and detached, by one write and none back", func(t *testing.T) {
		e := w.arrive(t, "apt", map[string]any{"contact_ids": []string{"con_hilda"}})
		w.edit(t, "apt", map[string]any{"attendees": []any{ada, grace}})
		eventually(t, "Hilda has gone and two have come", has("apt", "con_ada", "con_grace"))
		w.quiet(t)
		w.hook(t, acmesync.Appointments, "apt", w.record(t, "apt").Version)
		w.quiet(t)
		require.Equal(t, []string{"Ada L.", "Grace"}, names("apt"), "they stay as they were typed")
		require.Equal(t, []int{1, 1}, []int{w.apiWrites(t, "apt"), w.appWrites(t, e.ID)})
		require.Empty(t, note("apt"))
	})
	t.Run("another's change of them in Acme arrives, and leaves the others as they were typed", func(t *testing.T) {
		w.put(t, "appointments", "apt", map[string]any{"contact_ids": []string{"con_ada", "con_grace", "con_hilda"}})
		w.hook(t, acmesync.Appointments, "apt", 0)
		eventually(t, "Hilda is back", func() bool { return slices.Equal(names("apt"), []string{"Ada L.", "Grace", "Hilda"}) })
		w.quiet(t)
		require.Equal(t, 1, w.apiWrites(t, "apt"))
	})
	t.Run("one whom nobody knows stays in the app, and the record says so", func(t *testing.T) {
		e := w.arrive(t, "apt_strange", map[string]any{"contact_ids": []string{"con_ada"}})
		w.edit(t, "apt_strange", map[string]any{"attendees": []any{e.Attendees[0], stranger}})
		w.becomes(t, "apt_strange", "in_step", acmesync.AttendeeUnknown)
		w.quiet(t)
		require.Zero(t, w.apiWrites(t, "apt_strange"))
		t.Run("whatever changes in Acme beside it", func(t *testing.T) {
			w.put(t, "appointments", "apt_strange", map[string]any{"contact_ids": []string{"con_hilda"}, "subject": "With Hilda"})
			w.hook(t, acmesync.Appointments, "apt_strange", 0)
			eventually(t, "Hilda comes for Ada", func() bool { return slices.Equal(names("apt_strange"), []string{"Hilda", "A stranger"}) })
			w.quiet(t)
			require.Equal(t, string(acmesync.AttendeeUnknown), note("apt_strange"))
		})
		t.Run("and however often it is told of again", func(t *testing.T) {
			w.ruled(t, both(acmesync.ConflictRules{}), acmesync.Appointments)
			w.settled(t)
			require.Equal(t, string(acmesync.AttendeeUnknown), note("apt_strange"))
		})
		t.Run("until people take them out", func(t *testing.T) {
			w.edit(t, "apt_strange", map[string]any{"attendees": []any{map[string]any{"name": "Hilda", "email": "hilda@example.com"}}})
			w.becomes(t, "apt_strange", "in_step", "")
		})
		w.ruled(t, both(acmesync.ConflictRules{Fields: map[string]acmesync.ConflictPolicy{"attendees": acmesync.AppWins}}))
	})
	t.Run("both sides change them: the policy of attendees decides", func(t *testing.T) {
		w.arrive(t, "apt_conflict", map[string]any{"contact_ids": []string{"con_ada"}})
		w.put(t, "appointments", "apt_conflict", map[string]any{"contact_ids": []string{"con_ada", "con_hilda"}})
		w.edit(t, "apt_conflict", map[string]any{"attendees": []any{grace}})
		eventually(t, "the app's stand", has("apt_conflict", "con_grace"))
		w.quiet(t)
		require.Equal(t, []string{"Grace"}, names("apt_conflict"))
		story, err := w.Record(t.Context(), tenant, acmesync.Appointments, "apt_conflict")
		require.NoError(t, err)
		require.Equal(t, "attendees", story.Overruled[0].Field)
		require.Contains(t, story.Overruled[0].Lost, "Hilda")
	})
	t.Run("who is there changes in the app and something else in Acme: both have both", func(t *testing.T) {
		w.arrive(t, "apt_merge", map[string]any{"contact_ids": []string{"con_ada"}})
		w.put(t, "appointments", "apt_merge", map[string]any{"subject": "Acme's title"})
		w.edit(t, "apt_merge", map[string]any{"attendees": []any{}})
		eventually(t, "both have both", func() bool {
			return len(w.record(t, "apt_merge").ContactIDs) == 0 && w.event(t, "apt_merge").Title == "Acme's title" && len(w.event(t, "apt_merge").Attendees) == 0
		})
	})
	t.Run("a customer's new number arrives though people have typed the name otherwise", func(t *testing.T) {
		w.put(t, "contacts", "con_ada", map[string]any{"phones": []string{"(02) 9374 4009"}})
		w.poll(t)
		eventually(t, "the number is there", func() bool {
			all := w.event(t, "apt").Attendees
			return slices.ContainsFunc(all, func(a app.Attendee) bool { return a.Phone == "+61293744009" })
		})
		w.quiet(t)
		eventually(t, "the books balance", func() bool { return w.balance(t, acmesync.Appointments).Balanced })
	})
}
