package activities

import (
	"context"

	"acmesync"
	"acmesync/app"

	"go.temporal.io/sdk/activity"
)

// auditCounts compares one page of the app's counts with those that were sent. One that is about to be sent differs for a reason.
func (l *deliverLane) auditCounts(ctx context.Context, a acmesync.Audit) (failed, err error) {
	activity.RecordHeartbeat(ctx, l.result)
	page, failed := l.app.Counts(ctx, app.CountQuery{Cursor: a.Cursor, Limit: auditPage})
	if failed != nil {
		return failed, nil
	}
	step := acmesync.Audited{Audit: a.ID, Cursor: page.NextCursor, Last: page.NextCursor == ""}
	shown := make([]acmesync.Cell, len(page.Counts))
	for i, c := range page.Counts {
		shown[i] = acmesync.Cell{UserID: c.UserID, Day: c.Day, Channel: c.Channel, Direction: c.Direction, N: c.Count}
		step.Seen = append(step.Seen, nameOf(shown[i]))
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
