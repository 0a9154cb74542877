package acme

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// place is where a walk of a dialect's list stands, and what its next request has to say again. It travels as the cursor.
type place struct {
	Cursor  string     `json:"c,omitempty"` // theirs
	Offset  int        `json:"o,omitempty"` // records read, for page and offset
	Link    string     `json:"l,omitempty"` // path and query of the next link
	Since   *time.Time `json:"s,omitempty"`
	Deleted bool       `json:"d,omitempty"`
	Limit   int        `json:"n,omitempty"`
	Begun   time.Time  `json:"b,omitzero"` // Acme's clock when the walk began
	Latest  time.Time  `json:"t,omitzero"` // of an unordered walk: the newest updated_at so far, not past its beginning
}

func (p place) encode() string { return base64.RawURLEncoding.EncodeToString(encodeJSON(p)) }

// place is where a query's walk stands; ok is false for a cursor that another profile has made.
func (d *dialect) place(q ListQuery) (at place, ok bool) {
	limit := min(q.Limit, d.maxLimit())
	if limit == 0 && d.Paging.Style == "page" {
		limit = d.maxLimit() // page numbers mean nothing without it
	}
	if q.Cursor == "" {
		at = place{Deleted: q.IncludeDeleted, Limit: limit}
		if !q.UpdatedSince.IsZero() && d.Since != nil {
			since := q.UpdatedSince.UTC()
			at.Since = &since
		}
		return at, true
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || json.Unmarshal(text, &at) != nil {
		return place{}, false
	}
	known := at.Cursor != "" && d.Paging.Style == "cursor" || at.Link != "" && (d.Paging.Style == "link" || d.Paging.Style == "link_header") ||
		at.Cursor == "" && at.Link == "" && (d.Paging.Style == "page" || d.Paging.Style == "offset")
	if at.Link != "" && (!strings.HasPrefix(at.Link, "/") || strings.HasPrefix(at.Link, "//")) {
		return place{}, false
	}
	if limit > 0 {
		at.Limit = limit
	}
	return at, known
}

// turn adds what leads to the place.
func (d *dialect) turn(v url.Values, at place) {
	switch d.Paging.Style {
	case "cursor":
		if at.Cursor != "" {
			v.Set(d.Paging.Param, at.Cursor)
		}
	case "offset":
		v.Set(d.Paging.Param, strconv.Itoa(at.Offset))
	case "page":
		// Rounded down: a smaller page than the one before reads a few records twice rather than leave any out.
		number := at.Offset / max(1, at.Limit)
		if !d.Paging.Zero {
			number++
		}
		v.Set(d.Paging.Param, strconv.Itoa(number))
	}
}

// after finds where the next page begins. A code says what makes it impossible.
func (d *dialect) after(c *Client, at place, rest document, header http.Header, page Page) (next place, more bool, code string) {
	next = at
	if next.Begun.IsZero() {
		next.Begun = page.Date
	}
	for _, item := range page.Items {
		if item.ID == "" {
			continue
		}
		upTo := item.UpdatedAt
		if !next.Begun.IsZero() && upTo.After(next.Begun) {
			upTo = next.Begun
		}
		if upTo.After(next.Latest) {
			next.Latest = upTo
		}
	}
	switch d.Paging.Style {
	case "page", "offset":
		more, code = d.counted(&next, rest, page)
	case "cursor":
		next.Cursor, code = d.word(d.next, rest)
		more = next.Cursor != ""
		if more && next.Cursor == at.Cursor {
			code = CodePagingLoop
		}
	default:
		var target string
		if d.Paging.Style == "link" {
			target, code = d.word(d.next, rest)
		} else {
			target = nextOf(header)
		}
		if more = target != ""; more && code == "" {
			next.Link, code = c.follow(d, at, target)
		}
		if more && code == "" && next.Link == at.Link {
			code = CodePagingLoop
		}
	}
	if more && d.Paging.More != "" && !d.saysMore(rest) {
		more = false
	}
	return next, more, code
}

// counted moves on by numbers. A list in the order of updated_at is entered again at the last record's time where that
// gets on: numbers shift under a reader when a record read before moves to the end of the list.
func (d *dialect) counted(next *place, rest document, page Page) (more bool, code string) {
	n := len(page.Items)
	switch {
	case d.Paging.More != "":
		more = d.saysMore(rest)
	case d.Paging.Next != "":
		word, bad := d.word(d.next, rest)
		if bad != "" {
			return false, bad
		}
		more = word != ""
	case d.Limit != nil:
		more = next.Limit > 0 && n >= next.Limit || next.Limit == 0 && n > 0
	default:
		more = n > 0
	}
	if !more {
		return false, ""
	}
	if last := lastOf(page.Items); !d.Unordered && d.Since != nil && last != nil {
		truncated := asAsked(last.UpdatedAt, d.Since.Time)
		if next.Since == nil || truncated.After(*next.Since) {
			next.Since, next.Offset = &truncated, 0
			return true, ""
		}
	}
	if d.Paging.Style == "page" {
		next.Offset += next.Limit
		return true, ""
	}
	next.Offset += n
	if n == 0 {
		next.Offset += max(1, next.Limit)
	}
	return true, ""
}

func lastOf(items []Item) *Item {
	if len(items) == 0 || items[len(items)-1].ID == "" {
		return nil
	}
	return &items[len(items)-1]
}

// asAsked is a moment as finely as the parameter can say it.
func asAsked(t time.Time, format string) time.Time {
	switch format {
	case "unix_s":
		return t.Truncate(time.Second)
	case "unix_ms":
		return t.Truncate(time.Millisecond)
	case "unix_us":
		return t.Truncate(time.Microsecond)
	}
	return t
}

func (d *dialect) saysMore(rest document) bool {
	value, _ := rest.value(d.more)
	yes, isBool := boolean(value).(bool)
	if !isBool { // a link, a cursor, a number: something is there
		return value != nil
	}
	return yes
}

// word reads a cursor, an offset or a link; none, null and "" are the end.
func (d *dialect) word(p path, rest document) (word, code string) {
	value, ok := rest.value(p)
	if !ok {
		return "", CodeNoNext
	}
	if value == nil || value == false {
		return "", ""
	}
	word, ok = asText(value)
	if !ok || len(word) > maxCursorBytes {
		return "", CodeNoNext
	}
	return word, ""
}

const maxCursorBytes = 4096

func treeOf(window []byte) (any, bool) {
	if window == nil {
		return nil, false
	}
	s := scanner{data: window, limit: maxRecordDepth}
	value, ok := s.tree()
	return value, ok
}

// nextOf reads rel="next" of the Link headers.
func nextOf(header http.Header) string {
	for _, line := range header.Values("Link") {
		for one := range strings.SplitSeq(line, ",") {
			target, rest, found := strings.Cut(strings.TrimSpace(one), ">")
			if !found || !strings.HasPrefix(target, "<") {
				continue
			}
			for attribute := range strings.SplitSeq(rest, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(attribute), "=")
				if strings.EqualFold(name, "rel") && strings.EqualFold(strings.Trim(value, `"`), "next") {
					return target[1:]
				}
			}
		}
	}
	return ""
}

// follow takes a next link apart. It stays where the tenant's Acme is: another host, another port, a private address or a
// step down to plain HTTP would carry the API key there.
func (c *Client) follow(d *dialect, at place, target string) (link, code string) {
	base, err := url.Parse(c.BaseURL)
	if err != nil {
		return "", CodeForeignLink
	}
	from, err := url.Parse(c.Profile.prefix() + d.Path)
	if err != nil {
		return "", CodeForeignLink
	}
	if at.Link != "" {
		if from, err = url.Parse(at.Link); err != nil {
			return "", CodeForeignLink
		}
	} else {
		from.Path = strings.TrimRight(base.Path, "/") + from.Path
	}
	to, err := url.Parse(target)
	if err != nil || len(target) > maxCursorBytes || strings.ContainsAny(target, "\\\r\n\t ") {
		return "", CodeForeignLink
	}
	to = base.ResolveReference(from).ResolveReference(to)
	if to.Scheme != base.Scheme || !strings.EqualFold(to.Host, base.Host) || to.User != nil || to.Opaque != "" || !strings.HasPrefix(to.EscapedPath(), "/") {
		return "", CodeForeignLink
	}
	return to.RequestURI(), ""
}
