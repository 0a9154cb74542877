package server

import (
	"context"
	"net/http"
	"strings"

	"acmesync"
	"acmesync/api/server/problem"
	"acmesync/control"

	"github.com/gin-gonic/gin"
)

func (s *Server) activate(c *gin.Context) error {
	return s.command(c, acmesync.Activate, s.Control.Activate)
}

func (s *Server) pause(c *gin.Context) error {
	return s.command(c, acmesync.Pause, s.Control.Command)
}

func (s *Server) resume(c *gin.Context) error {
	return s.command(c, acmesync.Resume, s.Control.Command)
}

func (s *Server) sync(c *gin.Context) error {
	return s.command(c, acmesync.SyncNow, s.Control.Command)
}

func (s *Server) backfill(c *gin.Context) error {
	return s.command(c, acmesync.Rewalk, s.Control.Command)
}

func (s *Server) deactivate(c *gin.Context) error {
	return s.command(c, acmesync.Deactivate, s.Control.Command)
}

// command answers once the command is committed; the workflow hears of it off this path.
func (s *Server) command(c *gin.Context, name acmesync.CommandName,
	carryOut func(context.Context, acmesync.TenantID, acmesync.Command) (acmesync.Tenant, error)) error {
	id, asked, err := readCommand(c, name)
	if err != nil {
		return err
	}
	t, err := carryOut(c.Request.Context(), id, asked)
	if err != nil {
		return err
	}
	c.Header("ETag", etag(t.Version))
	c.JSON(http.StatusAccepted, t)
	return nil
}

// readCommand reads what is asked of which tenant, and under which id it applies once.
func readCommand(c *gin.Context, name acmesync.CommandName) (acmesync.TenantID, acmesync.Command, error) {
	id, err := tenantID(c)
	if err != nil {
		return "", acmesync.Command{}, err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return "", acmesync.Command{}, err
	}
	var in struct {
		Reason string `json:"reason"`
		Events string `json:"events"`
	}
	if err := decode(c, &in); err != nil {
		return "", acmesync.Command{}, err
	}
	return id, acmesync.Command{
		ID: control.CommandID(string(name), key), Name: name, Actor: c.GetString(keyActor), Reason: in.Reason, RemoveEvents: in.Events == "remove",
	}, nil
}

// idempotencyKey is the caller's name for this very request; empty: none. The description has checked its length.
func idempotencyKey(c *gin.Context) (string, error) {
	given := c.Request.Header.Values("Idempotency-Key")
	if len(given) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(given[0])
	if len(given) > 1 || key == "" || strings.IndexFunc(key, func(r rune) bool { return r < ' ' || r >= 0x7f }) >= 0 {
		return "", problem.New(problem.InvalidRequest, "", problem.Field{Pointer: "header:Idempotency-Key", Message: "must stand once and be printable ASCII"})
	}
	return key, nil
}
