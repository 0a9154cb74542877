package server

import (
	"context"
	"net/http"
	"strings"

	"acmesync"
	"acmesync/api/server/problem"

	"github.com/gin-gonic/gin"
)

// startAudit answers once the audit is committed; lanes carry it out.
func (s *Server) startAudit(c *gin.Context) error {
	id, asked, err := readCommand(c, acmesync.AuditAll)
	if err != nil {
		return err
	}
	a, err := s.Control.StartAudit(c.Request.Context(), id, asked)
	if err != nil {
		return err
	}
	c.Header("Location", "/v1/tenants/"+string(id)+"/audits/"+a.ID)
	c.JSON(http.StatusAccepted, a)
	return nil
}

func (s *Server) listAudits(c *gin.Context) error {
	_, all, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) ([]acmesync.Audit, error) {
		return s.DB.Audits(ctx, id, limit(c))
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"audits": all})
	return nil
}

func (s *Server) getAudit(c *gin.Context) error {
	_, a, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) (acmesync.Audit, error) {
		return s.DB.OneAudit(ctx, id, param(c, "audit"))
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, a)
	return nil
}

func (s *Server) cancelAudit(c *gin.Context) error {
	_, a, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) (acmesync.Audit, error) {
		return s.Control.CancelAudit(ctx, id, param(c, "audit"), c.GetString(keyActor))
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, a)
	return nil
}

// listDifferences pages through what an audit has found, in the order of side, stream and id.
func (s *Server) listDifferences(c *gin.Context) error {
	list := []string{"differences", param(c, "tenant"), param(c, "audit")}
	after, err := s.after(c, list...)
	if err != nil {
		return err
	}
	var from acmesync.Difference
	if after != "" {
		parts := strings.SplitN(after, "\n", 3)
		if len(parts) != 3 {
			return problem.New(problem.InvalidCursor, "")
		}
		from.Side, from.Stream, from.ID = acmesync.Side(parts[0]), acmesync.Stream(parts[1]), parts[2]
	}
	n := limit(c)
	_, all, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) ([]acmesync.Difference, error) {
		if _, err := s.DB.OneAudit(ctx, id, param(c, "audit")); err != nil {
			return nil, err
		}
		return s.DB.Differences(ctx, id, param(c, "audit"), from, n)
	})
	if err != nil {
		return err
	}
	last := ""
	if len(all) > 0 {
		d := all[len(all)-1]
		last = strings.Join([]string{string(d.Side), string(d.Stream), d.ID}, "\n")
	}
	c.JSON(http.StatusOK, gin.H{"differences": all, "next_cursor": s.nextCursor(len(all) == n, last, list...)})
	return nil
}
