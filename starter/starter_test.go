package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/config"
	"acmesync/db/dbtest"

	"github.com/sethvargo/go-envconfig"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

// desk runs the command as an operator does.
type desk struct {
	env      envconfig.Lookuper
	temporal string
	in       string
}

func (d desk) run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	s := &session{env: d.env, in: strings.NewReader(d.in), out: &stdout, errs: &stderr, options: func() (client.Options, error) {
		return client.Options{HostPort: d.temporal}, nil
	}}
	code = s.run(t.Context(), args)
	return code, stdout.String(), stderr.String()
}

func (d desk) must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := d.run(t, args...)
	require.Equal(t, 0, code, "%v: %s", args, errs)
	return out
}

func newDesk(t *testing.T, d *dbtest.Database) desk {
	t.Helper()
	// Nobody listens there: Temporal is away.
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return desk{temporal: l.Addr().String(), env: envconfig.MapLookuper(map[string]string{
		"DATABASE_URL": d.URL, "DATABASE_OWNER_URL": d.OwnerURL, "ACMESYNC_KEYSET": d.Keyset, "ACMESYNC_ALLOW_PRIVATE_HOSTS": "1",
	})}
}

func TestWrongCalls(t *testing.T) {
	t.Parallel()
	empty := desk{env: envconfig.MapLookuper(nil)}
	for _, args := range [][]string{
		nil, {"frob"}, {"tenant"}, {"tenant", "frob"}, {"tenant", "status"}, {"tenant", "status", "a", "b"}, {"--frob"}, {"tenant", "list", "--frob"},
		{"version", "-o", "xml"}, {"tenant", "deactivate", "a", "--events", "burn"}, {"review", "retry"}, {"migrate"}, {"keyset"}, {"tenant", "create", "a", "--poll-seconds", "x"},
		{"tenant", "list"}, {"migrate", "up"}, {"migrate", "status"}, {"review", "list"}, // nothing is set
	} {
		code, _, errs := empty.run(t, args...)
		require.Equal(t, config.ExitCode, code, "%v", args)
		require.Contains(t, errs, "starter: ")
	}
	for _, args := range [][]string{{"--help"}, {"tenant", "--help"}, {"version"}, {"version", "-o", "json"}, {"keyset", "new"}} {
		require.NotEmpty(t, empty.must(t, args...))
	}
	first := empty.must(t, "keyset", "new")
	require.NotEqual(t, first, empty.must(t, "keyset", "new"))
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	operator := newDesk(t, d)
	require.Contains(t, operator.must(t, "migrate", "up"), "the schema is up to date")
	require.NotContains(t, operator.must(t, "migrate", "status"), "pending")
	var steps []map[string]any
	require.NoError(t, json.Unmarshal([]byte(operator.must(t, "migrate", "status", "-o", "json")), &steps))
	require.NotEmpty(t, steps)
}

func TestTenantsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	operator := newDesk(t, d)

	out := operator.must(t, "tenant", "create", "harbor", "--name", "Harbor Dental", "--acme-url", "http://127.0.0.1:1", "--app-url", "http://127.0.0.1:1",
		"--rate-requests", "100", "--rate-seconds", "10")
	require.Contains(t, out, "harbor  draft")
	code, _, errs := operator.run(t, "tenant", "create", "harbor", "--name", "Again", "--acme-url", "http://127.0.0.1:1", "--app-url", "http://127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "there is a tenant")
	code, _, errs = operator.run(t, "tenant", "create", "B!", "--acme-url", "file:///x")
	require.Equal(t, 1, code)
	for _, field := range []string{"id ", "name ", "acme/base_url ", "app/base_url "} {
		require.Contains(t, errs, field)
	}

	code, _, errs = operator.run(t, "tenant", "activate", "harbor")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "API key is not set")
	code, _, _ = operator.run(t, "tenant", "check", "harbor")
	require.Equal(t, 1, code)

	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("app-canary\n"), 0o600))
	operator.in = "acme-canary\n"
	out = operator.must(t, "tenant", "credentials", "harbor", "--acme-key-file", "-", "--app-token-file", file)
	require.NotContains(t, out, "canary")
	credentials, err := d.Credentials(t.Context(), "harbor")
	require.NoError(t, err)
	require.Equal(t, acmesync.Credentials{AcmeAPIKey: "acme-canary", AppToken: "app-canary"}, credentials)

	began := time.Now()
	require.Contains(t, operator.must(t, "tenant", "activate", "harbor", "--key", "k1"), "starting", "Acme and Temporal being away is no reason to refuse")
	require.Less(t, time.Since(began), 30*time.Second)
	require.Contains(t, operator.must(t, "tenant", "pause", "harbor", "--reason", "moving\x1b[2J offices"), "paused")
	require.NotContains(t, operator.must(t, "tenant", "list"), "\x1b")
	code, _, errs = operator.run(t, "tenant", "sync", "harbor")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "only a running tenant can sync")

	var status struct {
		Tenant  struct{ ID, State string }
		Balance struct{ Balanced bool }
	}
	require.NoError(t, json.Unmarshal([]byte(operator.must(t, "tenant", "status", "harbor", "-o", "json")), &status))
	require.Equal(t, "harbor", status.Tenant.ID)
	require.Equal(t, "paused", status.Tenant.State)
	require.True(t, status.Balance.Balanced)
	require.Contains(t, operator.must(t, "tenant", "status", "harbor"), "appointments")
	require.Contains(t, operator.must(t, "tenant", "deactivate", "harbor", "--events", "remove"), "deactivated")

	for _, args := range [][]string{{"tenant", "status", "nobody"}, {"tenant", "status", "No Body"}, {"review", "show", "nobody.0123456789abcdef"}, {"review", "retry", "x"}} {
		code, _, errs = operator.run(t, args...)
		require.Equal(t, 1, code, args)
		require.Contains(t, errs, "not found")
	}
	entries, err := d.Audit(t.Context(), "harbor", 1)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(entries[0].Actor, "starter"), entries[0].Actor)
}

