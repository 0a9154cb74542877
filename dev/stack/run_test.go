package stack_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// forget removes what a stack's database leaves outside its data folder.
func forget(t *testing.T, data string) {
	t.Helper()
	t.Cleanup(func() {
		require.Zero(t, start(t, nil, "reset", "--data", data).end(t))
	})
}

func TestRun(t *testing.T) {
	t.Parallel()

	t.Run("it syncs, ends on SIGTERM with nothing left, and finds its data again", func(t *testing.T) {
		t.Parallel()
		data := filepath.Join(t.TempDir(), "data")
		forget(t, data)
		d, at := runStack(t, data)
		d.says(t, "every tenant is in step")
		d.says(t, fmt.Sprintf("http://127.0.0.1:%d/namespaces/default/workflows", at["TEMPORAL_UI"]))
		require.Contains(t, d.out.String(), "activated harbor-dental")
		require.Equal(t, http.StatusOK, get(t, at["TEMPORAL_UI"], "/namespaces/default/workflows", nil))

		all := family(t, d.Process.Pid)
		for _, name := range []string{"api", "worker", "sandbox", "dev", "postgres"} {
			require.NotEmpty(t, named(all, name), name)
		}
		kill(t, d.Process.Pid, syscall.SIGTERM)
		require.Zero(t, d.end(t))
		gone(t, all)
		require.Less(t, strings.Index(d.out.String(), "api          | served enough"), strings.Index(d.out.String(), "worker       | served enough"))
		require.Less(t, strings.Index(d.out.String(), "worker       | served enough"), strings.Index(d.out.String(), "acme         | served enough"))

		again, at := runStack(t, data)
		again.says(t, "every tenant is in step")
		var tenant struct{ Activated int }
		require.Equal(t, http.StatusOK, get(t, at["API"], "/v1/tenants/harbor-dental", &tenant))
		require.Equal(t, 1, tenant.Activated, "a tenant is set up once")
		kill(t, again.Process.Pid, syscall.SIGINT)
		require.Zero(t, again.end(t))
	})

	t.Run("kill -9 of the supervisor leaves nothing behind either", func(t *testing.T) {
		t.Parallel()
		data := filepath.Join(t.TempDir(), "data")
		forget(t, data)
		d, _ := runStack(t, data)
		d.says(t, "every tenant is in step")
		all := family(t, d.Process.Pid)
		require.NotEmpty(t, named(all, "postgres"))
		kill(t, d.Process.Pid, syscall.SIGKILL)
		d.end(t)
		gone(t, all)

		again, _ := runStack(t, data)
		again.says(t, "every tenant is in step")
		kill(t, again.Process.Pid, syscall.SIGTERM)
		require.Zero(t, again.end(t))
	})

	t.Run("each part can be killed alone and comes back", func(t *testing.T) {
		t.Parallel()
		data := filepath.Join(t.TempDir(), "data")
		forget(t, data)
		d, at := runStack(t, data)
		d.says(t, "every tenant is in step")
		for _, part := range []string{"api", "worker", "postgres"} {
			// The oldest is the part itself, the others are what it started.
			victim := named(family(t, d.Process.Pid), part)[0]
			kill(t, victim.pid, syscall.SIGKILL)
			require.Eventually(t, func() bool {
				all := named(family(t, d.Process.Pid), part)
				return len(all) > 0 && all[0] != victim
			}, long, 20*time.Millisecond, part)
		}
		require.Eventually(t, func() bool {
			return get(t, at["API"], "/v1/tenants/harbor-dental", nil) == http.StatusOK
		}, long, 50*time.Millisecond)
		kill(t, d.Process.Pid, syscall.SIGTERM)
		require.Zero(t, d.end(t))
	})

	t.Run("a busy port is named before anything starts", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = l.Close() }()
		port := l.Addr().(*net.TCPAddr).Port
		bin, err := programs()
		require.NoError(t, err)
		d := start(t, []string{"ACMESYNC_PORT_APP=" + strconv.Itoa(port)}, "run", "--bin", bin, "--data", t.TempDir())
		require.Equal(t, 1, d.end(t))
		require.Contains(t, d.out.String(), fmt.Sprintf("port %d, wanted for the app sandbox, is in use by process %d", port, os.Getpid()))
		require.NotContains(t, d.out.String(), "PostgreSQL")
	})

	t.Run("a second stack on the same data is refused", func(t *testing.T) {
		t.Parallel()
		data := filepath.Join(t.TempDir(), "data")
		forget(t, data)
		d, _ := runStack(t, data)
		d.says(t, "every tenant is in step")
		second, _ := runStack(t, data)
		require.Equal(t, 1, second.end(t))
		require.Contains(t, second.out.String(), fmt.Sprintf("in use by another local stack (process %d)", d.Process.Pid))
		kill(t, d.Process.Pid, syscall.SIGTERM)
		require.Zero(t, d.end(t))
	})

	for name, c := range map[string]struct{ env, says string }{
		"a database elsewhere is refused": {
			"DATABASE_URL=postgres://a@db.example.com/x DATABASE_OWNER_URL=postgres://b@127.0.0.1/x", "DATABASE_URL leads to db.example.com, which is not this machine"},
		"an owner elsewhere is refused": {
			"DATABASE_URL=postgres://a@127.0.0.1/x DATABASE_OWNER_URL=postgres://b@10.0.0.1/x", "DATABASE_OWNER_URL leads to 10.0.0.1"},
		"a database without its owner is refused": {
			"DATABASE_URL=postgres://a@127.0.0.1/x", "DATABASE_OWNER_URL is not"},
		"a Temporal elsewhere is refused": {
			"TEMPORAL_ADDRESS=temporal.example.com:7233", "TEMPORAL_ADDRESS leads to temporal.example.com"},
		"a Kafka elsewhere is refused": {
			"KAFKA_BROKERS=127.0.0.1:9092,kafka.example.com:9092", "KAFKA_BROKERS leads to kafka.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bin, err := programs()
			require.NoError(t, err)
			d := start(t, strings.Fields(c.env), "run", "--bin", bin, "--data", t.TempDir())
			require.Equal(t, 1, d.end(t))
			require.Contains(t, d.out.String(), c.says)
			require.Contains(t, d.out.String()+"ALLOW_REMOTE=1", "ALLOW_REMOTE=1")
		})
	}

	t.Run("programs that are not built are named", func(t *testing.T) {
		t.Parallel()
		d := start(t, nil, "run", "--bin", t.TempDir(), "--data", t.TempDir())
		require.Equal(t, 1, d.end(t))
		require.Contains(t, d.out.String(), "api is missing: run make build first")
	})
}

