package app

import (
	"errors"
	"fmt"
	"strings"
	"time"
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
	// KindGone: what the path names is not there.
	KindGone Kind = "gone"
	// KindConflict: what the app holds has changed meanwhile.
	KindConflict Kind = "conflict"
)

// Error is how every failed call ends. Its text holds no token and no body.
type Error struct {
	Kind       Kind
	Op         string        // a short verb phrase: "upsert events"
	Status     int           // of the answer; 0 when there was none
	Code       string        // the app's own
	Field      string        // of the app's first detail
	Message    string        // the app's own
	RequestID  string        // the app's own
	RetryAfter time.Duration // what the app asked for, at most an hour; 0 when it named nothing
	Sick       bool          // the app took the request, then answered 5xx or let time run out
	Err        error         // what lies beneath, if anything does
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(strings.ReplaceAll(string(e.Kind), "_", " "))
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d", e.Status)
		if e.Code != "" {
			b.WriteString(" " + e.Code)
		}
		b.WriteString(")")
	}
	if e.Field != "" {
		b.WriteString(": " + e.Field)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
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
