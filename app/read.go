package app

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// EventQuery asks for one page of events; zero fields do not filter.
type EventQuery struct {
	From, To   time.Time // events that overlap [From, To)
	OwnerID    string
	ExternalID string
	Cursor     string // NextCursor of the page before; repeat the other fields with it
	Limit      int    // at most 500; 0: the app's default
}

// EventPage is one page of events. An empty NextCursor means the last one.
type EventPage struct {
	Events     []StoredEvent `json:"events"`
	NextCursor string        `json:"next_cursor"`
}

// CountQuery asks for one page of counts; zero fields do not filter.
type CountQuery struct {
	From, To string // days, "2006-01-02", both inclusive
	UserID   string
	Cursor   string
	Limit    int // at most 500; 0: the app's default
}

// CountPage is one page of counts that are not zero. An empty NextCursor means the last one.
type CountPage struct {
	Counts     []Count `json:"counts"`
	NextCursor string  `json:"next_cursor"`
}

// maxPages ends a walk over users that the app never ends.
const maxPages = 1000

// Workspace reads the workspace the token belongs to; it is also the cheapest probe of the app.
func (c *Client) Workspace(ctx context.Context) (Workspace, error) {
	const op = "read workspace"
	var w Workspace
	err := c.get(ctx, op, "/v1/workspace", nil, &w)
	if err == nil && w.ID == "" {
		err = halfAnswer(op, http.StatusOK, errors.New("no id"))
	}
	return w, err
}

// Users reads all users, page by page.
func (c *Client) Users(ctx context.Context) ([]User, error) {
	const op = "list users"
	var all []User
	cursor := ""
	for range maxPages {
		var page struct {
			Users      []User `json:"users"`
			NextCursor string `json:"next_cursor"`
		}
		if err := c.get(ctx, op, "/v1/users", query{"cursor": cursor}, &page); err != nil {
			return nil, err
		}
		if page.Users == nil {
			return nil, halfAnswer(op, http.StatusOK, errors.New("no users"))
		}
		all = append(all, page.Users...)
		if page.NextCursor == "" {
			return all, nil
		}
		if page.NextCursor == cursor {
			return nil, halfAnswer(op, http.StatusOK, errors.New("the cursor does not move"))
		}
		cursor = page.NextCursor
	}
	return nil, halfAnswer(op, http.StatusOK, errors.New("pages without end"))
}

// Totals reads what the workspace holds.
func (c *Client) Totals(ctx context.Context) (Totals, error) {
	const op = "read totals"
	var t struct{ Events, Touchpoints, Users *int }
	if err := c.get(ctx, op, "/v1/totals", nil, &t); err != nil {
		return Totals{}, err
	}
	if t.Events == nil || t.Touchpoints == nil || t.Users == nil {
		return Totals{}, halfAnswer(op, http.StatusOK, errors.New("a figure is missing"))
	}
	return Totals{Events: *t.Events, Touchpoints: *t.Touchpoints, Users: *t.Users}, nil
}

// Events reads one page of events.
func (c *Client) Events(ctx context.Context, q EventQuery) (EventPage, error) {
	const op = "list events"
	var page EventPage
	err := c.get(ctx, op, "/v1/events", query{
		"from": instant(q.From), "to": instant(q.To), "owner_id": q.OwnerID,
		"external_id": q.ExternalID, "cursor": q.Cursor, "limit": number(q.Limit),
	}, &page)
	if err == nil && page.Events == nil {
		err = halfAnswer(op, http.StatusOK, errors.New("no events"))
	}
	return page, err
}

// Event reads one event by the app's own id.
func (c *Client) Event(ctx context.Context, id string) (StoredEvent, error) {
	const op = "read event"
	var e StoredEvent
	err := c.do(ctx, call{op: op, path: "/v1/events/" + url.PathEscape(id), want: http.StatusOK, one: true}, &e)
	if err == nil && e.ID != id {
		err = halfAnswer(op, http.StatusOK, errors.New("it is another event"))
	}
	return e, err
}

// Counts reads one page of touch-point counts.
func (c *Client) Counts(ctx context.Context, q CountQuery) (CountPage, error) {
	const op = "list counts"
	var page CountPage
	err := c.get(ctx, op, "/v1/touchpoint-counts", query{
		"from": q.From, "to": q.To, "user_id": q.UserID, "cursor": q.Cursor, "limit": number(q.Limit),
	}, &page)
	if err == nil && page.Counts == nil {
		err = halfAnswer(op, http.StatusOK, errors.New("no counts"))
	}
	return page, err
}

// query is the parameters of a read; empty ones are left out.
type query map[string]string

func (c *Client) get(ctx context.Context, op, path string, q query, out any) error {
	v := url.Values{}
	for name, value := range q {
		if value != "" {
			v.Set(name, value)
		}
	}
	if len(v) > 0 {
		path += "?" + v.Encode()
	}
	return c.do(ctx, call{op: op, path: path, want: http.StatusOK}, out)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
