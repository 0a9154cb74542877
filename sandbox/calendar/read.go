package calendar

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"acmesync/app"
)

const (
	defaultLimit = 200
	maxLimit     = 500
)

func (s *Sandbox) getWorkspace(w *workspace, res http.ResponseWriter, _ *http.Request) {
	write(res, http.StatusOK, app.Workspace{ID: w.id, Name: w.name, TimeZone: w.zone.String()})
}

func (s *Sandbox) getTotals(w *workspace, res http.ResponseWriter, _ *http.Request) {
	w.mu.RLock()
	t := app.Totals{Events: w.live, Touchpoints: w.sum, Users: len(w.users)}
	w.mu.RUnlock()
	write(res, http.StatusOK, t)
}

func (s *Sandbox) listUsers(w *workspace, res http.ResponseWriter, req *http.Request) {
	p := params{values: req.URL.Query()}
	from, limit := p.cursor("u"), p.limit()
	if p.fault != nil {
		s.refuse(res, *p.fault)
		return
	}
	answer := struct {
		Users      []app.User `json:"users"`
		NextCursor string     `json:"next_cursor,omitempty"`
	}{Users: []app.User{}}
	from = min(from, len(w.users))
	to := min(from+limit, len(w.users))
	answer.Users = append(answer.Users, w.users[from:to]...)
	if to < len(w.users) {
		answer.NextCursor = cursor("u", to)
	}
	write(res, http.StatusOK, answer)
}

func (s *Sandbox) getEvent(w *workspace, res http.ResponseWriter, req *http.Request) {
	n := eventNumber(req.PathValue("id"))
	w.mu.RLock()
	var held entry
	if n > 0 && n <= len(w.order) && w.order[n-1] != nil {
		held = *w.order[n-1]
	}
	w.mu.RUnlock()
	if held.number == 0 {
		s.refuse(res, problem{status: http.StatusNotFound, code: "not_found", message: "no such event"})
		return
	}
	out, err := held.stored()
	if err != nil {
		s.defect(res, err)
		return
	}
	write(res, http.StatusOK, out)
}

func (s *Sandbox) listEvents(w *workspace, res http.ResponseWriter, req *http.Request) {
	p := params{values: req.URL.Query()}
	from, to := p.instant("from"), p.instant("to")
	owner, externalID := p.values.Get("owner_id"), p.values.Get("external_id")
	at, limit := p.cursor("e"), p.limit()
	if p.fault != nil {
		s.refuse(res, *p.fault)
		return
	}
	matches := func(e *entry) bool {
		return e != nil && e.external != "" && (owner == "" || e.owner.ID == owner) &&
			(from == nil || e.when.end > *from) && (to == nil || e.when.start < *to)
	}
	// Entries are copied under the lock and decoded outside it; what their content points to never changes.
	var found []entry
	next := 0
	w.mu.RLock()
	if externalID != "" {
		if held := w.entries[externalID]; held != nil && held.number != 0 && matches(held) {
			found = append(found, *held)
		}
	} else {
		for ; at < len(w.order); at++ {
			if !matches(w.order[at]) {
				continue
			}
			if len(found) == limit {
				next = at
				break
			}
			found = append(found, *w.order[at])
		}
	}
	w.mu.RUnlock()
	page := struct {
		Events     []app.StoredEvent `json:"events"`
		NextCursor string            `json:"next_cursor,omitempty"`
	}{Events: make([]app.StoredEvent, 0, len(found))}
	for i := range found {
		out, err := found[i].stored()
		if err != nil {
			s.defect(res, err)
			return
		}
		page.Events = append(page.Events, out)
	}
	if next > 0 {
		page.NextCursor = cursor("e", next)
	}
	write(res, http.StatusOK, page)
}

func (s *Sandbox) listCounts(w *workspace, res http.ResponseWriter, req *http.Request) {
	p := params{values: req.URL.Query()}
	from, to, user := p.day("from"), p.day("to"), p.values.Get("user_id")
	limit := p.limit()
	after, ok := decodeCellCursor(p.values.Get("cursor"))
	if !ok {
		p.refuse("cursor", "invalid_cursor")
	}
	if p.fault != nil {
		s.refuse(res, *p.fault)
		return
	}
	counts := []app.Count{}
	w.mu.RLock()
	for key, held := range w.cells {
		if held.count != 0 && (user == "" || key.user == user) && (from == "" || key.day >= from) && (to == "" || key.day <= to) {
			counts = append(counts, app.Count{
				UserID: key.user, Day: key.day, Channel: key.channel, Direction: key.direction,
				Count: held.count, Revision: held.revision,
			})
		}
	}
	w.mu.RUnlock()
	slices.SortFunc(counts, func(a, b app.Count) int { return compareCells(keyOf(a), keyOf(b)) })
	if after != (cellKey{}) {
		counts = slices.DeleteFunc(counts, func(c app.Count) bool { return compareCells(keyOf(c), after) <= 0 })
	}
	page := app.CountPage{Counts: counts}
	if len(counts) > limit {
		page.Counts = counts[:limit]
		page.NextCursor = encodeCellCursor(keyOf(counts[limit-1]))
	}
	write(res, http.StatusOK, page)
}

func keyOf(c app.Count) cellKey { return cellKey{c.UserID, c.Day, c.Channel, c.Direction} }

func compareCells(a, b cellKey) int {
	return cmp.Or(
		strings.Compare(a.day, b.day), strings.Compare(a.user, b.user),
		strings.Compare(a.channel, b.channel), strings.Compare(a.direction, b.direction),
	)
}

func (s *Sandbox) defect(res http.ResponseWriter, err error) {
	s.log.Error("held data is unreadable", "error", err)
	s.refuse(res, problem{status: http.StatusInternalServerError, code: "internal", message: "something went wrong"})
}

// params reads query parameters and keeps the first fault.
type params struct {
	values url.Values
	fault  *problem
}

func (p *params) refuse(field, code string) {
	if p.fault == nil {
		p.fault = &problem{
			status: http.StatusBadRequest, code: "invalid_parameter", message: "a query parameter is not readable",
			field: field, because: code,
		}
	}
}

func (p *params) limit() int {
	if p.values.Get("limit") == "" {
		return defaultLimit
	}
	return min(p.number("limit", 1, math.MaxInt), maxLimit)
}

func (p *params) number(name string, low, high int) int {
	n, err := strconv.Atoi(p.values.Get(name))
	if err != nil || n < low || n > high {
		p.refuse(name, "out_of_range")
		return low
	}
	return n
}

func (p *params) instant(name string) *int64 {
	v := p.values.Get(name)
	if v == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, v)
	if err != nil {
		p.refuse(name, "invalid_date")
	}
	unix := at.Unix()
	return &unix
}

// since is nanoseconds since 1970, unlike instant.
func (p *params) since(name string) int64 {
	v := p.values.Get(name)
	if v == "" {
		return math.MinInt64
	}
	at, err := time.Parse(time.RFC3339, v)
	if err != nil {
		p.refuse(name, "invalid_date")
	}
	return at.UnixNano()
}

func (p *params) day(name string) string {
	v := p.values.Get(name)
	if _, err := time.Parse(dateLayout, v); v != "" && err != nil {
		p.refuse(name, "invalid_date")
	}
	return v
}

// cursor reads a cursor of the given sort of list; a place in it.
func (p *params) cursor(sort string) int {
	v := p.values.Get("cursor")
	if v == "" {
		return 0
	}
	n, ok := decodeCursor(sort, v)
	if !ok {
		p.refuse("cursor", "invalid_cursor")
	}
	return n
}
