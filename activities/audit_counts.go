package activities

import (
	"context"
	"time"

	"acmesync"
	"acmesync/app"

	"go.temporal.io/sdk/activity"
)

// auditCounts compares one page of the app's counts with those that were sent. One that is about to be sent differs for a reason.
func (l *deliverLane) auditCounts(ctx context.Context, a acmesync.Audit) (failed, err error) {
	activity.RecordHeartbeat(ctx, l.result)
	page, failed := l.app.Counts(ctx, app.CountQuery{Cursor: a.Cursor, Limit: auditPage})
	if failed != nil {
		return l.walkRefused(ctx, a, failed)
	}
	step := acmesync.Audited{Audit: a.ID, Cursor: page.NextCursor, Last: page.NextCursor == ""}
	shown := make([]acmesync.Cell, 0, len(page.Counts))
	for _, c := range page.Counts {
		if _, err := time.Parse(time.DateOnly, c.Day); err != nil {
			l.log.Warn("the app shows a count of no day", "user_id", c.UserID)
			continue
		}
		cell := acmesync.Cell{UserID: c.UserID, Day: c.Day, Channel: c.Channel, Direction: c.Direction, N: c.Count}
		shown, step.Seen = append(shown, cell), append(step.Seen, nameOf(cell))
	}
	differ, err := l.Audits.CellsAt(ctx, l.fence, shown)
	if err != nil {
		return nil, err
	}
	for _, c := range differ {
		step.Cells = append(step.Cells, c)
		step.Differences = append(step.Differences, acmesync.Difference{
			Side: acmesync.AppSide, Stream: acmesync.Touchpoints, ID: nameOf(c), Kind: acmesync.DiffCount, Outcome: acmesync.DiffOpen,
		})
	}
	if err := l.Audits.CommitAudit(ctx, l.fence, acmesync.AuditCounting, step); err != nil {
		return nil, err
	}
	l.counted = l.counted && len(step.Cells) == 0 && !step.Last
	return nil, nil
}

func nameOf(c acmesync.Cell) string {
	return c.UserID + "/" + c.Day + "/" + c.Channel + "/" + c.Direction
}
