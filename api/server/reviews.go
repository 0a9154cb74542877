package server

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"acmesync"
	"acmesync/api/server/problem"
	"acmesync/control"

	"github.com/gin-gonic/gin"
)

// storable reports whether Postgres could hold such a text at all.
func storable(text string, maxBytes int) bool {
	return text != "" && len(text) <= maxBytes && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

func (s *Server) listReviews(c *gin.Context) error {
	reviews, err := s.Control.Reviews(c.Request.Context(), acmesync.TenantID(c.Query("tenant")), c.Query("all") == "true", limit(c))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"reviews": reviews})
	return nil
}

func (s *Server) getReview(c *gin.Context) error {
	id, fingerprint, err := control.ParseReviewID(param(c, "review"))
	if err != nil {
		return err
	}
	review, err := s.Control.Review(c.Request.Context(), id, fingerprint)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, review)
	return nil
}

func (s *Server) listReviewRecords(c *gin.Context) error {
	id, fingerprint, err := control.ParseReviewID(param(c, "review"))
	if err != nil {
		return err
	}
	records, err := s.Control.ReviewRecords(c.Request.Context(), id, fingerprint, limit(c))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"records": records})
	return nil
}

func (s *Server) decideReview(c *gin.Context) error {
	id, fingerprint, err := control.ParseReviewID(param(c, "review"))
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
		ID: control.DecisionID(fingerprint, in.Action, key), Action: in.Action, Actor: c.GetString(keyActor), Reason: in.Reason, IDs: in.IDs,
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusAccepted, gin.H{"review": control.ReviewID(id, fingerprint), "action": in.Action, "records": n, "replayed": n == 0})
	return nil
}
