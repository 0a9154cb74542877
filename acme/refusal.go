package acme

import (
	"net/http"
	"strings"
	"time"
)

// refused turns an answer that is no success into an error. It decides by status first: a body that can't be read, an
// HTML page from the edge among them, changes no kind.
func refused(c call, resp *http.Response, body []byte, apiKey string) *Error {
	e := &Error{Op: c.op, Status: resp.StatusCode, RequestID: printable(resp.Header.Get("X-Request-Id"), 64)}
	if e.readBody(body); strings.Contains(resp.Header.Get("Content-Type"), "xml") {
		e.readXML(body)
	}
	if strings.Contains(e.Message, apiKey) || strings.Contains(e.Message, "whsec_") {
		e.Message = ""
	}
	e.Message = printable(e.Message, 64)
	wait := retryAfter(resp.Header, time.Now())
	switch status := resp.StatusCode; {
	case status == http.StatusTooManyRequests,
		status == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "",
		status == http.StatusForbidden && (quota(e.Code) || resp.Header.Get("Retry-After") != ""):
		e.Kind = KindRateLimited
		if e.RetryAfter = wait; wait == 0 {
			e.RetryAfter = windowReset(resp.Header)
		}
	case status >= 500, status == http.StatusRequestTimeout:
		e.Kind, e.Sick, e.RetryAfter = KindUnavailable, true, wait
	case status == http.StatusTooEarly:
		e.Kind, e.RetryAfter = KindUnavailable, wait
	case status < 400 && c.foreign:
		e.Kind, e.Code = KindProfile, CodeRedirect
	case status < 400:
		e.Kind, e.Code = KindUnavailable, CodeRedirect
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired:
		e.Kind = KindUnauthorised
	case c.paged && c.foreign && (status == http.StatusGone || status == http.StatusBadRequest || status == http.StatusUnprocessableEntity):
		e.Kind = KindCursorLost
	case c.paged && (status == http.StatusGone || status == http.StatusBadRequest && (strings.HasPrefix(e.Code, "cursor_") || e.Field == "cursor")):
		e.Kind = KindCursorLost
	case status == http.StatusNotFound && c.collection:
		e.Kind = KindUnavailable
	case status == http.StatusNotFound, status == http.StatusGone:
		e.Kind = KindGone
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		e.Kind = KindConflict
	default:
		e.Kind = KindRejected
	}
	return e
}

// quota tells whether a 403 means "not now" rather than "not you".
func quota(code string) bool {
	switch code {
	case "quota_exceeded", "rate_limited", "abuse":
		return true
	}
	return false
}

// readBody takes {code,message,details[{field,code}],existing_id,request_id} as far as it is there.
func (e *Error) readBody(body []byte) {
	got := Error{}
	err := decode("", body, func(s *scanner, key []byte) bool {
		switch string(key) {
		case "code":
			return s.text(&got.Code)
		case "message":
			return s.text(&got.Message)
		case "request_id":
			return s.text(&got.RequestID)
		case "existing_id":
			return s.id(&got.ExistingID)
		case "details":
			return s.firstField(&got.Field)
		}
		return s.skip()
	})
	if err == nil {
		e.take(got)
	}
}

// readXML takes <error><code>…</code>…</error> likewise.
func (e *Error) readXML(body []byte) {
	data, code := openXML(body, true)
	r := xmlReader{xmlScanner: xmlScanner{data: data}}
	if code != "" || r.next() != xmlStart {
		return
	}
	r.begin()
	tree, ok := r.element(1)
	if !ok || r.fault != "" {
		return
	}
	word := func(p path) string {
		text, _ := p.first(tree).(string)
		return text
	}
	got := Error{
		Code: word(path{{key: "code"}}), Message: word(path{{key: "message"}}), RequestID: word(path{{key: "request_id"}}),
		ExistingID: word(path{{key: "existing_id"}}), Field: word(path{{key: "details", index: 1, lone: true}, {key: "field"}}),
	}
	if !usableID(got.ExistingID) {
		got.ExistingID = ""
	}
	e.take(got)
}

// take keeps what another side says of a refusal as far as it can be shown.
func (e *Error) take(got Error) {
	if plainCode(got.Code) {
		e.Code = got.Code
	}
	if id := printable(got.RequestID, 64); id != "" {
		e.RequestID = id
	}
	e.Message, e.ExistingID, e.Field = got.Message, got.ExistingID, printable(got.Field, 64)
}

func (s *scanner) firstField(dst *string) bool {
	if s.peek() != '[' {
		return s.skip()
	}
	return s.array(func(i int) bool {
		if i > 0 || s.peek() != '{' {
			return s.skip()
		}
		return s.object(func(key []byte) bool {
			if string(key) == "field" {
				return s.text(dst)
			}
			return s.skip()
		})
	})
}

// plainCode keeps a code usable as a word in logs, metrics and fingerprints.
func plainCode(code string) bool {
	return code != "" && len(code) <= 64 && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
