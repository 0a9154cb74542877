package bench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// BenchmarkHint measures how long it takes from a webhook being sent to its record's arrival in the app, by the product and
// by a plain poller, at a steady rate over several tenants.
func BenchmarkHint(b *testing.B) {
	s := newStack(b, true)
	p := newPoller(b, s)
	perTenant := 0
	for _, rate := range hintRates {
		perTenant += rate*int(hintFor.Seconds())/hintTenants + 1
	}
	var ours, theirs []*mailbox
	var ids []acmesync.TenantID
	for i := range hintTenants {
		id := acmesync.TenantID(fmt.Sprintf("hint-%d", i))
		ids = append(ids, id)
		ours = append(ours, s.tenantMailbox(b, id))
		theirs = append(theirs, p.mailbox(b, s, fmt.Sprintf("poll-%d", i)))
	}
	for i := range hintTenants {
		await(b, time.Minute, "the first sync is complete", func() (bool, string) {
			l := s.lanes(b, ids[i], time.Time{})
			return l.State == "active", fmt.Sprintf("%+v", l)
		})
		ours[i].url, ours[i].secret = s.hookURL(b, ids[i])
		ours[i].prepare(b, s, perTenant)
		theirs[i].prepare(b, s, perTenant)
	}
	for b.Loop() {
		rows := [][]string{{"rate", "", "p50", "p95", "p99", "max", "steady p50", "p95", "p99", "twice", "rings/event", "activities/event", "programs", "benchmark", "Postgres", "sandboxes", "Temporal"}}
		for _, rate := range hintRates {
			n := rate * int(hintFor.Seconds())
			var poller, product measured
			s.awaitQuiet(b)
			before := s.history(b, ids...)
			product = s.measure(b, next(b, ours, n), rate)
			s.awaitQuiet(b)
			product.history = s.history(b, ids...).since(before)
			p.during(b, func() { poller = s.measure(b, next(b, theirs, n), rate) })
			rows = append(rows, product.row(rate, "product"), poller.row(rate, "poller"))
			b.ReportMetric(product.all.at(.95), fmt.Sprintf("p95-ms@%d", rate))
			b.ReportMetric(product.all.at(.99), fmt.Sprintf("p99-ms@%d", rate))
			b.ReportMetric(product.all.at(.99)/poller.all.at(.99), fmt.Sprintf("p99-ratio@%d", rate))
			b.ReportMetric(product.steady.at(.99)/poller.steady.at(.99), fmt.Sprintf("steady-p99-ratio@%d", rate))
			b.ReportMetric(float64(product.history.rings)/float64(n), fmt.Sprintf("rings/event@%d", rate))
		}
		table(fmt.Sprintf("Hint sent → event in the app, ms: %d tenants, %v a rate; steady leaves out the first %v; processor time in ms an event",
			hintTenants, hintFor, hintWarmUp), rows...)
	}
	b.ReportMetric(0, "ns/op")
}

// tenantMailbox connects a tenant of the product whose account keeps its own webhooks back.
func (s *stack) tenantMailbox(b *testing.B, id acmesync.TenantID) *mailbox {
	b.Helper()
	m := &mailbox{account: s.newAccount(b, string(id), hintSeeds, limit{})}
	m.workspace = s.newWorkspace(b, string(id), m.account)
	s.dropWebhooks(b, m.account)
	s.connect(b, id, m.account, m.workspace, s.acmeURL, 200, limit{})
	s.activate(b, id)
	return m
}

// mailbox has the poller know a customer, whose appointments so far it brings over first.
func (p *poller) mailbox(b *testing.B, s *stack, id string) *mailbox {
	b.Helper()
	m := &mailbox{account: s.newAccount(b, id, hintSeeds, limit{}), url: p.address + id, secret: p.secret}
	m.workspace = s.newWorkspace(b, id, m.account)
	t := p.tenant(id, m.account, m.workspace)
	require.NoError(b, t.begin(b.Context()))
	_, err := t.walk(b.Context(), 200)
	require.NoError(b, err)
	p.tenants[id] = t
	return m
}

// measured is what one side did at one rate.
type measured struct {
	events, twice int
	all, steady   sample
	used          cpu
	history       history
}

func (s *stack) measure(b *testing.B, hints []*hint, rate int) measured {
	b.Helper()
	before := s.cpuNow()
	sendEvenly(b, hints, time.Second/time.Duration(rate))
	m := measured{events: len(hints), twice: s.awaitArrivals(b, hints)}
	m.used = s.cpuNow().since(before)
	m.all, m.steady = delays(hints, 0), delays(hints, hintWarmUp)
	return m
}

func (m measured) row(rate int, who string) []string {
	row := []string{fmt.Sprintf("%d/s", rate), who}
	for _, one := range []float64{m.all.at(.5), m.all.at(.95), m.all.at(.99), m.all.at(1), m.steady.at(.5), m.steady.at(.95), m.steady.at(.99)} {
		row = append(row, fmt.Sprintf("%.0f", one))
	}
	share := func(n int) string {
		return strings.TrimSuffix(fmt.Sprintf("%.3f", float64(n)/float64(m.events)), ".000")
	}
	row = append(row, fmt.Sprint(m.twice), share(m.history.rings), share(m.history.activities))
	for _, d := range []time.Duration{m.used.programs, m.used.self, m.used.postgres, m.used.sandboxes, m.used.temporal} {
		row = append(row, fmt.Sprintf("%.1f", float64(d.Microseconds())/1000/float64(m.events)))
	}
	return row
}
