package activities_test

import (
	"testing"

	"acmesync"

	"github.com/stretchr/testify/require"
)

func TestFieldRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, acmesync.Config{PollSeconds: 3600, Appointments: acmesync.AppointmentRules{Mapping: []acmesync.FieldRule{
		{Target: "title", Preset: "template", Args: map[string]any{"text": "{appointment.subject} – {owner.name}"}},
		{Target: "location", CEL: `"Room " + custom.room`},
	}}})
	w.run(t)
	w.quiet(t)
	set := func(t *testing.T, id string, fields map[string]any) {
		t.Helper()
		w.put(t, "appointments", id, appointment(fields))
		w.hook(t, acmesync.Appointments, id, 0)
	}
	title := func(t *testing.T, id string) string {
		t.Helper()
		w.exec(t, `UPDATE envelopes SET due_at = now() WHERE kind = 'hint' AND ended_at IS NULL`)
		if e := w.event(t, id); e != nil {
			return e.Title
		}
		return ""
	}
	set(t, "apt_1", map[string]any{"custom": map[string]any{"room": "4"}})
	set(t, "apt_2", nil)

	t.Run("an event shows what the tenant's rules make of its record", func(t *testing.T) {
		eventually(t, "it arrives", func() bool { return w.event(t, "apt_1") != nil })
		require.Equal(t, "Room 4", w.event(t, "apt_1").Location)
	})
	t.Run("a record that a rule cannot be followed for parks with the rule's field, its neighbour arrives", func(t *testing.T) {
		eventually(t, "it is parked", func() bool {
			return w.balance(t, acmesync.Appointments).Parked[string(acmesync.MappingFailed)] == 1
		})
		require.Equal(t, 1, w.scalar(t, `SELECT count(*) FROM parked WHERE acme_id = 'apt_2' AND field = 'location' AND closed_at IS NULL`))
	})
	t.Run("an owner's new name reaches the events whose rules read it", func(t *testing.T) {
		w.put(t, "users", "usr_01", map[string]any{"name": "Grace Hopper"})
		w.exec(t, `UPDATE connections SET users_read_at = NULL`)
		eventually(t, "it is shown", func() bool { return title(t, "apt_1") == "A visit – Grace Hopper" })
	})
	t.Run("a new rule delivers what it changes, and what was parked for the old one", func(t *testing.T) {
		now, err := w.Tenant(t.Context(), tenant)
		require.NoError(t, err)
		now.Config.Appointments.Mapping = []acmesync.FieldRule{{Target: "location", CEL: `custom.?room.orValue("Lobby")`}}
		_, err = w.Configure(t.Context(), tenant, acmesync.ConfigChange{Config: now.Config, Over: now.Rules, Walk: []acmesync.Stream{acmesync.Appointments}, Actor: "test"})
		require.NoError(t, err)
		eventually(t, "both show it", func() bool {
			one, other := w.event(t, "apt_1"), w.event(t, "apt_2")
			return one.Location == "4" && one.Title == "A visit" && other != nil && other.Location == "Lobby"
		})
		eventually(t, "nothing is parked any more", func() bool { return len(w.balance(t, acmesync.Appointments).Parked) == 0 })
	})
}
