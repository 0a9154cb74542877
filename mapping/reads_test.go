package mapping_test

import (
	"testing"

	"acmesync"
	"acmesync/acme"
	"acmesync/drift"
	"acmesync/mapping"

	"github.com/stretchr/testify/require"
)

func TestReads(t *testing.T) {
	t.Parallel()
	t.Run("what is built in is in the contract", func(t *testing.T) {
		t.Parallel()
		for _, r := range []acme.Resource{acme.Appointments, acme.Touchpoints, acme.Contacts, acme.Users} {
			fields, err := drift.Fields(r)
			require.NoError(t, err)
			var paths []string
			for _, f := range fields {
				paths = append(paths, f.Path)
			}
			require.Subset(t, paths, mapping.Reads(acmesync.Config{}, r))
		}
	})
	t.Run("rules add what they read, by path, template and expression", func(t *testing.T) {
		t.Parallel()
		c := acmesync.Config{
			Touchpoints: acmesync.TouchpointRules{MinCallSeconds: 5},
			Appointments: acmesync.AppointmentRules{Mapping: []acmesync.FieldRule{
				{Target: "title", Preset: "template", Args: map[string]any{"text": "{custom.properties.colour} {contact.email}"}},
				{Target: "location", Source: "appointment.created_at", Preset: "copy"},
				{Target: "description", CEL: `owner.name + appointment.start.at`},
			}},
		}
		require.Subset(t, mapping.Reads(c, acme.Appointments), []string{"created_at", "custom.properties.colour", "start"})
		require.Contains(t, mapping.Reads(c, acme.Contacts), "emails")
		require.Contains(t, mapping.Reads(c, acme.Users), "name")
		require.NotContains(t, mapping.Reads(acmesync.Config{}, acme.Users), "name")
		require.Contains(t, mapping.Reads(c, acme.Touchpoints), "duration_ms")
	})
}
