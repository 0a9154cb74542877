package backend_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/dev/backend"
)

// complete is a balance that is at rest and equals its totals.
func complete() (map[string]backend.Stream, backend.Totals) {
	balance := map[string]backend.Stream{
		backend.Appointments: {
			Stream: backend.Appointments, Known: 100, InStep: 90, Deleted: 2, Balanced: true,
			Skipped: map[string]int{"owner_unmatched": 5}, Parked: map[string]int{"end_missing": 3},
		},
		backend.Touchpoints: {Stream: backend.Touchpoints, Known: 200, InStep: 198, Parked: map[string]int{"user_missing": 2}, Balanced: true},
	}
	return balance, backend.Totals{
		Acme:    map[string]int{backend.Appointments: 100, backend.Touchpoints: 200},
		Deleted: map[string]int{backend.Appointments: 2},
		Bad: map[string]map[string]int{
			backend.Appointments: {"owner_unmatched": 5, "end_missing": 3},
			backend.Touchpoints:  {"user_missing": 2},
		},
		Shown: 130, Events: 130, Touchpoints: 198,
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()

	t.Run("a complete sync has none", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, backend.Differences(complete()))
	})

	for name, c := range map[string]struct {
		change func(map[string]backend.Stream, *backend.Totals)
		says   string
	}{
		"a waiting record": {func(b map[string]backend.Stream, _ *backend.Totals) {
			s := b[backend.Appointments]
			s.Waiting, s.InStep, s.Balanced = 1, 89, false
			b[backend.Appointments] = s
		}, "1 records wait"},
		"a record that no state counts": {func(b map[string]backend.Stream, _ *backend.Totals) {
			s := b[backend.Touchpoints]
			s.InStep--
			b[backend.Touchpoints] = s
		}, "known is 200, its parts add up to 199"},
		"a record that Acme has and we do not know": {func(_ map[string]backend.Stream, t *backend.Totals) {
			t.Acme[backend.Touchpoints]++
		}, "200 records are known, Acme has 201"},
		"a record parked under another code": {func(b map[string]backend.Stream, _ *backend.Totals) {
			b[backend.Appointments].Parked["end_missing"], b[backend.Appointments].Parked["start_missing"] = 2, 1
		}, "1 records are left out as start_missing, Acme's manifest says 0"},
		"an event that is missing in the app": {func(_ map[string]backend.Stream, t *backend.Totals) {
			t.Events--
		}, "Acme's come to 130 events, the app holds 129"},
		"a touch-point counted twice in the app": {func(_ map[string]backend.Stream, t *backend.Totals) {
			t.Touchpoints++
		}, "198 are in step, the app counts 199"},
		"a stream without a balance": {func(b map[string]backend.Stream, _ *backend.Totals) {
			delete(b, backend.Touchpoints)
		}, "touchpoints: no balance"},
	} {
		t.Run(name+" is one", func(t *testing.T) {
			t.Parallel()
			balance, totals := complete()
			c.change(balance, &totals)
			require.Contains(t, joined(backend.Differences(balance, totals)), c.says)
		})
	}
}

func joined(lines []string) (text string) {
	for _, line := range lines {
		text += line + "\n"
	}
	return text
}
