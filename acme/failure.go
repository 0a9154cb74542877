package acme

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind says what a failed call, or a record that can't be read, means for whoever has to go on.
type Kind string

const (
	// KindUnavailable means: refused, timed out, 5xx, 408, half an answer, HTML instead of data. Again later.
	KindUnavailable Kind = "unavailable"
	// KindRateLimited means: 429, 503 with Retry-After, or a 403 that means quota. Again after RetryAfter.
	KindRateLimited Kind = "rate_limited"
	// KindUnauthorised means: the key is unknown, revoked, or lacks a scope.
	KindUnauthorised Kind = "unauthorised"
	// KindRejected means: Acme refuses this request and will refuse it again.
	KindRejected Kind = "rejected"
	// KindGone means: the one thing the path names is not there. A collection is never gone.
	KindGone Kind = "gone"
	// KindCursorLost means: the cursor expired or was refused; start again at the watermark.
	KindCursorLost Kind = "cursor_lost"
	// KindConflict means: 409 or 412, what Acme holds differs from what the request assumed.
	KindConflict Kind = "conflict"
	// KindProfile means: the answer came, but not as the tenant's profile says. A person has to look at the profile; Advice
	// says at what of it. Again later, because the other side may only be having a bad moment.
	KindProfile Kind = "profile"
	// KindMalformed means: one record or webhook body that is not what the contract says.
	KindMalformed Kind = "malformed"
)

// Codes of this package's own; any other code is Acme's.
const (
	CodeTimeout     = "timeout"      // no whole answer in time
	CodeUnreachable = "unreachable"  // no connection, or it broke before the answer's head
	CodeCanceled    = "canceled"     // the caller gave up
	CodeHalfAnswer  = "half_answer"  // the answer is cut off, not JSON, or lacks what the contract promises
	CodeTooLarge    = "too_large"    // the answer or the record exceeds its bound
	CodeRedirect    = "redirect"     // Acme's API redirects nowhere, so this is not Acme's API
	CodeBadKey      = "bad_api_key"  // the API key can't be sent in a header
	CodeBadRequest  = "bad_request"  // the request could not be made
	CodeTooManyIDs  = "too_many_ids" // more than MaxBatch ids

	CodeDuplicate = "duplicate" // Acme's: the record is there already, as ExistingID
	// How a dialect's answer can differ from its profile.
	CodeNotJSON       = "not_json"       // a web page, or anything else that is not JSON
	CodeNoList        = "no_list"        // no array where the profile says that the records lie
	CodeNoNext        = "no_next"        // what leads to the next page is neither a text nor a number
	CodePagingLoop    = "paging_loop"    // a walk comes back to where it was
	CodeEmptyPages    = "empty_pages"    // page after page without a record
	CodeForeignLink   = "foreign_link"   // the next link leads away from the tenant's Acme
	CodeForeignCursor = "foreign_cursor" // the cursor was made under another profile
	CodeNoKeys        = "no_keys"        // records without an id or a time of change where the profile says that they lie
	CodeNoAccount     = "no_account"     // no account id where the profile says that it lies
	CodeNotXML        = "not_xml"        // a web page, or anything else that is not XML
	CodeDoctype       = "dtd_forbidden"  // the document has a DOCTYPE
	CodeInstruction   = "instruction"    // the document has a processing instruction
	CodeEncoding      = "encoding"       // the document is in an encoding that is not read

	CodeEmptyBody        = "empty_body"
	CodeMalformedJSON    = "malformed_json"
	CodeMalformedXML     = "malformed_xml"
	CodeBadEntity        = "bad_entity"        // a reference to none of the five entities and to no character
	CodeControlCharacter = "control_character" // a character that XML does not have
	CodeTooMany          = "too_many_nodes"    // too many elements or attributes
	CodeSOAPVersion      = "soap_version"      // SOAP 1.2: outbound messages are SOAP 1.1
	CodeWrongShape       = "wrong_shape"       // not an object, or not an array of events
	CodeWrongType        = "wrong_type"
	CodeMissingField     = "missing_field"
	CodeDuplicateKey     = "duplicate_key"
	CodeInvalidUTF8      = "invalid_utf8" // a stray byte, or half of a surrogate pair
	CodeNulCharacter     = "nul_character"
	CodeTooDeep          = "too_deep"
	CodeNumberRange      = "number_range" // not a whole number that fits; an exponent counts as not whole
	CodeBadTime          = "bad_time"     // not an RFC 3339 instant
	CodeBadID            = "bad_id"       // empty, longer than MaxIDBytes, or with control characters
)

// Error is how every failure of this package ends. Its text holds no key and at most 64 characters of an answer.
type Error struct {
	Kind       Kind
	Op         string        // a short verb phrase: "list appointments"
	Status     int           // of the answer; 0 when there was none
	Code       string        // Acme's own or one of this package's
	Field      string        // of Acme's first detail, or the path of the field that can't be read
	Message    string        // Acme's own
	RequestID  string        // Acme's own
	ExistingID string        // with Acme's code "duplicate": the record that is already there
	RetryAfter time.Duration // what Acme asked for, at most an hour; 0 when it named nothing
	Sick       bool          // Acme took the request, then answered 5xx or rubbish, or let time run out
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

// KindOf tells the kind of a failure, or "" for an error that is not this package's.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
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
