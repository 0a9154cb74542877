package mapping_test

import (
	"encoding/json"
	"testing"

	"acmesync"
	"acmesync/mapping"

	"github.com/stretchr/testify/require"
)

func TestCompileReadsTheProfile(t *testing.T) {
	t.Parallel()
	t.Run("its faults are told below /profile", func(t *testing.T) {
		t.Parallel()
		_, problems := mapping.Compile(acmesync.Config{Profile: json.RawMessage(`{"prefix":"https://10.0.0.1","auth":{"kind":"query"}}`)}, mapping.Settings{})
		require.Len(t, problems, 2)
		require.Equal(t, "/profile/prefix", problems[0].Pointer)
		require.Equal(t, "/profile/auth/kind", problems[1].Pointer)
		require.NotEmpty(t, problems[1].Hint)
	})
	t.Run("both ways go with Acme's own appointments only", func(t *testing.T) {
		t.Parallel()
		c := acmesync.Config{Profile: json.RawMessage(`{"appointments":{"path":"/meetings"}}`), Appointments: acmesync.AppointmentRules{Direction: acmesync.BothWays}}
		_, problems := mapping.Compile(c, mapping.Settings{})
		require.Len(t, problems, 1)
		require.Equal(t, "/appointments/direction", problems[0].Pointer)
		c.Profile = json.RawMessage(`{"format":"xml"}`)
		_, problems = mapping.Compile(c, mapping.Settings{})
		require.Len(t, problems, 1)
		require.Equal(t, "/appointments/direction", problems[0].Pointer)
		c.Profile = json.RawMessage(`{"prefix":"/crm"}`)
		_, problems = mapping.Compile(c, mapping.Settings{})
		require.Empty(t, problems)
	})
}
