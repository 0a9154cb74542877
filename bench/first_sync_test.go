package bench_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

// BenchmarkFirstSync compares the product with a bare loop: how many appointments a second come from Acme into the app's
// calendar, the first time and again with nothing changed. The product's time runs from the call that activates a tenant to
// its row saying that the first sync is complete; "lanes" is its time from the first page stored to the last delivered.
func BenchmarkFirstSync(b *testing.B) {
	s := newStack(b, false)
	loop := newBare(b, s)
	accounts := make([]account, 4)
	for i := range accounts {
		accounts[i] = s.newAccount(b, fmt.Sprintf("load-%d", i), syncRecords, limit{})
	}
	for b.Loop() {
		var first, again, work [][]string
		for _, cell := range syncCells {
			c := syncCell{stack: s, bare: loop, page: cell.page, accounts: accounts[:cell.tenants]}
			for round := range syncRounds {
				c.round(b, round)
			}
			f, a, w := c.rows()
			first, again, work = append(first, f), append(again, a), append(work, w...)
			b.ReportMetric(c.ratio.median(), fmt.Sprintf("first-ratio-%dx%d", cell.page, cell.tenants))
		}
		title := fmt.Sprintf("%d appointments a tenant, %.1f contacts each, %d rounds, median (min–max), records/s", syncRecords, contactsPer, syncRounds)
		table("First sync: "+title, append([][]string{{"page x tenants", "bare", "product", "ratio", "ratio, lanes only"}}, first...)...)
		table("Again, nothing changed: "+title, append([][]string{{"page x tenants", "bare", "product", "ratio", "product's write requests", "ledger rows written"}}, again...)...)
		table("First sync: processor time, µs a record, median", append([][]string{{"page x tenants", "", "program", "Postgres", "sandboxes", "Temporal"}}, work...)...)
	}
	b.ReportMetric(0, "ns/op")
}

// syncCell is one size of pages and number of tenants, measured in rounds.
type syncCell struct {
	*stack
	bare     *bare
	page     int
	accounts []account

	bareRate, rate, ratio, laneRatio    sample
	bareAgain, again, againRatio        sample
	requests, ledgerRows                int
	bareWork, bareDB, bareOut, bareIdle sample // µs a record
	work, workDB, workOut, workTemporal sample
}

// round lets both sides bring every account into workspaces of their own.
func (c *syncCell) round(b *testing.B, n int) {
	name := func(side string, i int) string {
		return fmt.Sprintf("%s-p%d-t%d-r%d-%d", side, c.page, len(c.accounts), n, i)
	}
	var tenants []*bareTenant
	var ids []acmesync.TenantID
	var theirs, ours []workspace
	for i, a := range c.accounts {
		theirs = append(theirs, c.newWorkspace(b, name("bare", i), a))
		tenants = append(tenants, c.bare.tenant(name("bare", i), a, theirs[i]))
		ours = append(ours, c.newWorkspace(b, name("sync", i), a))
		ids = append(ids, acmesync.TenantID(name("sync", i)))
		c.connect(b, ids[i], a, ours[i], c.acmeURL, c.page, limit{})
	}
	records := syncRecords * len(c.accounts)
	rate := func(took time.Duration) float64 { return float64(records) / took.Seconds() }
	share := func(s *sample, d time.Duration) { *s = append(*s, float64(d.Microseconds())/float64(records)) }

	c.calm(b)
	before := c.cpuNow()
	bareTook := c.walkAll(b, tenants)
	used := c.cpuNow().since(before)
	share(&c.bareWork, used.self)
	share(&c.bareDB, used.postgres)
	share(&c.bareOut, used.sandboxes)
	share(&c.bareIdle, used.temporal)
	c.calm(b)
	before = c.cpuNow()
	took, inLanes := c.syncAll(b, ids)
	used = c.cpuNow().since(before)
	share(&c.work, used.programs)
	share(&c.workDB, used.postgres)
	share(&c.workOut, used.sandboxes)
	share(&c.workTemporal, used.temporal)
	c.bareRate, c.rate = append(c.bareRate, rate(bareTook)), append(c.rate, rate(took))
	c.ratio, c.laneRatio = append(c.ratio, rate(took)/rate(bareTook)), append(c.laneRatio, rate(inLanes)/rate(bareTook))
	for i := range c.accounts {
		require.Equal(b, c.events(b, theirs[i]), c.events(b, ours[i]), "both sides bring the same events")
	}

	c.calm(b)
	bareTook = c.walkAll(b, tenants)
	c.calm(b)
	requests := 0
	for _, w := range ours {
		requests -= c.writeRequests(b, w)
	}
	took = c.syncAllAgain(b, ids)
	for _, w := range ours {
		requests += c.writeRequests(b, w)
	}
	c.requests += requests
	c.bareAgain, c.again = append(c.bareAgain, rate(bareTook)), append(c.again, rate(took))
	c.againRatio = append(c.againRatio, rate(took)/rate(bareTook))
}

