// Package lookup is the border to third parties that know more about a customer's records than Acme does: a loyalty programme, a
// directory. It makes one bounded request per key, never repeats it and never follows a redirect. What comes back is data to
// be mapped, never the truth about a record.
package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Kind sorts failures as those of the other borders are.
type Kind string

// The kinds of failure of a call.
const (
	Unavailable  Kind = "unavailable" // no answer, half of one, one that is not JSON, 5xx
	RateLimited  Kind = "rate_limited"
	Unauthorised Kind = "unauthorised"
)

// Error is every error of this package. It names no key: keys are people's addresses.
type Error struct {
	Kind       Kind
	Status     int
	RetryAfter time.Duration // of RateLimited; 0: it did not say
	Err        error
}

func (e *Error) Error() string { return "look up: " + string(e.Kind) }

func (e *Error) Unwrap() error { return e.Err }

const (
	timeout  = 5 * time.Second
	maxBytes = 64 << 10
	maxDepth = 32
	longest  = time.Hour // that a third party may have us wait
)

// Source is where something is looked up.
type Source struct {
	URL   string // with {key}, which is escaped as a path segment or a value of the query
	At    string // where in the answer the value lies, keys joined by dots; empty: it is the answer
	Token string // sent as a bearer token; empty: none
}

// Client looks things up. HTTP has to guard against addresses that tenants may not have us call.
type Client struct{ HTTP *http.Client }

// Get asks for one key. The value is JSON in a form of its own, so that equal answers are equal bytes; found is false where the
// third party does not know the key (404, 410), refuses it (other 4xx), or has no value there. Every error is an *Error.
func (c *Client) Get(ctx context.Context, s Source, key string) (value json.RawMessage, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address(s.URL, key), nil)
	if err != nil {
		return nil, false, &Error{Kind: Unavailable, Err: errors.New("no usable address")}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "acmesync")
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, false, &Error{Kind: Unavailable, Err: withoutAddress(err)}
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return nil, false, &Error{Kind: Unauthorised, Status: code}
	case code == http.StatusTooManyRequests:
		return nil, false, &Error{Kind: RateLimited, Status: code, RetryAfter: retryAfter(resp.Header)}
	case code == http.StatusRequestTimeout, code >= 500, code < 200, code >= 300 && code < 400:
		return nil, false, &Error{Kind: Unavailable, Status: code}
	case code >= 400:
		return nil, false, nil
	}
	return read(resp, s.At)
}

// address puts the key in its place. One that would climb or end the path is escaped like any other character.
func address(template, key string) string {
	before, after, _ := strings.Cut(template, "{key}")
	if strings.Contains(before, "?") {
		return before + url.QueryEscape(key) + after
	}
	escaped := url.PathEscape(key)
	if strings.Trim(key, ".") == "" { // a segment of dots alone would be resolved
		escaped = strings.ReplaceAll(key, ".", "%2E")
	}
	return before + escaped + after
}

// withoutAddress leaves the address out of what is logged: it holds the key.
func withoutAddress(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

func read(resp *http.Response, at string) (json.RawMessage, bool, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	if err != nil {
		return nil, false, &Error{Kind: Unavailable, Status: resp.StatusCode, Err: errors.New("half an answer")}
	}
	if len(text) > maxBytes {
		return nil, false, &Error{Kind: Unavailable, Status: resp.StatusCode, Err: errors.New("more than 64 kB")}
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var whole any
	if err := d.Decode(&whole); err != nil || d.More() || depth(whole) > maxDepth {
		return nil, false, &Error{Kind: Unavailable, Status: resp.StatusCode, Err: errors.New("an answer that is not JSON, or nested too deeply")}
	}
	value := whole
	if at != "" {
		for key := range strings.SplitSeq(at, ".") {
			object, ok := value.(map[string]any)
			if !ok {
				return nil, false, nil
			}
			value = object[key]
		}
	}
	if value == nil {
		return nil, false, nil
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, false, &Error{Kind: Unavailable, Err: errors.New("an answer that cannot be kept")}
	}
	return encoded, true, nil
}

func depth(value any) int {
	deepest := 0
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	case []any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	default:
		return 0
	}
	return deepest + 1
}

func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), longest)
	}
	d, err := time.ParseDuration(text + "s")
	if err != nil || d < 0 {
		return 0
	}
	return min(d, longest)
}
