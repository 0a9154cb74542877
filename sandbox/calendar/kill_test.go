package calendar

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/app"
)

// serveFolder turns the test binary into a sandbox of its own, so that it can be killed.
var serveFolder = flag.String("serve", "", "serve a sandbox on this folder instead of testing")

func TestMain(m *testing.M) {
	flag.Parse()
	if *serveFolder == "" {
		os.Exit(m.Run())
	}
	err := Run(context.Background(), Config{
		Addr: "127.0.0.1:0", DataDir: *serveFolder, Seed: 7, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func spawn(t *testing.T, folder string) (url string, process *exec.Cmd) {
	t.Helper()
	process = exec.Command(os.Args[0], "-serve="+folder)
	stderr, err := process.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if _, addr, found := strings.Cut(lines.Text(), "addr="); found {
			return "http://" + addr, process
		}
	}
	require.Fail(t, "the sandbox did not start")
	return "", nil
}

func TestKill(t *testing.T) {
	t.Parallel()
	t.Run("what was answered survives a kill in the middle of writes", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		url, process := spawn(t, folder)
		token := (&Sandbox{seed: 7}).tokenOf("harbor-dental")
		c := &app.Client{BaseURL: url, Token: token}
		var mu sync.Mutex
		answered := map[string]string{} // external id → the app's id
		var writers sync.WaitGroup
		for writer := range 4 {
			writers.Go(func() {
				for i := 0; ; i++ {
					var batch []app.Event
					for n := range 20 {
						batch = append(batch, event(fmt.Sprintf("w%d:%d:%d", writer, i, n), 1))
					}
					results, err := c.UpsertEvents(t.Context(), batch)
					if err != nil {
						return
					}
					mu.Lock()
					for _, r := range results {
						answered[r.ExternalID] = r.ID
					}
					mu.Unlock()
				}
			})
		}
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(answered) > 1000
		}, 20*time.Second, time.Millisecond)
		require.NoError(t, process.Process.Kill())
		_ = process.Wait()
		writers.Wait()

		url, _ = spawn(t, folder)
		c = &app.Client{BaseURL: url, Token: token}
		held := map[string]string{}
		q := app.EventQuery{Limit: 500}
		for {
			page, err := c.Events(t.Context(), q)
			require.NoError(t, err)
			for _, e := range page.Events {
				held[e.ExternalID] = e.ID
			}
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		for externalID, id := range answered {
			require.Equal(t, id, held[externalID])
		}
	})
}
