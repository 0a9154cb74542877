package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binaries holds the product's programs, built once for the whole package.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "acmesync-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binaries = dir
		build := exec.Command("go", "build", "-o", dir+"/", "./api", "./worker", "./sandbox", "./starter")
		build.Dir = ".."
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build the programs:", err)
			return 1
		}
		return m.Run()
	}())
}

// process is a program of the product, a sandbox or a server, that can be killed and started again.
type process struct {
	name string
	path string
	args []string
	env  []string
	log  io.Writer

	mu  sync.Mutex
	cmd *exec.Cmd
}

func newProcess(t *testing.T, name, path string, env []string, args ...string) *process {
	t.Helper()
	p := &process{name: name, path: path, args: args, env: append(os.Environ(), env...), log: testLog(t, name)}
	t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	return p
}

func (p *process) start(t *testing.T) *process {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start(), "start %s", p.name)
	p.cmd = cmd
	return p
}

// kill ends the process without a chance to clean up.
func (p *process) kill() { p.stop(syscall.SIGKILL) }

func (p *process) stop(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(signal)
	_ = p.cmd.Wait()
	p.cmd = nil
}

// testLog keeps a process's output in a file and shows its end where the test failed.
func testLog(t *testing.T, name string) io.Writer {
	t.Helper()
	path := filepath.Join(t.TempDir(), strings.ReplaceAll(name, " ", "-")+".log")
	f, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = f.Close()
		if !t.Failed() {
			return
		}
		t.Logf("--- the last lines of %s\n%s", name, lastLines(path, 25))
	})
	return f
}

func lastLines(path string, n int) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	var lines []string
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := scanner.Text()
		if len(line) > 500 {
			line = line[:500] + "…"
		}
		if lines = append(lines, line); len(lines) > n {
			lines = lines[1:]
		}
	}
	return strings.Join(lines, "\n")
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eventually waits on state with a deadline; the last answer says what was seen instead.
func eventually(t *testing.T, within time.Duration, what string, done func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		ok, seen := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(t, what, "not within %v; seen: %s", within, seen)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func waitHTTP(t *testing.T, url string) {
	t.Helper()
	eventually(t, 30*time.Second, url+" answers", func() (bool, string) {
		res, err := http.Get(url)
		if err != nil {
			return false, err.Error()
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK, res.Status
	})
}
