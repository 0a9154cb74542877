package mapping

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"acmesync"

	"github.com/robfig/cron/v3"
)

// pollTime is one cron expression: the minutes of a day, and the days. The library reads the fields, one by one and nothing
// else: its own walk leaves out what clocks leave out, and its zone prefix can make it panic.
type pollTime struct {
	minutes         []int // of the day, by the zone's clocks, in order
	dom, month, dow uint64
	anyDom, anyDow  bool
	everyDay        bool
}

// pollTimes are the times at which a tenant wants Acme to be asked; none: it is asked by interval.
type pollTimes struct {
	times []pollTime
	zone  *time.Location
}

const (
	// leastBetweenPolls bounds how often a list of times may ask for polls.
	leastBetweenPolls = 5 // minutes
	minutesOfDay      = 24 * 60

	// yearsAhead finds the 29th of February, also over a century that leaves one out.
	yearsAhead = 8
)

var cronFields = []struct {
	name  string
	parse cron.ParseOption
	hint  string
}{
	{"minute", cron.Minute, "Use 0 to 59, lists such as 0,30, ranges such as 10-50 or steps such as */15."},
	{"hour", cron.Hour, "Use 0 to 23, lists such as 8,13, ranges such as 8-17 or steps such as */2."},
	{"day of the month", cron.Dom, "Use 1 to 31, lists such as 1,15, ranges such as 1-7, or *."},
	{"month", cron.Month, "Use 1 to 12 or jan to dec, lists, ranges, or *."},
	{"day of the week", cron.Dow, "Use 0 to 6 from Sunday on or sun to sat, lists such as 1,3, ranges such as mon-fri, or *."},
}

const (
	starBit    = 1 << 63 // the library's mark for a field that says nothing
	cronLetter = "0123456789*?,-/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// times reads the times of a schedule, or notes all that is wrong with them.
func (k *check) times(p acmesync.PollRules, pollSeconds int, accountZone string) pollTimes {
	out := pollTimes{zone: k.zones.orUTC(p.TimeZone, accountZone)}
	k.zone("/poll/time_zone", p.TimeZone)
	if len(p.At) == 0 {
		if p.TimeZone != "" {
			k.add("/poll/time_zone", "This is the zone of times, and there are none.", "Add at, or leave it out; quiet hours have a zone of their own.")
		}
		return out
	}
	for _, other := range []struct {
		pointer string
		seconds int
	}{{"/poll_seconds", pollSeconds}, {"/poll/min_seconds", p.MinSeconds}, {"/poll/max_seconds", p.MaxSeconds}} {
		if other.seconds != 0 {
			k.add(other.pointer, "Polls go either by interval or at times.", "Leave this out, or leave poll.at out.")
		}
	}
	found := len(k.problems)
	for i, text := range p.At {
		if t, ok := k.cron(fmt.Sprintf("/poll/at/%d", i), text); ok {
			out.times = append(out.times, t)
		}
	}
	if len(k.problems) == found && out.tooDense() {
		k.add("/poll/at", fmt.Sprintf("Times lie less than %d minutes apart.", leastBetweenPolls),
			fmt.Sprintf("Leave %d minutes between them, also over the turn of an hour or a day: */7 ends with :56 and begins again at :00.", leastBetweenPolls))
	}
	return out
}

func (k *check) cron(pointer, text string) (pollTime, bool) {
	fields := strings.Fields(text)
	if len(fields) != len(cronFields) {
		hint := "Write minute, hour, day of the month, month and day of the week, such as 0 8,13 * * mon-fri."
		k.add(pointer, fmt.Sprintf("A time has five fields, and this has %d.", len(fields)), hint)
		return pollTime{}, false
	}
	var read [5]uint64
	ok := true
	for i, field := range fields {
		var good bool
		if read[i], good = cronField(field, cronFields[i].parse); !good {
			k.add(pointer, "The "+cronFields[i].name+" of this cannot be read.", cronFields[i].hint)
			ok = false
		}
	}
	if !ok {
		return pollTime{}, false
	}
	t := pollTime{dom: read[2], month: read[3], dow: read[4], anyDom: read[2]&starBit != 0, anyDow: read[4]&starBit != 0}
	t.everyDay = t.anyDom && t.anyDow && read[3]&starBit != 0
	for hour := range 24 {
		for minute := range 60 {
			if read[1]&(1<<hour) != 0 && read[0]&(1<<minute) != 0 {
				t.minutes = append(t.minutes, 60*hour+minute)
			}
		}
	}
	if !t.comes() {
		k.add(pointer, "There is no such day in any year.", "Choose a day that the month has.")
		return t, false
	}
	return t, true
}

// cronField reads one field. What would come to no value at all, such as a comma alone, is refused like any other fault.
func cronField(text string, parse cron.ParseOption) (uint64, bool) {
	if strings.Trim(text, cronLetter) != "" {
		return 0, false
	}
	read, err := cron.NewParser(parse).Parse(text)
	if err != nil {
		return 0, false
	}
	s := read.(*cron.SpecSchedule)
	value := map[cron.ParseOption]uint64{cron.Minute: s.Minute, cron.Hour: s.Hour, cron.Dom: s.Dom, cron.Month: s.Month, cron.Dow: s.Dow}[parse]
	return value, bits.OnesCount64(value&^starBit) > 0
}

// on tells whether polls are wanted on a day. Where both the day of the month and that of the week are named either will do, as
// cron has it.
func (t *pollTime) on(day time.Time) bool {
	if t.everyDay {
		return true
	}
	dom, dow := t.dom&(1<<day.Day()) != 0, t.dow&(1<<day.Weekday()) != 0
	if t.month&(1<<day.Month()) == 0 {
		return false
	}
	if t.anyDom || t.anyDow {
		return dom && dow
	}
	return dom || dow
}

func (t *pollTime) comes() bool {
	for day := range calendar(2024) {
		if t.on(day) {
			return true
		}
	}
	return false
}

// calendar walks the days of 28 years, after which the calendar repeats itself.
func calendar(year int) func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		for day := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < year+28; day = day.AddDate(0, 0, 1) {
			if !yield(day) {
				return
			}
		}
	}
}

