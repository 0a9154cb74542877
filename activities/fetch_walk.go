package activities

import (
	"context"

	"acmesync"
	"acmesync/acme"
)

// walk watches over the pages of a stream in this attempt: an attempt reads thousands, so a walk in circles is found long
// before it ends.
func (l *fetchLane) walk(stream acmesync.Stream) *acme.Walk {
	if l.walks[stream] == nil {
		l.walks[stream] = &acme.Walk{}
	}
	return l.walks[stream]
}

// walkFailed lets go of a walk that leads nowhere, so that the next try begins anew, and has the stream held.
func (l *fetchLane) walkFailed(ctx context.Context, p acmesync.Position, cause error) error {
	delete(l.walks, p.Stream)
	p.Cursor, p.Walking, p.PollAfter = "", false, 0
	if err := l.Inbox.SavePosition(ctx, l.fence, p); err != nil {
		return err
	}
	return cause
}

// advanceUnordered moves the position of a list in no order of time: how far it was read is known at its end alone, and then
// as of its beginning, because what changed meanwhile may have been passed by.
func advanceUnordered(next acmesync.Position, answer acme.Page) acmesync.Position {
	if next.Walking {
		return next
	}
	next.Backfilled = true
	if latest := answer.Latest.Add(-overlap); !answer.Latest.IsZero() && (next.WatermarkAt == nil || latest.After(*next.WatermarkAt)) {
		next.WatermarkAt, next.WatermarkID = &latest, ""
	} else if next.WatermarkAt == nil && !answer.Date.IsZero() { // an empty account
		latest = answer.Date.Add(-overlap)
		next.WatermarkAt = &latest
	}
	return next
}
