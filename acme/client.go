package acme

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	defaultMaxBytes = 16 << 20
	defaultTimeout  = 30 * time.Second
	maxErrorBytes   = 64 << 10
)

// Client talks to one Acme account. Each method makes one request and never repeats it: repeating is the caller's
// business, which knows the tenant's budget. Every error is an *Error. Safe for concurrent use.
type Client struct {
	BaseURL  string       // such as https://api.acme.example, without /v1
	APIKey   string       // sent as a bearer token
	HTTP     *http.Client // nil: one with a timeout of 30 s; redirects are never followed
	MaxBytes int64        // bound of an answer's body; 0: 16 MB
	Profile  *Profile     // how this Acme speaks; nil: as its contract says
}

// call is one request, and answer what came back with a status the call can use.
type call struct {
	op         string
	method     string
	path       string // below the base, escaped, with its query
	body       any    // encoded as JSON; nil: none
	collection bool   // a 404 says something is wrong with Acme or the URL, not that a record is gone
	paged      bool   // a 410 concerns the cursor
	key        string // Idempotency-Key; empty: none
	ifMatch    int64  // the version a change is based on; 0: any
	foreign    bool   // another side's words: any refusal of a request with a cursor is one of the cursor
	xml        bool   // the answer is to be XML
	link       string // path and query from the root of the host on, instead of path
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *Client) send(ctx context.Context, call call) (answer, error) {
	failed := func(kind Kind, code string, err error) (answer, error) {
		return answer{}, &Error{Kind: kind, Op: call.op, Code: code, Err: err}
	}
	if !sendable(c.APIKey) {
		return failed(KindUnauthorised, CodeBadKey, nil)
	}
	var body io.Reader
	if call.body != nil {
		encoded, err := json.Marshal(call.body)
		if err != nil {
			return failed(KindRejected, CodeBadRequest, fmt.Errorf("encode request: %w", err))
		}
		body = bytes.NewReader(encoded)
	}
	// Whether the request left tells an Acme that is away from one that can't cope with this very request.
	var taken atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) { taken.Store(info.Err == nil) },
	})
	req, err := http.NewRequestWithContext(ctx, call.method, c.address(call), body)
	if err != nil {
		return failed(KindRejected, CodeBadRequest, errors.New("invalid base URL"))
	}
	c.Profile.authorise(req.Header, c.APIKey)
	req.Header.Set("Accept", "application/json")
	if call.xml {
		req.Header.Set("Accept", "application/xml")
	}
	req.Header.Set("User-Agent", "acmesync")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if call.key != "" {
		req.Header.Set("Idempotency-Key", call.key)
	}
	if call.ifMatch != 0 {
		req.Header.Set("If-Match", strconv.Quote(strconv.FormatInt(call.ifMatch, 10)))
	}
	resp, err := c.client().Do(req)
	if err != nil {
		return answer{}, brokenOff(ctx, call.op, err, taken.Load(), false)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
		return answer{}, refused(call, resp, text, c.APIKey)
	}
	text, err := c.read(resp)
	if err != nil {
		e := brokenOff(ctx, call.op, err, true, true)
		e.Status = resp.StatusCode
		return answer{}, e
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: text}, nil
}

// address is where a call goes; a link that has been followed starts from the root of the same host.
func (c *Client) address(call call) string {
	base := strings.TrimRight(c.BaseURL, "/")
	if call.link == "" {
		return base + c.Profile.prefix() + call.path
	}
	if scheme := strings.Index(base, "://"); scheme >= 0 {
		if slash := strings.IndexByte(base[scheme+3:], '/'); slash >= 0 {
			base = base[:scheme+3+slash]
		}
	}
	return base + call.link
}

// client is the caller's HTTP client, made to hand redirects back. It is copied, because the caller may share it.
func (c *Client) client() *http.Client {
	own := http.Client{Timeout: defaultTimeout}
	if c.HTTP != nil {
		own = *c.HTTP
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

var errTooLarge = errors.New("answer exceeds its bound")

// read takes the whole body or nothing, into memory of its own.
func (c *Client) read(resp *http.Response) ([]byte, error) {
	most := c.MaxBytes
	if most <= 0 {
		most = defaultMaxBytes
	}
	if resp.ContentLength > most {
		return nil, errTooLarge
	}
	if resp.ContentLength >= 0 {
		text := make([]byte, resp.ContentLength)
		if _, err := io.ReadFull(resp.Body, text); err != nil {
			return nil, err
		}
		return text, nil
	}
	var text bytes.Buffer
	n, err := text.ReadFrom(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if n > most {
		return nil, errTooLarge
	}
	return text.Bytes(), nil
}

// brokenOff names what ended a request that got no whole answer: headed says whether its head came, taken whether
// Acme had got the request.
func brokenOff(ctx context.Context, op string, err error, taken, headed bool) *Error {
	e := &Error{Kind: KindUnavailable, Op: op, Err: err, Sick: taken}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		e.Err = outer.Err // without the URL, which names people's records
	}
	network, isNetwork := errors.AsType[net.Error](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Code, e.Sick, e.Err = CodeCanceled, false, context.Canceled
	case errors.Is(err, context.DeadlineExceeded), isNetwork && network.Timeout():
		e.Code, e.Err = CodeTimeout, context.DeadlineExceeded
	case errors.Is(err, errTooLarge):
		e.Code = CodeTooLarge
	case headed:
		e.Code = CodeHalfAnswer
	default:
		e.Code = CodeUnreachable
	}
	return e
}

// sendable tells whether a key fits a header; net/http's own error for one that doesn't comes too late.
func sendable(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] >= 0x7f {
			return false
		}
	}
	return key != ""
}
