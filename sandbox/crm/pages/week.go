package pages

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"acmesync/acme"
)

// mostUnplaced is how many appointments without a readable time the week page shows.
const mostUnplaced = 12

type weekPage struct {
	Days           []weekDay
	Title          string
	Previous, Next string // days to link to
	Today          string
	Owner          string // user id, or "all"
	Users          []*acme.User
	Unplaced       []weekItem
	UnplacedMore   int
	Zone           string
}

type weekDay struct {
	Date  time.Time
	Today bool
	Items []weekItem
}

type weekItem struct {
	*acme.Appointment
	At, Until string // clock times; empty: all day
	Owner     string
	sort      time.Time
}

// week shows the seven days around ?day=, of ?owner= (a user's id, or "all"; default: oneself).
func (p *Pages) week(v *visit) error {
	now := p.Now().In(v.zone)
	day, err := time.ParseInLocation(time.DateOnly, v.r.FormValue("day"), v.zone)
	if err != nil {
		day = now
	}
	monday := time.Date(day.Year(), day.Month(), day.Day()-(int(day.Weekday())+6)%7, 0, 0, 0, 0, v.zone)
	page := weekPage{
		Owner: cmp.Or(v.r.FormValue("owner"), v.user.ID), Users: v.account.Users(), Zone: v.user.TimeZone,
		Title:    title(monday, monday.AddDate(0, 0, 6)),
		Previous: monday.AddDate(0, 0, -7).Format(time.DateOnly), Next: monday.AddDate(0, 0, 7).Format(time.DateOnly),
		Today: now.Format(time.DateOnly),
	}
	for i := range 7 {
		date := monday.AddDate(0, 0, i)
		page.Days = append(page.Days, weekDay{Date: date, Today: date.Format(time.DateOnly) == page.Today})
	}
	p.fill(v, &page)
	return p.show(v, http.StatusOK, "week.html", "week", page)
}

func title(first, last time.Time) string {
	if first.Month() == last.Month() {
		return first.Format("2") + " – " + last.Format("2 January 2006")
	}
	return first.Format("2 January") + " – " + last.Format("2 January 2006")
}

// fill puts the appointments into their days.
func (p *Pages) fill(v *visit, page *weekPage) {
	names := map[string]string{}
	for _, u := range page.Users {
		names[u.ID] = u.Name
	}
	mine := func(a *acme.Appointment) bool {
		return page.Owner == "all" || a.OwnerID == page.Owner || a.OwnerID == ""
	}
	for _, a := range v.account.Appointments(mine) {
		item := weekItem{Appointment: a, Owner: names[a.OwnerID]}
		start, allDay, placed := instant(a.Start, v.zone)
		end, _, ends := instant(a.End, v.zone)
		if !placed || !ends {
			page.Unplaced = append(page.Unplaced, item)
			continue
		}
		item.sort = start
		if !allDay {
			item.At, item.Until = start.Format("15:04"), end.Format("15:04")
		}
		for i := range page.Days {
			from, to := page.Days[i].Date, page.Days[i].Date.AddDate(0, 0, 1)
			if start.Before(to) && (end.After(from) || !start.Before(from)) {
				page.Days[i].Items = append(page.Days[i].Items, item)
			}
		}
	}
	for i := range page.Days {
		slices.SortFunc(page.Days[i].Items, func(x, y weekItem) int { return cmp.Or(x.sort.Compare(y.sort), cmp.Compare(x.ID, y.ID)) })
	}
	slices.SortFunc(page.Unplaced, func(x, y weekItem) int { return cmp.Compare(x.ID, y.ID) })
	if len(page.Unplaced) > mostUnplaced {
		page.UnplacedMore = len(page.Unplaced) - mostUnplaced
		page.Unplaced = page.Unplaced[:mostUnplaced]
	}
}
