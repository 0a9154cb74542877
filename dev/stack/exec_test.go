package stack_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExec(t *testing.T) {
	t.Parallel()

	t.Run("the command's exit code is passed on", func(t *testing.T) {
		t.Parallel()
		d := start(t, []string{"TMPDIR=" + t.TempDir()}, "exec", "--", "sh", "-c", `echo "$TEST_DATABASE_URL $TEST_DEV_BIN"; exit 7`)
		require.Equal(t, 7, d.end(t))
		require.Regexp(t, `postgres://postgres:\w+@127\.0\.0\.1:\d+/postgres\?sslmode=disable /.*/dev`, d.out.String())
	})

	t.Run("a command that a signal ended has the shell's code for it", func(t *testing.T) {
		t.Parallel()
		d := start(t, []string{"TMPDIR=" + t.TempDir()}, "exec", "--", "sh", "-c", "kill -9 $$")
		require.Equal(t, 137, d.end(t))
	})

	t.Run("SIGTERM ends the command, what it started and the database", func(t *testing.T) {
		t.Parallel()
		tmp := t.TempDir()
		d := start(t, []string{"TMPDIR=" + tmp}, "exec", "--temporal", "--", "sh", "-c", `sleep 600 & echo "temporal at $TEST_TEMPORAL_ADDRESS"; wait`)
		d.says(t, "temporal at 127.0.0.1:")
		all := family(t, d.Process.Pid)
		require.NotEmpty(t, named(all, "sleep"))
		kill(t, d.Process.Pid, syscall.SIGTERM)
		require.Equal(t, 143, d.end(t))
		gone(t, all)
		left, err := os.ReadDir(tmp)
		require.NoError(t, err)
		require.Empty(t, left)
	})

	t.Run("what a killed one left is cleared by the next", func(t *testing.T) {
		t.Parallel()
		tmp := t.TempDir()
		d := start(t, []string{"TMPDIR=" + tmp}, "exec", "--", "sh", "-c", "echo begun; sleep 600")
		d.says(t, "begun")
		all := family(t, d.Process.Pid)
		kill(t, d.Process.Pid, syscall.SIGKILL)
		d.end(t)
		gone(t, named(all, "postgres"))
		left, err := filepath.Glob(filepath.Join(tmp, "*"))
		require.NoError(t, err)
		require.Len(t, left, 1)

		require.Zero(t, start(t, []string{"TMPDIR=" + tmp}, "exec", "--", "true").end(t))
		require.NoDirExists(t, left[0])
	})

	t.Run("without a command it says how it is used", func(t *testing.T) {
		t.Parallel()
		d := start(t, nil, "exec")
		require.Equal(t, 1, d.end(t))
		require.Contains(t, d.out.String(), "dev exec needs a command")
	})
}
