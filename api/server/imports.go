package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"acmesync"
	"acmesync/api/server/problem"
	"acmesync/control"

	"github.com/gin-gonic/gin"
)

const (
	headerUploadOffset = "Upload-Offset"

	// uploadsAtOnce bounds the memory that uploads take: each holds a chunk and what it becomes.
	uploadsAtOnce = 2
	uploadRetry   = 2 * time.Second
	// uploadIdle is how long a sender may be silent: an upload takes as long as it takes.
	uploadIdle = 30 * time.Second
)

func (s *Server) openImport(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	var in struct {
		Stream acmesync.Stream `json:"stream"`
		Name   string          `json:"name"`
		Size   int64           `json:"size"`
		SHA256 string          `json:"sha256"`
		Again  bool            `json:"again"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	i, err := s.Control.OpenImport(c.Request.Context(), id, control.NewImport(in), c.GetString(keyActor))
	if err != nil {
		return err
	}
	c.Header("Location", "/v1/tenants/"+string(id)+"/imports/"+i.ID)
	answerImport(c, http.StatusCreated, i)
	return nil
}

func answerImport(c *gin.Context, status int, i acmesync.Import) {
	c.Header(headerUploadOffset, strconv.FormatInt(i.Offset, 10))
	c.JSON(status, i)
}

func (s *Server) listImports(c *gin.Context) error {
	list := []string{"imports", param(c, "tenant")}
	after, err := s.after(c, list...)
	if err != nil {
		return err
	}
	_, imports, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) ([]acmesync.Import, error) {
		return s.DB.Imports(ctx, id, after, limit(c))
	})
	if err != nil {
		return err
	}
	last := ""
	if n := len(imports); n > 0 {
		last = imports[n-1].ID
	}
	c.JSON(http.StatusOK, gin.H{"imports": imports, "next_cursor": s.nextCursor(len(imports) == limit(c), last, list...)})
	return nil
}

func (s *Server) getImport(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	i, err := s.DB.Import(c.Request.Context(), id, param(c, "import"))
	if err != nil {
		return err
	}
	answerImport(c, http.StatusOK, i)
	return nil
}

// receiveImport takes bytes of a file for as long as they come. What was committed stands however the request ends.
func (s *Server) receiveImport(seats chan struct{}) func(*gin.Context) error {
	return func(c *gin.Context) error {
		id, err := tenantID(c)
		if err != nil {
			return err
		}
		offset, err := strconv.ParseInt(c.GetHeader(headerUploadOffset), 10, 64)
		if err != nil || offset < 0 {
			return problem.New(problem.InvalidRequest, "", problem.Field{Pointer: "header:" + headerUploadOffset, Message: "must say from which byte on this is: what the import last answered"})
		}
		select {
		case seats <- struct{}{}:
			defer func() { <-seats }()
		default:
			return problem.New(problem.TooManyRequests, fmt.Sprintf("%d uploads are under way already.", uploadsAtOnce)).RetryAfter(uploadRetry)
		}
		body := &patientBody{body: c.Request.Body, control: http.NewResponseController(c.Writer)}
		i, err := s.Control.Receive(c.Request.Context(), id, param(c, "import"), offset, body, func(acmesync.Import) {})
		_ = body.control.SetWriteDeadline(time.Now().Add(uploadIdle))
		var wrong *acmesync.WrongOffset
		var full *control.Backlogged
		switch {
		case errors.As(err, &wrong):
			c.Header(headerUploadOffset, strconv.FormatInt(wrong.Offset, 10))
			return problem.New("wrong_offset", fmt.Sprintf("The import goes on at byte %d.", wrong.Offset))
		case errors.As(err, &full):
			c.Header(headerUploadOffset, strconv.FormatInt(i.Offset, 10))
			return problem.New("backlog_full", full.Error()).RetryAfter(full.RetryAfter)
		case err != nil:
			return err
		}
		answerImport(c, http.StatusOK, i)
		return nil
	}
}

// patientBody gives a sender time for each piece instead of for all of it.
type patientBody struct {
	body    io.Reader
	control *http.ResponseController
}

func (b *patientBody) Read(into []byte) (int, error) {
	until := time.Now().Add(uploadIdle)
	_ = b.control.SetReadDeadline(until) // where it cannot be set the server's own limit holds
	_ = b.control.SetWriteDeadline(until.Add(uploadIdle))
	return b.body.Read(into)
}
