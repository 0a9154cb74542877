package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const (
	defaultMaxBytes = 16 << 20
	defaultTimeout  = 30 * time.Second
	maxErrorBytes   = 64 << 10
)

// Client speaks to one workspace of the calendar app. Every error is an *Error. Safe for concurrent use.
type Client struct {
	BaseURL  string       // such as https://app.example, without /v1
	Token    string       // of the workspace, sent as a bearer token
	HTTP     *http.Client // nil: one with a timeout of 30 s; redirects are never followed
	MaxBytes int64        // bound of an answer's body; 0: 16 MiB
}

// call is one request.
type call struct {
	op     string
	method string // empty: GET, or POST with a body
	path   string // below the base, escaped, with its query
	body   []byte // nil: a GET
	want   int    // the one status that is an answer
	one    bool   // the path names one thing: a 404 says it is gone, else that this is not the app
}

// do makes one request and decodes the wanted answer into out.
func (c *Client) do(ctx context.Context, in call, out any) error {
	// Whether the request left tells an app that is away from one that can't cope with this very request.
	var taken atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) { taken.Store(info.Err == nil) },
	})
	req, err := c.request(traced, in)
	if err != nil {
		return err
	}
	res, err := c.client().Do(req)
	if err != nil {
		return brokenOff(ctx, in.op, err, taken.Load())
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != in.want {
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBytes))
		return refused(in, res, body, c.Token)
	}
	if out == nil {
		return nil
	}
	body, err := c.read(res)
	if err != nil {
		e := brokenOff(ctx, in.op, err, true)
		e.Status = res.StatusCode
		return e
	}
	if !isJSON(res.Header) {
		return halfAnswer(in.op, res.StatusCode, errors.New("it is not JSON"))
	}
	if err := decode(body, out); err != nil {
		return halfAnswer(in.op, res.StatusCode, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, in call) (*http.Request, error) {
	if !sendable(c.Token) {
		return nil, &Error{Kind: KindUnauthorised, Op: in.op, Code: CodeBadToken}
	}
	method, body := http.MethodGet, io.Reader(nil)
	if in.body != nil {
		method, body = http.MethodPost, bytes.NewReader(in.body)
	}
	if in.method != "" {
		method = in.method
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.BaseURL, "/")+in.path, body)
	if err != nil {
		return nil, &Error{Kind: KindRejected, Op: in.op, Code: CodeBadRequest, Err: errors.New("invalid base URL")}
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "acmesync")
	if in.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// client is the caller's HTTP client, made to hand redirects back: following one would carry the token to
// wherever the answer points. It is copied, because the caller may share it.
func (c *Client) client() *http.Client {
	own := http.Client{Timeout: defaultTimeout}
	if c.HTTP != nil {
		own = *c.HTTP
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

var errTooLarge = errors.New("answer exceeds its bound")

// read takes the whole body or nothing.
func (c *Client) read(res *http.Response) ([]byte, error) {
	most := c.MaxBytes
	if most <= 0 {
		most = defaultMaxBytes
	}
	if res.ContentLength > most {
		return nil, errTooLarge
	}
	var body bytes.Buffer
	if res.ContentLength > 0 {
		body.Grow(int(res.ContentLength) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if n > most {
		return nil, errTooLarge
	}
	return body.Bytes(), nil
}

// brokenOff names what ended a request that got no whole answer.
func brokenOff(ctx context.Context, op string, err error, taken bool) *Error {
	e := &Error{Kind: KindUnavailable, Op: op, Code: CodeUnreachable, Err: err}
	var network net.Error
	var request *url.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code, e.Err = CodeCanceled, context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		e.Code, e.Err, e.Sick = CodeTimeout, context.DeadlineExceeded, taken
	case errors.Is(err, errTooLarge):
		e.Code, e.Sick = CodeTooLarge, true
	case errors.As(err, &request):
		e.Err = request.Err // without the URL, which every line about this app would repeat
	default:
		e.Code, e.Sick = CodeHalfAnswer, true // the body broke off, or is compressed rubbish
	}
	return e
}

func halfAnswer(op string, status int, err error) *Error {
	return &Error{Kind: KindUnavailable, Op: op, Status: status, Code: CodeHalfAnswer, Sick: true, Err: err}
}

// decode refuses stray bytes, which encoding/json would replace silently.
func decode(body []byte, out any) error {
	if !utf8.Valid(body) {
		return errors.New("it is not UTF-8")
	}
	if list, ok := out.(*resultList); ok {
		if list.Results, ok = readResults(string(body), list.expected); ok {
			return nil
		}
		list.Results = nil
	}
	return json.Unmarshal(body, out)
}

func isJSON(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (media == "application/json" || media == "application/problem+json")
}

// sendable tells whether a token fits a header; net/http's own error for one that doesn't comes too late.
func sendable(token string) bool {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] >= 0x7f {
			return false
		}
	}
	return token != ""
}
