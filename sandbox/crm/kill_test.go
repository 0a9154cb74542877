package crm_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/sandbox/crm"
)

// serveFolder turns the test binary into a sandbox of its own, so that it can be killed.
var serveFolder = flag.String("serve", "", "serve a sandbox on this folder instead of testing")

func TestMain(m *testing.M) {
	flag.Parse()
	if *serveFolder == "" {
		os.Exit(m.Run())
	}
	err := crm.Run(context.Background(), crm.Config{
		Addr: "127.0.0.1:0", DataDir: *serveFolder, Seed: 3, Businesses: smallest(), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// spawn runs a sandbox in a process of its own and returns it with its process.
func spawn(t *testing.T, folder string) (*sandbox, *exec.Cmd) {
	t.Helper()
	c := exec.Command(os.Args[0], "-serve="+folder)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, rest, found := strings.Cut(lines.Text(), "addr="); found {
			addr, _, _ := strings.Cut(rest, " ")
			return &sandbox{t: t, url: "http://" + addr}, c
		}
	}
	require.Fail(t, "the sandbox did not start")
	return nil, nil
}

func TestKill(t *testing.T) {
	t.Parallel()
	const id = "coral-realty"

	t.Run("what was answered survives a kill in the middle of writes", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		s, process := spawn(t, folder)
		key := s.key(id)
		var mu sync.Mutex
		answered := map[string]string{} // id → body
		var group sync.WaitGroup
		for writer := range 4 {
			group.Go(func() {
				for i := 0; ; i++ {
					got, err := s.send("POST", "/v1/contacts", key, map[string]any{"name": fmt.Sprintf("Writer %d %d", writer, i)})
					if err != nil {
						return
					}
					var c acme.Contact
					if json.Unmarshal(got.body, &c) == nil && c.ID != "" {
						mu.Lock()
						answered[c.ID] = string(got.body)
						mu.Unlock()
					}
				}
			})
		}
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(answered) > 50 }, deadline, time.Millisecond)
		require.NoError(t, process.Process.Kill())
		_ = process.Wait()
		group.Wait()

		again, _ := spawn(t, folder)
		require.Equal(t, key, again.key(id))
		for contact, body := range answered {
			require.JSONEq(t, body, string(again.call("GET", "/v1/contacts/"+contact, key, nil).body))
		}
		require.GreaterOrEqual(t, again.totals(id).Contacts, 450+len(answered))
	})

	t.Run("a torn last line is cut off and the log goes on", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		s, process := spawn(t, folder)
		before := s.totals(id)
		require.NoError(t, process.Process.Kill())
		_ = process.Wait()
		file, err := os.OpenFile(filepath.Join(folder, "accounts", id+".jsonl"), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = file.WriteString(`{"seq":99999,"at":"2026-11-22T00:00:00Z","kind":"write","write":{"op":"cre`)
		require.NoError(t, err)
		require.NoError(t, file.Close())

		again, _ := spawn(t, folder)
		require.Equal(t, before, again.totals(id))
		require.Equal(t, 201, again.call("POST", "/v1/contacts", again.key(id), map[string]any{"name": "After"}).status)
	})

	t.Run("an idempotency key still has its one effect", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		s, process := spawn(t, folder)
		key, body := s.key(id), map[string]any{"name": "Once"}
		first := s.call("POST", "/v1/contacts", key, body, "Idempotency-Key", "k1")
		require.NoError(t, process.Process.Kill())
		_ = process.Wait()
		again, _ := spawn(t, folder)
		second := again.call("POST", "/v1/contacts", key, body, "Idempotency-Key", "k1")
		require.Equal(t, "true", second.header.Get("Idempotency-Replayed"))
		require.JSONEq(t, string(first.body), string(second.body))
	})

	t.Run("two processes on one folder are refused", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		spawn(t, folder)
		_, err := crm.Open(crm.Config{DataDir: folder})
		require.ErrorContains(t, err, "another process")
	})
}

func TestLog(t *testing.T) {
	t.Parallel()
	t.Run("holds every accepted write whole, numbered without a gap", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		s := start(t, crm.Config{DataDir: folder, Seed: 1, Businesses: smallest()})
		const id = "coral-realty"
		subscription := s.call("POST", "/v1/webhook-subscriptions", s.key(id), map[string]any{"url": "http://127.0.0.1:1/x", "events": []string{"*"}})
		require.Equal(t, 201, subscription.status)
		s.admin("POST", id+"/import", map[string]any{"n": 250, "kind": "touchpoints"}, nil)

		content, err := os.ReadFile(filepath.Join(folder, "accounts", id+".jsonl"))
		require.NoError(t, err)
		latest, events := map[string]json.RawMessage{}, 0
		for i, text := range strings.Split(strings.TrimSuffix(string(content), "\n"), "\n") {
			var line struct {
				Seq   int
				Kind  string
				Write struct {
					Records []struct {
						Resource string
						Record   json.RawMessage
					}
					Events []acme.Event
				}
			}
			require.NoError(t, json.Unmarshal([]byte(text), &line))
			require.Equal(t, i+1, line.Seq)
			events += len(line.Write.Events)
			for _, r := range line.Write.Records {
				var head struct{ ID string }
				require.NoError(t, json.Unmarshal(r.Record, &head))
				latest[r.Resource+"/"+head.ID] = r.Record
			}
		}
		require.Equal(t, 250, events)
		for _, resource := range []acme.Resource{acme.Users, acme.Contacts, acme.Appointments, acme.Touchpoints} {
			for _, item := range s.walk(id, resource, 200) {
				require.JSONEq(t, string(item.Raw), string(latest[string(resource)+"/"+item.ID]))
				delete(latest, string(resource)+"/"+item.ID)
			}
		}
		require.Empty(t, latest)
	})
}
