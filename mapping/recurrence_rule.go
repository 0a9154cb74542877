package mapping

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"acmesync"
)

const maxRuleText = 2_000 // bytes; Acme's contract has 500

// recurrenceRule is an RRULE that was read. It works on times as clocks on the wall show them, written as if in UTC: the library
// leaves to time.Date what becomes of a time that a clock change leaves out, and this package has a rule of its own.
type recurrenceRule struct {
	option rrule.ROption
	first  pattern
	count  int // 0: none
	until  *icalTime
}

func invalidRule(message string) error {
	return park(acmesync.RecurrenceInvalid, "recurrence.rrule", message)
}

// readRule reads an RRULE strictly: a part that is unknown, stands twice, or says nothing in its place is refused,
// rather than guessed at. A number before a weekday of a weekly or daily rule is passed over, as calendars do.
func readRule(text string, first pattern) (*recurrenceRule, error) {
	parts, err := ruleParts(text)
	if err != nil {
		return nil, err
	}
	r := &recurrenceRule{first: first}
	if parts["FREQ"] == "SECONDLY" || parts["FREQ"] == "MINUTELY" || parts["FREQ"] == "HOURLY" {
		return nil, tooDense()
	}
	if err := sensible(parts, first.allDay); err != nil {
		return nil, err
	}
	if err := r.readEnd(parts); err != nil {
		return nil, err
	}
	var plain []string
	for _, name := range partNames() {
		if value, ok := parts[name]; ok && name != "UNTIL" && name != "COUNT" {
			plain = append(plain, name+"="+value)
		}
	}
	option, err := rrule.StrToROption(strings.Join(plain, ";"))
	if err != nil {
		return nil, invalidRule("The rule of the series cannot be read; choose again in Acme when it repeats.")
	}
	option.Dtstart = first.wall
	numbered := everyWeekday(option)
	r.option = *option
	if _, err := rrule.NewRRule(r.option); err != nil || !numbered {
		return nil, invalidRule("The rule of the series names a day, month or hour there is not; choose again in Acme when it repeats.")
	}
	return r, nil
}

// partNames are the parts an RRULE may have.
func partNames() []string {
	return []string{
		"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY",
		"BYHOUR", "BYMINUTE", "BYSECOND", "BYSETPOS",
	}
}

func ruleParts(text string) (map[string]string, error) {
	text = strings.ToUpper(strings.TrimSpace(text))
	text = strings.TrimSuffix(strings.TrimPrefix(text, "RRULE:"), ";")
	if text == "" || len(text) > maxRuleText {
		return nil, invalidRule("The series has no rule that can be read; choose again in Acme when it repeats.")
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		if _, twice := parts[name]; twice || value == "" || !slices.Contains(partNames(), name) {
			return nil, invalidRule("The rule of the series has a part that is unknown, empty or there twice; choose again in Acme when it repeats.")
		}
		parts[name] = value
	}
	if parts["FREQ"] == "" {
		return nil, invalidRule("The rule of the series does not say how often it repeats; choose again in Acme.")
	}
	return parts, nil
}

// sensible refuses what RFC 5545, section 3.3.10, calls meaningless, where no two programs agree what it stands for.
func sensible(parts map[string]string, allDay bool) error {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return parts[n] != "" })
	}
	freq := parts["FREQ"]
	switch {
	case has("COUNT") && has("UNTIL"):
		return invalidRule("The series has two ends, a number of appointments and a day; keep one of them in Acme.")
	case has("BYWEEKNO") && freq != "YEARLY", has("BYYEARDAY") && freq != "YEARLY", has("BYMONTHDAY") && freq == "WEEKLY":
		return invalidRule("The rule of the series names days that its frequency has no use for; choose again in Acme when it repeats.")
	case allDay && has("BYHOUR", "BYMINUTE", "BYSECOND"):
		return invalidRule("The series lasts whole days and its rule names hours; choose again in Acme when it repeats.")
	case has("BYSETPOS") && !has("BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND"):
		return invalidRule("The rule of the series picks from days it does not name; choose again in Acme when it repeats.")
	}
	for _, name := range []string{"INTERVAL", "COUNT"} {
		if n, err := strconv.Atoi(parts[name]); has(name) && (err != nil || n < 1 || n > 1_000_000) {
			return invalidRule("The rule of the series counts with a number that is none; choose again in Acme when it repeats.")
		}
	}
	return nil
}

func (r *recurrenceRule) readEnd(parts map[string]string) error {
	if text := parts["UNTIL"]; text != "" {
		until, ok := readICal(text, nil)
		if !ok {
			return invalidRule("The last day of the series cannot be read; choose it again in Acme.")
		}
		r.until = &until
	}
	if text := parts["COUNT"]; text != "" {
		r.count, _ = strconv.Atoi(text) // sensible has read it
	}
	return nil
}

