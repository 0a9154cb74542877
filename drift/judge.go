package drift

import (
	"cmp"
	"maps"
	"slices"

	"acmesync"
)

const (
	// A field counts as always there once nine of ten records had it, of twenty at least. Six without it in a row are then no
	// accident: one in a million.
	enoughRecords = 20
	usually       = 10 // one of so many may lack it
	goneAfter     = 6

	// cleanRecords is how many records in a row must not show a drift before it has changed back.
	cleanRecords = 20

	// historyRecords bounds how far back a field's history weighs.
	historyRecords = 1000
)

type key struct {
	field   string
	finding acmesync.DriftFinding
}

// Judge says what a look means after those before it.
func Judge(before acmesync.DriftState, s *Sample) acmesync.DriftLook {
	look := acmesync.DriftLook{Stream: before.Stream, Fields: maps.Clone(before.Fields)}
	if look.Fields == nil {
		look.Fields = map[string]acmesync.FieldHistory{}
	}
	found := map[key]int64{}
	for path, c := range s.counts {
		if c.Field == nil {
			found[key{path, acmesync.UnknownField}] = int64(c.Present)
			continue
		}
		found[key{path, acmesync.TypeChanged}] = int64(c.Wrong)
		found[key{path, acmesync.UnknownWord}] = int64(c.Strange)
		if c.Field.name == "" { // an element of a list is no field that can be gone
			continue
		}
		history, isGone := follow(look.Fields[path], c)
		look.Fields[path] = history
		if isGone {
			found[key{path, acmesync.FieldGone}] = int64(c.Of)
		}
	}
	for k, records := range found {
		if records > 0 {
			look.Seen = append(look.Seen, acmesync.Drift{Stream: before.Stream, Field: k.field, Finding: k.finding, Records: records})
		}
	}
	slices.SortFunc(look.Seen, order)
	for _, open := range before.Open {
		if found[key{open.Field, open.Finding}] > 0 {
			continue
		}
		open.Clean += s.good(open)
		if open.Clean >= cleanRecords {
			look.Mended = append(look.Mended, open)
		} else {
			look.Clean = append(look.Clean, open)
		}
	}
	return look
}

// order puts drifts in the order of streams, fields and findings.
func order(a, b acmesync.Drift) int {
	return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Finding, b.Finding))
}

// follow takes a look into a field's history, and says whether the field is gone. Records without it are kept apart until it is
// there again, and those of a time in which it was gone never count: else what is gone would become usual.
func follow(h acmesync.FieldHistory, c *Count) (acmesync.FieldHistory, bool) {
	present, absent := int64(c.Present), int64(c.Of-c.Present)
	if present == 0 {
		h.Absent += absent
		return h, gone(h)
	}
	if gone(h) {
		h.Absent = 0
	}
	h.Present, h.Of, h.Absent = h.Present+present, h.Of+h.Absent+present+absent, 0
	if h.Of > historyRecords {
		h.Present, h.Of = h.Present/2, h.Of/2
	}
	return h, false
}

func gone(h acmesync.FieldHistory) bool {
	return h.Of >= enoughRecords && h.Present*usually >= h.Of*(usually-1) && h.Absent >= goneAfter
}

// good counts the records that could have shown a drift and did not.
func (s *Sample) good(d acmesync.Drift) int64 {
	c := s.counts[d.Field]
	switch {
	case d.Finding == acmesync.UnknownField:
		return int64(s.Records - s.Misshaped)
	case c == nil:
		return 0
	}
	return int64(c.Present)
}
