package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/mapping"
)

// FuzzSeries wants that no text makes an expansion panic, hang or leave its window, and that what is refused says why.
func FuzzSeries(f *testing.F) {
	for _, rule := range []string{
		"FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10", "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20261231", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
		"FREQ=YEARLY;BYWEEKNO=53,-1;BYDAY=MO;WKST=SU", "FREQ=YEARLY;BYYEARDAY=366,-366,1", "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1,1",
		"FREQ=DAILY;BYHOUR=0,23;BYMINUTE=59;BYSECOND=59", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;INTERVAL=999999",
		"RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260601T100000Z;", "FREQ=HOURLY", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=1;UNTIL=20260101", "=;=", "",
		"FREQ=MONTHLY;BYDAY=53MO", "FREQ=YEARLY;BYDAY=-53SU,MO", "FREQ=WEEKLY;BYSETPOS=366;BYDAY=MO",
	} {
		f.Add(rule, "2026-06-01T10:00:00", "2026-06-01T11:00:00", "20260608T100000Z", "America/New_York")
	}
	f.Add("FREQ=DAILY", "2026-06-01", "2026-06-03", "2026-06-02", "")
	f.Add("FREQ=DAILY", "0001-01-01", "0001-01-03", "TZID=Europe/Paris:20260601T100000", "UTC")
	f.Add("FREQ=MONTHLY", "9999-12-31T23:59:59", "9999-12-31T23:59:59Z", ",", "Pacific/Kiritimati")
	f.Fuzz(func(t *testing.T, rule, start, end, ex, zone string) {
		of := series(zone, start, end, rule, ex)
		begun := time.Now()
		w := year(2026)
		x, err := mapping.Expand(of, w, settings())
		require.Less(t, time.Since(begun), 5*time.Second)
		if err != nil {
			var fault *acmesync.Fault
			require.ErrorAs(t, err, &fault)
			require.NotEmpty(t, fault.Field)
			return
		}
		require.LessOrEqual(t, len(x.Instances), mapping.MaxInstances)
		seen := map[string]bool{}
		for _, i := range x.Instances {
			require.False(t, seen[i.Original], i.Original)
			seen[i.Original] = true
			if i.Start.Date != "" {
				require.Less(t, i.Start.Date, i.End.Date)
				continue
			}
			from, err := time.Parse(time.RFC3339, i.Start.DateTime)
			require.NoError(t, err)
			until, err := time.Parse(time.RFC3339, i.End.DateTime)
			require.NoError(t, err)
			require.True(t, until.After(from) && !until.Before(w.From) && !from.After(w.Until))
		}
		if !x.Next.IsZero() {
			require.True(t, x.Next.After(w.Until))
		}
	})
}
