package server

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

const defaultLimit = 100

// list answers one page.
func (s *Server) list(c *call) error {
	if ref := c.r.URL.Query().Get("external_ref"); ref != "" && c.resource == acme.Appointments {
		return s.data(c, c.account.ByExternalRef(ref, c.r.URL.Query().Get("include_deleted") == "true"), `,"next_cursor":null}`+"\n")
	}
	q, page, err := s.listQuery(c)
	if err != nil {
		return err
	}
	if c.faults.Touches(c.resource) && c.faults.BadPage == page {
		return errSpoiled
	}
	l := c.account.List(c.resource, q)
	if slices.ContainsFunc(l.IDs, func(id string) bool { return slices.Contains(c.faults.BadIDs, id) }) {
		return errSpoiled
	}
	next := "null"
	if l.Next != nil {
		next = `"` + seal(c.account, cursor{
			Resource: c.resource, At: l.Next.At, ID: l.Next.ID, IncludeDeleted: q.IncludeDeleted,
			Page: page + 1, Expires: s.Now().Add(s.CursorLife).UnixMilli(),
		}) + `"`
	}
	return s.data(c, l.Raws, `,"next_cursor":`+next+"}\n")
}

// errSpoiled is the answer to whatever contains a record the switches call bad.
var errSpoiled = &problem{status: http.StatusInternalServerError, Code: "internal", Message: "Something went wrong on our side."}

func (s *Server) listQuery(c *call) (accounts.ListQuery, int, error) {
	q := accounts.ListQuery{Limit: defaultLimit, Lag: c.faults.Lag()}
	values := c.r.URL.Query()
	largest := c.account.Settings().MaxPage
	if text := values.Get("limit"); text != "" || values.Has("limit") {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil || n < 1:
			return q, 0, badRequest("invalid_parameter", "limit is no positive number.")
		case n > largest:
			return q, 0, badRequest("limit_too_large", "limit may be "+strconv.Itoa(largest)+" at most.")
		}
		q.Limit = n
	}
	q.Limit = min(q.Limit, largest)
	if values.Has("cursor") {
		if c.faults.CursorExpired && c.faults.Touches(c.resource) {
			return q, 0, errCursorExpired
		}
		at, err := unseal(c.account, values.Get("cursor"), c.resource, s.Now())
		if err != nil {
			return q, 0, err
		}
		q.After, q.IncludeDeleted = &accounts.Position{At: at.At, ID: at.ID}, at.IncludeDeleted
		return q, at.Page, nil
	}
	if values.Has("updated_since") {
		since, err := time.Parse(time.RFC3339, values.Get("updated_since"))
		if err != nil {
			return q, 0, badRequest("invalid_parameter", "updated_since is no RFC 3339 instant.")
		}
		q.Since = since
	}
	if values.Has("include_deleted") {
		include, err := strconv.ParseBool(values.Get("include_deleted"))
		if err != nil {
			return q, 0, badRequest("invalid_parameter", "include_deleted is neither true nor false.")
		}
		q.IncludeDeleted = include
	}
	return q, 1, nil
}

// data writes {"data":[…] and the tail. Records are written as they are kept, without encoding them again.
func (s *Server) data(c *call, raws [][]byte, tail string) error {
	const head = `{"data":[`
	raws = c.drifted(raws...)
	size := len(head) + 1 + len(tail) + max(0, len(raws)-1)
	for _, raw := range raws {
		size += len(raw)
	}
	body := make([]byte, 0, size)
	body = append(body, head...)
	for i, raw := range raws {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, raw...)
	}
	body = append(append(body, ']'), tail...)

	if c.faults.TruncatedPage && c.faults.Touches(c.resource) {
		kind, body, err := inWords(c.w, http.StatusOK, body)
		if err != nil {
			return err
		}
		c.w.Header().Set("Content-Type", kind)
		c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = c.w.Write(body[:len(body)/2])
		_ = http.NewResponseController(c.w).Flush()
		panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
	}
	s.raw(c.w, http.StatusOK, body)
	return nil
}
