package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

const testKey = "Jm2VtXw8qLr5ZsYc1NfBhT4K"

// build makes the binary that is tested.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "api")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

func TestFaultySettingsAreAllNamed(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(t.Context(), build(t))
	command.Env = []string{"LOG_LEVEL=loud", "ACMESYNC_API_KEYS=a:short-canary", "DATABASE_URL=mysql://u:canary@x/y"}
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 2, exit.ExitCode())
	for _, name := range []string{"DATABASE_URL", "ACMESYNC_KEYSET", "ACMESYNC_API_KEYS", "LOG_LEVEL", "PUBLIC_URL"} {
		require.Contains(t, string(out), name)
	}
	require.NotContains(t, string(out), "canary")
}

func TestTheProgram(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	addr, metrics := freeAddr(t), freeAddr(t)
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, build(t))
	command.Stdout, command.Stderr = &out, &out
	command.Env = []string{"DATABASE_URL=" + d.URL, "ACMESYNC_KEYSET=" + d.Keyset, "ACMESYNC_API_KEYS=backend:" + testKey, "HTTP_ADDR=" + addr,
		"METRICS_ADDR=" + metrics, "ACMESYNC_ALLOW_PRIVATE_HOSTS=1", "TEMPORAL_ADDRESS=" + freeAddr(t), "LOG_LEVEL=debug", "HOME=" + t.TempDir()}
	require.NoError(t, command.Start())

	require.Eventually(t, func() bool { return status(t, addr, "/readyz") == http.StatusOK }, 20*time.Second, 20*time.Millisecond, "Temporal is not needed")
	require.Equal(t, http.StatusUnauthorized, status(t, addr, "/v1/tenants"))
	require.Equal(t, http.StatusOK, status(t, metrics, "/metrics"))

	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, command.Wait(), out.String())
	require.NotContains(t, out.String(), testKey)
	require.NotContains(t, out.String(), d.Keyset)
	require.Equal(t, 0, strings.Count(out.String(), "panic"))
}

func TestAnOldSchemaIsRefused(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	d.Super.MustExec(`DELETE FROM goose_db_version WHERE version_id > 1`)
	command := exec.CommandContext(t.Context(), build(t))
	command.Env = []string{"DATABASE_URL=" + d.URL, "ACMESYNC_KEYSET=" + d.Keyset, "ACMESYNC_API_KEYS=backend:" + testKey,
		"ACMESYNC_ALLOW_PRIVATE_HOSTS=1", "HTTP_ADDR=" + freeAddr(t), "HOME=" + t.TempDir()}
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, string(out), "starter migrate up")
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func status(t *testing.T, addr, path string) int {
	t.Helper()
	response, err := (&http.Client{Timeout: 3 * time.Second}).Get("http://" + addr + path)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}
