package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Who made a change.
const (
	OriginUser        = "user"
	OriginIntegration = "integration"
)

// Change is an event at its newest change.
type Change struct {
	ID         string    `json:"id"`
	ExternalID string    `json:"external_id,omitempty"` // empty: made in the app and not linked
	Version    int64     `json:"version"`               // each change of any event of the workspace has a higher one
	Origin     string    `json:"origin"`
	Deleted    bool      `json:"deleted"`
	UpdatedAt  time.Time `json:"updated_at"`
	Event      *Event    `json:"event,omitempty"` // nil: deleted
}

// EventLink gives an event that was made in the app an external id.
type EventLink struct {
	ID         string `json:"id"` // the app's own
	ExternalID string `json:"external_id"`
	Revision   int64  `json:"revision"`
}

// ChangeQuery asks for one page of changes.
type ChangeQuery struct {
	UpdatedSince time.Time // inclusive; zero: from the beginning. Ignored beside a cursor
	Cursor       string
	Limit        int // at most 500; 0: the app's default
}

// ChangePage is one page of changes. NextCursor leads on, after the last page to whatever changes later.
type ChangePage struct {
	Changes    []Change `json:"changes"`
	NextCursor string   `json:"next_cursor"`
	More       bool     `json:"more"`
}

// Changes reads one page of what has changed. A cursor the app refuses is KindRejected with field "cursor".
func (c *Client) Changes(ctx context.Context, q ChangeQuery) (ChangePage, error) {
	const op = "list changes"
	var page ChangePage
	err := c.get(ctx, op, "/v1/event-changes", query{
		"updated_since": instant(q.UpdatedSince), "cursor": q.Cursor, "limit": number(q.Limit),
	}, &page)
	if err == nil && (page.Changes == nil || page.NextCursor == "" || page.More && page.NextCursor == q.Cursor) {
		err = halfAnswer(op, http.StatusOK, errors.New("no changes, or no way on"))
	}
	return page, err
}

// ChangesOf reads the newest change of up to MaxItems events, by the app's own ids and by external ids; what the app
// never had is left out.
func (c *Client) ChangesOf(ctx context.Context, ids, externalIDs []string) ([]Change, error) {
	const op = "read changes"
	if len(ids)+len(externalIDs) == 0 {
		return nil, nil
	}
	body, err := json.Marshal(map[string][]string{"ids": orNone(ids), "external_ids": orNone(externalIDs)})
	if err != nil {
		return nil, &Error{Kind: KindRejected, Op: op, Code: CodeBadRequest, Err: err}
	}
	var answer struct {
		Changes []Change `json:"changes"`
	}
	if err := c.do(ctx, call{op: op, path: "/v1/event-changes:batchGet", body: body, want: http.StatusOK}, &answer); err != nil {
		return nil, err
	}
	if answer.Changes == nil {
		return nil, halfAnswer(op, http.StatusOK, errors.New("no changes"))
	}
	for _, change := range answer.Changes {
		if change.Deleted != (change.Event == nil) || change.Version == 0 {
			return nil, halfAnswer(op, http.StatusOK, errors.New("a change is not whole"))
		}
	}
	return answer.Changes, nil
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
