package server

import (
	"encoding/json"
	"net/http"
	"time"

	"acmesync"
	"acmesync/api/server/problem"
	"acmesync/control"
	"acmesync/preview"

	"github.com/gin-gonic/gin"
)

// previewsAtOnce bounds how many previews one api works on: each holds a page and the contacts it names.
const previewsAtOnce = 4

// previewTenant tells what a draft would do. It takes a seat of its own kind: it lasts long, and others are not to wait for it.
func (s *Server) previewTenant(seats chan struct{}) func(*gin.Context) error {
	return func(c *gin.Context) error {
		select {
		case seats <- struct{}{}:
			defer func() { <-seats }()
		default:
			return problem.New(problem.TooManyRequests, "Other previews are under way.").RetryAfter(5 * time.Second)
		}
		return s.preview(c)
	}
}

func (s *Server) preview(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	var in struct {
		Config     json.RawMessage   `json:"config"`
		Streams    []acmesync.Stream `json:"streams"`
		Sample     int               `json:"sample"`
		MaxRecords int               `json:"max_records"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	q := control.PreviewRequest{Document: in.Config, Streams: in.Streams, Sample: in.Sample, MaxRecords: in.MaxRecords}
	after, err := s.after(c, "preview", string(id))
	if err != nil {
		return err
	}
	if after != "" {
		if err := json.Unmarshal([]byte(after), &q.From); err != nil {
			return problem.New(problem.InvalidCursor, "")
		}
	}
	result, err := s.Control.Preview(c.Request.Context(), id, q)
	if err != nil {
		return err
	}
	next, err := json.Marshal(result.Next)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, struct {
		preview.Result
		NextCursor string `json:"next_cursor"`
	}{result, s.nextCursor(result.Partial, string(next), "preview", string(id))})
	return nil
}