func TestSmoke(t *testing.T) {
	t.Parallel()

	t.Run("it passes, prints the balances, and leaves nothing", func(t *testing.T) {
		t.Parallel()
		bin, err := programs()
		require.NoError(t, err)
		tmp := t.TempDir()
		d := start(t, []string{"TMPDIR=" + tmp}, "smoke", "--bin", bin, "--root", t.TempDir())
		d.says(t, "everything is up")
		all := family(t, d.Process.Pid)
		require.Zero(t, d.end(t))
		require.Regexp(t, `harbor-dental +appointments +10 +9 +0 +1 +0 +0 +yes`, d.out.String())
		require.Contains(t, d.out.String(), "passed: 2 tenants balance")
		gone(t, all)
		left, err := os.ReadDir(tmp)
		require.NoError(t, err)
		require.Empty(t, left)
	})

	t.Run("a difference fails it and is said", func(t *testing.T) {
		t.Parallel()
		bin, err := programs()
		require.NoError(t, err)
		d := start(t, []string{"TMPDIR=" + t.TempDir(), "STANDIN_LOSES_AN_EVENT=1"}, "smoke", "--bin", bin, "--root", t.TempDir(), "--deadline", "25s")
		require.Equal(t, 1, d.end(t))
		require.Contains(t, d.out.String(), "difference in harbor-dental: appointments: Acme's come to 9 events, the app holds 8")
		require.Contains(t, d.out.String(), "the deadline of 25s has passed")
	})
}

// get reads a path of the stack, and the answer into out; 0 when nobody answers.
func get(t *testing.T, port int, path string, out any) int {
	t.Helper()
	response, err := (&http.Client{Timeout: 5 * time.Second}).Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	if out != nil {
		require.NoError(t, json.NewDecoder(response.Body).Decode(out))
	}
	return response.StatusCode
}
