package acmesync_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync"
)

func TestInstanceID(t *testing.T) {
	t.Parallel()
	for _, original := range []string{"20260601", "20260601T140000Z"} {
		series, got, ok := acmesync.InstanceOf(acmesync.InstanceID("apt/1", original))
		require.True(t, ok)
		require.Equal(t, "apt/1", series)
		require.Equal(t, original, got)
	}
	for _, id := range []string{"apt_1", "", "/20260601", "apt_1/", "apt_1/2026060", "apt_1/20260601T140000", "apt_1/2026O601"} {
		_, _, ok := acmesync.InstanceOf(id)
		require.False(t, ok, id)
	}
}
