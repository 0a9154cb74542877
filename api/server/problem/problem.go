// Package problem is how the api says no: RFC 9457 problems, by a fixed list of codes. A problem holds nothing of the
// request beyond names of fields, and nothing of what went wrong inside.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Problem is one refusal. As an error it is returned by whoever decides, and written in one place.
type Problem struct {
	Type     string  `json:"type"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail,omitempty"`
	Instance string  `json:"instance"`
	Code     string  `json:"code"`
	Errors   []Field `json:"errors,omitempty"`

	retryAfter time.Duration
	authScheme string
}

// Field is one thing that is wrong with a request: a JSON pointer into its body, or query:name, header:name.
type Field struct {
	Pointer string `json:"pointer"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Line    int    `json:"line,omitempty"` // into the text that the pointer names, from 1
	Column  int    `json:"column,omitempty"`
}

// Error is the detail, or the title where there is none.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// New makes a problem of a listed code; an unlisted one is our own mistake and says no more than that.
func New(code, detail string, fields ...Field) *Problem {
	known, ok := find(code)
	if !ok {
		known, detail, fields = internal(), "", nil
	}
	return &Problem{Type: "/docs#" + known.Name, Title: known.Title, Status: known.Status, Detail: detail, Code: known.Name, Errors: fields}
}

// RetryAfter says when it makes sense to come again.
func (p *Problem) RetryAfter(wait time.Duration) *Problem {
	p.retryAfter = wait
	return p
}

// Authenticate names the way to prove oneself, which every 401 has to.
func (p *Problem) Authenticate(scheme string) *Problem {
	p.authScheme = scheme
	return p
}

// Write answers the request with the problem. Instance names the request, as its id in our log does.
func (p *Problem) Write(w http.ResponseWriter, requestID string) {
	own := *p
	own.Instance = "urn:acmesync:request:" + requestID
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	p.Head(h)
	body, err := json.Marshal(own)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

// Head sets what a refusal says in headers, whatever its body is written in.
func (p *Problem) Head(h http.Header) {
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	if p.authScheme != "" {
		h.Set("WWW-Authenticate", p.authScheme)
	}
	if p.Status == http.StatusRequestEntityTooLarge {
		h.Set("Connection", "close") // the rest of the body is not read
	}
}
