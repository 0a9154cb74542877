package server

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"acmesync"
	"acmesync/api/server/problem"
	"acmesync/control"

	"github.com/gin-gonic/gin"
)

// reviewAnswer is a review under the id that it has outside its tenant.
type reviewAnswer struct {
	ID string `json:"id"`
	acmesync.Review
}

func answerReview(r acmesync.Review) reviewAnswer {
	return reviewAnswer{ID: string(r.Tenant) + "." + r.Fingerprint, Review: r}
}

// parkedAnswer is a parked record without what it says.
type parkedAnswer struct {
	Stream   acmesync.Stream `json:"stream"`
	AcmeID   string          `json:"acme_id"`
	Code     acmesync.Code   `json:"code"`
	Field    string          `json:"field,omitempty"`
	Message  string          `json:"message"`
	Version  int64           `json:"version"`
	Tries    int             `json:"tries"`
	ParkedAt time.Time       `json:"parked_at"`
}

// reviewID takes the id in the path apart: a tenant's id holds no dot.
func reviewID(c *gin.Context) (acmesync.TenantID, string, error) {
	tenant, fingerprint, ok := strings.Cut(param(c, "review"), ".")
	id := acmesync.TenantID(tenant)
	if !ok || !id.Valid() || len(fingerprint) != 16 || strings.Trim(fingerprint, "0123456789abcdef") != "" {
		return "", "", acmesync.ErrNotFound
	}
	return id, fingerprint, nil
}

// storable reports whether Postgres could hold such a text at all.
func storable(text string, maxBytes int) bool {
	return text != "" && len(text) <= maxBytes && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

func (s *Server) listReviews(c *gin.Context) error {
	tenant := acmesync.TenantID(c.Query("tenant"))
	if tenant != "" && !tenant.Valid() {
		return acmesync.ErrNotFound
	}
	if tenant != "" {
		if _, err := s.DB.Tenant(c.Request.Context(), tenant); err != nil {
			return err
		}
	}
	reviews, err := s.DB.Reviews(c.Request.Context(), tenant, c.Query("all") == "true", limit(c))
	if err != nil {
		return err
	}
	answers := make([]reviewAnswer, len(reviews))
	for i, r := range reviews {
		answers[i] = answerReview(r)
	}
	c.JSON(http.StatusOK, gin.H{"reviews": answers})
	return nil
}

func (s *Server) getReview(c *gin.Context) error {
	id, fingerprint, err := reviewID(c)
	if err != nil {
		return err
	}
	review, err := s.DB.Review(c.Request.Context(), id, fingerprint)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, answerReview(review))
	return nil
}

func (s *Server) listReviewRecords(c *gin.Context) error {
	id, fingerprint, err := reviewID(c)
	if err != nil {
		return err
	}
	if _, err := s.DB.Review(c.Request.Context(), id, fingerprint); err != nil {
		return err
	}
	records, err := s.DB.ParkedRecords(c.Request.Context(), id, fingerprint, limit(c))
	if err != nil {
		return err
	}
	answers := make([]parkedAnswer, len(records))
	for i, r := range records {
		answers[i] = parkedAnswer{
			Stream: r.Key.Stream, AcmeID: r.Key.AcmeID, Code: r.Fault.Code, Field: r.Fault.Field, Message: r.Fault.Message,
			Version: r.Version, Tries: r.Tries, ParkedAt: r.ParkedAt,
		}
	}
	c.JSON(http.StatusOK, gin.H{"records": answers})
	return nil
}

func (s *Server) decideReview(c *gin.Context) error {
	id, fingerprint, err := reviewID(c)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	var in struct {
		Action acmesync.OrderAction `json:"action"`
		Reason string               `json:"reason"`
		IDs    []string             `json:"ids"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	for _, one := range in.IDs {
		if !storable(one, maxAcmeID) {
			return problem.New(problem.InvalidValue, "", problem.Field{Pointer: "/ids", Message: "must hold Acme's ids"})
		}
	}
	n, err := s.Control.Decide(c.Request.Context(), id, fingerprint, acmesync.Decision{
		ID: control.CommandID("review/"+fingerprint+"/"+string(in.Action), key), Action: in.Action, Actor: c.GetString(keyActor), Reason: in.Reason, IDs: in.IDs,
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusAccepted, gin.H{"review": string(id) + "." + fingerprint, "action": in.Action, "records": n, "replayed": n == 0})
	return nil
}
