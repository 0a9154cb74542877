package backend

import (
	"fmt"
	"maps"
	"slices"
)

// Differences says in words where a tenant's balance is not complete, or not what the sandboxes count. It is
// empty once the sync is done and right.
func Differences(balance map[string]Stream, t Totals) []string {
	var found []string
	differ := func(stream, format string, args ...any) {
		found = append(found, stream+": "+fmt.Sprintf(format, args...))
	}
	for _, name := range []string{Appointments, Touchpoints} {
		s, ok := balance[name]
		if !ok {
			differ(name, "no balance")
			continue
		}
		if s.Waiting != 0 {
			differ(name, "%d records wait", s.Waiting)
		}
		if rest := s.InStep + sum(s.Skipped) + sum(s.Parked) + s.Waiting + s.Deleted; s.Known != rest {
			differ(name, "known is %d, its parts add up to %d", s.Known, rest)
		}
		if s.Waiting == 0 && !s.Balanced {
			differ(name, "it is not called balanced")
		}
		if s.Known != t.Acme[name] {
			differ(name, "%d records are known, Acme has %d", s.Known, t.Acme[name])
		}
		if s.Deleted != t.Deleted[name] {
			differ(name, "%d records count as deleted, Acme shows %d", s.Deleted, t.Deleted[name])
		}
		for _, code := range codes(s, t.Bad[name]) {
			if left := s.Skipped[code] + s.Parked[code]; left != t.Bad[name][code] {
				differ(name, "%d records are left out as %s, Acme's manifest says %d", left, code, t.Bad[name][code])
			}
		}
	}
	if t.Shown != t.Events {
		differ(Appointments, "Acme's come to %d events, the app holds %d", t.Shown, t.Events)
	}
	if in := balance[Touchpoints].InStep; in != t.Touchpoints {
		differ(Touchpoints, "%d are in step, the app counts %d", in, t.Touchpoints)
	}
	return found
}

// Done is how many of a stream's records have found their final place, and how many Acme has.
func Done(s Stream, t Totals) (done, of int) {
	return s.InStep + sum(s.Skipped) + sum(s.Parked) + s.Deleted, t.Acme[s.Stream]
}

func codes(s Stream, bad map[string]int) []string {
	all := map[string]bool{}
	for _, counts := range []map[string]int{s.Skipped, s.Parked, bad} {
		for code := range counts {
			all[code] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}
