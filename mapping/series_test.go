package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync"
	"acmesync/mapping"
)

func TestSeriesOverTime(t *testing.T) {
	t.Parallel()
	rules := compiled(t, acmesync.Config{Appointments: acmesync.AppointmentRules{Scope: acmesync.Scope{HistoryDays: 10, HorizonDays: 20}}}, settings())
	who := rules.Staff(acmeUsers(), appUsers())
	weekly := series("America/New_York", "2026-03-02T10:00:00", "2026-03-02T10:30:00", "FREQ=WEEKLY;COUNT=8")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

	t.Run("each instance comes when it is told to, and none comes after the last", func(t *testing.T) {
		t.Parallel()
		on, seen, looks := mapping.Occasion{Now: now}, map[string]bool{}, 0
		for ; ; looks++ {
			s, err := rules.Series(weekly, nil, who, on)
			require.NoError(t, err)
			fresh := 0
			for _, e := range s.Events {
				if !seen[e.Original] {
					fresh++
				}
				seen[e.Original] = true
			}
			require.Positive(t, fresh, "no look is in vain")
			if s.Again.IsZero() {
				break
			}
			require.True(t, s.Again.After(on.Now))
			on = mapping.Occasion{Now: s.Again, Delivered: true}
		}
		require.Len(t, seen, 8)
		require.Equal(t, 5, looks)
	})
	t.Run("a delivered series that is over stays", func(t *testing.T) {
		t.Parallel()
		s, err := rules.Series(weekly, nil, who, mapping.Occasion{Now: now.AddDate(1, 0, 0), Delivered: true})
		require.NoError(t, err)
		require.Empty(t, s.Events)
	})
	t.Run("one that was never delivered is too old", func(t *testing.T) {
		t.Parallel()
		_, err := rules.Series(weekly, nil, who, mapping.Occasion{Now: now.AddDate(1, 0, 0)})
		var skip *mapping.Skip
		require.ErrorAs(t, err, &skip)
		require.Equal(t, acmesync.TooOld, skip.Code)
	})
	t.Run("a tenant's rules hold for each instance", func(t *testing.T) {
		t.Parallel()
		busy := weekly
		busy.IsPrivate = true
		s, err := rules.Series(busy, nil, who, mapping.Occasion{Now: now})
		require.NoError(t, err)
		require.Equal(t, "Busy", s.Events[0].Event.Title)
	})
}
