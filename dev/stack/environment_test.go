package stack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/dev/stack"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()

	t.Run("the last of several values counts", func(t *testing.T) {
		t.Parallel()
		env := stack.Environment{"A=1", "AB=2", "A=3"}
		require.Equal(t, "3", env.Get("A"))
		require.Empty(t, env.Get("B"))
	})
}

func TestUsualPorts(t *testing.T) {
	t.Parallel()

	t.Run("are the documented ones", func(t *testing.T) {
		t.Parallel()
		p, err := stack.UsualPorts(nil)
		require.NoError(t, err)
		require.Equal(t, stack.Ports{API: 8080, APIMetrics: 9090, WorkerMetrics: 9091, Acme: 9010, App: 9020, Kafka: 9030, Temporal: 7233, TemporalUI: 8233, Postgres: 55432}, p)
	})

	t.Run("a variable changes one", func(t *testing.T) {
		t.Parallel()
		p, err := stack.UsualPorts(stack.Environment{"ACMESYNC_PORT_API=8888"})
		require.NoError(t, err)
		require.Equal(t, 8888, p.API)
	})

	t.Run("nonsense is refused with the variable's name", func(t *testing.T) {
		t.Parallel()
		_, err := stack.UsualPorts(stack.Environment{"ACMESYNC_PORT_API=http", "ACMESYNC_PORT_ACME=70000"})
		require.ErrorContains(t, err, "ACMESYNC_PORT_API")
		require.ErrorContains(t, err, "ACMESYNC_PORT_ACME")
	})
}
