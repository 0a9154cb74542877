// Package ports finds free TCP ports on the loopback interface and says who holds a busy one.
package ports

import (
	"fmt"
	"net"
	"strconv"
)

// Free returns n different ports that nothing listened on at the time of asking. The ports are held open
// together until the last one is known, so one call never names a port twice.
func Free(n int) ([]int, error) {
	found := make([]int, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		found = append(found, l.Addr().(*net.TCPAddr).Port)
	}
	return found, nil
}

// Address is the loopback address of a port, "127.0.0.1:8080".
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
