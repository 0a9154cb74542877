package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	json "github.com/goccy/go-json"
)

const (
	defaultMaxBytes = 16 << 20
	defaultTimeout  = 30 * time.Second
	maxErrorText    = 300 // bytes of the app's own words that an Error keeps
)

// Client speaks to one workspace of the calendar app. It may be used by many goroutines.
type Client struct {
	BaseURL  string       // without /v1
	Token    string       // of the workspace
	HTTP     *http.Client // nil: the default transport and 30 s a call; its redirect policy is not used
	MaxBytes int64        // of an answer's body; 0: 16 MiB
}

// call is one request: path holds the query too, a nil body means GET.
type call struct {
	op   string
	path string
	body []byte
	want int
}

// do sends the request and decodes the answer into out. Every error it returns is an *Error.
func (c *Client) do(ctx context.Context, in call, out any) error {
	res, body, err := c.roundTrip(ctx, in)
	if err != nil {
		return err
	}
	if res.StatusCode != in.want {
		return failure(in.op, res, body)
	}
	if !isJSON(res.Header) {
		return &Error{Kind: KindUnavailable, Op: in.op, Status: res.StatusCode, Err: errors.New("answer is not JSON")}
	}
	if err := decode(body, out); err != nil {
		return &Error{Kind: KindUnavailable, Op: in.op, Status: res.StatusCode, Err: fmt.Errorf("half an answer: %w", err)}
	}
	return nil
}

func (c *Client) roundTrip(ctx context.Context, in call) (*http.Response, []byte, error) {
	var sent atomic.Bool
	lost := func(status int, err error) *Error {
		return &Error{
			Kind: KindUnavailable, Op: in.op, Status: status, Err: err,
			Sick: sent.Load() && isTimeout(err),
		}
	}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(w httptrace.WroteRequestInfo) { sent.Store(w.Err == nil) },
	})
	req, err := c.request(traced, in)
	if err != nil {
		return nil, nil, lost(0, err)
	}
	res, err := c.http().Do(req)
	if err != nil {
		return nil, nil, lost(0, err)
	}
	defer func() { _ = res.Body.Close() }()
	limit := c.MaxBytes
	if limit <= 0 {
		limit = defaultMaxBytes
	}
	body, err := read(res, limit)
	if err != nil {
		return nil, nil, lost(res.StatusCode, fmt.Errorf("half an answer: %w", err))
	}
	return res, body, nil
}

func (c *Client) request(ctx context.Context, in call) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if in.body != nil {
		method, body = http.MethodPost, bytes.NewReader(in.body)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.BaseURL, "/")+in.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Accept", "application/json")
	if in.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// http never follows a redirect: it would carry the token to wherever the answer points.
func (c *Client) http() *http.Client {
	plain := http.Client{Timeout: defaultTimeout}
	if c.HTTP != nil {
		plain = *c.HTTP
	}
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &plain
}

func read(res *http.Response, limit int64) ([]byte, error) {
	var b bytes.Buffer
	if n := res.ContentLength; n > 0 && n <= limit {
		b.Grow(int(n) + bytes.MinRead)
	}
	n, err := b.ReadFrom(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("longer than %d bytes", limit)
	}
	return b.Bytes(), nil
}

// failure turns an answer that is not the wanted one into an error by the design's table.
func failure(op string, res *http.Response, body []byte) *Error {
	e := &Error{Op: op, Status: res.StatusCode, RequestID: clip(res.Header.Get("X-Request-Id"))}
	var told struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
		Details   []struct {
			Field string `json:"field"`
		} `json:"details"`
	}
	if isJSON(res.Header) && decode(body, &told) == nil {
		e.Code, e.Message = clip(told.Code), clip(told.Message)
		if told.RequestID != "" {
			e.RequestID = clip(told.RequestID)
		}
		if len(told.Details) > 0 {
			e.Field = clip(told.Details[0].Field)
		}
	}
	wait, named := retryAfter(res.Header, time.Now())
	switch s := res.StatusCode; {
	case s == http.StatusTooManyRequests,
		s == http.StatusServiceUnavailable && named,
		s == http.StatusForbidden && (e.Code == "rate_limited" || e.Code == "quota_exceeded"):
		e.Kind, e.RetryAfter = KindRateLimited, wait
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		e.Kind = KindUnauthorised
	case s == http.StatusNotFound, s == http.StatusGone:
		e.Kind = KindGone
	case s == http.StatusConflict, s == http.StatusPreconditionFailed:
		e.Kind = KindConflict
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly:
		e.Kind = KindUnavailable
	case s >= 400 && s < 500:
		e.Kind = KindRejected
	default:
		e.Kind, e.RetryAfter, e.Sick = KindUnavailable, wait, s >= 500
	}
	return e
}

// decode is four times as fast with goccy/go-json as with encoding/json and refuses every cut
// answer (see TestHalfAnswers); where it is lax, as with raw control characters, nothing is lost.
func decode(body []byte, out any) error {
	return json.Unmarshal(body, out)
}

func isJSON(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (media == "application/json" || media == "application/problem+json")
}

func isTimeout(err error) bool {
	timed, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timed.Timeout()
}

func clip(s string) string {
	if len(s) > maxErrorText {
		return strings.ToValidUTF8(s[:maxErrorText], "") + "…"
	}
	return s
}
