package server

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

// call is one authenticated request of the API.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	account  *accounts.Account
	resource acme.Resource // empty: none of the four
	faults   accounts.Faults
}

// errAnswered says that the answer is written already.
var errAnswered = errors.New("answered")

// writes reports whether the request changes something.
func (c *call) writes() bool {
	return c.r.Method != http.MethodGet && !strings.HasSuffix(c.r.URL.Path, ":batchGet") && !strings.HasSuffix(c.r.URL.Path, "/batch/read")
}

// with lets a request through: who is it, which switches are on, is there room in the window.
func (s *Server) with(resource acme.Resource, handle func(*call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
		if speaksXML(r) {
			w = xmlWriter{ResponseWriter: w, resource: resource}
		}
		c := &call{w: w, r: r, resource: resource}
		err := s.admit(c)
		switch {
		case errors.Is(err, errAnswered):
			return
		case err == nil && c.writes() && (c.faults.AnswerLostAfterCommit || c.account.Chance(c.faults.AnswerLostShare)):
			err = s.lose(c, handle)
		case err == nil:
			err = handle(c)
		}
		if err != nil {
			s.fail(w, err)
		}
	}
}

func (s *Server) admit(c *call) error {
	key, isBearer := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	account, found := s.Registry.ByKey(key)
	if !isBearer || !found || key == "" {
		return &problem{status: http.StatusUnauthorized, Code: "unauthorised", Message: "The API key is missing or unknown."}
	}
	c.account, c.faults = account, account.Faults()
	if c.faults.TokenRevoked {
		return &problem{status: http.StatusUnauthorized, Code: "unauthorised", Message: "The API key was revoked."}
	}
	if c.faults.Touches(c.resource) {
		if err := s.misbehave(c); err != nil {
			return err
		}
	}
	return s.limit(c)
}

// misbehave does what the switches say before anything else is looked at.
func (s *Server) misbehave(c *call) error {
	f := c.faults
	if f.LatencyMS > 0 {
		timer := time.NewTimer(time.Duration(f.LatencyMS) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.r.Context().Done():
		}
	}
	switch {
	case f.Down:
		return &problem{status: http.StatusServiceUnavailable, Code: "unavailable", Message: "Acme is down for the moment."}
	case f.HTML502:
		c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		c.w.WriteHeader(http.StatusBadGateway)
		_, _ = c.w.Write([]byte("<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n"))
		return errAnswered
	case f.Storm429 != nil:
		return &problem{status: http.StatusTooManyRequests, Code: "rate_limited", Message: "Too many requests.", retryAfter: f.Storm429.RetryAfter}
	case c.account.Chance(f.Rate5xx):
		if c.account.Chance(0.5) {
			return &problem{status: http.StatusServiceUnavailable, Code: "unavailable", Message: "Acme is busy."}
		}
		return &problem{status: http.StatusInternalServerError, Code: "internal", Message: "Something went wrong on our side."}
	}
	return nil
}

// lose runs the request and cuts the connection instead of answering; a refusal is answered after all.
func (s *Server) lose(c *call, handle func(*call) error) error {
	c.w = &blackHole{header: http.Header{}}
	if err := handle(c); err != nil {
		return err
	}
	panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
}

type blackHole struct{ header http.Header }

func (b *blackHole) Header() http.Header         { return b.header }
func (b *blackHole) Write(p []byte) (int, error) { return len(p), nil }
func (b *blackHole) WriteHeader(int)             {}
