package activities

import (
	"context"

	"acmesync"
	"acmesync/app"
)

func (l *deliverLane) sendCells(ctx context.Context, cells []acmesync.Cell) error {
	revision, err := l.nextRevision()
	if err != nil {
		return err
	}
	counts := make([]app.Count, len(cells))
	for i, c := range cells {
		counts[i] = app.Count{UserID: c.UserID, Day: c.Day, Channel: c.Channel, Direction: c.Direction, Count: c.N, Revision: revision}
	}
	results, err := l.app.SetCounts(ctx, counts)
	if err != nil {
		return err
	}
	sent := make([]acmesync.Cell, 0, len(cells))
	failed := 0
	for i, res := range results {
		switch res.Status {
		case app.Stale:
			if err := l.Lanes.RaiseToken(ctx, l.fence, acmesync.TokenOf(res.Revision)); err != nil {
				return err
			}
			return acmesync.ErrFenced
		case app.Failed:
			failed++
			continue
		case app.Rejected:
			l.log.Error("the app refuses a count; its facts stay", "field", res.Field, "code", res.Code)
		default:
		}
		sent = append(sent, cells[i])
	}
	if err := l.Counts.CommitCells(ctx, l.fence, sent); err != nil {
		return err
	}
	if failed > 0 {
		return &app.Error{Kind: app.KindUnavailable, Op: "set counts", Code: "item_failed"}
	}
	return nil
}
