package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"acmesync"
	"acmesync/control"
)

// show prints a value as JSON, or as the lines given.
func (s *session) show(value any, lines func(*tabwriter.Writer)) error {
	if s.format == "json" {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(value); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	lines(w)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return nil
}

// line prints cells as one row.
func line(w *tabwriter.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = plain(fmt.Sprint(cell))
	}
	fmt.Fprintln(w, strings.Join(texts, "\t"))
}

// plain keeps what others wrote from moving the cursor or faking a line.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return ' '
		}
		return r
	}, text)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func tenantLine(w *tabwriter.Writer, t acmesync.Tenant) {
	line(w, t.ID, t.State, "since "+moment(t.StateSince), t.StateReason)
}

// byCode writes counts as "end_missing 3, owner_missing 1".
func byCode(counts map[string]int64) string {
	if len(counts) == 0 {
		return "0"
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", code, counts[code]))
	}
	return strings.Join(parts, ", ")
}

func balanceLines(w *tabwriter.Writer, b control.Balance) {
	line(w, "STREAM", "KNOWN", "IN STEP", "WAITING", "DELETED", "BALANCED", "SKIPPED", "PARKED")
	for _, one := range b.Streams {
		balanced := "no"
		if one.Balanced {
			balanced = "yes"
		}
		line(w, one.Stream, one.Known, one.InStep, one.Waiting, one.Deleted, balanced, byCode(one.Skipped), byCode(one.Parked))
		if len(one.CountsRefused) > 0 {
			line(w, "", "counts the app does not take: "+byCode(one.CountsRefused))
		}
	}
}
