package mapping

import (
	"fmt"
	"slices"
	"strings"

	"acmesync"

	"github.com/nyaruka/phonenumbers"
)

// What a tenant may choose at most, and what polls may be without harm to Acme.
const (
	mostHistoryDays = 36_500
	mostHorizonDays = 3_660
	leastPoll       = 5
	mostPoll        = 86_400
)

// check gathers what is wrong with the parts of a configuration and with what they mean together.
type check struct {
	zones    *zones
	problems []Problem
}

func (k *check) add(pointer, message, hint string) {
	k.problems = append(k.problems, Problem{Pointer: pointer, Message: message, Hint: hint})
}

func (k *check) within(pointer string, n, least, most int) {
	if n != 0 && (n < least || n > most) {
		k.add(pointer, "This is out of range.", fmt.Sprintf("Use %d to %d, or leave it out for the default.", least, most))
	}
}

func (k *check) zone(pointer, name string) {
	if _, ok := k.zones.load(name); name != "" && !ok {
		k.add(pointer, "This is no time zone.", "Use an IANA name such as Europe/Paris, in exact case.")
	}
}

func (k *check) scope(s acmesync.Scope) {
	k.within("/appointments/scope/history_days", s.HistoryDays, -1, mostHistoryDays)
	k.within("/appointments/scope/horizon_days", s.HorizonDays, 1, mostHorizonDays)
}

func (k *check) people(p acmesync.PeopleRules) {
	if _, known := phonenumbers.GetSupportedRegions()[p.Region]; p.Region != "" && !known {
		k.add("/people/region", "This is no region that has phone numbers.", "Use an ISO 3166-1 code of two capital letters, such as US.")
	}
	k.zone("/people/time_zone", p.TimeZone)
	for acmeID, appID := range p.Owners {
		if acmeID == "" || appID == "" {
			k.add("/people/owners", "An entry names nobody.", "Give Acme's user id and the app's, or leave the entry out.")
			return
		}
	}
}

func (k *check) poll(p acmesync.PollRules) {
	k.within("/poll/min_seconds", p.MinSeconds, leastPoll, mostPoll)
	k.within("/poll/max_seconds", p.MaxSeconds, leastPoll, mostPoll)
	if p.MaxSeconds != 0 && p.MaxSeconds < p.MinSeconds {
		k.add("/poll/max_seconds", "The longest interval is shorter than the shortest.", "Raise max_seconds or lower min_seconds.")
	}
}

func (k *check) quiet(windows []acmesync.QuietHours, accountZone string) []quietWindow {
	var all []quietWindow
	for i, q := range windows {
		pointer := fmt.Sprintf("/poll/quiet_hours/%d", i)
		w := quietWindow{}
		var okFrom, okTo bool
		if w.from, okFrom = timeOfDay(q.From); !okFrom {
			k.add(pointer+"/from", "This is no time of day.", "Write it as 22:00.")
		}
		if w.to, okTo = timeOfDay(q.To); !okTo {
			k.add(pointer+"/to", "This is no time of day.", "Write it as 06:00.")
		}
		if okFrom && okTo && w.from == w.to {
			k.add(pointer+"/to", "The window begins and ends at the same time.", "Let it end at another time, or pause the tenant to stop all polls.")
		}
		for _, day := range q.Days {
			n := slices.Index(weekdays, strings.ToLower(day))
			if n < 0 {
				k.add(pointer+"/days", "This is no day of the week.", "Use "+strings.Join(weekdays, ", ")+".")
				continue
			}
			w.days[n] = true
		}
		if len(q.Days) == 0 {
			w.days = [7]bool{true, true, true, true, true, true, true}
		}
		k.zone(pointer+"/time_zone", q.TimeZone)
		w.zone = k.zones.orUTC(q.TimeZone, accountZone)
		all = append(all, w)
	}
	if len(k.problems) == 0 && neverOpen(all) {
		k.add("/poll/quiet_hours", "The windows leave no time to poll at all.", "Leave at least an hour of the week open.")
	}
	return all
}
