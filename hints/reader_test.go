package hints_test

import (
	"context"
	"testing"

	"acmesync"
	"acmesync/hints"

	"github.com/stretchr/testify/require"
)

type profile string

func (p profile) HookProfile(context.Context, acmesync.TenantID) ([]byte, error) {
	return []byte(p), nil
}

func TestReader(t *testing.T) {
	t.Parallel()
	own := &hints.Reader{Profiles: profile("null")}
	const event = `{"event_id":"e","type":"appointment.updated","object_id":"apt_1","version":3}`
	t.Run("one event and a list of one are the same", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{event, " \n" + event, "[" + event + "]"} {
			events, reason, err := own.Read(t.Context(), "t", []byte(body))
			require.NoError(t, err)
			require.Empty(t, reason)
			require.Len(t, events, 1)
			require.Equal(t, acmesync.Appointments, events[0].Stream)
			require.Equal(t, "apt_1", events[0].AcmeID)
			require.EqualValues(t, 3, events[0].Version)
		}
	})
	t.Run("what cannot be read is kept as it came", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{"{", `{"a":1}`, "x", `"text"`, "[]", "\xff", `[[]]`, `{}{}`} {
			events, reason, err := own.Read(t.Context(), "t", []byte(body))
			require.NoError(t, err)
			require.NotEmpty(t, reason, body)
			require.Len(t, events, 1, body)
			require.True(t, events[0].Raw)
		}
	})
	t.Run("a profile's words are read", func(t *testing.T) {
		t.Parallel()
		r := &hints.Reader{Profiles: profile(`{"webhooks":{"events":"events","fields":{
			"type":{"from":"kind","before":".","enum":{"meeting":"appointment"}},"object_id":"id"}}}`)}
		events, reason, err := r.Read(t.Context(), "t", []byte(`{"events":[{"kind":"meeting.change","id":42}]}`))
		require.NoError(t, err)
		require.Empty(t, reason)
		require.Equal(t, "42", events[0].AcmeID)
	})
	t.Run("a profile that cannot be used is an error that names it", func(t *testing.T) {
		t.Parallel()
		_, _, err := (&hints.Reader{Profiles: profile(`{"prefix":"crm"}`)}).Read(t.Context(), "t", []byte(event))
		require.ErrorContains(t, err, "/prefix")
	})
}
