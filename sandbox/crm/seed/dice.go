package seed

import (
	"math/rand/v2"
	"time"
)

// dice is a repeatable row of chance.
type dice struct{ *rand.Rand }

func (d dice) chance(share float64) bool { return d.Float64() < share }

// between is inclusive at both ends.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

func pick[T any](d dice, of []T) T { return of[d.IntN(len(of))] }

// span gives a duration of up to length, in whole microseconds: the finest Acme keeps.
func (d dice) span(length time.Duration) time.Duration {
	return time.Duration(d.Int64N(int64(length/time.Microsecond))) * time.Microsecond
}
