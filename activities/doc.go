// Package activities does the work that workflows decide on: the two lanes, the acts of
// reviews, cleanups and the sweep.
//
// A lane attempt is one activity: it takes a fence from Postgres, loops over what is due
// until nothing is left or its time box ends, lingers for more, and says when the lane has
// to run again. It may be killed at any point and repeated: what it had not committed is
// done again, what it had committed is found done.
//
// Faults outside are results, not errors: the lane writes a hold and goes on with what is
// not held. failure.go is the one table that decides. Only faults of our own (Postgres, the
// worker) are returned as errors, which Temporal repeats.
package activities
