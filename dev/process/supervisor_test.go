package process_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/dev/process"
)

// soon bounds every wait of these tests.
const soon = 20 * time.Second

// output is a buffer that may be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func supervisor() (*process.Supervisor, *output) {
	out := &output{}
	return &process.Supervisor{Spawner: process.NewSpawner(), Console: &process.Console{Out: out}}, out
}

func script(name, text string) process.Program {
	return process.Program{Name: name, Path: "/bin/sh", Args: []string{"-c", text}, Env: os.Environ()}
}

// exists is ready once the file is there.
func exists(file string) func(context.Context) error {
	return func(context.Context) error {
		_, err := os.Stat(file)
		return err
	}
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	require.NoError(t, err)
	return pid
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestSupervisor(t *testing.T) {
	t.Parallel()

	t.Run("a program's lines carry its name", func(t *testing.T) {
		t.Parallel()
		s, out := supervisor()
		require.NoError(t, s.Run(t.Context(), script("one", `echo first; echo second >&2; printf third`)))
		require.Equal(t, "one          | first\none          | second\none          | third\n", out.String())
	})

	t.Run("a program that is killed is started again", func(t *testing.T) {
		t.Parallel()
		s, out := supervisor()
		file := filepath.Join(t.TempDir(), "pid")
		p := script("worker", `echo $$ > "`+file+`.new" && mv "`+file+`.new" "`+file+`"; exec sleep 600`)
		p.Ready = exists(file)
		r := s.Start(p)
		defer r.Stop()
		require.NoError(t, r.WaitReady(t.Context()))
		first := pidIn(t, file)
		require.NoError(t, os.Remove(file))
		require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
		require.Eventually(t, func() bool { return exists(file)(t.Context()) == nil }, soon, 10*time.Millisecond)
		require.NotEqual(t, first, pidIn(t, file))
		require.Contains(t, out.String(), "worker       | ended by itself (signal: killed)")
	})

	t.Run("a program that never becomes ready ends the wait", func(t *testing.T) {
		t.Parallel()
		s, _ := supervisor()
		p := script("api", "exit 3")
		p.Ready = func(context.Context) error { return errors.New("not yet") }
		r := s.Start(p)
		defer r.Stop()
		require.ErrorContains(t, r.WaitReady(t.Context()), "api ended 5 times before it was ready, at last with exit status 3")
	})

	t.Run("stopping ends the process before it returns", func(t *testing.T) {
		t.Parallel()
		s, _ := supervisor()
		file := filepath.Join(t.TempDir(), "pid")
		p := script("api", `echo $$ > "`+file+`.new" && mv "`+file+`.new" "`+file+`"; exec sleep 600`)
		p.Ready = exists(file)
		r := s.Start(p)
		require.NoError(t, r.WaitReady(t.Context()))
		pid := pidIn(t, file)
		require.True(t, alive(pid))
		r.Stop()
		require.False(t, alive(pid))
	})

	t.Run("what does not listen is killed with what it started", func(t *testing.T) {
		t.Parallel()
		s, out := supervisor()
		dir := t.TempDir()
		child := filepath.Join(dir, "child")
		p := script("api", `trap "" TERM; sleep 600 & echo $! > "`+child+`.new" && mv "`+child+`.new" "`+child+`"; while :; do wait; done`)
		p.Ready, p.StopGrace = exists(child), 200*time.Millisecond
		r := s.Start(p)
		require.NoError(t, r.WaitReady(t.Context()))
		pid := pidIn(t, child)
		r.Stop()
		require.Contains(t, out.String(), "is killed")
		require.Eventually(t, func() bool { return !alive(pid) }, soon, 10*time.Millisecond)
	})

	t.Run("a one-shot program's failure says how it ended", func(t *testing.T) {
		t.Parallel()
		s, _ := supervisor()
		require.ErrorContains(t, s.Run(t.Context(), script("starter", "exit 4")), "starter failed: exit status 4")
	})

	t.Run("captured output is not on the console", func(t *testing.T) {
		t.Parallel()
		s, out := supervisor()
		raw, err := s.Output(t.Context(), script("starter", "echo secret; echo shown >&2"))
		require.NoError(t, err)
		require.Equal(t, "secret\n", string(raw))
		require.NotContains(t, out.String(), "secret")
		require.Contains(t, out.String(), "shown")
	})
}

func TestConsole(t *testing.T) {
	t.Parallel()

	t.Run("a quiet console keeps the last lines", func(t *testing.T) {
		t.Parallel()
		out := &output{}
		c := &process.Console{Out: out, Quiet: true}
		lines := c.For("api")
		for i := range 100 {
			_, err := lines.Write([]byte("line " + strconv.Itoa(i) + "\n"))
			require.NoError(t, err)
		}
		require.Empty(t, out.String())
		tail := c.Tail("api")
		require.Len(t, tail, 60)
		require.Equal(t, "line 99", tail[59])
	})

	t.Run("halves of a line are joined", func(t *testing.T) {
		t.Parallel()
		out := &output{}
		lines := (&process.Console{Out: out}).For("api")
		for _, half := range []string{"he", "llo\r\nwor", "ld\n"} {
			_, err := lines.Write([]byte(half))
			require.NoError(t, err)
		}
		require.Equal(t, "api          | hello\napi          | world\n", out.String())
	})
}
