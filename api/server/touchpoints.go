package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"acmesync"
	"acmesync/api/server/problem"
	"acmesync/db"

	"github.com/gin-gonic/gin"
)

func (s *Server) listTouchpoints(c *gin.Context) error {
	filter := db.TouchpointFilter{
		User: c.Query("user"), From: c.Query("from"), To: c.Query("to"), Channel: c.Query("channel"), Direction: c.Query("direction"), Limit: limit(c),
	}
	for _, name := range []string{"from", "to"} {
		if day := c.Query(name); day != "" && !aDay(day) {
			return problem.New(problem.InvalidRequest, name+" is no day of the calendar.")
		}
	}
	if filter.User != "" && !storable(filter.User, maxAcmeID) {
		return problem.New(problem.InvalidRequest, "user is no id.")
	}
	list := []string{"touchpoints", param(c, "tenant"), filter.User, filter.From, filter.To, filter.Channel, filter.Direction}
	after, err := s.after(c, list...)
	if err != nil {
		return err
	}
	filter.After = readCell(after)
	_, page, err := ofTenant(c.Request.Context(), s, c, func(ctx context.Context, id acmesync.TenantID) (db.TouchpointPage, error) {
		return s.DB.Touchpoints(ctx, id, filter)
	})
	if err != nil {
		return err
	}
	last := ""
	if n := len(page.Counts); n > 0 {
		last = writeCell(page.Counts[n-1].TouchpointCell)
	}
	c.JSON(http.StatusOK, gin.H{
		"counts": page.Counts, "totals": page.Totals, "next_cursor": s.nextCursor(len(page.Counts) == filter.Limit, last, list...),
	})
	return nil
}

func aDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// cellSeparator stands in no id: Acme and the app refuse control characters there.
const cellSeparator = "\x1f"

func writeCell(cell db.TouchpointCell) string {
	return strings.Join([]string{cell.UserID, cell.Day, cell.Channel, cell.Direction}, cellSeparator)
}

func readCell(text string) db.TouchpointCell {
	part := append(strings.Split(text, cellSeparator), "", "", "")
	return db.TouchpointCell{UserID: part[0], Day: part[1], Channel: part[2], Direction: part[3]}
}
