package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"acmesync/explore"
)

// exploreLines prints what matters most first, then each list with its fields.
func exploreLines(w *tabwriter.Writer, r explore.Report) {
	usable := "usable"
	if !r.Usable {
		usable = "not usable"
	}
	line(w, r.Acme+", looked at "+moment(r.At)+": "+usable)
	section(w, "FINDINGS")
	if len(r.Problems) == 0 {
		line(w, "", "none")
	}
	for _, p := range r.Problems {
		line(w, "", p.Severity, strings.TrimSpace(p.Resource+" "+p.Field), p.Message)
	}
	section(w, "ACCOUNT")
	line(w, "", r.Account.Message)
	line(w, "", "time zone", orNone(r.Account.TimeZone))
	line(w, "", "region", orNone(r.Account.Region))
	if ahead := r.Account.ClockAheadSeconds; ahead != nil {
		line(w, "", "clock ahead", fmt.Sprintf("%d s", *ahead))
	}
	limitLines(w, r.Limits)
	section(w, "WEBHOOKS")
	line(w, "", r.Webhooks.Message)
	section(w, "TIME ZONES")
	for _, zone := range byCount(r.Zones) {
		line(w, "", zone, r.Zones[zone])
	}
	section(w, "LISTS")
	line(w, "", "LIST", "PAGES", "RECORDS", "DELETED", "WHOLE", "PAGE SIZE", "CALLS", "MS (LEAST, MEDIAN, MOST)")
	for _, one := range r.Resources {
		line(w, "", one.Name, one.Pages, one.Records, one.Deleted, yesNo(one.Complete), fmt.Sprintf("%d of %d", one.Largest, one.Asked),
			one.Calls.Calls, fmt.Sprintf("%d, %d, %d", one.Calls.LeastMillis, one.Calls.MedianMillis, one.Calls.MostMillis))
	}
	for _, one := range r.Resources {
		resourceLines(w, one)
	}
}

func limitLines(w *tabwriter.Writer, l explore.Limits) {
	section(w, "RATE LIMIT")
	line(w, "", "calls made", l.Calls)
	if l.Limit > 0 {
		line(w, "", "limit told", l.Limit)
	}
	if l.LeastLeft != nil {
		line(w, "", "least left", *l.LeastLeft)
	}
	line(w, "", "refused", l.Refused)
	if l.RetryAfter > 0 {
		line(w, "", "Retry-After", fmt.Sprintf("%d s at most, as %s", l.RetryAfter, strings.Join(l.RetryAfterForms, ", ")))
	}
	line(w, "", "headers", orNone(strings.Join(l.Headers, ", ")))
}

func resourceLines(w *tabwriter.Writer, r explore.Resource) {
	section(w, strings.ToUpper(r.Name))
	if !r.OK {
		line(w, "", r.Message)
		return
	}
	for _, c := range r.Checks {
		line(w, "", c.Name, c.Answer, c.Message)
	}
	_ = w.Flush()
	line(w, "", "FIELD", "CONTRACT", "USED", "THERE", "NULL", "EMPTY", "WRONG", "LENGTH")
	for _, f := range r.Fields {
		length := ""
		if f.Longest > 0 {
			length = fmt.Sprintf("%d to %d", f.Shortest, f.Longest)
		}
		contract := f.Contract
		if contract == "" {
			contract = "not in it"
		}
		line(w, "", f.Path, contract, yesNo(f.Used), percent(f.Present, f.Of), percent(f.Null, f.Of), percent(f.Empty, f.Of),
			percent(f.Wrong+f.Odd+sum(f.Words), f.Present), length)
	}
	if len(r.Custom) > 0 {
		_ = w.Flush()
		line(w, "", "WHAT NO RULE OF THE PROFILE TAKES", "THERE")
		for _, path := range byCount(r.Custom) {
			line(w, "", path, percent(r.Custom[path], r.Records))
		}
	}
}

func section(w *tabwriter.Writer, title string) {
	_ = w.Flush() // columns of what follows are its own
	line(w)
	line(w, title)
	_ = w.Flush()
}

func byCount(counts map[string]int) []string {
	names := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(names, func(a, b string) int { return counts[b] - counts[a] })
	return names
}

func sum(counts map[string]int) int {
	n := 0
	for _, one := range counts {
		n += one
	}
	return n
}

func percent(n, of int) string {
	switch {
	case of == 0 || n == 0:
		return "-"
	case n == of:
		return "100 %"
	case 100*n < of:
		return "<1 %"
	case 100*(of-n) < of:
		return ">99 %"
	}
	return fmt.Sprintf("%d %%", 100*n/of)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
