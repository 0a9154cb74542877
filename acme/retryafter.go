package acme

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxRetryAfter = time.Hour

// retryAfter reads how long to wait: whole or broken seconds, rounded up, or an HTTP date, measured on Acme's own
// clock where the answer tells it. What is negative, past or unreadable counts as nothing; an hour is the most.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789.") == "" {
		seconds, err := strconv.ParseFloat(v, 64)
		if err != nil && !math.IsInf(seconds, 1) {
			return 0
		}
		return time.Duration(math.Ceil(min(seconds, maxRetryAfter.Seconds()))) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}

// windowReset reads X-RateLimit-Reset, which is seconds until the window is over.
func windowReset(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("X-RateLimit-Reset"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}
