package calendar

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"acmesync/app"
)

// Faults are the switches of one workspace; they act on /v1 alone and are forgotten at a restart.
type Faults struct {
	Down                  bool     `json:"down"`                     // connections break without an answer
	LatencyMS             int      `json:"latency_ms"`               // before anything else happens
	Rate5xx               float64  `json:"rate_5xx"`                 // 0 to 1: this share of requests answers 500 and does nothing
	Storm429              *Storm   `json:"storm_429"`                // every request answers 429
	RejectExternalIDs     []string `json:"reject_external_ids"`      // these items are rejected with code "refused"
	BusyExternalIDs       []string `json:"busy_external_ids"`        // these items are failed with code "busy"
	RefuseDuplicates      bool     `json:"refuse_duplicates"`        // a new external id with owner and times of an event a person made is a duplicate
	FailExternalIDs       []string `json:"fail_external_ids"`        // a batch with one of these answers 500 and does nothing
	AnswerLostAfterCommit Times    `json:"answer_lost_after_commit"` // writes are done, then the connection breaks
	AnswerLostShare       float64  `json:"answer_lost_share"`        // 0 to 1: this share of writes is done and not answered
	WebhookDropRate       float64  `json:"webhook_drop_rate"`        // 0 to 1: this share of webhooks is never sent
	WebhookDuplicate      int      `json:"webhook_duplicate"`        // each webhook is sent so many times more
	WebhookReorder        bool     `json:"webhook_reorder"`          // webhooks wait up to 2 s and overtake each other
	HTML502               bool     `json:"html_502"`                 // every request answers 502 with a web page
	TokenRevoked          bool     `json:"token_revoked"`            // 401
	Forbidden             bool     `json:"forbidden"`                // 403
}

// Storm is what a 429 says. RetryAfter is sent as it stands, so it may be seconds, a date or rubbish; empty: no header.
type Storm struct {
	RetryAfter string `json:"retry_after"`
}

// UnmarshalJSON takes retry_after as a number of seconds too.
func (s *Storm) UnmarshalJSON(raw []byte) error {
	var in struct {
		RetryAfter json.RawMessage `json:"retry_after"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	s.RetryAfter = string(in.RetryAfter)
	if bytes.HasPrefix(in.RetryAfter, []byte(`"`)) {
		return json.Unmarshal(in.RetryAfter, &s.RetryAfter)
	}
	return nil
}

// Times is how often a fault still happens; in JSON a number, or true for always.
type Times int

const always Times = -1

// MarshalJSON writes true for always.
func (t Times) MarshalJSON() ([]byte, error) {
	if t == always {
		return []byte("true"), nil
	}
	return strconv.AppendInt(nil, int64(t), 10), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and false for never.
func (t *Times) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "true":
		*t = always
		return nil
	case "false", "null":
		*t = 0
		return nil
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 {
		return fmt.Errorf("neither a boolean nor a number of times: %s", raw)
	}
	*t = Times(n)
	return nil
}

func (f *Faults) check() error {
	if f.LatencyMS < 0 || f.LatencyMS > 600_000 {
		return fmt.Errorf("latency_ms is not between 0 and 600000")
	}
	if f.AnswerLostShare < 0 || f.AnswerLostShare > 1 || f.WebhookDropRate < 0 || f.WebhookDropRate > 1 || f.WebhookDuplicate < 0 || f.WebhookDuplicate > 20 {
		return fmt.Errorf("answer_lost_share or webhook_drop_rate is not between 0 and 1, or webhook_duplicate not between 0 and 20")
	}
	if f.Rate5xx < 0 || f.Rate5xx > 1 {
		return fmt.Errorf("rate_5xx is not between 0 and 1")
	}
	return nil
}

// strike lets the faults that concern a whole request happen. It says whether one did.
func (s *Sandbox) strike(w *workspace, res http.ResponseWriter, req *http.Request) (struck bool) {
	f := w.faults.Load()
	if f.LatencyMS > 0 {
		timer := time.NewTimer(time.Duration(f.LatencyMS) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-req.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	switch {
	case f.Down:
		panic(http.ErrAbortHandler)
	case f.HTML502:
		res.Header().Set("Content-Type", "text/html; charset=utf-8")
		res.WriteHeader(http.StatusBadGateway)
		_, _ = res.Write([]byte("<html><body><h1>502 Bad Gateway</h1></body></html>\n"))
	case f.TokenRevoked:
		s.refuse(res, problem{status: http.StatusUnauthorized, code: "unauthorised", message: "the token was revoked"})
	case f.Forbidden:
		s.refuse(res, problem{status: http.StatusForbidden, code: "forbidden", message: "the token may not do this"})
	case f.Storm429 != nil:
		if f.Storm429.RetryAfter != "" {
			res.Header().Set("Retry-After", f.Storm429.RetryAfter)
		}
		s.refuse(res, problem{status: http.StatusTooManyRequests, code: "rate_limited", message: "too many requests"})
	case f.Rate5xx > 0 && s.draw() < f.Rate5xx:
		s.refuse(res, problem{status: http.StatusInternalServerError, code: "internal", message: "something went wrong"})
	default:
		return false
	}
	return true
}

func (s *Sandbox) draw() float64 {
	s.dice.Lock()
	defer s.dice.Unlock()
	return s.dice.Float64()
}

// item gives the result a fault has in store for one event, if any.
func (f *Faults) item(externalID string) (app.Result, bool) {
	switch {
	case slices.Contains(f.RejectExternalIDs, externalID):
		return app.Result{
			Status: app.Rejected, Code: "refused", Field: "external_id", Message: "the app refuses this event",
		}, true
	case slices.Contains(f.BusyExternalIDs, externalID):
		return app.Result{Status: app.Failed, Code: "busy", Message: "the app cannot do this now"}, true
	}
	return app.Result{}, false
}

// loseAnswer takes one of the answers that are to be lost.
func (w *workspace) loseAnswer() bool {
	for {
		f := w.faults.Load()
		if f.AnswerLostAfterCommit <= 0 {
			return f.AnswerLostAfterCommit == always
		}
		next := *f
		next.AnswerLostAfterCommit--
		if w.faults.CompareAndSwap(f, &next) {
			return true
		}
	}
}
