package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/mapping"
)

func TestCompileTellsAllThatIsWrong(t *testing.T) {
	t.Parallel()
	c := acmesync.Config{
		Poll: acmesync.PollRules{MinSeconds: 900, MaxSeconds: 60, Quiet: []acmesync.QuietHours{
			{From: "24:00", To: "6:00"}, {From: "10:00", To: "10:00"}, {Days: []string{"someday"}, From: "10:00", To: "11:00", TimeZone: "Local"},
		}},
		Appointments: acmesync.AppointmentRules{Scope: acmesync.Scope{HistoryDays: -2, HorizonDays: 10_000}},
		People:       acmesync.PeopleRules{Region: "XX", TimeZone: "Mars/Olympus", Owners: map[string]string{"usr_1": ""}},
	}
	rules, problems := mapping.Compile(c, settings())
	require.Nil(t, rules)
	var pointers []string
	for _, p := range problems {
		require.NotEmpty(t, p.Message)
		require.NotEmpty(t, p.Hint)
		pointers = append(pointers, p.Pointer)
	}
	require.Equal(t, []string{
		"/appointments/scope/history_days", "/appointments/scope/horizon_days", "/people/region", "/people/time_zone", "/people/owners",
		"/poll/max_seconds", "/poll/quiet_hours/0/from", "/poll/quiet_hours/0/to", "/poll/quiet_hours/1/to", "/poll/quiet_hours/2/days",
		"/poll/quiet_hours/2/time_zone",
	}, pointers)
}

func TestCompileRefusesToBeQuietForEver(t *testing.T) {
	t.Parallel()
	quiet := func(windows ...acmesync.QuietHours) []mapping.Problem {
		_, problems := mapping.Compile(acmesync.Config{Poll: acmesync.PollRules{Quiet: windows}}, settings())
		return problems
	}
	require.Len(t, quiet(acmesync.QuietHours{From: "00:00", To: "12:00"}, acmesync.QuietHours{From: "12:00", To: "00:00"}), 1)
	require.Empty(t, quiet(acmesync.QuietHours{From: "00:00", To: "12:00"}, acmesync.QuietHours{From: "12:01", To: "00:00"}))
}

func TestStamp(t *testing.T) {
	t.Parallel()
	of := func(c acmesync.Config, s mapping.Settings) string { return compiled(t, c, s).Stamp() }
	plain := of(acmesync.Config{}, settings())
	t.Run("what decides about no record changes no stamp", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, plain, of(acmesync.Config{PollSeconds: 5, PageSize: 10, Poll: acmesync.PollRules{MinSeconds: 30}}, settings()))
	})
	t.Run("each rule about records does", func(t *testing.T) {
		t.Parallel()
		for _, c := range []acmesync.Config{
			{Appointments: acmesync.AppointmentRules{Scope: acmesync.Scope{HistoryDays: 30}}},
			{Appointments: acmesync.AppointmentRules{When: acmesync.WhenRules{Deleted: acmesync.FateKeep}}},
			{Touchpoints: acmesync.TouchpointRules{CountInternal: true}},
			{People: acmesync.PeopleRules{Owners: map[string]string{"usr_1": "u-ruby"}}},
		} {
			require.NotEqual(t, plain, of(c, settings()))
		}
	})
	t.Run("so does the account's region or zone, unless the rules name one", func(t *testing.T) {
		t.Parallel()
		elsewhere := mapping.Settings{Region: "CH", TimeZone: "Europe/Zurich"}
		require.NotEqual(t, plain, of(acmesync.Config{}, elsewhere))
		named := acmesync.Config{People: acmesync.PeopleRules{Region: "CH", TimeZone: "Europe/Zurich"}}
		require.Equal(t, of(named, settings()), of(named, elsewhere))
	})
}

func TestPollBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules            acmesync.PollRules
		unproven, proven time.Duration
	}{
		"a minute and a quarter of an hour":  {acmesync.PollRules{}, time.Minute, 15 * time.Minute},
		"as chosen":                          {acmesync.PollRules{MinSeconds: 10, MaxSeconds: 20}, 10 * time.Second, 20 * time.Second},
		"a long shortest draws the longest":  {acmesync.PollRules{MinSeconds: 3600}, time.Hour, time.Hour},
		"a short longest draws the shortest": {acmesync.PollRules{MaxSeconds: 30}, 30 * time.Second, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unproven, proven := compiled(t, acmesync.Config{Poll: c.rules}, settings()).PollBounds()
			require.Equal(t, c.unproven, unproven)
			require.Equal(t, c.proven, proven)
		})
	}
}
