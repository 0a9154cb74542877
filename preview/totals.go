package preview

import (
	"slices"

	"acmesync"
	"acmesync/mapping"
)

// samplesAtMost bounds what one answer shows, whatever was asked for.
const samplesAtMost = 500

// tally adds records up and keeps a few of each kind.
type tally struct {
	result Result
	each   int
	shown  map[kind]int
}

type kind struct {
	stream  acmesync.Stream
	outcome Outcome
	code    acmesync.Code
	field   string
}

func newTally(each int) *tally {
	return &tally{each: each, shown: map[kind]int{}, result: Result{Streams: []Totals{}, Samples: []Sample{}}}
}

func (t *tally) open(stream acmesync.Stream, off bool) {
	t.result.Streams = append(t.result.Streams, Totals{Stream: stream, Off: off, Skip: []Reason{}, Remove: []Reason{}, Park: []Reason{}, Faults: []Reason{}})
}

// add counts a record of the stream that was opened last.
func (t *tally) add(s Sample) {
	t.result.Records++
	t.count(s, 1)
	k := s.kind()
	if s.Outcome == Leave || s.Outcome == Gone || t.shown[k] >= t.each || len(t.result.Samples) >= samplesAtMost {
		return
	}
	t.shown[k]++
	t.result.Samples = append(t.result.Samples, s)
}

// instead counts a record otherwise than it was before, and shows it so where it is shown.
func (t *tally) instead(before, now Sample) {
	t.count(before, -1)
	t.count(now, 1)
	for i := range t.result.Samples {
		if one := &t.result.Samples[i]; one.Stream == before.Stream && one.AcmeID == before.AcmeID {
			t.shown[before.kind()]--
			t.shown[now.kind()]++
			*one = now
		}
	}
}

func (s Sample) kind() kind { return kind{s.Stream, s.Outcome, s.Code, s.Field} }

func (t *tally) count(s Sample, n int) {
	totals := &t.result.Streams[len(t.result.Streams)-1]
	totals.Records += n
	switch s.Outcome {
	case Create:
		totals.Create += n
	case Update:
		totals.Update += n
	case Leave:
		totals.Leave += n
	case Gone:
		totals.Gone += n
	case Skip:
		totals.Skip = counted(totals.Skip, s.Code, s.Field, n)
	case Remove:
		totals.Remove = counted(totals.Remove, s.Code, s.Field, n)
	case Park:
		totals.Park = counted(totals.Park, s.Code, s.Field, n)
		for _, f := range s.Faults {
			totals.Faults = counted(totals.Faults, f.Code, f.Field, n)
		}
	}
}

func counted(reasons []Reason, code acmesync.Code, field string, n int) []Reason {
	i := slices.IndexFunc(reasons, func(r Reason) bool { return r.Code == code && r.Field == field })
	if i < 0 {
		return append(reasons, Reason{Code: code, Field: field, Records: n})
	}
	reasons[i].Records += n
	return reasons
}

// stop ends a preview before its end.
func (t *tally) stop(reason string, next Place) Result {
	t.result.Partial, t.result.Reason, t.result.Next = true, reason, next
	return t.done()
}

// done puts what is most worth a look first.
func (t *tally) done() Result {
	for i := range t.result.Streams {
		one := &t.result.Streams[i]
		for _, reasons := range [][]Reason{one.Skip, one.Remove, one.Park, one.Faults} {
			slices.SortStableFunc(reasons, func(a, b Reason) int { return b.Records - a.Records })
		}
	}
	order := []Outcome{Park, Remove, Update, Create, Skip}
	slices.SortStableFunc(t.result.Samples, func(a, b Sample) int { return slices.Index(order, a.Outcome) - slices.Index(order, b.Outcome) })
	for i := range t.result.Samples {
		if t.result.Samples[i].Changes == nil {
			t.result.Samples[i].Changes = []mapping.FieldChange{}
		}
	}
	return t.result
}
