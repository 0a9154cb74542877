package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"acmesync"
	"acmesync/mapping"
)

func TestQuietUntil(t *testing.T) {
	t.Parallel()
	night := acmesync.QuietHours{From: "22:00", To: "06:00"}
	for name, c := range map[string]struct {
		windows []acmesync.QuietHours
		now     string // with the offset that clocks in New York have then, unless a window names a zone
		until   string // empty: it is not quiet
	}{
		"no window, never quiet":                             {nil, "2026-06-01T23:00:00-04:00", ""},
		"before it begins":                                   {[]acmesync.QuietHours{night}, "2026-06-01T21:59:59-04:00", ""},
		"as it begins":                                       {[]acmesync.QuietHours{night}, "2026-06-01T22:00:00-04:00", "2026-06-02T06:00:00-04:00"},
		"after midnight":                                     {[]acmesync.QuietHours{night}, "2026-06-02T05:59:59-04:00", "2026-06-02T06:00:00-04:00"},
		"its end is no part of it":                           {[]acmesync.QuietHours{night}, "2026-06-02T06:00:00-04:00", ""},
		"within a day":                                       {[]acmesync.QuietHours{{From: "12:00", To: "13:30"}}, "2026-06-01T13:29:00-04:00", "2026-06-01T13:30:00-04:00"},
		"to midnight":                                        {[]acmesync.QuietHours{{From: "20:00", To: "00:00"}}, "2026-06-01T23:59:59-04:00", "2026-06-02T00:00:00-04:00"},
		"days are those of the beginning":                    {[]acmesync.QuietHours{{Days: []string{"mon"}, From: "22:00", To: "06:00"}}, "2026-06-02T05:00:00-04:00", "2026-06-02T06:00:00-04:00"},
		"… and not of the end":                               {[]acmesync.QuietHours{{Days: []string{"mon"}, From: "22:00", To: "06:00"}}, "2026-06-01T05:00:00-04:00", ""},
		"a zone of its own":                                  {[]acmesync.QuietHours{{From: "22:00", To: "06:00", TimeZone: "Asia/Tokyo"}}, "2026-06-01T23:00:00+09:00", "2026-06-02T06:00:00+09:00"},
		"windows that follow upon each other are one":        {[]acmesync.QuietHours{night, {From: "06:00", To: "08:00"}}, "2026-06-01T23:00:00-04:00", "2026-06-02T08:00:00-04:00"},
		"windows that overlap are one":                       {[]acmesync.QuietHours{{From: "05:00", To: "08:00"}, night}, "2026-06-01T23:00:00-04:00", "2026-06-02T08:00:00-04:00"},
		"the night clocks go forward is an hour shorter":     {[]acmesync.QuietHours{night}, "2026-03-07T23:00:00-05:00", "2026-03-08T06:00:00-04:00"},
		"the night clocks go back is an hour longer":         {[]acmesync.QuietHours{night}, "2026-10-31T23:00:00-04:00", "2026-11-01T06:00:00-05:00"},
		"an end that clocks leave out is an hour later":      {[]acmesync.QuietHours{{From: "22:00", To: "02:30"}}, "2026-03-08T01:59:00-05:00", "2026-03-08T03:30:00-04:00"},
		"an end that comes twice is the first":               {[]acmesync.QuietHours{{From: "22:00", To: "01:30"}}, "2026-11-01T00:30:00-04:00", "2026-11-01T01:30:00-04:00"},
		"… so that it is not quiet the second time":          {[]acmesync.QuietHours{{From: "22:00", To: "01:30"}}, "2026-11-01T01:29:00-05:00", ""},
		"a whole window that clocks leave out passes by":     {[]acmesync.QuietHours{{From: "02:00", To: "03:00"}}, "2026-03-08T03:00:00-04:00", ""},
		"a weekend is two windows":                           {[]acmesync.QuietHours{{Days: []string{"sat", "sun"}, From: "00:00", To: "23:59"}}, "2026-06-06T12:00:00-04:00", "2026-06-06T23:59:00-04:00"},
		"where a zone skipped Friday, Thursday's ends early": {[]acmesync.QuietHours{{Days: []string{"thu"}, From: "22:00", To: "06:00", TimeZone: "Pacific/Apia"}}, "2011-12-29T23:00:00-10:00", "2011-12-31T06:00:00+14:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := compiled(t, acmesync.Config{Poll: acmesync.PollRules{Quiet: c.windows}}, settings())
			got := rules.QuietUntil(at(t, c.now))
			if c.until == "" {
				require.Zero(t, got)
				return
			}
			require.Equal(t, at(t, c.until), got)
		})
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return moment.UTC()
}

func TestAnyQuietHours(t *testing.T) {
	t.Parallel()
	minute := rapid.Custom(func(t *rapid.T) string {
		return time.Date(0, 1, 1, rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"), 0, 0, time.UTC).Format("15:04")
	})
	rapid.Check(t, func(t *rapid.T) {
		windows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) acmesync.QuietHours {
			return acmesync.QuietHours{
				Days: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}), 0, 7, rapid.ID).Draw(t, "days"),
				From: minute.Draw(t, "from"), To: minute.Draw(t, "to"), TimeZone: anyZone(t),
			}
		}), 1, 4).Draw(t, "windows")
		rules, problems := mapping.Compile(acmesync.Config{Poll: acmesync.PollRules{Quiet: windows}}, settings())
		if len(problems) > 0 {
			t.Skip("refused")
		}
		now := time.Unix(rapid.Int64Range(1_700_000_000, 2_000_000_000).Draw(t, "now"), 0)
		until := rules.QuietUntil(now)
		if until.IsZero() {
			return
		}
		require.True(t, until.After(now))
		if until.Sub(now) >= 7*24*time.Hour {
			t.Skip("zones that move their clocks by another year's calendar: a week is as far as it looks")
		}
		require.Zero(t, rules.QuietUntil(until), "the end is open")
		require.Equal(t, until, rules.QuietUntil(now.Add(until.Sub(now)/2)), "quiet all the way")
	})
}

func TestQuietHoursThatNeverEnd(t *testing.T) {
	t.Parallel()
	for name, windows := range map[string][]acmesync.QuietHours{
		"all day, every day": {{From: "00:00", To: "12:00"}, {From: "12:00", To: "00:00"}},
		// In winter 45 minutes lie between them, in summer none.
		"two zones that meet in summer": {{From: "00:00", To: "10:00", TimeZone: "Asia/Kathmandu"}, {From: "00:00", To: "15:00", TimeZone: "America/New_York"}},
	} {
		t.Run(name+" are refused", func(t *testing.T) {
			t.Parallel()
			_, problems := mapping.Compile(acmesync.Config{Poll: acmesync.PollRules{Quiet: windows}}, settings())
			require.NotEmpty(t, problems)
		})
	}
}
