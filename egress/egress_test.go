package egress_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"acmesync/egress"

	"github.com/stretchr/testify/require"
)

var forbiddenAlways = []string{
	"169.254.169.254", "100.64.0.1", "0.1.2.3", "0.0.0.0", "198.18.0.1", "192.0.0.192", "192.0.2.1", "255.255.255.255", "224.0.0.1",
	"[64:ff9b::a00:1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:db8::1]", "[2001::1]", "[3fff::1]", "[5f00::1]",
	"[100::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[fd00:ec2::254]", "[::]", "[::ffff:169.254.169.254]", "[::ffff:100.64.0.1]", "[::7f00:1]", "[4000::1]",
}

var forbiddenOutside = []string{"127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "[::1]", "[fd12::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"}

func TestSavedURLs(t *testing.T) {
	t.Parallel()
	outside, sandbox := egress.Policy{}, egress.Policy{AllowPrivate: true}
	for _, good := range []string{"https://api.acme.example", "https://api.acme.example/", "https://api.acme.example:8443/crm", "https://8.8.8.8", "https://[2606:4700::1111]"} {
		require.NoError(t, egress.CheckURL(good, outside), good)
		require.NoError(t, egress.CheckURL(good, sandbox), good)
	}
	for _, host := range forbiddenAlways {
		require.Error(t, egress.CheckURL("https://"+host, outside), host)
		require.Error(t, egress.CheckURL("https://"+host, sandbox), host)
	}
	for _, host := range forbiddenOutside {
		require.Error(t, egress.CheckURL("https://"+host, outside), host)
		require.NoError(t, egress.CheckURL("http://"+host+":9010", sandbox), host)
	}
	for _, bad := range []string{
		"", "acme", "/acme", "file:///etc/passwd", "ftp://api.acme.example", "javascript:alert(1)", "https://", "https:///x", "//api.acme.example",
		"https://user:pass@api.acme.example", "https://user@api.acme.example", "https://api.acme.example?x=1", "https://api.acme.example?",
		"https://api.acme.example/#x", "https://api.acme.example#", "https://api.acme.example.", "https://api.acme.example:0",
		"https://api.acme.example:99999", "https://api.acme.example:x", "https://api.acme.example/../admin", "https://api.acme.example/%2e%2e",
		"https://api acme.example", "https://api.acme.example\r\nx: y", "https://api.acme.example\\@evil", "https://äcme.example",
		"https://2130706433", "https://0x7f000001", "https://0x7f.1", "https://017700000001", "https://0177.0.0.1", "https://127.1", "https://1.2.3.4.5",
		"https://[fe80::1%25eth0]", "https://-.example", "https://a..example", "https://" + strings.Repeat("a", 64) + ".example",
		"https://" + strings.Repeat("a.", 1000) + "example",
	} {
		require.Error(t, egress.CheckURL(bad, outside), bad)
		require.Error(t, egress.CheckURL(bad, sandbox), bad)
	}
	for _, inner := range []string{"https://localhost", "https://acme", "https://acme.localhost", "https://metadata.google.internal", "https://printer.local",
		"http://api.acme.example", "https://api.acme.example:9010"} {
		require.Error(t, egress.CheckURL(inner, outside), inner)
		require.NoError(t, egress.CheckURL(inner, sandbox), inner)
	}
}

func TestCallsToForbiddenAddresses(t *testing.T) {
	t.Parallel()
	for _, host := range append(append([]string{}, forbiddenAlways...), forbiddenOutside...) {
		t.Run(host+" is not connected to", func(t *testing.T) {
			t.Parallel()
			_, err := get(t, egress.NewClient(egress.Policy{}), "https://"+host+"/")
			require.ErrorIs(t, err, egress.ErrForbidden)
		})
	}
	for _, host := range forbiddenAlways {
		t.Run(host+" is not connected to from a sandbox", func(t *testing.T) {
			t.Parallel()
			_, err := get(t, egress.NewClient(egress.Policy{AllowPrivate: true}), "http://"+host+":9010/")
			require.ErrorIs(t, err, egress.ErrForbidden)
		})
	}
}

func TestNamesThatPointInwards(t *testing.T) {
	t.Parallel()
	_, err := get(t, egress.NewClient(egress.Policy{}), "https://localhost/")
	require.ErrorIs(t, err, egress.ErrForbidden)
}

func TestCallsWithoutTLS(t *testing.T) {
	t.Parallel()
	_, err := get(t, egress.NewClient(egress.Policy{}), "http://8.8.8.8/")
	require.ErrorIs(t, err, egress.ErrForbidden)
}

func TestOtherPorts(t *testing.T) {
	t.Parallel()
	_, err := get(t, egress.NewClient(egress.Policy{}), "https://8.8.8.8:22/")
	require.ErrorIs(t, err, egress.ErrForbidden)
}

func TestRedirectsAreHandedBack(t *testing.T) {
	t.Parallel()
	var followed atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/from", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/to", http.StatusFound) })
	mux.HandleFunc("/to", func(http.ResponseWriter, *http.Request) { followed.Store(true) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	status, err := get(t, egress.NewClient(egress.Policy{AllowPrivate: true}), server.URL+"/from")
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, status)
	require.False(t, followed.Load())
}

func TestTheEnvironmentsProxyIsIgnored(t *testing.T) {
	var used atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { used.Store(true) }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(server.Close)
	status, err := get(t, egress.NewClient(egress.Policy{AllowPrivate: true}), server.URL)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
	require.False(t, used.Load())
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := egress.NewClient(egress.Policy{AllowPrivate: true})
	for range 5 {
		_, err := get(t, client, server.URL)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, opened.Load())
}

func get(t *testing.T, c *http.Client, url string) (int, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := c.Do(request)
	if err != nil {
		return 0, err
	}
	require.NoError(t, response.Body.Close())
	return response.StatusCode, nil
}
