package explore

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// observer sees every call on its way out: how long it took, and what its answer's head says of limits and clocks.
type observer struct {
	next http.RoundTripper

	mu     sync.Mutex
	took   []time.Duration
	limits Limits
	left   int // as the last answer told; -1: it did not
	spared time.Duration
	reset  time.Duration
	ahead  *int
}

// RoundTrip measures until the head of the answer is there.
func (o *observer) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := o.next.RoundTrip(r)
	took := time.Since(began)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.took = append(o.took, took)
	o.limits.Calls++
	if err == nil {
		o.head(resp)
	}
	return resp, err
}

func (o *observer) head(resp *http.Response) {
	h := resp.Header
	for name := range h {
		if strings.Contains(strings.ToLower(name), "ratelimit") || strings.Contains(strings.ToLower(name), "rate-limit") {
			if !slices.Contains(o.limits.Headers, name) {
				o.limits.Headers = append(o.limits.Headers, name)
				slices.Sort(o.limits.Headers)
			}
		}
	}
	if n, err := strconv.Atoi(h.Get("X-RateLimit-Limit")); err == nil {
		o.limits.Limit = max(o.limits.Limit, n)
	}
	o.left = -1
	if n, err := strconv.Atoi(h.Get("X-RateLimit-Remaining")); err == nil {
		o.left = n
		if o.limits.LeastLeft == nil || n < *o.limits.LeastLeft {
			o.limits.LeastLeft = &n
		}
	}
	if n, err := strconv.Atoi(h.Get("X-RateLimit-Reset")); err == nil {
		o.reset = time.Duration(n) * time.Second
	}
	if text := h.Get("Retry-After"); text != "" {
		o.retryAfter(text)
	}
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		seconds := int(at.Sub(time.Now().Truncate(time.Second)).Seconds()) // Date has no fractions
		o.ahead = &seconds
	}
}

func (o *observer) retryAfter(text string) {
	form := "other"
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 && n < 1e9 {
		form = "seconds"
		o.limits.RetryAfter = max(o.limits.RetryAfter, int(n+0.999))
	} else if at, err := http.ParseTime(text); err == nil {
		form = "date"
		o.limits.RetryAfter = max(o.limits.RetryAfter, int(time.Until(at).Seconds())+1)
	}
	if !slices.Contains(o.limits.RetryAfterForms, form) {
		o.limits.RetryAfterForms = append(o.limits.RetryAfterForms, form)
	}
}

// spare is how long to wait before a call that could take the last of what others need; nothing where the answers do not tell, or
// once so much was waited for that the limit must be one of a day.
func (o *observer) spare() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.left < 0 || o.left > spareCalls || o.spared > mostSpared {
		return 0
	}
	wait := min(max(o.reset, time.Second), longestWait)
	o.spared += wait
	return wait
}

// times are those of the calls since the last time they were taken.
func (o *observer) times() Times {
	o.mu.Lock()
	defer o.mu.Unlock()
	took := o.took
	o.took = nil
	if len(took) == 0 {
		return Times{}
	}
	slices.Sort(took)
	return Times{
		Calls: len(took), LeastMillis: took[0].Milliseconds(), MedianMillis: took[len(took)/2].Milliseconds(), MostMillis: took[len(took)-1].Milliseconds(),
	}
}

func (o *observer) sum() Limits {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.limits
}

func (o *observer) refused() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limits.Refused++
}
