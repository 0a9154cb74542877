package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// UpsertEvents writes up to MaxItems events and returns their results in the same order.
func (c *Client) UpsertEvents(ctx context.Context, events []Event) ([]Result, error) {
	body := make([]byte, 0, 64+len(events)*640)
	body = appendList(body, "events", events, AppendEvent)
	return c.write(ctx, "upsert events", "/v1/events:bulkUpsert", body, len(events),
		func(i int) string { return events[i].ExternalID })
}

// DeleteEvents deletes up to MaxItems events and returns their results in the same order.
func (c *Client) DeleteEvents(ctx context.Context, refs []EventRef) ([]Result, error) {
	body := make([]byte, 0, 64+len(refs)*96)
	body = appendList(body, "events", refs, appendEventRef)
	return c.write(ctx, "delete events", "/v1/events:bulkDelete", body, len(refs),
		func(i int) string { return refs[i].ExternalID })
}

// SetCounts sets up to MaxItems counts and returns their results in the same order.
func (c *Client) SetCounts(ctx context.Context, counts []Count) ([]Result, error) {
	body := make([]byte, 0, 64+len(counts)*160)
	body = appendList(body, "counts", counts, AppendCount)
	return c.write(ctx, "set counts", "/v1/touchpoint-counts:bulkSet", body, len(counts),
		func(int) string { return "" })
}

// LinkEvents gives up to MaxItems events an external id and returns their results in the same order.
func (c *Client) LinkEvents(ctx context.Context, links []EventLink) ([]Result, error) {
	body, err := json.Marshal(map[string][]EventLink{"links": links})
	if err != nil {
		return nil, &Error{Kind: KindRejected, Op: "link events", Code: CodeBadRequest, Err: err}
	}
	return c.write(ctx, "link events", "/v1/events:bulkLink", body, len(links),
		func(i int) string { return links[i].ExternalID })
}

// resultList is the answer of a bulk write of so many items.
type resultList struct {
	Results  []Result `json:"results"`
	expected int
}

// write posts a bulk write of n items. An answer that does not fit the request item by item is
// no answer: nobody can tell which items it speaks of.
func (c *Client) write(ctx context.Context, op, path string, body []byte, n int, id func(int) string) ([]Result, error) {
	answer := resultList{expected: n}
	if err := c.do(ctx, call{op: op, path: path, body: body, want: http.StatusMultiStatus}, &answer); err != nil {
		return nil, err
	}
	unfit := func(format string, args ...any) error {
		return halfAnswer(op, http.StatusMultiStatus, fmt.Errorf(format, args...))
	}
	if len(answer.Results) != n {
		return nil, unfit("%d results for %d items", len(answer.Results), n)
	}
	for i := range answer.Results {
		r := &answer.Results[i]
		if r.ExternalID != id(i) {
			return nil, unfit("result %d is of another item", i)
		}
		if !r.Status.known() {
			return nil, unfit("result %d has no known status", i)
		}
	}
	return answer.Results, nil
}

func (s ResultStatus) known() bool {
	switch s {
	case Created, Updated, Unchanged, Deleted, Absent, Stale, Conflict, Duplicate, Rejected, Failed:
		return true
	}
	return false
}
