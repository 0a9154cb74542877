package mapping_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"acmesync"
	"acmesync/acme"
	"acmesync/mapping"
)

// series is a master from a line: zone, first start and end, rule, exception dates.
func series(zone, start, end, rule string, exdates ...string) acme.Appointment {
	m := func(text string) *acme.Moment {
		if len(text) == len(time.DateOnly) {
			return &acme.Moment{Date: text}
		}
		return &acme.Moment{DateTime: text, TimeZone: zone}
	}
	return acme.Appointment{
		ID: "apt_1", Status: acme.Scheduled, OwnerID: "usr_1", Start: m(start), End: m(end),
		Recurrence: &acme.Recurrence{RRule: rule, ExDates: exdates},
	}
}

func year(n int) mapping.Window {
	return mapping.Window{From: time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(n, 12, 31, 0, 0, 0, 0, time.UTC)}
}

func originals(x mapping.Expansion) []string {
	all := []string{}
	for _, i := range x.Instances {
		all = append(all, i.Original)
	}
	return all
}

func TestSeries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of   acme.Appointment
		want string // original starts
	}{
		"a count counts from the first one": {
			series("UTC", "2026-06-01T10:00:00", "2026-06-01T10:30:00", "FREQ=WEEKLY;COUNT=3"),
			"20260601T100000Z 20260608T100000Z 20260615T100000Z",
		},
		"wall-clock time is kept when clocks go ahead": {
			series("Europe/Zurich", "2026-03-27T09:00:00", "2026-03-27T10:00:00", "FREQ=DAILY;COUNT=4"),
			"20260327T080000Z 20260328T080000Z 20260329T070000Z 20260330T070000Z",
		},
		"and when they go back": {
			series("America/New_York", "2026-10-31T09:00:00", "2026-10-31T10:00:00", "FREQ=DAILY;COUNT=3"),
			"20261031T130000Z 20261101T140000Z 20261102T140000Z",
		},
		"an hour that is left out is read with the offset from before": {
			series("America/New_York", "2026-03-07T02:30:00", "2026-03-07T03:00:00", "FREQ=DAILY;COUNT=3"),
			"20260307T073000Z 20260308T073000Z 20260309T063000Z",
		},
		"one that comes twice is its first": {
			series("America/New_York", "2026-10-31T01:30:00", "2026-10-31T02:30:00", "FREQ=DAILY;COUNT=3"),
			"20261031T053000Z 20261101T053000Z 20261102T063000Z",
		},
		"the hour left out and the one it is read as are one": {
			series("America/New_York", "2026-03-08T01:30:00", "2026-03-08T01:45:00", "FREQ=DAILY;BYHOUR=2,3;COUNT=2"),
			"20260308T073000Z",
		},
		"a series that begins in the hour left out keeps its hour on other days": {
			series("America/New_York", "2026-03-08T02:30:00", "2026-03-08T03:45:00", "FREQ=DAILY;COUNT=2"),
			"20260308T073000Z 20260309T063000Z",
		},
		"whole days stay days": {
			series("", "2026-03-28", "2026-03-30", "FREQ=DAILY;INTERVAL=2;COUNT=3"),
			"20260328 20260330 20260401",
		},
		"a month without the day is passed over": {
			series("UTC", "2026-01-31T10:00:00", "2026-01-31T10:30:00", "FREQ=MONTHLY"),
			"20260131T100000Z 20260331T100000Z 20260531T100000Z 20260731T100000Z 20260831T100000Z 20261031T100000Z",
		},
		"the last working day of each month": {
			series("UTC", "2026-09-01T10:00:00", "2026-09-01T10:30:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
			"20260930T100000Z 20261030T100000Z 20261130T100000Z",
		},
		"mixed weekdays: every Monday, and the first Friday": {
			series("UTC", "2026-12-01T10:00:00", "2026-12-01T10:30:00", "FREQ=MONTHLY;BYDAY=MO,1FR"),
			"20261204T100000Z 20261207T100000Z 20261214T100000Z 20261221T100000Z 20261228T100000Z",
		},
		"the first day of each week begins with the week, not with the series": {
			series("UTC", "2026-12-02T10:00:00", "2026-12-02T10:30:00", "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1;COUNT=2"),
			"20261207T100000Z 20261214T100000Z",
		},
		"where the week begins decides which second weeks": {
			series("UTC", "1997-08-05T09:00:00", "1997-08-05T10:00:00", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU"), "",
		},
		"an end as UTC time is the last instant": {
			series("America/New_York", "2026-06-01T21:00:00", "2026-06-01T22:00:00", "FREQ=DAILY;UNTIL=20260603T010000Z"),
			"20260602T010000Z 20260603T010000Z",
		},
		"an end as local time is meant in the series' zone": {
			series("America/New_York", "2026-06-01T21:00:00", "2026-06-01T22:00:00", "FREQ=DAILY;UNTIL=20260602T210000"),
			"20260602T010000Z 20260603T010000Z",
		},
		"an end as a date is that whole day": {
			series("America/New_York", "2026-06-01T21:00:00", "2026-06-01T22:00:00", "FREQ=DAILY;UNTIL=20260602"),
			"20260602T010000Z 20260603T010000Z",
		},
		"an end with dashes is read as well": {
			series("", "2026-06-01", "2026-06-02", "RRULE:freq=daily;until=2026-06-02T00:00:00Z;"), "20260601 20260602",
		},
		"an end before the beginning leaves nothing": {
			series("UTC", "2026-06-01T10:00:00", "2026-06-01T10:30:00", "FREQ=DAILY;UNTIL=20260501"), "",
		},
		"exception dates in all their forms": {
			series("Europe/Paris", "2026-06-01T10:00:00", "2026-06-01T11:00:00", "FREQ=DAILY;COUNT=9",
				"2026-06-02", "20260603", "2026-06-04T10:00:00", "20260605T100000", "20260606T080000Z, 2026-06-07T10:00:00+02:00",
				"TZID=America/New_York:20260608T040000"),
			"20260601T080000Z 20260609T080000Z",
		},
		"an exception date of no instance changes nothing": {
			series("UTC", "2026-06-01T10:00:00", "2026-06-01T11:00:00", "FREQ=DAILY;COUNT=2", "2026-06-01T10:30:00", "2027-01-01"),
			"20260601T100000Z 20260602T100000Z",
		},
		"a time of day excludes a whole day of a series of whole days": {
			series("", "2026-06-01", "2026-06-02", "FREQ=DAILY;COUNT=2", "2026-06-02T00:00:00Z"), "20260601",
		},
		"a series that begins with its offset repeats in its zone": {
			series("Europe/Zurich", "2026-03-28T09:00:00+01:00", "2026-03-28T10:00:00+01:00", "FREQ=DAILY;COUNT=2"),
			"20260328T080000Z 20260329T070000Z",
		},
		"and in the account's where it names none": {
			series("", "2026-03-07T14:00:00Z", "2026-03-07T15:00:00Z", "FREQ=DAILY;COUNT=2"), // the account is in New York
			"20260307T140000Z 20260308T130000Z",
		},
		"a first day that the rule does not name is no instance": {
			series("UTC", "2026-12-01T10:00:00", "2026-12-01T10:30:00", "FREQ=MONTHLY;BYDAY=2TH"), "20261210T100000Z",
		},
		"a day there never is": {
			series("UTC", "2026-06-01T10:00:00", "2026-06-01T11:00:00", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "",
		},
		"an old series without an end": {
			series("America/New_York", "1931-01-05T10:00:00", "1931-01-05T11:00:00", "FREQ=WEEKLY;INTERVAL=26;BYDAY=MO"),
			"20260309T140000Z 20260907T140000Z",
		},
		"29 February": {
			series("", "2024-02-29", "2024-03-01", "FREQ=YEARLY"), "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, err := mapping.Expand(c.of, year(2026), settings())
			require.NoError(t, err)
			require.Equal(t, c.want, strings.Join(originals(x), " "))
		})
	}
}

func TestSeriesWindow(t *testing.T) {
	t.Parallel()
	daily := series("UTC", "2026-06-01T10:00:00", "2026-06-01T11:00:00", "FREQ=DAILY")
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return when
	}
	t.Run("what ends in it and what begins with its end is in, and the next is told", func(t *testing.T) {
		t.Parallel()
		x, err := mapping.Expand(daily, mapping.Window{From: at("2026-07-01T10:30:00Z"), Until: at("2026-07-03T10:00:00Z")}, settings())
		require.NoError(t, err)
		require.Equal(t, []string{"20260701T100000Z", "20260702T100000Z", "20260703T100000Z"}, originals(x))
		require.Equal(t, at("2026-07-04T10:00:00Z"), x.Next)
	})
	t.Run("what ended as it begins is not", func(t *testing.T) {
		t.Parallel()
		x, err := mapping.Expand(daily, mapping.Window{From: at("2026-07-01T11:00:01Z"), Until: at("2026-07-02T09:59:59Z")}, settings())
		require.NoError(t, err)
		require.Empty(t, x.Instances)
		require.Equal(t, at("2026-07-02T10:00:00Z"), x.Next)
	})
	t.Run("the next one is never one that was left out", func(t *testing.T) {
		t.Parallel()
		x, err := mapping.Expand(series("UTC", "2026-06-01T10:00:00", "2026-06-01T11:00:00", "FREQ=DAILY;COUNT=4", "2026-06-02", "2026-06-03"),
			mapping.Window{From: at("2026-06-01T00:00:00Z"), Until: at("2026-06-01T23:00:00Z")}, settings())
		require.NoError(t, err)
		require.Equal(t, at("2026-06-04T10:00:00Z"), x.Next)
	})
	t.Run("a series that has ended has no next", func(t *testing.T) {
		t.Parallel()
		x, err := mapping.Expand(series("UTC", "2026-06-01T10:00:00", "2026-06-01T11:00:00", "FREQ=DAILY;COUNT=4"), year(2026), settings())
		require.NoError(t, err)
		require.Zero(t, x.Next)
	})
	t.Run("one that lasts for weeks is in while it lasts", func(t *testing.T) {
		t.Parallel()
		x, err := mapping.Expand(series("", "2020-01-01", "2020-02-20", "FREQ=YEARLY"),
			mapping.Window{From: at("2026-02-10T00:00:00Z"), Until: at("2026-03-01T00:00:00Z")}, settings())
		require.NoError(t, err)
		require.Equal(t, []string{"20260101"}, originals(x))
	})
	t.Run("a daily series fits whatever scope was chosen", func(t *testing.T) {
		t.Parallel()
		now := at("2030-01-01T00:00:00Z")
		for _, w := range []mapping.Window{
			{From: now.AddDate(0, 0, -90), Until: now.AddDate(1, 0, 0)}, {Until: now.AddDate(100, 0, 0)},
			{From: now.AddDate(-100, 0, 0), Until: now}, {From: now, Until: now.AddDate(100, 0, 0)},
		} {
			x, err := mapping.Expand(series("", "2020-01-01", "2020-01-02", "FREQ=DAILY"), w.ForSeries(now), settings())
			require.NoError(t, err)
			require.NotEmpty(t, x.Instances)
		}
	})
	t.Run("ends keep their own zone's clock", func(t *testing.T) {
		t.Parallel()
		flight := series("America/New_York", "2026-03-01T18:00:00", "2026-03-02T06:00:00", "FREQ=WEEKLY;COUNT=3")
		flight.End.TimeZone = "Europe/London"
		x, err := mapping.Expand(flight, year(2026), settings())
		require.NoError(t, err)
		require.Equal(t, []string{"2026-03-02T06:00:00Z", "2026-03-09T06:00:00Z", "2026-03-16T06:00:00Z"},
			[]string{x.Instances[0].End.DateTime, x.Instances[1].End.DateTime, x.Instances[2].End.DateTime})
		require.Equal(t, []string{"2026-03-01T23:00:00Z", "2026-03-08T22:00:00Z", "2026-03-15T22:00:00Z"},
			[]string{x.Instances[0].Start.DateTime, x.Instances[1].Start.DateTime, x.Instances[2].Start.DateTime})
	})
	t.Run("an instance that a clock change turns around lasts as long as the first", func(t *testing.T) {
		t.Parallel()
		x, err := mapping.Expand(series("America/New_York", "2026-03-07T02:30:00", "2026-03-07T03:00:00", "FREQ=DAILY;COUNT=2"), year(2026), settings())
		require.NoError(t, err)
		require.Equal(t, "2026-03-08T07:30:00Z", x.Instances[1].Start.DateTime)
		require.Equal(t, "2026-03-08T08:00:00Z", x.Instances[1].End.DateTime)
	})
}

func TestSeriesRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule  string
		ex    string
		code  acmesync.Code
		field string
	}{
		"no rule":                      {"", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"words":                        {"every Monday", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"no frequency":                 {"COUNT=3", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"a frequency of its own":       {"FREQ=FORTNIGHTLY", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"an unknown part":              {"FREQ=DAILY;X-CRM=1", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"a part twice":                 {"FREQ=DAILY;COUNT=1;COUNT=2", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"an empty part":                {"FREQ=DAILY;;COUNT=1", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"two ends":                     {"FREQ=DAILY;COUNT=1;UNTIL=20260101", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"interval zero":                {"FREQ=DAILY;INTERVAL=0", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"a count below one":            {"FREQ=DAILY;COUNT=-1", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"an end that is none":          {"FREQ=DAILY;UNTIL=tomorrow", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"an end on 31 June":            {"FREQ=DAILY;UNTIL=20260631", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"a weekday there is not":       {"FREQ=WEEKLY;BYDAY=XX", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"a sixth Monday":               {"FREQ=MONTHLY;BYDAY=6MO", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"the 32nd":                     {"FREQ=MONTHLY;BYMONTHDAY=32", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"hour 25":                      {"FREQ=DAILY;BYHOUR=25", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"weeks of months":              {"FREQ=MONTHLY;BYWEEKNO=3", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"a pick from nothing":          {"FREQ=MONTHLY;BYSETPOS=1", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"another calendar":             {"RSCALE=CHINESE;FREQ=YEARLY", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"Easter, which no RRULE knows": {"FREQ=YEARLY;BYEASTER=0", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"a rule of several lines":      {"FREQ=DAILY\nEXDATE:20260101", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"a rule of many pages":         {"FREQ=DAILY;BYMONTHDAY=" + strings.Repeat("1,", 2000) + "1", "", acmesync.RecurrenceInvalid, "recurrence.rrule"},
		"each second":                  {"FREQ=SECONDLY", "", acmesync.RecurrenceTooDense, "recurrence.rrule"},
		"each minute":                  {"FREQ=MINUTELY;COUNT=2", "", acmesync.RecurrenceTooDense, "recurrence.rrule"},
		"each hour":                    {"FREQ=HOURLY;INTERVAL=6", "", acmesync.RecurrenceTooDense, "recurrence.rrule"},
		"four times a day":             {"FREQ=DAILY;BYHOUR=8,10,12,14", "", acmesync.RecurrenceTooDense, "recurrence.rrule"},
		"an exception date of words":   {"FREQ=DAILY", "christmas", acmesync.RecurrenceInvalid, "recurrence.exdates"},
		"an exception date of nowhere": {"FREQ=DAILY", "TZID=Mars/Olympus:20260101T100000", acmesync.RecurrenceInvalid, "recurrence.exdates"},
		"an empty exception date":      {"FREQ=DAILY", ",", acmesync.RecurrenceInvalid, "recurrence.exdates"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := series("UTC", "2026-01-01T10:00:00", "2026-01-01T11:00:00", c.rule)
			if c.ex != "" {
				of.Recurrence.ExDates = []string{c.ex}
			}
			_, err := mapping.Expand(of, year(2026), settings())
			refusedAs(t, err, c.code, c.field)
		})
	}
	t.Run("hours of whole days", func(t *testing.T) {
		t.Parallel()
		_, err := mapping.Expand(series("", "2026-01-01", "2026-01-02", "FREQ=DAILY;BYHOUR=9"), year(2026), settings())
		refusedAs(t, err, acmesync.RecurrenceInvalid, "recurrence.rrule")
	})
	t.Run("a master without an end", func(t *testing.T) {
		t.Parallel()
		of := series("UTC", "2026-01-01T10:00:00", "2026-01-01T11:00:00", "FREQ=DAILY")
		of.End = nil
		_, err := mapping.Expand(of, year(2026), settings())
		refusedAs(t, err, acmesync.EndMissing, "end")
	})
}

func refusedAs(t *testing.T, err error, code acmesync.Code, field string) {
	t.Helper()
	var fault *acmesync.Fault
	require.ErrorAs(t, err, &fault)
	require.Equal(t, code, fault.Code)
	require.Equal(t, field, fault.Field)
	require.True(t, strings.HasSuffix(fault.Message, "."))
}

func TestOriginal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of   acme.Moment
		want string
	}{
		"a time in a zone":     {acme.Moment{DateTime: "2026-06-01T10:00:00", TimeZone: "Europe/Paris"}, "20260601T080000Z"},
		"the same in UTC":      {acme.Moment{DateTime: "2026-06-01T08:00:00Z"}, "20260601T080000Z"},
		"the same elsewhere":   {acme.Moment{DateTime: "2026-06-01T04:00:00", TimeZone: "America/New_York"}, "20260601T080000Z"},
		"a day":                {acme.Moment{Date: "2026-06-01"}, "20260601"},
		"an hour left out":     {acme.Moment{DateTime: "2026-03-08T02:30:00", TimeZone: "America/New_York"}, "20260308T073000Z"},
		"an hour that is read": {acme.Moment{DateTime: "2026-03-08T03:30:00", TimeZone: "America/New_York"}, "20260308T073000Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mapping.Original(acme.Appointment{SeriesID: "apt_0", OriginalStart: &c.of}, settings())
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	t.Run("none is refused", func(t *testing.T) {
		t.Parallel()
		_, err := mapping.Original(acme.Appointment{SeriesID: "apt_0"}, settings())
		refusedAs(t, err, acmesync.RecurrenceInvalid, "original_start")
	})
	t.Run("one that cannot be read is refused", func(t *testing.T) {
		t.Parallel()
		_, err := mapping.Original(acme.Appointment{SeriesID: "apt_0", OriginalStart: &acme.Moment{DateTime: "soon", TimeZone: "UTC"}}, settings())
		refusedAs(t, err, acmesync.TimeInvalid, "original_start.date_time")
	})
}

// TestAnySeries shows that it does not matter how time is cut into windows, and that instances keep their hour.
func TestAnySeries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		first := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 3*365*24*4).Draw(t, "quarters")) * 15 * time.Minute)
		rule := rapid.SampledFrom([]string{
			"FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=WEEKLY;INTERVAL=3;WKST=SU;BYDAY=SA,SU", "FREQ=MONTHLY;BYMONTHDAY=-1,31",
			"FREQ=MONTHLY;BYDAY=MO,1FR", "FREQ=YEARLY;BYDAY=20MO", "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO", "FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1;INTERVAL=2",
		}).Draw(t, "rule")
		if n := rapid.IntRange(0, 300).Draw(t, "count"); n > 0 {
			rule += ";COUNT=" + strconv.Itoa(n)
		}
		of := series(zone, first.Format("2006-01-02T15:04:05"), first.Add(30*time.Minute).Format("2006-01-02T15:04:05"), rule)
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "from")) * 24 * time.Hour)
		whole, err := mapping.Expand(of, mapping.Window{From: from, Until: from.AddDate(1, 0, 0)}, settings())
		if err != nil { // a first day that this zone's clock changes turn around
			var fault *acmesync.Fault
			require.ErrorAs(t, err, &fault)
			require.Equal(t, acmesync.EndBeforeStart, fault.Code)
			return
		}

		middle := from.Add(time.Duration(rapid.IntRange(0, 365*24).Draw(t, "hours")) * time.Hour)
		early, err := mapping.Expand(of, mapping.Window{From: from, Until: middle}, settings())
		require.NoError(t, err)
		late, err := mapping.Expand(of, mapping.Window{From: middle, Until: from.AddDate(1, 0, 0)}, settings())
		require.NoError(t, err)
		both := append(originals(early), originals(late)...)
		slices.Sort(both)
		require.Equal(t, originals(whole), slices.Compact(both))

		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		for _, i := range whole.Instances {
			at, err := time.Parse(layout, i.Start.DateTime)
			require.NoError(t, err)
			if shown := at.In(loc).Format("15:04"); shown != first.Format("15:04") {
				_, before := at.Add(-24 * time.Hour).In(loc).Zone()
				_, after := at.Add(24 * time.Hour).In(loc).Zone()
				require.NotEqual(t, before, after, "%s shows %s: only around a clock change", i.Original, shown)
			}
			m, err := mapping.Original(acme.Appointment{OriginalStart: &i.Start}, settings())
			require.NoError(t, err)
			require.Equal(t, i.Original, m)
		}
		left := of
		if len(whole.Instances) > 0 {
			gone := whole.Instances[rapid.IntRange(0, len(whole.Instances)-1).Draw(t, "left out")].Original
			left.Recurrence = &acme.Recurrence{RRule: rule, ExDates: []string{gone}}
			x, err := mapping.Expand(left, mapping.Window{From: from, Until: from.AddDate(1, 0, 0)}, settings())
			require.NoError(t, err)
			require.Equal(t, slices.DeleteFunc(originals(whole), func(o string) bool { return o == gone }), originals(x))
		}
	})
}
