package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

var firstOfJune = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

var policies = []acmesync.ConflictPolicy{acmesync.AcmeWins, acmesync.AppWins, acmesync.NewestWins, acmesync.ReviewConflict}

func mergeRules(t require.TestingT, c acmesync.ConflictRules, fields ...acmesync.FieldRule) *mapping.Rules {
	r, problems := mapping.Compile(acmesync.Config{Appointments: acmesync.AppointmentRules{
		Direction: acmesync.BothWays, Conflict: c, Mapping: fields,
	}}, settings())
	require.Empty(t, problems)
	return r
}

// someEvent draws from few values, so that sides often agree.
func someEvent(t *rapid.T, label string) app.Event {
	pick := func(field string, values ...string) string { return rapid.SampledFrom(values).Draw(t, label+" "+field) }
	e := app.Event{
		OwnerID: pick("owner", "u-grace", "u-ruby"), Title: pick("title", "A", "B", "C"), Description: pick("notes", "", "x", "y"),
		Status: pick("status", app.StatusConfirmed, app.StatusCancelled), Visibility: app.VisibilityFull,
		Location: pick("location", "", "here", "there"), ConferenceURL: pick("link", "", "https://a.example"),
	}
	if e.Status == app.StatusConfirmed {
		e.Outcome = pick("outcome", "", app.OutcomeCompleted)
	}
	hour := pick("start", "08", "09", "10")
	e.Start = app.Moment{DateTime: "2026-06-01T" + hour + ":00:00Z", TimeZone: "UTC"}
	e.End = app.Moment{DateTime: "2026-06-01T" + hour + ":30:00Z", TimeZone: "UTC"}
	return e
}

// afterwards is what both sides are once everybody has done what a merge asks for.
func afterwards(m mapping.Merged, in mapping.Sides) (acmes, apps app.Event) {
	var s mapping.State
	s.Acme, s.App = in.Acme, in.App
	s.Agree(m.ToAcme, in.App, in.App)
	return s.Acme, m.ToApp
}

