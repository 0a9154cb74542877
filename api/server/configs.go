package server

import (
	"net/http"
	"strconv"

	"acmesync/api/server/problem"
	"acmesync/control"
	"acmesync/mapping"

	"github.com/gin-gonic/gin"
)

func (s *Server) getConfig(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	config, err := s.Control.Config(c.Request.Context(), id)
	if err != nil {
		return err
	}
	answerConfig(c, config)
	return nil
}

func (s *Server) putConfig(c *gin.Context) error {
	body, _ := c.MustGet(keyBody).([]byte)
	return s.editConfig(c, control.ConfigEdit{Document: body})
}

func (s *Server) patchConfig(c *gin.Context) error {
	body, _ := c.MustGet(keyBody).([]byte)
	return s.editConfig(c, control.ConfigEdit{Patch: body})
}

func (s *Server) editConfig(c *gin.Context, e control.ConfigEdit) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	if e.Over, err = ifMatch(c); err != nil {
		return err
	}
	e.DryRun, e.Note, e.Actor = c.Query("dry_run") == "true", c.Query("note"), c.GetString(keyActor)
	config, err := s.Control.EditConfig(c.Request.Context(), id, e)
	if err != nil {
		return err
	}
	answerConfig(c, config)
	return nil
}

func answerConfig(c *gin.Context, config control.Configuration) {
	c.Header("ETag", etag(config.Version))
	c.JSON(http.StatusOK, config)
}

func (s *Server) listConfigVersions(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	filter := []string{"config", string(id)}
	after, err := s.after(c, filter...)
	if err != nil {
		return err
	}
	before, _ := strconv.ParseInt(after, 10, 64) // empty on the first page; a cursor is signed
	versions, err := s.Control.ConfigVersions(c.Request.Context(), id, before, limit(c))
	if err != nil {
		return err
	}
	last := ""
	if len(versions) > 0 {
		last = strconv.FormatInt(versions[len(versions)-1].Version, 10)
	}
	c.JSON(http.StatusOK, gin.H{"versions": versions, "next_cursor": s.nextCursor(len(versions) == limit(c), last, filter...)})
	return nil
}

func (s *Server) getConfigVersion(c *gin.Context) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(param(c, "version"), 10, 32)
	if err != nil || version <= 0 {
		return problem.New(problem.NotFound, "")
	}
	config, err := s.DB.Config(c.Request.Context(), id, version)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, config)
	return nil
}

func (s *Server) configSchema(c *gin.Context) error {
	c.Data(http.StatusOK, "application/schema+json", mapping.ConfigSchema)
	return nil
}