// tooDense tells times that follow upon each other too soon by the clock on some day of the calendar.
func (p *pollTimes) tooDense() bool {
	judged := map[[2]uint32]bool{}
	var before uint32
	for day := range calendar(2024) {
		var today uint32
		for i := range p.times {
			if p.times[i].on(day) {
				today |= 1 << i
			}
		}
		pair := [2]uint32{before, today}
		if !judged[pair] && p.dense(before, today) {
			return true
		}
		judged[pair], before = true, today
	}
	return false
}

// dense looks at two days that follow upon each other, each with some of the times.
func (p *pollTimes) dense(first, second uint32) bool {
	var wanted [2 * minutesOfDay]bool
	for i := range p.times {
		for _, minute := range p.times[i].minutes {
			wanted[minute] = wanted[minute] || first&(1<<i) != 0
			wanted[minutesOfDay+minute] = wanted[minutesOfDay+minute] || second&(1<<i) != 0
		}
	}
	last := -leastBetweenPolls
	for minute, is := range wanted {
		if !is {
			continue
		}
		if minute-last < leastBetweenPolls {
			return true
		}
		last = minute
	}
	return false
}

// after is the first time after a moment. A time that clocks show twice comes twice; one that they leave out comes by the clock
// from before: a poll too many costs little, one too few is missed.
func (p *pollTimes) after(now time.Time) time.Time {
	year, month, day := now.In(p.zone).Date()
	var next time.Time
	found := -1
	for n := -1; n < yearsAhead*366; n++ {
		// Clocks may turn at midnight: times of a day later may still come before.
		if found >= 0 && n > found+1 {
			break
		}
		midnight := time.Date(year, month, day+n, 0, 0, 0, 0, time.UTC)
		for i := range p.times {
			if !p.times[i].on(midnight) {
				continue
			}
			for _, minute := range p.times[i].minutes {
				for _, at := range moments(midnight.Add(time.Duration(minute)*time.Minute), p.zone) {
					if at.After(now) && (next.IsZero() || at.Before(next)) {
						next = at
					}
				}
			}
		}
		if found < 0 && !next.IsZero() {
			found = n
		}
	}
	return next
}

// moments are the instants of a time of the clock: as resolve finds it, and where clocks show it again, that one too.
func moments(wall time.Time, zone *time.Location) []time.Time {
	first := resolve(wall, zone)
	const reach = 16 * time.Hour
	again := wall.Add(-offset(wall.Add(reach), zone))
	if again.After(first) && again.Add(offset(again, zone)).Equal(wall) {
		return []time.Time{first, again}
	}
	return []time.Time{first}
}

// Scheduled tells whether the tenant has chosen times for polls, instead of an interval.
func (r *Rules) Scheduled() bool { return len(r.times.times) > 0 }

// NextPoll is the first of the tenant's times after a moment.
func (r *Rules) NextPoll(now time.Time) time.Time { return r.times.after(now).UTC() }