func TestMergeLaws(t *testing.T) {
	t.Parallel()
	law := func(name string, holds func(t *rapid.T)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, holds)
		})
	}
	anyRules := func(t *rapid.T) *mapping.Rules {
		return mergeRules(t, acmesync.ConflictRules{Default: rapid.SampledFrom(policies).Draw(t, "policy")})
	}
	anySide := func(t *rapid.T) acmesync.Side {
		return rapid.SampledFrom([]acmesync.Side{acmesync.AcmeSide, acmesync.AppSide}).Draw(t, "side")
	}
	law("no change is nothing to do", func(t *rapid.T) {
		s := mapping.State{Acme: someEvent(t, "acme"), App: someEvent(t, "app")}
		m := anyRules(t).Merge(s, mapping.Sides{Acme: s.Acme, App: s.App, Newer: anySide(t)})
		require.Empty(t, m.AppFields)
		require.Empty(t, m.ToAcme)
		require.Empty(t, m.Conflicts)
	})
	law("what one side has changed travels, and the other side's edits stay", func(t *rapid.T) {
		base, changed := someEvent(t, "base"), someEvent(t, "changed")
		m := anyRules(t).Merge(mapping.State{Acme: base, App: base}, mapping.Sides{Acme: changed, App: base})
		require.True(t, mapping.Same(changed, m.ToApp))
		require.Empty(t, m.ToAcme)
		m = anyRules(t).Merge(mapping.State{Acme: base, App: base}, mapping.Sides{Acme: base, App: changed})
		require.Empty(t, m.AppFields)
		acmes, _ := afterwards(m, mapping.Sides{Acme: base, App: changed})
		require.True(t, mapping.Same(changed, acmes))
	})
	law("both sides end alike, unless a person has to say", func(t *rapid.T) {
		base := someEvent(t, "base")
		in := mapping.Sides{Acme: someEvent(t, "acme"), App: someEvent(t, "app"), Newer: anySide(t)}
		m := anyRules(t).Merge(mapping.State{Acme: base, App: base}, in)
		if m.Undecided() {
			return
		}
		acmes, apps := afterwards(m, in)
		require.True(t, mapping.Same(acmes, apps))
	})
	law("merging again what has been merged is nothing to do", func(t *rapid.T) {
		base, rules := someEvent(t, "base"), anyRules(t)
		in := mapping.Sides{Acme: someEvent(t, "acme"), App: someEvent(t, "app"), Newer: anySide(t), Settled: anySide(t)}
		acmes, apps := afterwards(rules.Merge(mapping.State{Acme: base, App: base}, in), in)
		m := rules.Merge(mapping.State{Acme: acmes, App: apps}, mapping.Sides{Acme: acmes, App: apps})
		require.Empty(t, m.AppFields)
		require.Empty(t, m.ToAcme)
	})
	law("each policy is its opposite with the sides changed", func(t *rapid.T) {
		base, one, other := someEvent(t, "base"), someEvent(t, "one"), someEvent(t, "other")
		s := mapping.State{Acme: base, App: base}
		acmeWins := mergeRules(t, acmesync.ConflictRules{}).Merge(s, mapping.Sides{Acme: one, App: other})
		appWins := mergeRules(t, acmesync.ConflictRules{Default: acmesync.AppWins}).Merge(s, mapping.Sides{Acme: other, App: one})
		_, left := afterwards(acmeWins, mapping.Sides{Acme: one, App: other})
		right, _ := afterwards(appWins, mapping.Sides{Acme: other, App: one})
		require.True(t, mapping.Same(left, right))
		require.Len(t, appWins.Conflicts, len(acmeWins.Conflicts))
	})
	law("a change of ours whose answer was lost is no change of Acme's", func(t *rapid.T) {
		base, mine, later := someEvent(t, "base"), someEvent(t, "mine"), someEvent(t, "later")
		rules := mergeRules(t, acmesync.ConflictRules{})
		sent := rules.Merge(mapping.State{Acme: base, App: base}, mapping.Sides{Acme: base, App: mine}).ToAcme
		s := mapping.State{Acme: base, App: base, Pending: &mapping.Pending{Version: 4, Fields: sent, Acme: mine, App: mine}}
		s.Settle(5, mine)
		m := rules.Merge(s, mapping.Sides{Acme: mine, App: later})
		require.Empty(t, m.Conflicts, "people have gone on in the app alone")
		acmes, _ := afterwards(m, mapping.Sides{Acme: mine, App: later})
		require.True(t, mapping.Same(later, acmes))
	})
	law("what Acme is asked to change is what comes back", func(t *rapid.T) {
		from, to := someEvent(t, "from"), someEvent(t, "to")
		rules := mergeRules(t, acmesync.ConflictRules{})
		input, err := rules.Input(from, staff())
		require.NoError(t, err)
		m := rules.Merge(mapping.State{Acme: from, App: from}, mapping.Sides{Acme: from, App: to})
		patch, err := rules.Patch(m.ToAcme, to, staff())
		require.NoError(t, err)
		back, err := rules.Appointment(mapping.Patched(mapping.Made(input), patch), nil, staff(), mapping.Occasion{Now: firstOfJune})
		require.NoError(t, err)
		require.True(t, mapping.Same(to, back), "%+v\n%+v", to, back)
	})
}

