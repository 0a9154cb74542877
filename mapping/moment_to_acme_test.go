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

// TestMomentsBothWays shows that what the app holds comes back from Acme as it went there.
func TestMomentsBothWays(t *testing.T) {
	t.Parallel()
	t.Run("any instant in any zone, most of them around clock changes", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
			require.NoError(t, err)
			at := aroundChange(t, anyInstant(t).In(zone)).UTC()
			m := app.Moment{DateTime: at.Format(layout), TimeZone: zone.String()}
			there, err := mapping.MomentToAcme(m)
			require.NoError(t, err)
			require.Equal(t, m, start(t, there))
		})
	})
	t.Run("any day", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			m := app.Moment{Date: anyInstant(t).Format(time.DateOnly)}
			there, err := mapping.MomentToAcme(m)
			require.NoError(t, err)
			require.Equal(t, acme.Moment{Date: m.Date}, there)
		})
	})
	for name, c := range map[string]struct {
		of   app.Moment
		want acme.Moment
	}{
		"a time is written as the clock on the wall shows it": {
			app.Moment{DateTime: "2026-07-01T08:30:00Z", TimeZone: "Europe/Zurich"},
			acme.Moment{DateTime: "2026-07-01T10:30:00", TimeZone: "Europe/Zurich"},
		},
		"the first of two like-named times needs no offset": {
			app.Moment{DateTime: "2026-11-01T05:30:00Z", TimeZone: "America/New_York"},
			acme.Moment{DateTime: "2026-11-01T01:30:00", TimeZone: "America/New_York"},
		},
		"the second has one": {
			app.Moment{DateTime: "2026-11-01T06:30:00Z", TimeZone: "America/New_York"},
			acme.Moment{DateTime: "2026-11-01T01:30:00-05:00", TimeZone: "America/New_York"},
		},
		"without a zone it is written in UTC": {
			app.Moment{DateTime: "2026-07-01T08:30:00Z"}, acme.Moment{DateTime: "2026-07-01T08:30:00Z", TimeZone: "UTC"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mapping.MomentToAcme(c.of)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	for name, m := range map[string]app.Moment{
		"nothing": {}, "a day there is not": {Date: "2026-02-30"}, "a day and a time": {Date: "2026-02-03", DateTime: "2026-07-01T08:30:00Z"},
		"a time of nowhere": {DateTime: "2026-07-01T08:30:00", TimeZone: "UTC"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := mapping.MomentToAcme(m)
			require.Error(t, err)
		})
	}
}

// start maps an appointment that begins so and reads what the app is told.
func start(t require.TestingT, from acme.Moment) app.Moment {
	a := acme.Appointment{Status: acme.Scheduled, OwnerID: "usr_1", Start: &from, End: &acme.Moment{DateTime: "2101-01-01T00:00:00Z"}}
	e, err := compiled(t, acmesync.Config{}, settings()).Appointment(a, nil, staff(), occasion())
	require.NoError(t, err)
	return e.Start
}
