package server

import (
	"context"
	"net/http"
	"slices"

	"acmesync"
	"acmesync/control"
	"acmesync/db"

	"github.com/gin-gonic/gin"
)

func (s *Server) listRecords(c *gin.Context) error {
	filter := db.RecordFilter{
		Stream: acmesync.Stream(c.Query("stream")), State: acmesync.LedgerState(c.Query("state")), Code: acmesync.Code(c.Query("code")), Limit: limit(c),
	}
	list := []string{"records", param(c, "tenant"), string(filter.Stream), string(filter.State), string(filter.Code)}
	var err error
	if filter.After, err = s.after(c, list...); err != nil {
		return err
	}
	_, rows, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) ([]db.RecordRow, error) {
		return s.DB.Records(ctx, id, filter)
	})
	if err != nil {
		return err
	}
	last := ""
	if len(rows) > 0 {
		last = rows[len(rows)-1].AcmeID
	}
	c.JSON(http.StatusOK, gin.H{"records": rows, "next_cursor": s.nextCursor(len(rows) == filter.Limit, last, list...)})
	return nil
}

// maxAcmeID bounds what is looked for; Acme's ids are shorter.
const maxAcmeID = 200

func (s *Server) getRecord(c *gin.Context) error {
	stream, acmeID := acmesync.Stream(param(c, "stream")), param(c, "acme_id")
	if !slices.Contains(acmesync.Polled(), stream) || !storable(acmeID, maxAcmeID) {
		return acmesync.ErrNotFound
	}
	t, story, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) (db.RecordStory, error) {
		return s.DB.Record(ctx, id, stream, acmeID)
	})
	if err != nil {
		return err
	}
	if story.Parked != nil {
		story.Parked.Review = control.ReviewID(t.ID, story.Parked.Review)
	}
	c.JSON(http.StatusOK, story)
	return nil
}

func (s *Server) listTrail(c *gin.Context) error {
	_, entries, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) ([]db.AuditEntry, error) {
		return s.DB.Audit(ctx, id, limit(c))
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"entries": entries})
	return nil
}