// everyWeekday writes a weekday without a number beside one with ("MO,2TU") as all its numbers, since the library
// would ask for days that are both. False: a number is higher than there are such weekdays, which the library does not survive.
func everyWeekday(o *rrule.ROption) bool {
	numbered := slices.ContainsFunc(o.Byweekday, func(d rrule.Weekday) bool { return d.N() != 0 })
	if !numbered || o.Freq > rrule.MONTHLY {
		return true
	}
	most := 5
	if o.Freq == rrule.YEARLY && len(o.Bymonth) == 0 {
		most = 53
	}
	var all []rrule.Weekday
	for _, d := range o.Byweekday {
		if d.N() > most || -d.N() > most {
			return false
		}
		if d.N() != 0 {
			all = append(all, d)
			continue
		}
		for n := 1; n <= most; n++ {
			all = append(all, d.Nth(n))
		}
	}
	o.Byweekday = all
	return true
}

// over reports whether the series has ended before this instance. A date ends it with that day.
func (r *recurrenceRule) over(wall, starts time.Time) bool {
	switch u := r.until; {
	case u == nil:
		return false
	case u.dateOnly, r.first.allDay:
		return wall.Format(compactDate) > u.wall.Format(compactDate)
	case u.fixed:
		return starts.After(u.at)
	default:
		return wall.After(u.wall)
	}
}

// from gives the rule's times in their order, beginning somewhere before the window, each as clocks show it.
func (r *recurrenceRule) from(w Window) func() (time.Time, bool) {
	o, first := r.option, r.first.wall
	makeExplicit(&o)
	if r.count == 0 {
		skipAhead(&o, w.From.Add(-r.first.nominal.Abs()))
	}
	shift := cycleShift(max(o.Dtstart.Year(), w.Until.Year()))
	o.Dtstart = o.Dtstart.AddDate(shift, 0, 0)
	rule, err := rrule.NewRRule(o)
	if err != nil {
		return func() (time.Time, bool) { return time.Time{}, false } // readRule has made one of the same parts
	}
	next, left := rule.Iterator(), r.count
	return func() (time.Time, bool) {
		for {
			wall, ok := next()
			if !ok || r.count > 0 && left == 0 {
				return time.Time{}, false
			}
			if wall = wall.AddDate(-shift, 0, 0); wall.Before(first) {
				continue
			}
			left--
			return wall, true
		}
	}
}

// makeExplicit writes down what the rule takes from its start, so that the iteration may begin elsewhere. The first
// week of a weekly rule that picks from its days has to begin with the week, or it would pick from fewer.
func makeExplicit(o *rrule.ROption) {
	at := o.Dtstart
	o.Byhour, o.Byminute, o.Bysecond = orElse(o.Byhour, at.Hour()), orElse(o.Byminute, at.Minute()), orElse(o.Bysecond, at.Second())
	days := len(o.Byweekno) + len(o.Byyearday) + len(o.Bymonthday) + len(o.Byweekday)
	switch {
	case o.Freq == rrule.WEEKLY && len(o.Bysetpos) > 0 && days > 0:
		back := (int(at.Weekday()) + 6 - o.Wkst.Day()) % 7
		o.Dtstart = midnight(at).AddDate(0, 0, -back)
	case days > 0:
	case o.Freq == rrule.WEEKLY:
		o.Byweekday = []rrule.Weekday{ruleDays()[(int(at.Weekday())+6)%7]}
	case o.Freq == rrule.MONTHLY:
		o.Bymonthday = []int{at.Day()}
	case o.Freq == rrule.YEARLY:
		o.Bymonth, o.Bymonthday = orElse(o.Bymonth, int(at.Month())), []int{at.Day()}
	}
}

func orElse(given []int, one int) []int {
	if len(given) > 0 {
		return given
	}
	return []int{one}
}

func ruleDays() []rrule.Weekday {
	return []rrule.Weekday{rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU}
}

func midnight(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

// skipAhead begins the iteration a whole number of intervals later, one before the window at the latest: a series that is a
// hundred years old costs no more than one of today.
func skipAhead(o *rrule.ROption, to time.Time) {
	interval := max(o.Interval, 1)
	whole := func(n int) int { return max((n/interval-2)*interval, 0) }
	at := o.Dtstart
	days := int(to.Sub(at).Hours() / 24) // a duration ends at 292 years: the rest is walked
	months := (to.Year()-at.Year())*12 + int(to.Month()-at.Month())
	switch o.Freq {
	case rrule.DAILY:
		o.Dtstart = at.AddDate(0, 0, whole(days))
	case rrule.WEEKLY:
		o.Dtstart = at.AddDate(0, 0, 7*whole(days/7))
	case rrule.MONTHLY:
		if n := whole(months); n > 0 {
			o.Dtstart = time.Date(at.Year(), at.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		}
	case rrule.YEARLY:
		if n := whole(to.Year() - at.Year()); n > 0 {
			o.Dtstart = time.Date(at.Year()+n, time.January, 1, 0, 0, 0, 0, time.UTC)
		}
	case rrule.HOURLY, rrule.MINUTELY, rrule.SECONDLY: // refused
	}
}

// cycleShift moves years so that few are left of the calendar, by whole cycles of 400 in which its days and weekdays repeat: the
// library looks for the next instance until the year 9999, and a rule without any (30 February) is no reason to look
// at eight thousand years.
func cycleShift(year int) int {
	const cycle, last = 400, 9_950
	return max((last-year)/cycle*cycle, 0)
}
