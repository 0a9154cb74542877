package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"acmesync/config"
	"acmesync/db/dbtest"
	"acmesync/explore"
	"acmesync/sandbox/business"
	"acmesync/sandbox/crm"

	"github.com/sethvargo/go-envconfig"
	"github.com/stretchr/testify/require"
)

// anAcme is a sandbox with one business, and the key to it.
func anAcme(t *testing.T) (url, key string) {
	t.Helper()
	b := business.All()[2]
	b.Contacts, b.Appointments, b.Touchpoints = 20, 30, 30
	side, err := crm.Open(crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: []business.Business{b}})
	require.NoError(t, err)
	server := httptest.NewServer(side.Handler())
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, side.Close())
	})
	resp, err := server.Client().Get(server.URL + "/admin/accounts/" + b.ID)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var account struct {
		APIKey string `json:"api_key"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&account))
	return server.URL, account.APIKey
}

func TestExploreFromTheCommandLine(t *testing.T) {
	t.Parallel()
	url, key := anAcme(t)
	t.Run("neither database nor Temporal is needed, and the key comes by a file, the standard input or the environment", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(file, []byte(key+"\n"), 0o600))
		for _, d := range []struct {
			desk
			args []string
		}{
			{desk{env: envconfig.MapLookuper(nil)}, []string{"--acme-key-file", file}},
			{desk{env: envconfig.MapLookuper(nil), in: key}, []string{"--acme-key-file", "-"}},
			{desk{env: envconfig.MapLookuper(map[string]string{"ACME_API_KEY": key})}, nil},
		} {
			out := d.must(t, append([]string{"explore", "--acme-url", url}, d.args...)...)
			for _, want := range []string{": usable", "FINDINGS", "APPOINTMENTS", "start.time_zone", "Not tried: no hook's address was given."} {
				require.Contains(t, out, want)
			}
			require.NotContains(t, out, key)
		}
	})
	t.Run("as JSON it can be read by programs", func(t *testing.T) {
		t.Parallel()
		d := desk{env: envconfig.MapLookuper(map[string]string{"ACME_API_KEY": key})}
		var r explore.Report
		require.NoError(t, json.Unmarshal([]byte(d.must(t, "explore", "--acme-url", url, "--hook-url", "http://127.0.0.1:1/hook", "-o", "json")), &r))
		require.Equal(t, explore.Version, r.Version)
		require.True(t, r.Webhooks.OK && r.Webhooks.Ended)
	})
	t.Run("one that cannot be synced ends with 1, after the report", func(t *testing.T) {
		t.Parallel()
		d := desk{env: envconfig.MapLookuper(map[string]string{"ACME_API_KEY": "wrong"})}
		code, out, errs := d.run(t, "explore", "--acme-url", url)
		require.Equal(t, 1, code)
		require.Contains(t, out, "not usable")
		require.Contains(t, errs, "cannot be synced")
	})
	t.Run("wrong calls are told", func(t *testing.T) {
		t.Parallel()
		d := desk{env: envconfig.MapLookuper(nil)}
		for _, args := range [][]string{
			nil, {"harbor", "--acme-url", url}, {"a", "b"}, {"--acme-url", url}, {"--acme-url", "acme.example"}, {"--acme-url", url + "?key=x"},
			{"--acme-url", url, "--pages", "0"}, {"--acme-url", url, "--hook-url", "ftp://x"}, {"harbor", "--profile", "x"},
		} {
			code, _, errs := d.run(t, append([]string{"explore"}, args...)...)
			require.Equal(t, config.ExitCode, code, "%v: %s", args, errs)
		}
		code, _, _ := desk{env: envconfig.MapLookuper(nil), in: "key"}.run(t, "explore", "--acme-url", url, "--acme-key-file", "-", "--profile", "/nowhere")
		require.Equal(t, 1, code)
	})
}

func TestExploreATenant(t *testing.T) {
	t.Parallel()
	url, key := anAcme(t)
	operator := newDesk(t, dbtest.New(t))
	operator.must(t, "tenant", "create", "coral", "--name", "Coral", "--acme-url", url, "--app-url", "http://127.0.0.1:1", "--rate-requests", "1000", "--rate-seconds", "1")
	code, _, errs := operator.run(t, "explore", "coral")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "API key is not set")
	operator.in = key
	operator.must(t, "tenant", "credentials", "coral", "--acme-key-file", "-")
	require.Contains(t, operator.must(t, "explore", "coral"), ": usable")
	code, _, _ = operator.run(t, "explore", "nobody")
	require.Equal(t, 1, code)
}
