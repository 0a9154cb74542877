package activities

import (
	"context"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// filled is an inbox in which so much waits.
type filled struct {
	Inbox
	waits acmesync.Backlog
}

func (f *filled) Backlog(context.Context, acmesync.TenantID) (acmesync.Backlog, error) {
	return f.waits, nil
}

func TestLowWater(t *testing.T) {
	t.Parallel()
	inbox := &filled{}
	var w lowWater
	look := func(records, bytes int64) bool {
		inbox.waits = acmesync.Backlog{Records: records, Bytes: bytes}
		w.looked = time.Time{}
		crossed, err := w.crossed(t.Context(), inbox, "harbor")
		require.NoError(t, err)
		return crossed
	}
	require.False(t, look(10, 10), "an inbox that never filled has nothing to tell")
	require.False(t, look(maxBacklogRecords, 10))
	require.False(t, look(maxBacklogRecords/2+1, 10), "above half is not low")
	require.True(t, look(maxBacklogRecords/2, 10), "half of the bound lets pages go on")
	require.False(t, look(maxBacklogRecords/2-1, 10), "it is told once")
	require.False(t, look(10, maxBacklogBytes/2+1))
	require.True(t, look(10, maxBacklogBytes/2), "bytes fill it as records do")
	t.Run("it is not looked more often than once a second", func(t *testing.T) {
		inbox.waits = acmesync.Backlog{Records: maxBacklogRecords}
		crossed, err := w.crossed(t.Context(), inbox, "harbor")
		require.NoError(t, err)
		require.False(t, crossed || w.above)
	})
}
