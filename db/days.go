package db

import (
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"
)

// daysInText is how many days a statement is written for. They are a few in practice: what is claimed together came together.
const daysInText = 3

// named leaves of all envelopes e those whose days and ids are the second and third parameter, before anything is joined. The
// days are in its text too: a plan that is kept for days it does not know opens the partitions of all days at each call, and
// there are weeks of them.
func named(days []string) string {
	const byKey = `e.day = ANY ($2::date[]) AND e.id = ANY ($3::uuid[])`
	some := slices.Compact(slices.Sorted(slices.Values(days)))
	if len(some) > daysInText || slices.ContainsFunc(some, func(day string) bool { return !isDay(day) }) {
		return byKey
	}
	return `e.day = ANY (` + pq.QuoteLiteral("{"+strings.Join(some, ",")+"}") + `::date[]) AND ` + byKey
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
