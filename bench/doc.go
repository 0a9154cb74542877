// Package bench measures the whole product, as real processes on a real Temporal and a real Postgres that flushes its
// commits, beside the plainest program that does the same job: a bare loop for throughput, a poller for latency. Both take
// turns in one run against the same sandboxes, because machines are noisy: the ratios are what counts. All sizes stand in
// settings_test.go; docs/performance.md holds what was measured.
package bench
