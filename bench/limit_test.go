package bench_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// BenchmarkRateLimit backfills under Acme's rate limit, known when the tenant was set up, while hints come: how often Acme
// refuses, and how long the hints take.
func BenchmarkRateLimit(b *testing.B) {
	s := newStack(b, true)
	l := limit{Requests: limitRequests, PerSeconds: limitPerSeconds}
	toll := newToll(b, s.acmeURL)
	for b.Loop() {
		const id = acmesync.TenantID("limited")
		m := &mailbox{account: s.newAccount(b, string(id), limitRecords, limit{})}
		m.workspace = s.newWorkspace(b, string(id), m.account)
		s.dropWebhooks(b, m.account)
		m.prepare(b, s, int(runAtMost/limitHintEvery)) // new records stand at the end of the walk: a hint comes first
		ask(b, http.MethodPatch, s.acmeURL+"/admin/accounts/"+m.account.ID, "", map[string]any{"rate_limit": l}, nil)
		s.connect(b, id, m.account, m.workspace, toll.url, 200, l)
		began := time.Now()
		s.activate(b, id)
		await(b, time.Minute, "the first page is stored", func() (bool, string) {
			return s.lanes(b, id, began).First != nil, ""
		})
		m.url, m.secret = s.hookURL(b, id)

		var sent []*hint
		client := keepAlive()
		for !s.lanes(b, id, began).Walked {
			require.Less(b, time.Since(began), runAtMost, "the walk ends")
			h := next(b, []*mailbox{m}, 1)[0]
			require.NoError(b, h.send(client))
			sent = append(sent, h)
			<-time.After(limitHintEvery)
		}
		took := time.Since(began)
		s.awaitArrivals(b, sent)
		requests, refused := toll.requests.Load(), toll.refused.Load()
		live := delays(sent, 0)
		table(fmt.Sprintf("Backfill of %d appointments under %d requests per %d s, a hint every %v", limitRecords, l.Requests, l.PerSeconds, limitHintEvery),
			[]string{"took", "requests", "per window", "429s", "hints", "p50 ms", "p95", "max"},
			[]string{took.Round(time.Second).String(), fmt.Sprint(requests), fmt.Sprintf("%.0f", float64(requests)/took.Seconds()*limitPerSeconds), fmt.Sprint(refused),
				fmt.Sprint(len(sent)), fmt.Sprintf("%.0f", live.at(.5)), fmt.Sprintf("%.0f", live.at(.95)), fmt.Sprintf("%.0f", live.at(1))})
		b.ReportMetric(float64(refused), "429s")
		b.ReportMetric(live.at(.95), "live-p95-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// toll stands before Acme and counts.
type toll struct {
	url               string
	requests, refused atomic.Int64
}

func newToll(b *testing.B, acmeURL string) *toll {
	b.Helper()
	target, err := url.Parse(acmeURL)
	require.NoError(b, err)
	t := &toll{}
	proxy := &httputil.ReverseProxy{
		ErrorLog:  log.New(io.Discard, "", 0), // a call cut off when everything ends
		Transport: keepAlive().Transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			t.requests.Add(1)
			if r.StatusCode == http.StatusTooManyRequests {
				t.refused.Add(1)
			}
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	b.Cleanup(server.Close)
	t.url = server.URL
	return t
}
