package stack_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/dev/ports"
)

// long bounds every wait for a whole stack.
const long = 90 * time.Second

// devBinary is the development binary: the one the tests run under, else built here.
var devBinary = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("TEST_DEV_BIN"); bin != "" {
		return bin, nil
	}
	bin, err := filepath.Abs("../bin/dev")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", bin, "..").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return bin, nil
})

// programs is a folder with a stand-in for each program of the product.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../bin/standin")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"api", "worker", "starter", "sandbox"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), "./testdata/standin").CombinedOutput(); err != nil {
			return "", errors.New(string(out))
		}
	}
	return dir, nil
})

// dev is one run of the development binary.
type dev struct {
	*exec.Cmd
	out   *transcript
	ended chan struct{}
}

// transcript is what a program has written so far.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs the development binary with no more of our environment than it needs.
func start(t *testing.T, env []string, args ...string) *dev {
	t.Helper()
	bin, err := devBinary()
	require.NoError(t, err)
	d := &dev{Cmd: exec.Command(bin, args...), out: &transcript{}, ended: make(chan struct{})}
	d.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DEV_POSTGRES_HOME=" + os.Getenv("DEV_POSTGRES_HOME")}, env...)
	d.Stdout, d.Stderr = d.out, d.out
	d.WaitDelay = time.Second
	require.NoError(t, d.Start())
	go func() {
		_ = d.Wait() // how it ended is in ProcessState
		close(d.ended)
	}()
	t.Cleanup(func() {
		_ = d.Process.Kill()
		if t.Failed() {
			t.Logf("dev %s wrote:\n%s", strings.Join(args, " "), d.out)
		}
	})
	return d
}

// says waits until the program has written the text.
func (d *dev) says(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(d.out.String(), text) }, long, 20*time.Millisecond, "it never said %q", text)
}

// end waits for the program and returns its exit code.
func (d *dev) end(t *testing.T) int {
	t.Helper()
	select {
	case <-d.ended:
		return d.ProcessState.ExitCode()
	case <-time.After(long):
		require.Fail(t, "it did not end")
		return -1
	}
}

// runStack runs a stack with ports and data of its own, made of stand-ins.
func runStack(t *testing.T, data string) (*dev, map[string]int) {
	t.Helper()
	bin, err := programs()
	require.NoError(t, err)
	names := []string{"API", "API_METRICS", "WORKER_METRICS", "ACME", "APP", "TEMPORAL", "TEMPORAL_UI", "POSTGRES"}
	free, err := ports.Free(len(names))
	require.NoError(t, err)
	at := map[string]int{}
	var env []string
	for i, name := range names {
		at[name] = free[i]
		env = append(env, "ACMESYNC_PORT_"+name+"="+strconv.Itoa(free[i]))
	}
	return start(t, env, "run", "--bin", bin, "--data", data, "--root", t.TempDir()), at
}

// family lists the processes that a process started, and those that they started, as pid and start time: a
// pid alone may be given away again.
func family(t *testing.T, root int) []relative {
	t.Helper()
	children := map[int][]relative{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range stats {
		if r, parent, ok := readStat(file); ok {
			children[parent] = append(children[parent], r)
		}
	}
	var all []relative
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, child := range children[queue[0]] {
			all = append(all, child)
			queue = append(queue, child.pid)
		}
	}
	return all
}

type relative struct {
	pid   int
	name  string
	began string
}

func readStat(file string) (r relative, parent int, ok bool) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return r, 0, false
	}
	// The name is in brackets and may hold anything, brackets too.
	open, shut := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	fields := strings.Fields(string(raw[shut+1:]))
	r.pid, _ = strconv.Atoi(strings.TrimSpace(string(raw[:open])))
	r.name, r.began = string(raw[open+1:shut]), fields[19]
	parent, _ = strconv.Atoi(fields[1])
	return r, parent, fields[0] != "Z"
}

func (r relative) alive() bool {
	now, _, ok := readStat(filepath.Join("/proc", strconv.Itoa(r.pid), "stat"))
	return ok && now.began == r.began
}

// gone waits until none of the processes is left.
func gone(t *testing.T, all []relative) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, r := range all {
			if r.alive() {
				return false
			}
		}
		return true
	}, long, 20*time.Millisecond, "processes are left behind: %v", all)
}

func named(all []relative, name string) (found []relative) {
	for _, r := range all {
		if r.name == name {
			found = append(found, r)
		}
	}
	return found
}

func kill(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, signal))
}
