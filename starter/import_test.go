package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"acmesync"
	"acmesync/config"
	"acmesync/control"
	"acmesync/db"
	"acmesync/db/dbtest"
	"acmesync/egress"
	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
)

func writeCSV(t *testing.T, rows int, trailer bool) string {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("id,version,channel,direction,user_id,occurred_at,logged_at,updated_at\n")
	for i := range rows {
		fmt.Fprintf(&b, "tp_%06d,1,call,inbound,usr_1,2026-03-01T09:00:00Z,2026-03-01T09:10:00Z,2026-03-01T10:00:00Z\n", i)
	}
	if trailer {
		fmt.Fprintf(&b, "#end,%d\n", rows)
	}
	path := filepath.Join(t.TempDir(), "touchpoints.csv")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func TestImportFile(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	operator := newDesk(t, d)
	ctx := t.Context()
	_, err := d.CreateTenant(ctx, db.NewTenant{ID: "harbor", Name: "Harbor", AcmeURL: "http://127.0.0.1:1", AppURL: "http://127.0.0.1:1", LimitOwner: "harbor", Actor: "test"})
	require.NoError(t, err)
	into := func(file string, more ...string) []string {
		return append([]string{"import", file, "--tenant", "harbor", "--stream", "touchpoints"}, more...)
	}
	file := writeCSV(t, 5000, true)

	t.Run("a wrong call says what is wrong", func(t *testing.T) {
		code, _, errs := operator.run(t, "import", file)
		require.Equal(t, config.ExitCode, code)
		require.Contains(t, errs, "--tenant")
		code, _, errs = operator.run(t, into(filepath.Join(t.TempDir(), "none.csv"))...)
		require.Equal(t, 1, code)
		require.Contains(t, errs, "no such file")
		code, _, errs = operator.run(t, into(t.TempDir())...)
		require.Equal(t, 1, code)
		require.Contains(t, errs, "no regular file")
	})
	t.Run("a tenant that is not active takes no file", func(t *testing.T) {
		code, _, errs := operator.run(t, into(file)...)
		require.Equal(t, 1, code)
		require.Contains(t, errs, "activate it first")
	})
	_, err = d.Apply(ctx, "harbor", acmesync.Command{ID: "1", Name: acmesync.Activate, Actor: "test"})
	require.NoError(t, err)

	t.Run("it goes on where an earlier call was broken off", func(t *testing.T) {
		temporal, err := client.NewLazyClient(client.Options{HostPort: operator.temporal})
		require.NoError(t, err)
		defer temporal.Close()
		c := control.New(d.DB, &workflows.Client{Temporal: temporal}, egress.Policy{}, zap.NewNop())
		opened, err := os.Open(file)
		require.NoError(t, err)
		sum, err := digestOf(ctx, opened)
		require.NoError(t, err)
		info, err := opened.Stat()
		require.NoError(t, err)
		i, err := c.OpenImport(ctx, "harbor", control.NewImport{Stream: acmesync.Touchpoints, Name: "a", Size: info.Size(), SHA256: sum}, "test")
		require.NoError(t, err)
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		i, err = c.Receive(ctx, "harbor", i.ID, 0, bytes.NewReader(content[:len(content)/2]), func(acmesync.Import) {})
		require.NoError(t, err)
		require.Positive(t, i.Offset)
		c.Later.Wait()

		out := operator.must(t, into(file, "-o", "json")...)
		var done acmesync.Import
		require.NoError(t, json.Unmarshal([]byte(out), &done))
		require.Equal(t, i.ID, done.ID)
		require.Equal(t, acmesync.ImportComplete, done.State)
		require.EqualValues(t, 5000, done.Rows)
		backlog, err := d.Backlog(ctx, "harbor")
		require.NoError(t, err)
		require.EqualValues(t, 5000, backlog.Records, "no row twice")
	})
	t.Run("the same file again is a duplicate", func(t *testing.T) {
		require.Contains(t, operator.must(t, into(file)...), "duplicate")
	})
	t.Run("one that is cut off ends with 1 and says so", func(t *testing.T) {
		code, out, errs := operator.run(t, into(writeCSV(t, 10, false))...)
		require.Equal(t, 1, code)
		require.Contains(t, out, "incomplete")
		require.Contains(t, errs, "cut off behind line 11")
	})
}
