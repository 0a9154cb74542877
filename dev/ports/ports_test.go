package ports_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"acmesync/dev/ports"
)

func TestCheck(t *testing.T) {
	t.Parallel()

	t.Run("free ports are no error", func(t *testing.T) {
		t.Parallel()
		free, err := ports.Free(3)
		require.NoError(t, err)
		require.NoError(t, ports.Check([]ports.Wanted{{Port: free[0], For: "a"}, {Port: free[1], For: "b"}, {Port: free[2], For: "c"}}))
	})

	for name, address := range map[string]string{
		"a port taken on loopback":      "127.0.0.1:0",
		"a port taken on all addresses": "0.0.0.0:0",
	} {
		t.Run(name+" is named with its holder", func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", address)
			require.NoError(t, err)
			defer func() { _ = l.Close() }()
			port := l.Addr().(*net.TCPAddr).Port

			err = ports.Check([]ports.Wanted{{Port: port, For: "the API", Variable: "ACMESYNC_PORT_API"}})
			require.ErrorContains(t, err, fmt.Sprintf("port %d, wanted for the API, is in use", port))
			require.ErrorContains(t, err, "ACMESYNC_PORT_API")
			if runtime.GOOS == "linux" {
				require.ErrorContains(t, err, fmt.Sprintf("by process %d (", os.Getpid()))
			}
		})
	}

	t.Run("every busy port is named at once", func(t *testing.T) {
		t.Parallel()
		var wanted []ports.Wanted
		for range 2 {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer func() { _ = l.Close() }()
			wanted = append(wanted, ports.Wanted{Port: l.Addr().(*net.TCPAddr).Port, For: "something"})
		}
		err := ports.Check(wanted)
		require.ErrorContains(t, err, fmt.Sprintf("port %d", wanted[0].Port))
		require.ErrorContains(t, err, fmt.Sprintf("port %d", wanted[1].Port))
	})
}

func TestFree(t *testing.T) {
	t.Parallel()
	free, err := ports.Free(20)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, port := range free {
		require.False(t, seen[port], "port %d came twice", port)
		seen[port] = true
	}
}
