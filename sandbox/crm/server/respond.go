package server

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"acmesync/sandbox/crm/accounts"
)

// problem is an error answer.
type problem struct {
	Code       string                `json:"code"`
	Message    string                `json:"message"`
	Details    []accounts.FieldError `json:"details,omitempty"`
	ExistingID string                `json:"existing_id,omitempty"`
	RequestID  string                `json:"request_id"`

	status     int
	retryAfter string
}

func (p *problem) Error() string { return p.Code }

var errNoSuchPath = &problem{status: http.StatusNotFound, Code: "not_found", Message: "There is nothing here."}

func badRequest(code, message string) error {
	return &problem{status: http.StatusBadRequest, Code: code, Message: message}
}

// statusOf is the one place where a refusal becomes an HTTP status.
func statusOf(code string) int {
	switch code {
	case "not_found":
		return http.StatusNotFound
	case "duplicate", "already_merged", "in_progress":
		return http.StatusConflict
	case "version_mismatch":
		return http.StatusPreconditionFailed
	case "invalid", "idempotency_mismatch":
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}

// fail writes an error as the contract's answer; what nobody foresaw is logged and says nothing.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var p problem
	var known *problem
	var refusal *accounts.Refusal
	switch {
	case errors.As(err, &known):
		p = *known
	case errors.As(err, &refusal):
		p = problem{
			status: statusOf(refusal.Code), Code: refusal.Code, Message: refusal.Message,
			Details: refusal.Details, ExistingID: refusal.ExistingID,
		}
	default:
		s.Log.Error("request failed", "error", err)
		p = problem{status: http.StatusInternalServerError, Code: "internal", Message: "Something went wrong on our side."}
	}
	p.RequestID = requestID()
	if p.retryAfter != "" {
		w.Header().Set("Retry-After", p.retryAfter)
	}
	s.answer(w, p.status, p)
}

func requestID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return "req_" + hex.EncodeToString(b)
}

func (s *Server) answer(w http.ResponseWriter, status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		s.Log.Error("cannot encode an answer", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.raw(w, status, encoded)
}

func (s *Server) raw(w http.ResponseWriter, status int, encoded []byte) {
	kind, encoded, err := inWords(w, status, encoded)
	if err != nil {
		s.Log.Error("cannot say an answer in XML", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(encoded)
}

// inWords says an answer as the request asked for it.
func inWords(w http.ResponseWriter, status int, encoded []byte) (kind string, body []byte, err error) {
	if x, ok := w.(xmlWriter); ok {
		body, err = inXML(x.root(status, encoded), x.resource, encoded)
		return "application/xml; charset=utf-8", body, err
	}
	return "application/json", encoded, nil
}

// record answers with one record and its version as ETag.
func (s *Server) record(w http.ResponseWriter, status int, raw []byte, version int64) {
	w.Header().Set("ETag", `"`+strconv.FormatInt(version, 10)+`"`)
	s.raw(w, status, raw)
}
