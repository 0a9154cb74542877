package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

func TestStaff(t *testing.T) {
	t.Parallel()
	t.Run("case and spaces of an address don't matter", func(t *testing.T) {
		t.Parallel()
		u, ok := staff().AppUser("usr_1")
		require.True(t, ok)
		require.Equal(t, "u-grace", u.ID)
	})
	t.Run("a known user without app user is not an unknown one", func(t *testing.T) {
		t.Parallel()
		_, ok := staff().AppUser("usr_9")
		require.False(t, ok)
		require.True(t, staff().Known("usr_9"))
		require.False(t, staff().Known("usr_77"))
	})
	t.Run("the order of the lists decides nothing", func(t *testing.T) {
		t.Parallel()
		a := app.User{ID: "u-1", Email: "x@y.example", Active: true}
		b := app.User{ID: "u-2", Email: "X@y.example", Active: true}
		who := []acme.User{{ID: "usr_1", Email: "x@y.example"}}
		one, _ := mapping.NewStaff(who, []app.User{a, b}).AppUser("usr_1")
		other, _ := mapping.NewStaff(who, []app.User{b, a}).AppUser("usr_1")
		require.Equal(t, a, one)
		require.Equal(t, a, other)
	})
	t.Run("no staff knows nobody", func(t *testing.T) {
		t.Parallel()
		_, ok := mapping.Staff{}.AppUser("usr_1")
		require.False(t, ok)
		require.False(t, mapping.Staff{}.Known("usr_1"))
	})
}

func TestEndsAt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  app.Moment
		want time.Time
	}{
		"a time ends there":                            {app.Moment{DateTime: "2026-06-01T14:30:00Z", TimeZone: "Asia/Kolkata"}, time.Date(2026, 6, 1, 14, 30, 0, 0, time.UTC)},
		"a day is over when it is over everywhere":     {app.Moment{Date: "2026-06-02"}, time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)},
		"an event without an end answers no time":      {app.Moment{}, time.Time{}},
		"a day that is none answers no time":           {app.Moment{Date: "soon"}, time.Time{}},
		"a time that is not the app's answers no time": {app.Moment{DateTime: "14:30"}, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, mapping.EndsAt(app.Event{End: c.end}))
		})
	}
}
