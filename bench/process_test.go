package bench_test

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binaries holds the product's programs, built once for the whole package.
var binaries string

// database is the cluster of all benchmarks.
var database *cluster

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		os.Exit(m.Run()) // nothing to start for: a run of the tests passes through here
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "acmesync-bench-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binaries = dir
		build := exec.Command("go", "build", "-o", dir+"/", "./api", "./worker", "./sandbox")
		build.Dir = ".."
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build the programs:", err)
			return 1
		}
		if database, err = startCluster(dir); err != nil {
			fmt.Fprintln(os.Stderr, "start Postgres:", err)
			return 1
		}
		defer database.end()
		return m.Run()
	}())
}

// cluster is a Postgres that flushes: the one that tests share does not, and would flatter whoever commits often.
type cluster struct {
	dev, root string
	process   *exec.Cmd
}

func startCluster(dir string) (*cluster, error) {
	dev := os.Getenv("TEST_DEV_BIN")
	if dev == "" {
		return nil, errors.New("TEST_DEV_BIN names no dev binary: run the benchmarks by `make bench`")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	c := &cluster{dev: dev, root: filepath.Join(dir, "data")}
	c.process = exec.Command(dev, "postgres", "--root", "..", "--data", filepath.Join(c.root, "postgres"), "--port", fmt.Sprint(port))
	c.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := c.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.process.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if ready, ok := strings.CutPrefix(lines.Text(), "ready superuser="); ok {
			super, _, _ := strings.Cut(ready, " ")
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return c, os.Setenv("TEST_DATABASE_URL", super)
		}
	}
	return nil, errors.Join(errors.New("it ended before it was ready"), c.process.Wait())
}

func (c *cluster) end() {
	_ = c.process.Process.Signal(syscall.SIGINT)
	_ = c.process.Wait()
	if out, err := exec.Command(c.dev, "reset", "--data", c.root).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "forget the database: %v: %s\n", err, out)
	}
}

// process is a program of the product or a sandbox.
type process struct {
	name string
	cmd  *exec.Cmd
}

func start(t testing.TB, name string, env []string, args ...string) *process {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".log")
	log, err := os.Create(path)
	require.NoError(t, err)
	program, rest, _ := strings.Cut(name, " ")
	cmd := exec.Command(filepath.Join(binaries, program), append(strings.Fields(rest), args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env...), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start(), "start %s", name)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(path)
			fmt.Fprintf(os.Stderr, "--- the end of %s's log\n%s\n", name, text[max(0, len(text)-4000):])
		}
	})
	return &process{name: name, cmd: cmd}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func freeAddress(t testing.TB) string {
	t.Helper()
	port, err := freePort()
	require.NoError(t, err)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// await looks every few milliseconds until something is so.
func await(t testing.TB, within time.Duration, what string, done func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		ok, seen := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(t, what, "not within %v; seen: %s", within, cmp.Or(seen, "nothing"))
		}
		<-time.After(10 * time.Millisecond)
	}
}
