package server

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// limiter counts every account's requests in fixed windows; a window begins with its first request.
type limiter struct {
	mu      sync.Mutex
	windows map[string]*limitWindow
}

type limitWindow struct {
	ends time.Time
	used int
}

// limit refuses a request that finds its account's window full.
func (s *Server) limit(c *call) error {
	allowed := c.account.Settings().RateLimit
	if allowed.Requests <= 0 {
		return nil
	}
	used, left := s.limits.take(c.account.Info().ID, s.Now(), time.Duration(max(allowed.PerSeconds, 1))*time.Second)
	seconds := strconv.Itoa(int((left + time.Second - 1) / time.Second))
	h := c.w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(allowed.Requests))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, allowed.Requests-used)))
	h.Set("X-RateLimit-Reset", seconds)
	if used > allowed.Requests {
		return &problem{status: http.StatusTooManyRequests, Code: "rate_limited", Message: "Too many requests.", retryAfter: seconds}
	}
	return nil
}

// take counts a request and returns how many the window has had and how long it lasts.
func (l *limiter) take(account string, now time.Time, length time.Duration) (used int, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.windows == nil {
		l.windows = map[string]*limitWindow{}
	}
	window := l.windows[account]
	if window == nil || !now.Before(window.ends) || window.ends.Sub(now) > length {
		window = &limitWindow{ends: now.Add(length)}
		l.windows[account] = window
	}
	window.used++
	return window.used, window.ends.Sub(now)
}
