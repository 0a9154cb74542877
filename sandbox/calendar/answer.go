package calendar

import (
	"encoding/json"
	"net/http"
	"strconv"

	fast "github.com/goccy/go-json"
)

// problem is a refused request in the contract's words.
type problem struct {
	status         int
	code, message  string
	field, because string // of the one detail, where there is one
}

type detail struct {
	Field string `json:"field"`
	Code  string `json:"code"`
}

func (s *Sandbox) refuse(res http.ResponseWriter, p problem) {
	id := s.requestID()
	body := struct {
		Code      string   `json:"code"`
		Message   string   `json:"message"`
		Details   []detail `json:"details"`
		RequestID string   `json:"request_id"`
	}{p.code, p.message, []detail{}, id}
	if p.field != "" {
		body.Details = append(body.Details, detail{p.field, p.because})
	}
	res.Header().Set("X-Request-Id", id)
	if p.status == http.StatusUnauthorized {
		res.Header().Set("WWW-Authenticate", `Bearer realm="calendar app"`)
	}
	write(res, p.status, body)
}

func (s *Sandbox) requestID() string { return "req_" + strconv.FormatInt(s.asked.Add(1), 36) }

// write answers with JSON and its length, so that a cut answer shows.
func write(res http.ResponseWriter, status int, body any) {
	raw, err := fast.Marshal(body)
	if err != nil {
		raw, err = json.Marshal(body)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	h := res.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	h.Set("X-Content-Type-Options", "nosniff")
	res.WriteHeader(status)
	_, _ = res.Write(raw)
}
