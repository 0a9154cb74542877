package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"acmesync"
	"acmesync/mapping"
)

func TestNextPoll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   []string
		zone string // empty: the account's, New York
		now  string
		next string
	}{
		"the next of the day":                                  {[]string{"0 8,13 * * *"}, "", "2026-06-01T08:00:01-04:00", "2026-06-01T13:00:00-04:00"},
		"a time itself is over":                                {[]string{"0 8,13 * * *"}, "", "2026-06-01T08:00:00-04:00", "2026-06-01T13:00:00-04:00"},
		"after the last of the day it is tomorrow's first":     {[]string{"0 8,13 * * *"}, "", "2026-06-01T20:00:00-04:00", "2026-06-02T08:00:00-04:00"},
		"of several expressions the nearest":                   {[]string{"0 22 * * *", "30 9 * * mon-fri"}, "", "2026-06-01T09:00:00-04:00", "2026-06-01T09:30:00-04:00"},
		"a weekend goes by":                                    {[]string{"30 9 * * mon-fri"}, "", "2026-06-05T10:00:00-04:00", "2026-06-08T09:30:00-04:00"},
		"a zone of its own":                                    {[]string{"0 6 * * *"}, "Asia/Tokyo", "2026-06-01T05:00:00+09:00", "2026-06-01T06:00:00+09:00"},
		"steps count from the hour":                            {[]string{"*/15 * * * *"}, "", "2026-06-01T08:46:00-04:00", "2026-06-01T09:00:00-04:00"},
		"both kinds of day: either":                            {[]string{"0 0 15 * mon"}, "", "2026-06-09T00:00:00-04:00", "2026-06-15T00:00:00-04:00"},
		"… the fifteenth too":                                  {[]string{"0 0 15 * mon"}, "", "2026-07-14T00:00:00-04:00", "2026-07-15T00:00:00-04:00"},
		"the 29th of February waits for its year":              {[]string{"0 12 29 2 *"}, "UTC", "2026-06-01T00:00:00Z", "2028-02-29T12:00:00Z"},
		"… over a century without one":                         {[]string{"0 12 29 2 *"}, "UTC", "2096-03-01T00:00:00Z", "2104-02-29T12:00:00Z"},
		"the 31st leaves short months out":                     {[]string{"0 0 31 * *"}, "UTC", "2026-08-31T00:00:00Z", "2026-10-31T00:00:00Z"},
		"a time that clocks leave out comes an hour later":     {[]string{"30 2 * * *"}, "", "2026-03-08T01:00:00-05:00", "2026-03-08T03:30:00-04:00"},
		"… and the day after as written":                       {[]string{"30 2 * * *"}, "", "2026-03-08T03:30:00-04:00", "2026-03-09T02:30:00-04:00"},
		"a time that clocks show twice comes twice":            {[]string{"30 1 * * *"}, "", "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"},
		"… and no third time":                                  {[]string{"30 1 * * *"}, "", "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"},
		"half hours go on through the hour that comes twice":   {[]string{"*/30 * * * *"}, "", "2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00"},
		"clocks that turn at midnight":                         {[]string{"15 0 * * *"}, "Africa/Cairo", "2026-04-23T23:50:00+02:00", "2026-04-24T01:15:00+03:00"},
		"where a zone skipped Friday, its times come Saturday": {[]string{"0 12 * * fri"}, "Pacific/Apia", "2011-12-29T23:00:00-10:00", "2011-12-31T12:00:00+14:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := compiled(t, acmesync.Config{Poll: acmesync.PollRules{At: c.at, TimeZone: c.zone}}, settings())
			require.True(t, rules.Scheduled())
			require.Equal(t, at(t, c.next), rules.NextPoll(at(t, c.now)))
		})
	}
	t.Run("without times there is no schedule", func(t *testing.T) {
		t.Parallel()
		require.False(t, compiled(t, acmesync.Config{}, settings()).Scheduled())
	})
}

func TestAnyPollTimes(t *testing.T) {
	t.Parallel()
	hours := rapid.SampledFrom([]string{"*", "*/3", "8-17", "0,12", "23"})
	minutes := rapid.SampledFrom([]string{"0", "59", "*/5", "*/20", "5,35"})
	days := rapid.SampledFrom([]string{"* * *", "* * mon-fri", "1 * *", "* feb *", "13 * fri"})
	rapid.Check(t, func(t *rapid.T) {
		text := minutes.Draw(t, "minutes") + " " + hours.Draw(t, "hours") + " " + days.Draw(t, "days")
		rules, problems := mapping.Compile(acmesync.Config{Poll: acmesync.PollRules{At: []string{text}, TimeZone: anyZone(t)}}, settings())
		if len(problems) > 0 {
			t.Skip("refused")
		}
		now := time.Unix(rapid.Int64Range(1_700_000_000, 2_000_000_000).Draw(t, "now"), 0)
		next := rules.NextPoll(now)
		require.True(t, next.After(now))
		require.Equal(t, next, rules.NextPoll(next.Add(-time.Nanosecond)), "nothing lies between")
		require.Equal(t, next, rules.NextPoll(now.Add(next.Sub(now)/2)), "nothing lies between")
	})
}

func TestPollTimesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config   acmesync.Config
		pointers []string
	}{
		"four fields":           {acmesync.Config{Poll: acmesync.PollRules{At: []string{"0 8 * *"}}}, []string{"/poll/at/0"}},
		"seconds":               {acmesync.Config{Poll: acmesync.PollRules{At: []string{"0 0 8 * * *"}}}, []string{"/poll/at/0"}},
		"a name for a schedule": {acmesync.Config{Poll: acmesync.PollRules{At: []string{"@every 1s"}}}, []string{"/poll/at/0"}},
		"a zone before it, on which the library panics": {acmesync.Config{Poll: acmesync.PollRules{At: []string{"TZ= 8 * * *", "CRON_TZ=UTC 0 8 * *"}}}, []string{"/poll/at/0", "/poll/at/1"}},
		"every fault at once":                           {acmesync.Config{Poll: acmesync.PollRules{At: []string{"60 24 32 13 7", "0 8 * * *", "x"}}}, []string{"/poll/at/0", "/poll/at/0", "/poll/at/0", "/poll/at/0", "/poll/at/0", "/poll/at/2"}},
		"a comma alone":                                 {acmesync.Config{Poll: acmesync.PollRules{At: []string{", 8 * * *"}}}, []string{"/poll/at/0"}},
		"a step of nothing":                             {acmesync.Config{Poll: acmesync.PollRules{At: []string{"*/0 8 * * *"}}}, []string{"/poll/at/0"}},
		"a range backwards":                             {acmesync.Config{Poll: acmesync.PollRules{At: []string{"0 17-8 * * *"}}}, []string{"/poll/at/0"}},
		"the 30th of February":                          {acmesync.Config{Poll: acmesync.PollRules{At: []string{"0 8 30 2 *"}}}, []string{"/poll/at/0"}},
		"every minute":                                  {acmesync.Config{Poll: acmesync.PollRules{At: []string{"* 8 * * *"}}}, []string{"/poll/at"}},
		"every seventh, which ends with :56":            {acmesync.Config{Poll: acmesync.PollRules{At: []string{"*/7 * * * *"}}}, []string{"/poll/at"}},
		"two that lie too close":                        {acmesync.Config{Poll: acmesync.PollRules{At: []string{"0 8 * * *", "4 8 * * *"}}}, []string{"/poll/at"}},
		"… over midnight":                               {acmesync.Config{Poll: acmesync.PollRules{At: []string{"58 23 * * mon", "1 0 * * tue"}}}, []string{"/poll/at"}},
		"a zone that does not exist":                    {acmesync.Config{Poll: acmesync.PollRules{At: []string{"0 8 * * *"}, TimeZone: "Mars/Olympus"}}, []string{"/poll/time_zone"}},
		"a zone of nothing":                             {acmesync.Config{Poll: acmesync.PollRules{TimeZone: "UTC"}}, []string{"/poll/time_zone"}},
		"times beside intervals": {acmesync.Config{PollSeconds: 60, Poll: acmesync.PollRules{At: []string{"0 8 * * *"}, MinSeconds: 60, MaxSeconds: 90}},
			[]string{"/poll_seconds", "/poll/min_seconds", "/poll/max_seconds"}},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, problems := mapping.Compile(c.config, settings())
			var pointers []string
			for _, p := range problems {
				require.NotEmpty(t, p.Message)
				require.NotEmpty(t, p.Hint)
				pointers = append(pointers, p.Pointer)
			}
			require.Equal(t, c.pointers, pointers)
		})
	}
	for name, times := range map[string][]string{
		"every five minutes":                           {"*/5 * * * *"},
		"every seventh minute of one hour":             {"*/7 8 * * *"},
		"close by the clock, and never on one day":     {"0 8 * * mon", "2 8 * * tue"},
		"midnight and a minute to it, on days far off": {"59 23 1 * *", "0 0 1 * *"},
		"names in any case":                            {"0 8 * JAN-Mar MON"},
		"a day that may not be, with a weekday":        {"0 8 31 2 mon"},
	} {
		t.Run(name+" is taken", func(t *testing.T) {
			t.Parallel()
			_, problems := mapping.Compile(acmesync.Config{Poll: acmesync.PollRules{At: times}}, settings())
			require.Empty(t, problems)
		})
	}
}
