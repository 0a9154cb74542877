// Package egress is how the product calls addresses that a tenant has given it. One dialer looks at the resolved IP
// address as it connects, so that neither a name that points inwards nor one that changes between two look-ups reaches
// what only this machine or its network may reach. Redirects and the environment's proxy are not followed.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Policy says where calls may go.
type Policy struct {
	// AllowPrivate lets calls go to loopback and private networks, without TLS and to any port: for sandboxes.
	AllowPrivate bool
}

// ErrForbidden means that an address resolved to one that tenants may not have us call.
var ErrForbidden = errors.New("the address is private or reserved")

const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 20 * time.Second // of a whole call
	idlePerHost    = 64               // a tenant's lanes and checks together stay far below it
	idleInAll      = 1024
)

// NewClient makes the client for calls to tenants' addresses. It is meant to be shared: connections are kept per host.
func NewClient(p Policy) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second, ControlContext: p.control}
	return &http.Client{
		Timeout:       answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: guarded{policy: p, next: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           idleInAll,
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    connectTimeout,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		}},
	}
}

// control is called with the resolved address, once per attempt to connect.
func (p Policy) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect: %w", ErrForbidden)
	}
	if !p.mayCall(target.Addr()) || !p.mayUsePort(target.Port()) {
		return fmt.Errorf("connect: %w", ErrForbidden)
	}
	return nil
}

// guarded refuses requests without TLS, whatever was saved before the rules were as they are.
type guarded struct {
	policy Policy
	next   http.RoundTripper
}

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !g.policy.AllowPrivate {
		return nil, fmt.Errorf("call without TLS: %w", ErrForbidden)
	}
	return g.next.RoundTrip(r)
}

// CloseIdleConnections makes http.Client's method of that name work.
func (g guarded) CloseIdleConnections() {
	if closer, ok := g.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
