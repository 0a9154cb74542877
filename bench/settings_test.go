package bench_test

import "time"

// All that decides how long a run takes: about six minutes on two cores.

// contactsPer is how many contacts an account has per appointment: as many as the sandbox's own businesses.
const contactsPer = 0.6

// staff is how many users an account has.
const staff = 8

// First sync: each round is one sync by the product and one by the bare loop, each into a workspace of its own.
const (
	syncRecords = 20_000
	syncRounds  = 5
)

// syncCells are what is measured: pages of so many records, by so many tenants at once.
var syncCells = []struct{ page, tenants int }{{200, 1}, {200, 4}}

// Hints: so many tenants share each rate.
const (
	hintTenants  = 20
	hintFor      = 20 * time.Second
	hintWarmUp   = 2 * time.Second // what the steady figures leave out: every tenant is rung awake
	pollEvery    = 50 * time.Millisecond
	pollsAtOnce  = 8 // tenants the poller works on at the same time
	hintSeeds    = 50
	hintDeadline = time.Minute // for the last of them to arrive
)

var hintRates = []int{5, 200} // per second

// Backfill: how memory and history grow with the number of records.
const (
	backfillRecords = 100_000
	sampleEvery     = 200 * time.Millisecond
)

// Limit: a backfill under Acme's rate limit with hints coming meanwhile.
const (
	limitRecords    = 30_000
	limitRequests   = 100
	limitPerSeconds = 10
	limitHintEvery  = time.Second
)

// runAtMost bounds one sync: what is not done by then is a failure, not a figure.
const runAtMost = 5 * time.Minute
