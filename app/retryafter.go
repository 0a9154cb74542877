package app

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxRetryAfter = time.Hour

// retryAfter reads the header in any form seen in the wild: whole or broken seconds, or an HTTP
// date, measured on the sender's own clock where it told it. What lies in the past counts as now.
// Whether the header said anything readable is the second result.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	if strings.Trim(v, "+-.0123456789") == "" {
		seconds, err := strconv.ParseFloat(v, 64)
		if err != nil && seconds == 0 {
			return 0, false
		}
		// Bounded before the conversion: a number out of range arrives as ±Inf.
		seconds = min(max(0, seconds), maxRetryAfter.Seconds())
		return time.Duration(math.Ceil(seconds)) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(0, at.Sub(now)), maxRetryAfter), true
}
