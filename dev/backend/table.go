package backend

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Row is a tenant with its balance and what the sandboxes count.
type Row struct {
	Tenant  string
	Balance map[string]Stream
	Totals  Totals
}

// Table lays the balances out, one line per tenant and stream.
func Table(rows []Row) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "tenant\tstream\tknown\tin step\tskipped\tparked\tdeleted\twaiting\tbalanced\t")
	for _, row := range rows {
		for _, name := range []string{Appointments, Touchpoints} {
			s := row.Balance[name]
			balanced := "no"
			if s.Balanced {
				balanced = "yes"
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", row.Tenant, name,
				s.Known, s.InStep, sum(s.Skipped), sum(s.Parked), s.Deleted, s.Waiting, balanced)
		}
	}
	_ = w.Flush()
	return out.String()
}
