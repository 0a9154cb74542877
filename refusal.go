package acmesync

import "time"

// Refusal says that the app could not take a record when it was last asked, though it answered.
type Refusal struct {
	Key    Key
	Tries  int
	Others bool // the app has taken other records since: it is about this one
}

// RefusedCell is a count that the app did not take.
type RefusedCell struct {
	Cell
	Code string // the app's
}

// Again is how long to wait after so many tries in vain: 2 s doubling to 5 min.
func Again(tries int) time.Duration {
	const longest = 5 * time.Minute
	if tries > 8 {
		return longest
	}
	return min(time.Second<<max(tries, 1), longest)
}