func TestMerge(t *testing.T) {
	t.Parallel()
	base := app.Event{
		Title: "Visit", Location: "Here", Status: app.StatusConfirmed, Visibility: app.VisibilityFull,
		Start: app.Moment{DateTime: "2026-06-01T08:00:00Z", TimeZone: "UTC"}, End: app.Moment{DateTime: "2026-06-01T09:00:00Z", TimeZone: "UTC"},
	}
	change := func(e app.Event, how func(*app.Event)) app.Event { how(&e); return e }
	acmes := change(base, func(e *app.Event) { e.Title = "Acme's" })
	apps := change(base, func(e *app.Event) { e.Title = "The app's" })
	s := mapping.State{Acme: base, App: base}

	t.Run("different fields travel both ways at once", func(t *testing.T) {
		t.Parallel()
		m := mergeRules(t, acmesync.ConflictRules{}).Merge(s, mapping.Sides{Acme: acmes, App: change(base, func(e *app.Event) { e.Location = "There" })})
		require.Equal(t, []string{"title"}, m.AppFields)
		require.Equal(t, []string{"location"}, m.ToAcme)
		require.Equal(t, "There", m.ToApp.Location)
	})
	for _, c := range []struct {
		policy acmesync.ConflictPolicy
		newer  acmesync.Side
		winner acmesync.Side
		lost   string
	}{
		{acmesync.AcmeWins, acmesync.AppSide, acmesync.AcmeSide, "The app's"},
		{acmesync.AppWins, acmesync.AcmeSide, acmesync.AppSide, "Acme's"},
		{acmesync.NewestWins, acmesync.AppSide, acmesync.AppSide, "Acme's"},
		{acmesync.NewestWins, acmesync.AcmeSide, acmesync.AcmeSide, "The app's"},
		{acmesync.ReviewConflict, acmesync.AppSide, "", "The app's"},
	} {
		t.Run(string(c.policy)+" where "+string(c.newer)+" is newer", func(t *testing.T) {
			t.Parallel()
			rules := mergeRules(t, acmesync.ConflictRules{Default: acmesync.AcmeWins, Fields: map[string]acmesync.ConflictPolicy{"title": c.policy}})
			m := rules.Merge(s, mapping.Sides{Acme: acmes, App: apps, Newer: c.newer})
			require.Equal(t, []mapping.Conflict{{Field: "title", Policy: c.policy, Winner: c.winner, Lost: c.lost}}, m.Conflicts)
			require.Equal(t, c.winner == "", m.Undecided())
		})
	}
	t.Run("start and end are one field", func(t *testing.T) {
		t.Parallel()
		m := mergeRules(t, acmesync.ConflictRules{}).Merge(s, mapping.Sides{
			Acme: change(base, func(e *app.Event) { e.Start.DateTime = "2026-06-01T07:00:00Z" }),
			App:  change(base, func(e *app.Event) { e.End.DateTime = "2026-06-01T07:30:00Z" }),
		})
		require.Len(t, m.Conflicts, 1)
		require.Equal(t, "2026-06-01T09:00:00Z", m.ToApp.End.DateTime)
	})
	t.Run("a field that a rule fills otherwise than by a copy does not travel back", func(t *testing.T) {
		t.Parallel()
		rules := mergeRules(t, acmesync.ConflictRules{}, acmesync.FieldRule{Target: "title", CEL: `appointment.subject + "!"`})
		require.Empty(t, rules.Merge(s, mapping.Sides{Acme: base, App: apps}).ToAcme)
		require.Equal(t, []string{"title"}, rules.Merge(s, mapping.Sides{Acme: acmes, App: apps}).AppFields, "Acme's news stands")
		require.False(t, rules.Writable("title", base))
		require.True(t, rules.Writable("location", base))
	})
	t.Run("of what shows as busy only, nothing but times and status travels back", func(t *testing.T) {
		t.Parallel()
		busy := app.Event{Visibility: app.VisibilityBusy}
		rules := mergeRules(t, acmesync.ConflictRules{})
		for _, field := range []string{"title", "description", "location", "visibility", "owner_id", "conference_url", "attendees"} {
			require.False(t, rules.Writable(field, busy), field)
		}
		require.True(t, rules.Writable("start", busy) && rules.Writable("status", busy))
	})
	t.Run("notes that were typed in the app are read again as they were", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"a\nb", "1 < 2 & 3", "a\n\nb", "<p>not a tag</p>"} {
			patch, err := mergeRules(t, acmesync.ConflictRules{}).Patch([]string{"description"}, app.Event{Description: text}, staff())
			require.NoError(t, err)
			back, err := mergeRules(t, acmesync.ConflictRules{}).Appointment(mapping.Patched(acme.Appointment{
				ID: "a", Status: acme.Scheduled, OwnerID: "usr_1", Start: &acme.Moment{Date: "2026-06-01"}, End: &acme.Moment{Date: "2026-06-02"},
			}, patch), nil, staff(), mapping.Occasion{Now: firstOfJune})
			require.NoError(t, err)
			require.Equal(t, text, back.Description)
		}
	})
	t.Run("an owner who has no user in Acme is a fault", func(t *testing.T) {
		t.Parallel()
		_, err := mergeRules(t, acmesync.ConflictRules{}).Patch([]string{"owner_id"}, app.Event{OwnerID: "u-nobody"}, staff())
		var fault *acmesync.Fault
		require.ErrorAs(t, err, &fault)
		require.Equal(t, acmesync.OwnerUnmatched, fault.Code)
	})
}
