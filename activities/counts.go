package activities

import (
	"context"
	"fmt"
	"time"

	"acmesync"
	"acmesync/app"
	"acmesync/mapping"
)

// recount puts touch-points on other days where users of the app live in another zone now.
func (l *deliverLane) recount(ctx context.Context, staff mapping.Staff, users []app.User) error {
	zones := make(map[string]string, len(users))
	for _, u := range users {
		zones[u.ID] = u.TimeZone
	}
	moved, err := l.Counts.Recount(ctx, l.fence, zones, func(zone string, at time.Time) string {
		day, _ := staff.Day(zone, at) // it could be written in the zone before; at the ends of the calendar nothing is logged
		return day
	})
	if moved > 0 {
		l.counted = false
	}
	return err
}

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
	var refused []acmesync.RefusedCell
	for i, res := range results {
		switch res.Status {
		case app.Stale:
			if err := l.Lanes.RaiseToken(ctx, l.fence, acmesync.TokenOf(res.Revision)); err != nil {
				return err
			}
			return acmesync.ErrFenced
		case app.Failed, app.Rejected:
			refused = append(refused, acmesync.RefusedCell{Cell: cells[i], Code: res.Code})
		default:
			sent = append(sent, cells[i])
		}
	}
	if err := l.Counts.CommitCells(ctx, l.fence, sent, refused); err != nil {
		return err
	}
	l.tellRefused(ctx, refused)
	return nil
}

// tellRefused alerts people once for each count that the app starts to refuse: their dashboard shows another number. It is
// sent again, more and more seldom, and the balance shows it until it is taken.
func (l *deliverLane) tellRefused(ctx context.Context, refused []acmesync.RefusedCell) {
	fresh := 0
	for _, c := range refused {
		l.log.Error("the app does not take a count", "code", c.Code, "tries", c.Tries+1)
		if c.Tries == 0 {
			fresh++
		}
	}
	if fresh > 0 {
		l.Alerts.Alert(ctx, l.fence.Tenant, fmt.Sprintf("The app does not take %d counts: its dashboard shows others than Acme has. They are sent again.", fresh))
	}
}
