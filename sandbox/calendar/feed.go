package calendar

import (
	"net/http"
	"time"

	"acmesync/app"
)

const (
	maxShown   = 5_000 // events in one view
	wallLayout = "2006-01-02T15:04:05"
)

// shownEvent is an event as the calendar page draws it: times are wall-clock times of one zone.
type shownEvent struct {
	ID            string         `json:"id"`
	ExternalID    string         `json:"external_id"`
	Revision      int64          `json:"revision"`
	OwnerID       string         `json:"owner_id"`
	Owner         string         `json:"owner"`
	Colour        int            `json:"colour"`
	Title         string         `json:"title"`
	Start         string         `json:"start"`
	End           string         `json:"end"`
	AllDay        bool           `json:"all_day"`
	TimeZone      string         `json:"time_zone,omitempty"`
	Status        string         `json:"status"`
	Outcome       string         `json:"outcome,omitempty"`
	Visibility    string         `json:"visibility"`
	Description   string         `json:"description,omitempty"`
	Location      string         `json:"location,omitempty"`
	ConferenceURL string         `json:"conference_url,omitempty"`
	Attendees     []app.Attendee `json:"attendees,omitempty"`
	Updated       string         `json:"updated"`
}

// calendarFeed lists the events that touch the days from (inclusive) to (exclusive), of one user or all.
func (p *pages) calendarFeed(w *workspace, res http.ResponseWriter, req *http.Request) {
	q := params{values: req.URL.Query()}
	first, last, user := q.day("from"), q.day("to"), q.values.Get("user")
	from, err1 := time.ParseInLocation(dateLayout, first, w.zone)
	to, err2 := time.ParseInLocation(dateLayout, last, w.zone)
	if err1 != nil || err2 != nil {
		q.refuse("from", "required")
	}
	if q.fault != nil {
		p.s.refuse(res, *q.fault)
		return
	}
	var found []entry
	truncated := false
	w.mu.RLock()
	for _, e := range w.order {
		if e == nil || e.when.end < from.Unix() || e.when.start >= to.Unix() || (user != "" && e.owner.ID != user) {
			continue
		}
		if truncated = len(found) == maxShown; truncated {
			break
		}
		found = append(found, *e)
	}
	w.mu.RUnlock()
	shown := make([]shownEvent, 0, len(found))
	for i := range found {
		one, err := w.show(&found[i])
		if err != nil {
			p.s.defect(res, err)
			return
		}
		shown = append(shown, one)
	}
	write(res, http.StatusOK, map[string]any{"time_zone": w.zone.String(), "events": shown, "truncated": truncated})
}

func (w *workspace) show(e *entry) (shownEvent, error) {
	held, err := e.stored()
	if err != nil {
		return shownEvent{}, err
	}
	out := shownEvent{
		ID: held.ID, ExternalID: held.ExternalID, Revision: held.Revision,
		OwnerID: held.OwnerID, Owner: e.owner.Name, Colour: e.owner.colour, Title: held.Title,
		AllDay: held.Start.Date != "", TimeZone: held.Start.TimeZone,
		Status: held.Status, Outcome: held.Outcome, Visibility: held.Visibility,
		Description: held.Description, Location: held.Location, ConferenceURL: held.ConferenceURL,
		Attendees: held.Attendees, Updated: held.UpdatedAt.In(w.zone).Format(wallLayout),
	}
	if held.Visibility == app.VisibilityBusy {
		out.Title, out.Description, out.Location, out.ConferenceURL, out.Attendees = "Busy", "", "", "", nil
	}
	if out.AllDay {
		out.Start, out.End = held.Start.Date, held.End.Date
		return out, nil
	}
	out.Start = time.Unix(e.when.start, 0).In(w.zone).Format(wallLayout)
	out.End = time.Unix(e.when.end, 0).In(w.zone).Format(wallLayout)
	return out, nil
}

// touchFeed is what the dashboard draws: for each user and channel, a number per day.
type touchFeed struct {
	Days   []string       `json:"days"` // oldest first
	Users  []touchUser    `json:"users"`
	Totals map[string]int `json:"totals"` // by channel, of these days
	Ever   int            `json:"ever"`   // all touch-points of the workspace
	Events int            `json:"events"`
}

type touchUser struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Colour int    `json:"colour"`
	Call   []int  `json:"call"` // beside Days
	Email  []int  `json:"email"`
}

// dashboardFeed counts the latest days: up to today, or up to the last day that has any count where
// all of them are longer ago.
func (p *pages) dashboardFeed(w *workspace, res http.ResponseWriter, req *http.Request) {
	q := params{values: req.URL.Query()}
	n := 30
	if q.values.Get("days") != "" {
		n = q.number("days", 1, 366)
	}
	if q.fault != nil {
		p.s.refuse(res, *q.fault)
		return
	}
	write(res, http.StatusOK, w.touchpoints(n, time.Now().In(w.zone)))
}

func (w *workspace) touchpoints(n int, now time.Time) touchFeed {
	w.mu.RLock()
	defer w.mu.RUnlock()
	last, latest := now.Format(dateLayout), ""
	for key, held := range w.cells {
		if held.count > 0 && key.day > latest {
			latest = key.day
		}
	}
	first := now.AddDate(0, 0, 1-n)
	if latest != "" && latest < first.Format(dateLayout) {
		last = latest
	}
	end, err := time.Parse(dateLayout, last)
	if err != nil {
		end = now
	}
	feed := touchFeed{Days: make([]string, n), Totals: map[string]int{"call": 0, "email": 0}, Ever: w.sum, Events: w.live}
	index := make(map[string]int, n)
	for i := range n {
		day := end.AddDate(0, 0, i+1-n).Format(dateLayout)
		feed.Days[i], index[day] = day, i
	}
	place := map[string]int{}
	for i, u := range w.users {
		place[u.ID] = i
		feed.Users = append(feed.Users, touchUser{
			ID: u.ID, Name: u.Name, Colour: w.userByID[u.ID].colour, Call: make([]int, n), Email: make([]int, n),
		})
	}
	for key, held := range w.cells {
		i, shown := index[key.day]
		if !shown {
			continue
		}
		u := &feed.Users[place[key.user]]
		if key.channel == "call" {
			u.Call[i] += held.count
		} else {
			u.Email[i] += held.count
		}
		feed.Totals[key.channel] += held.count
	}
	return feed
}
