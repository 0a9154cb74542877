package app

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind says what a failed call means for whoever has to go on.
type Kind string

const (
	// KindUnavailable: refused, timed out, 5xx, 408, half an answer, HTML instead of data. Again later.
	KindUnavailable Kind = "unavailable"
	// KindRateLimited: 429, 503 with Retry-After, or a 403 that means quota. Again after RetryAfter.
	KindRateLimited Kind = "rate_limited"
	// KindUnauthorised: the token is unknown, revoked or may not do this.
	KindUnauthorised Kind = "unauthorised"
	// KindRejected: the app refuses this request and will refuse it again.
	KindRejected Kind = "rejected"
	// KindGone: the one thing the path names is not there. A collection is never gone.
	KindGone Kind = "gone"
	// KindConflict: 409 or 412, what the app holds differs from what the request assumed.
	KindConflict Kind = "conflict"
)

// Codes of this package's own; any other code is the app's.
const (
	CodeTimeout     = "timeout"     // no whole answer in time
	CodeUnreachable = "unreachable" // no connection, or it broke before the answer's head
	CodeCanceled    = "canceled"    // the caller gave up
	CodeHalfAnswer  = "half_answer" // the answer is cut off, not JSON, or does not fit the request
	CodeTooLarge    = "too_large"   // the answer exceeds its bound
	CodeRedirect    = "redirect"    // the app's API redirects nowhere, so this is not the app's API
	CodeBadToken    = "bad_token"   // the token can't be sent in a header
	CodeBadRequest  = "bad_request" // the request could not be made
)

// Error is how every failed call ends. Its text holds no token and a bounded part of an answer.
type Error struct {
	Kind       Kind
	Op         string        // a short verb phrase: "upsert events"
	Status     int           // of the answer; 0 when there was none
	Code       string        // the app's own or one of this package's
	Field      string        // of the app's first detail
	Message    string        // the app's own
	RequestID  string        // the app's own
	RetryAfter time.Duration // what the app asked for, at most an hour; 0 when it named nothing
	Sick       bool          // the app took the request, then answered 5xx or rubbish, or let time run out
	Err        error         // what lies beneath, if anything does
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(strings.ReplaceAll(string(e.Kind), "_", " "))
	switch {
	case e.Status != 0 && e.Code != "":
		fmt.Fprintf(&b, " (%d %s)", e.Status, e.Code)
	case e.Status != 0:
		fmt.Fprintf(&b, " (%d)", e.Status)
	case e.Code != "":
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Field != "" {
		b.WriteString(": " + e.Field)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	} else if e.Err != nil {
		// A transport's error may quote what the other side sent.
		b.WriteString(": " + printable(e.Err.Error(), 200))
	}
	return b.String()
}

// Unwrap gives what lies beneath, such as context.Canceled.
func (e *Error) Unwrap() error { return e.Err }

// KindOf tells the kind of a failed call, or "" for an error that is not this package's.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// refused turns an answer that is not the wanted one into an error by the design's table.
func refused(in call, res *http.Response, body []byte, token string) *Error {
	e := &Error{Op: in.op, Status: res.StatusCode}
	var told struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
		Details   []struct {
			Field string `json:"field"`
		} `json:"details"`
	}
	if isJSON(res.Header) && decode(body, &told) == nil {
		e.Code, e.Message = printable(told.Code, 64), told.Message
		if token != "" {
			e.Message = strings.ReplaceAll(e.Message, token, "***")
		}
		e.Message = printable(e.Message, 200)
		if len(told.Details) > 0 {
			e.Field = printable(told.Details[0].Field, 64)
		}
	}
	e.RequestID = printable(told.RequestID, 64)
	if e.RequestID == "" {
		e.RequestID = printable(res.Header.Get("X-Request-Id"), 64)
	}
	wait, named := retryAfter(res.Header, time.Now())
	switch s := res.StatusCode; {
	case s == http.StatusTooManyRequests,
		s == http.StatusServiceUnavailable && named,
		s == http.StatusForbidden && (e.Code == "rate_limited" || e.Code == "quota_exceeded"):
		e.Kind, e.RetryAfter = KindRateLimited, wait
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		e.Kind = KindUnauthorised
	case (s == http.StatusNotFound || s == http.StatusGone) && in.one:
		e.Kind = KindGone
	case s == http.StatusConflict, s == http.StatusPreconditionFailed:
		e.Kind = KindConflict
	case s == http.StatusNotFound, s == http.StatusGone, s == http.StatusRequestTimeout, s == http.StatusTooEarly:
		e.Kind = KindUnavailable
	case s >= 400 && s < 500:
		e.Kind = KindRejected
	case s >= 300 && s < 400:
		e.Kind, e.Code = KindUnavailable, CodeRedirect
	case s >= 500:
		e.Kind, e.RetryAfter, e.Sick = KindUnavailable, wait, true
	default:
		e.Kind, e.Code, e.Sick = KindUnavailable, CodeHalfAnswer, true
	}
	return e
}

// printable makes text from outside safe for a log line: bounded, valid, nothing that moves a cursor or reorders text.
func printable(s string, maxRunes int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxRunes {
			break
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
