package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// BenchmarkHooks answers deliveries that come at a steady rate over many tenants, whether the ones before were answered
// or not, and reports how long the answers took. The senders share the machine with the api and Postgres.
func BenchmarkHooks(b *testing.B) {
	const tenants, rate = 20, 1000
	bundle := setup(b)
	s := newSides(b)
	var all []*hooked
	for i := range tenants {
		all = append(all, newHooked(b, bundle, s, acmesync.TenantID(fmt.Sprintf("tenant-%d", i)), hookSecret))
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	send := func(n int) time.Duration {
		h := all[n%tenants]
		request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, h.URL+"/hooks/acme/"+h.endpoint, strings.NewReader(goodEvents))
		require.NoError(b, err)
		request.Header = signed(fmt.Sprintf("m%d", n), goodEvents)
		request.Header.Set("Content-Type", "application/json")
		began := time.Now()
		response, err := client.Do(request)
		if err != nil {
			return 10 * time.Second
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusAccepted {
			return 10 * time.Second
		}
		return time.Since(began)
	}
	sent := 0
	var took []time.Duration
	for b.Loop() {
		var mu sync.Mutex
		var under sync.WaitGroup
		took = took[:0]
		start := time.Now()
		for n := range 5 * rate {
			select {
			case <-time.After(time.Until(start.Add(time.Duration(n) * time.Second / rate))):
			case <-b.Context().Done():
			}
			under.Go(func() {
				d := send(sent + n)
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			})
		}
		under.Wait()
		sent += 5 * rate
	}
	slices.Sort(took)
	for name, at := range map[string]float64{"p50-ms": .5, "p95-ms": .95, "p99-ms": .99, "max-ms": 1} {
		b.ReportMetric(float64(took[min(int(at*float64(len(took))), len(took)-1)].Microseconds())/1000, name)
	}
}
