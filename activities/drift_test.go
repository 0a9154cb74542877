package activities_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// drifted is what is open, as "stream field finding".
func (w *world) drifted(t require.TestingT) []string {
	var open []string
	require.NoError(t, w.Super.Select(&open, `SELECT stream || ' ' || field || ' ' || finding FROM drift WHERE resolved_at IS NULL ORDER BY 1`))
	return open
}

func TestDrift(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600})
	w.do.DriftEvery = time.Millisecond
	for i := range 30 {
		w.put(t, "appointments", fmt.Sprintf("apt_%d", i), appointment(map[string]any{"location": "Room 1"}))
	}
	w.run(t)
	eventually(t, "all are there", func() bool { return w.balance(t, acmesync.Appointments).InStep == 30 })
	w.quiet(t)
	require.Empty(t, w.drifted(t), "what the sandbox sends is as the contract says")
	require.Empty(t, w.alerts.texts())

	again := func(t *testing.T) { // reads all of it
		t.Helper()
		for i := range 30 {
			w.hook(t, acmesync.Appointments, fmt.Sprintf("apt_%d", i), 0)
		}
		w.quiet(t)
	}
	t.Run("each field that differs is told once, and the sync goes on", func(t *testing.T) {
		w.acmeFaults(t, map[string]any{"drift": map[string]any{"rename": map[string]string{"location": "place"}, "add": []string{"priority"}}})
		for range 3 {
			again(t)
		}
		eventually(t, "all is found", func() bool {
			return slices.Equal(w.drifted(t), []string{"appointments location field_gone", "appointments place unknown_field", "appointments priority unknown_field"})
		})
		require.Len(t, w.alerts.texts(), 3)
		w.put(t, "appointments", "apt_new", appointment(nil))
		w.hook(t, acmesync.Appointments, "apt_new", 0)
		w.becomes(t, "apt_new", "in_step", "")
		w.quiet(t)
		require.Len(t, w.alerts.texts(), 3)
		require.Zero(t, w.scalar(t, `SELECT count(*) FROM holds`))
	})
	t.Run("neither alerts nor rows hold a value", func(t *testing.T) {
		var rows []string
		require.NoError(t, w.Super.Select(&rows, `SELECT d::text FROM drift d UNION ALL SELECT f::text FROM drift_fields f`))
		require.NotContains(t, strings.Join(append(rows, w.alerts.texts()...), "\n"), "Room 1")
	})
	t.Run("changed back it is resolved", func(t *testing.T) {
		w.acmeFaults(t, map[string]any{})
		eventually(t, "nothing is open", func() bool { again(t); return len(w.drifted(t)) == 0 })
		require.Equal(t, 3, w.scalar(t, `SELECT count(*) FROM drift WHERE resolved_at IS NOT NULL`))
	})
	t.Run("another type and a new word are found too, though such records park", func(t *testing.T) {
		w.acmeFaults(t, map[string]any{"drift": map[string]any{"retype": []string{"is_private"}, "words": map[string]string{"status": "tentative"}}})
		again(t)
		eventually(t, "both are found", func() bool {
			return slices.Equal(w.drifted(t), []string{"appointments is_private type_changed", "appointments status unknown_word"})
		})
		require.Len(t, w.alerts.texts(), 5)
	})
}

func TestDriftUnderAProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600, Profile: []byte(`{"appointments": {"fields": {"location": ["location"]}}}`)})
	w.do.DriftEvery = time.Millisecond
	for i := range 30 {
		w.put(t, "appointments", fmt.Sprintf("apt_%d", i), appointment(map[string]any{"location": "Room 1"}))
	}
	w.run(t)
	eventually(t, "all are there", func() bool { return w.balance(t, acmesync.Appointments).InStep == 30 })
	w.quiet(t)
	require.Empty(t, w.drifted(t))
	w.acmeFaults(t, map[string]any{"drift": map[string]any{"rename": map[string]string{"location": "place"}}})
	eventually(t, "what no rule finds any more is gone; what a profile leaves over is no drift", func() bool {
		for i := range 30 {
			w.hook(t, acmesync.Appointments, fmt.Sprintf("apt_%d", i), 0)
		}
		w.quiet(t)
		return slices.Equal(w.drifted(t), []string{"appointments location field_gone"})
	})
}
