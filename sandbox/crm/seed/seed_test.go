package seed_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm/manifest"
	"acmesync/sandbox/crm/seed"
)

var anchor = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func plan(b business.Business, number int64) seed.Plan {
	return seed.Plan{
		AccountID: b.ID, TimeZone: b.TimeZone, Region: b.Region, People: b.People, Seed: number, Anchor: anchor,
		Contacts: b.Contacts, Appointments: b.Appointments, Touchpoints: b.Touchpoints,
	}
}

func made(t *testing.T, p seed.Plan) *seed.Set {
	t.Helper()
	set, err := seed.Make(p)
	require.NoError(t, err)
	return set
}

// staff knows whom the calendar app knows.
type staff map[string]bool

func (s staff) InApp(userID string) bool { return s[userID] }

func judge(p seed.Plan, set *seed.Set) *manifest.Judge {
	known := staff{}
	for i, u := range set.Users {
		known[u.ID] = p.People[i].InApp
	}
	return &manifest.Judge{Staff: known}
}

func TestSeed(t *testing.T) {
	t.Parallel()

	t.Run("the same number makes the same data, another one other data", func(t *testing.T) {
		t.Parallel()
		b := business.All()[2]
		text := func(number int64) string {
			encoded, err := json.Marshal(made(t, plan(b, number)))
			require.NoError(t, err)
			return string(encoded)
		}
		once, again := text(1), text(1)
		require.Equal(t, once, again)
		require.NotEqual(t, text(1), text(2))
	})

	t.Run("the businesses add up to what was promised", func(t *testing.T) {
		t.Parallel()
		var contacts, appointments, touchpoints int
		for _, b := range business.All() {
			set := made(t, plan(b, 1))
			contacts += len(set.Contacts)
			appointments += len(set.Appointments)
			touchpoints += len(set.Touchpoints)
		}
		require.Equal(t, []int{3150, 5200, 21000}, []int{contacts, appointments, touchpoints})
	})

	for _, b := range business.All() {
		for _, number := range []int64{1, 2, 77} {
			t.Run(b.ID+" holds exactly the defects it was given", func(t *testing.T) {
				t.Parallel()
				defectsHold(t, plan(b, number))
			})
			t.Run(b.ID+" is dated before its anchor", func(t *testing.T) {
				t.Parallel()
				datesHold(t, made(t, plan(b, number)))
			})
		}
		t.Run(b.ID+" has few records to repair, spread evenly", func(t *testing.T) {
			t.Parallel()
			spreadHolds(t, made(t, plan(b, 1)))
		})
		t.Run(b.ID+" has every mess that must be carried over", func(t *testing.T) {
			t.Parallel()
			messHolds(t, plan(b, 1))
		})
	}

	t.Run("a load of 100,000 is made in seconds and keeps repairs rare", func(t *testing.T) {
		t.Parallel()
		people := business.Staff("load", "Europe/Berlin", 5)
		begun := time.Now()
		set := made(t, seed.Plan{AccountID: "load", TimeZone: "Europe/Berlin", Region: "DE", People: people, Seed: 1, Anchor: anchor, Contacts: 1000, Appointments: 100_000})
		require.Less(t, time.Since(begun), 20*time.Second)
		for code, n := range countCodes(set.Defects) {
			require.Less(t, n, 50, code)
		}
	})

	t.Run("a zone nobody knows is refused", func(t *testing.T) {
		t.Parallel()
		p := plan(business.All()[0], 1)
		p.TimeZone = "Mars/Olympus"
		_, err := seed.Make(p)
		require.ErrorContains(t, err, "Mars/Olympus")
	})
}

func defectsHold(t *testing.T, p seed.Plan) {
	t.Helper()
	set := made(t, p)
	j, found := judge(p, set), map[string]manifest.Code{}
	for i := range set.Appointments {
		if entry, bad := j.Appointment(&set.Appointments[i]); bad {
			found[entry.ID] = entry.Code
		}
	}
	for i := range set.Touchpoints {
		if entry, bad := j.Touchpoint(&set.Touchpoints[i]); bad {
			found[entry.ID] = entry.Code
		}
	}
	require.Equal(t, set.Defects, found)
	codes := countCodes(found)
	for _, code := range []manifest.Code{
		manifest.StartMissing, manifest.EndMissing, manifest.EndBeforeStart, manifest.TimeZoneUnknown, manifest.TimeInvalid,
		manifest.OwnerMissing, manifest.AppRejected, manifest.RecurrenceInvalid, manifest.RecurrenceTooDense, manifest.OwnerUnmatched,
		manifest.TooOld, manifest.BeyondHorizon,
		manifest.OccurredMissing, manifest.UserMissing, manifest.OccurredAfterLogged,
		manifest.InternalNotCounted, manifest.BouncedNotCounted, manifest.UserUnmatched,
	} {
		require.NotZero(t, codes[code], code)
	}
}

