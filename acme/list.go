package acme

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// MaxBatch is the most ids one batch get may name.
const MaxBatch = 200

// List reads one page. A page that is cut off, isn't JSON or lacks data or next_cursor is Unavailable, never a Page; a
// record whose id, version or updated_at can't be used comes as an Item with ID "" and its Raw. 410 and a refused
// cursor are CursorLost. Raw of every item shares one buffer that is the page's alone.
//
// Under a profile the items are in the canonical form all the same: Acme's contract, with what it does not know under
// custom. An answer that is not as the profile says is of kind Profile.
func (c *Client) List(ctx context.Context, r Resource, q ListQuery) (Page, error) {
	if d := c.Profile.dialect(r); d != nil {
		return c.listDialect(ctx, d, q)
	}
	op := "list " + string(r)
	got, err := c.send(ctx, call{op: op, method: http.MethodGet, path: "/v1/" + string(r) + q.encode(), collection: true, paged: true})
	if err != nil {
		return Page{}, err
	}
	items, next, ok := readPage(got.body)
	if !ok || got.status != http.StatusOK || next != "" && next == q.Cursor {
		return Page{}, half(op, got.status)
	}
	return Page{Items: items, NextCursor: next, Date: date(got.header), Bytes: len(got.body)}, nil
}

// encode leaves out what a cursor carries already.
func (q ListQuery) encode() string {
	v := url.Values{}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Cursor != "" {
		v.Set("cursor", q.Cursor)
	} else {
		if !q.UpdatedSince.IsZero() {
			v.Set("updated_since", q.UpdatedSince.UTC().Format(time.RFC3339Nano))
		}
		if q.IncludeDeleted {
			v.Set("include_deleted", "true")
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// BatchGet reads records by id, deleted ones included. Each id asked for is among the items or the missing, or else
// the answer is half an answer; where records came without a usable id, as many ids may be unaccounted for.
// No ids make no request; more than MaxBatch are Rejected without one. A profile may make several requests of it, or one
// for each id where there is no batch get: Requests tells.
func (c *Client) BatchGet(ctx context.Context, r Resource, ids []string) (Batch, error) {
	op := "batch get " + string(r)
	if len(ids) == 0 {
		return Batch{}, nil
	}
	if len(ids) > MaxBatch {
		return Batch{}, &Error{Kind: KindRejected, Op: op, Code: CodeTooManyIDs}
	}
	if d := c.Profile.dialect(r); d != nil {
		return c.batchDialect(ctx, d, ids)
	}
	got, err := c.send(ctx, call{op: op, method: http.MethodPost, path: "/v1/" + string(r) + ":batchGet", collection: true, body: map[string][]string{"ids": ids}})
	if err != nil {
		return Batch{}, err
	}
	items, missing, ok := readBatch(got.body)
	if !ok || got.status != http.StatusOK || !accounted(ids, items, missing) {
		return Batch{}, half(op, got.status)
	}
	return Batch{Items: items, Missing: missing, Date: date(got.header), Bytes: len(got.body)}, nil
}

func accounted(ids []string, items []Item, missing []string) bool {
	open := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		open[id] = struct{}{}
	}
	nameless := 0
	for _, item := range items {
		delete(open, item.ID)
		if item.ID == "" {
			nameless++
		}
	}
	for _, id := range missing {
		if !slices.Contains(ids, id) {
			return false // a tombstone for a record nobody asked for
		}
		delete(open, id)
	}
	return len(open) <= nameless
}

// date is Acme's clock, or zero where the answer doesn't tell it.
func date(h http.Header) time.Time {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// half is a success that can't be taken: Acme lives, but this very answer is no good.
func half(op string, status int) *Error {
	return &Error{Kind: KindUnavailable, Op: op, Status: status, Code: CodeHalfAnswer, Sick: true}
}