func TestConfigurationFromTheCommandLine(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	operator := newDesk(t, d)
	operator.must(t, "tenant", "create", "harbor", "--name", "Harbor Dental", "--acme-url", "http://127.0.0.1:1", "--app-url", "http://127.0.0.1:1", "--poll-seconds", "300")
	require.JSONEq(t, `{"poll_seconds":300}`, operator.must(t, "tenant", "config", "get", "harbor"))
	file := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"appointments":{"collision":"ignore"}}`), 0o600))
	require.Contains(t, operator.must(t, "tenant", "config", "set", "harbor", file, "--merge", "--dry-run"), "/appointments/collision")
	var answer struct {
		Version int
		Applied bool
		Config  map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(operator.must(t, "tenant", "config", "set", "harbor", file, "--merge", "--note", "as asked", "-o", "json")), &answer))
	require.True(t, answer.Applied)
	require.Equal(t, 2, answer.Version)
	require.Equal(t, map[string]any{"poll_seconds": 300.0, "appointments": map[string]any{"collision": "ignore"}}, answer.Config)
	operator.in = operator.must(t, "tenant", "config", "get", "harbor", "--version", "1")
	operator.must(t, "tenant", "config", "set", "harbor", "-")
	require.JSONEq(t, `{"poll_seconds":300}`, operator.must(t, "tenant", "config", "get", "harbor"))
	require.Contains(t, operator.must(t, "tenant", "config", "versions", "harbor"), "as asked")
	operator.in = `{"poll_secs":1}`
	code, _, errs := operator.run(t, "tenant", "config", "set", "harbor", "-")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "Did you mean poll_seconds?")
	operator.in = `{}`
	code, _, errs = operator.run(t, "tenant", "config", "set", "harbor", "-", "--over", "1")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "at version 3 by now")
}

func TestReviewsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	operator := newDesk(t, d)
	operator.must(t, "tenant", "create", "harbor", "--name", "Harbor Dental", "--acme-url", "http://127.0.0.1:1", "--app-url", "http://127.0.0.1:1")
	_, err := d.Apply(t.Context(), "harbor", acmesync.Command{ID: "1", Name: acmesync.Activate, Actor: "test"})
	require.NoError(t, err)
	fence, err := d.BeginLane(t.Context(), "harbor", acmesync.Deliver)
	require.NoError(t, err)
	require.NoError(t, d.CommitDelivered(t.Context(), fence, acmesync.Delivered{Parked: []acmesync.ParkedRecord{{
		Key: acmesync.Key{Stream: acmesync.Appointments, AcmeID: "apt-1"}, Fault: acmesync.Fault{Code: acmesync.EndMissing, Field: "end", Message: "It has no end."},
	}}}))
	id := "harbor." + acmesync.Fingerprint(acmesync.Appointments, acmesync.EndMissing, "end")
	require.Contains(t, operator.must(t, "review", "list", "--tenant", "harbor"), id)
	require.Contains(t, operator.must(t, "review", "show", id), "It has no end.")
	require.Contains(t, operator.must(t, "review", "retry", id, "apt-1"), "1 records")
	code, _, errs := operator.run(t, "review", "discard", id)
	require.Equal(t, 1, code)
	require.Contains(t, errs, "why")
	require.Contains(t, operator.must(t, "review", "discard", id, "--reason", "test data"), "1 records")
	code, _, errs = operator.run(t, "review", "retry", id, "nobody")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "no open record")
}
