package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/acme"
	"acmesync/mapping"
)

func TestInstance(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	rules := compiled(t, acmesync.Config{}, settings())
	timed := func(start, end, zone string) acme.Appointment {
		return acme.Appointment{ID: "s", Status: acme.Scheduled, Subject: "Weekly", OwnerID: "usr_1",
			Start: &acme.Moment{DateTime: start, TimeZone: zone}, End: &acme.Moment{DateTime: end, TimeZone: zone},
			Recurrence: &acme.Recurrence{RRule: "FREQ=WEEKLY;COUNT=12"}}
	}
	days := timed("", "", "")
	days.Start, days.End = &acme.Moment{Date: "2026-02-08"}, &acme.Moment{Date: "2026-02-10"}
	for fact, series := range map[string]acme.Appointment{
		"at a time": timed("2026-02-08T10:00:00", "2026-02-08T11:00:00", "America/New_York"),
		"at an hour that a clock change leaves out": timed("2026-02-08T02:30:00", "2026-02-08T03:30:00", "America/New_York"),
		"at a time with an offset, in its own zone": timed("2026-02-08T15:00:00Z", "2026-02-08T16:00:00Z", "America/New_York"),
		"on whole days": days,
	} {
		t.Run(fact, func(t *testing.T) {
			t.Parallel()
			on := mapping.Occasion{Now: now, Delivered: true}
			all, err := rules.Series(series, nil, staff(), on)
			require.NoError(t, err)
			require.Len(t, all.Events, 12)
			for _, e := range all.Events {
				found, there := rules.InstanceEvent(series, nil, staff(), on, e.Original)
				require.True(t, there)
				require.Equal(t, e.Event, found)
				exception, err := mapping.Exception(series, found, e.Original)
				require.NoError(t, err)
				original, err := mapping.Original(exception, settings())
				require.NoError(t, err)
				require.Equal(t, e.Original, original, "the exception stands for the instance it was made of")
				shown, err := rules.Appointment(exception, nil, staff(), on)
				require.NoError(t, err)
				require.Equal(t, e.Event, shown, "and is as the series had it")

				without, changed := rules.Excluded(series, e.Original)
				require.True(t, changed)
				shorter := series
				shorter.Recurrence = &without
				rest, err := rules.Series(shorter, nil, staff(), on)
				require.NoError(t, err)
				require.Len(t, rest.Events, 11)
				_, there = rules.InstanceEvent(shorter, nil, staff(), on, e.Original)
				require.False(t, there)
				_, changed = rules.Excluded(shorter, e.Original)
				require.False(t, changed, "it is left out already")
			}
		})
	}
}
