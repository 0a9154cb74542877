package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// sample is one figure, measured several times.
type sample []float64

func (s sample) at(share float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func (s sample) median() float64 {
	if n := len(s); n > 0 && n%2 == 0 {
		sorted := slices.Sorted(slices.Values(s))
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return s.at(0.5)
}

// spread is the median with the smallest and the largest.
func (s sample) spread(format string) string {
	return fmt.Sprintf(format+" ("+format+"–"+format+")", s.median(), s.at(0), s.at(1))
}

// table prints rows in columns; the first is the head.
func table(title string, rows ...[]string) {
	fmt.Printf("\n\n%s  [load %s]\n", title, load())
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush()
}

// perRecord shares processor time out, in µs.
func perRecord(d time.Duration, records int) string {
	return fmt.Sprintf("%.1f", float64(d.Microseconds())/float64(records))
}