func datesHold(t *testing.T, set *seed.Set) {
	t.Helper()
	for _, c := range set.Contacts {
		require.True(t, c.UpdatedAt.Before(anchor) && !c.CreatedAt.After(c.UpdatedAt), c.ID)
	}
	for _, a := range set.Appointments {
		require.True(t, a.UpdatedAt.Before(anchor) && !a.CreatedAt.After(a.UpdatedAt), a.ID)
		require.Zero(t, a.UpdatedAt.Nanosecond()%1000, a.ID)
		switch set.Defects[a.ID] {
		case manifest.StartMissing, manifest.TimeInvalid, manifest.TooOld, manifest.BeyondHorizon:
			continue
		default: // in scope
		}
		day, err := time.Parse(time.DateOnly, (a.Start.Date + a.Start.DateTime)[:10])
		require.NoError(t, err)
		require.False(t, day.Before(anchor.AddDate(0, 0, -seed.HistoryDays)) || day.After(anchor.AddDate(0, 0, seed.FutureDays)), a.ID)
	}
	for _, p := range set.Touchpoints {
		require.True(t, p.UpdatedAt.Before(anchor) && !p.LoggedAt.After(p.UpdatedAt), p.ID)
		if p.OccurredAt != nil && set.Defects[p.ID] != manifest.OccurredAfterLogged {
			require.False(t, p.OccurredAt.After(p.LoggedAt), p.ID)
		}
	}
}

func countCodes(defects map[string]manifest.Code) map[manifest.Code]int {
	counts := map[manifest.Code]int{}
	for _, code := range defects {
		counts[code]++
	}
	return counts
}

func spreadHolds(t *testing.T, set *seed.Set) {
	t.Helper()
	parked := map[manifest.Code]bool{
		manifest.StartMissing: true, manifest.EndMissing: true, manifest.EndBeforeStart: true, manifest.TimeZoneUnknown: true,
		manifest.TimeInvalid: true, manifest.OwnerMissing: true, manifest.AppRejected: true,
		manifest.OccurredMissing: true, manifest.UserMissing: true, manifest.OccurredAfterLogged: true,
	}
	for code, n := range countCodes(set.Defects) {
		if parked[code] {
			require.Less(t, n, 50, code)
		}
	}
	const stretch = 100
	for from := 0; from+stretch <= len(set.Appointments); from += stretch {
		n := 0
		for _, a := range set.Appointments[from : from+stretch] {
			if parked[set.Defects[a.ID]] {
				n++
			}
		}
		require.Less(t, n, stretch/10, "too many bad appointments from %d on", from)
	}
}

func messHolds(t *testing.T, p seed.Plan) {
	t.Helper()
	set := made(t, p)
	seen := map[string]int{}
	note := func(what string, is bool) {
		if is {
			seen[what]++
		}
	}
	merged, instants := map[string]bool{}, map[time.Time]int{}
	for _, c := range set.Contacts {
		merged[c.ID] = c.MergedInto != ""
		note("merged contact", c.MergedInto != "")
		note("forgotten contact", c.PrivacyDeletedAt != nil)
		note("contact without phone", len(c.Phones) == 0)
		for _, phone := range c.Phones {
			note("bad phone", phone == "call reception" || phone == "12345678901234567890" || phone == "٠٥٥ ١٢٣ ٤٥٦٧")
		}
	}
	for _, a := range set.Appointments {
		instants[a.UpdatedAt]++
		if set.Defects[a.ID] != "" {
			continue
		}
		note("all day", a.Start.Date != "")
		note("with an offset", len(a.Start.DateTime) > 19)
		note("no contact", len(a.ContactIDs) == 0)
		note("several contacts", len(a.ContactIDs) > 1)
		note("merged contact named", len(a.ContactIDs) > 0 && merged[a.ContactIDs[0]])
		note("long notes", len(a.NotesHTML) > 10_000)
		note("private", a.IsPrivate)
		note("deleted", a.DeletedAt != nil)
		note(string(a.Status), true)
	}
	for _, p := range set.Touchpoints {
		note("forwarded", p.EmailStatus == "forwarded")
		note("touch-point deleted", p.DeletedAt != nil)
		note("logged late", p.OccurredAt != nil && p.LoggedAt.Sub(*p.OccurredAt) > 24*time.Hour)
	}
	most := 0
	for _, n := range instants {
		most = max(most, n)
	}
	note("many at one instant", most > 90)
	for _, what := range []string{
		"merged contact", "forgotten contact", "contact without phone", "bad phone", "all day", "with an offset", "no contact",
		"several contacts", "merged contact named", "long notes", "private", "deleted", "forwarded", "touch-point deleted",
		"logged late", "many at one instant", string(acme.Scheduled), string(acme.Completed), string(acme.Canceled), string(acme.NoShow),
	} {
		require.NotZero(t, seen[what], what)
	}
}