// calm waits for the product to do nothing, and has Postgres start each side alike.
func (c *syncCell) calm(b *testing.B) {
	b.Helper()
	c.awaitQuiet(b)
	_, err := c.db.Super.Exec(`CHECKPOINT`)
	require.NoError(b, err)
}

func (c *syncCell) walkAll(b *testing.B, tenants []*bareTenant) time.Duration {
	b.Helper()
	began := time.Now()
	var all sync.WaitGroup
	errs := make([]error, len(tenants))
	for i, t := range tenants {
		all.Go(func() {
			if errs[i] = t.begin(b.Context()); errs[i] == nil {
				_, errs[i] = t.walk(b.Context(), c.page)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	for _, err := range errs {
		require.NoError(b, err)
	}
	return took
}

func (c *syncCell) syncAll(b *testing.B, ids []acmesync.TenantID) (took, inLanes time.Duration) {
	b.Helper()
	began := time.Now()
	for _, id := range ids {
		c.activate(b, id)
	}
	await(b, runAtMost, "all tenants are active", func() (bool, string) {
		var active int
		require.NoError(b, c.db.Super.Get(&active, `SELECT count(*) FROM tenants WHERE tenant = ANY ($1) AND state = 'active'`, texts(ids)))
		return active == len(ids), fmt.Sprint(active)
	})
	took = time.Since(began)
	var first, last time.Time
	for _, id := range ids {
		l := c.lanes(b, id, began)
		if first.IsZero() || l.First.Before(first) {
			first = *l.First
		}
		if l.Last.After(last) {
			last = *l.Last
		}
	}
	return took, last.Sub(first)
}

func (c *syncCell) syncAllAgain(b *testing.B, ids []acmesync.TenantID) time.Duration {
	b.Helper()
	began := time.Now()
	for _, id := range ids {
		c.readAgain(b, id)
	}
	await(b, runAtMost, "everything was read again", func() (bool, string) {
		for _, id := range ids {
			if l := c.lanes(b, id, began); !l.Walked || l.Waiting > 0 || l.First == nil {
				return false, fmt.Sprintf("%+v", l)
			}
		}
		return true, ""
	})
	took := time.Since(began)
	var rows int
	require.NoError(b, c.db.Super.Get(&rows, `SELECT count(*) FROM ledger WHERE tenant = ANY ($1) AND updated_at >= $2`, texts(ids), began))
	c.ledgerRows += rows
	return took
}

func (c *syncCell) rows() (first, again []string, work [][]string) {
	name := fmt.Sprintf("%d x %d", c.page, len(c.accounts))
	first = []string{name, c.bareRate.spread("%.0f"), c.rate.spread("%.0f"), c.ratio.spread("%.2f"), c.laneRatio.spread("%.2f")}
	again = []string{name, c.bareAgain.spread("%.0f"), c.again.spread("%.0f"), c.againRatio.spread("%.2f"), fmt.Sprint(c.requests), fmt.Sprint(c.ledgerRows)}
	cost := func(who string, s ...sample) []string {
		row := []string{name, who}
		for _, one := range s {
			row = append(row, fmt.Sprintf("%.1f", one.median()))
		}
		return row
	}
	return first, again, [][]string{
		cost("bare", c.bareWork, c.bareDB, c.bareOut, c.bareIdle),
		cost("product", c.work, c.workDB, c.workOut, c.workTemporal),
	}
}
