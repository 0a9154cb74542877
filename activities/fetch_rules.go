package activities

import (
	"context"
	"slices"
	"time"

	"acmesync"
	"acmesync/acme"
)

const (
	// lookAtOff is how often the position of a stream that is switched off is due all the same: nothing is read then.
	lookAtOff = 24 * time.Hour

	// revisitsAtOnce bounds what one look turns into hints.
	revisitsAtOnce = hintsAtOnce

	// together is how far apart polls may be due to be made by one attempt.
	together = 20 * time.Second
)

// next chooses the stream whose page is read now: the first that is due and not held. Polls go together: one that is due a
// moment later is made by the same attempt, so that an idle tenant is woken once for all its streams.
func (l *fetchLane) next(ctx context.Context, positions []acmesync.Position, held []acmesync.Stream) (p acmesync.Position, found bool, err error) {
	for _, p := range positions {
		if slices.Contains(held, p.Stream) || !p.Due && !l.soon(p) || !p.Backfilled && time.Now().Before(l.noBudget) {
			continue
		}
		wait := l.restsFor(p)
		if wait == 0 {
			return p, true, nil
		}
		if l.unread(p.Stream) {
			p = acmesync.Position{Stream: p.Stream, Backfilled: true} // once it is on again it is read from its beginning; no audit has it
		}
		p.PollAfter = wait
		if err := l.Inbox.SavePosition(ctx, l.fence, p); err != nil {
			return p, false, err
		}
	}
	return p, false, nil
}

func (l *fetchLane) soon(p acmesync.Position) bool {
	interval, _ := l.rules.PollBounds() // of a schedule, whose times lie minutes apart, the shortest
	if s := l.tenant.Config.PollSeconds; s > 0 {
		interval = time.Duration(s) * time.Second
	}
	return len(l.polled) > 0 && !l.polled[p.Stream] && p.Backfilled && !p.Walking && p.DueIn < min(interval/4, together).Seconds()
}

// restsFor is for how long a stream is not to be read: it is switched off, or the tenant wants Acme left alone for now.
func (l *fetchLane) restsFor(p acmesync.Position) time.Duration {
	if l.unread(p.Stream) {
		return lookAtOff
	}
	if until := l.rules.QuietUntil(p.Now); !until.IsZero() && p.Stream != acmesync.AppEvents {
		return until.Sub(p.Now)
	}
	return 0
}

// unread tells that a stream is not read from Acme's API at all: it is switched off, or there is none.
func (l *fetchLane) unread(s acmesync.Stream) bool {
	return l.rules.Off(s) || l.acme.Profile.FilesOnly() && s != acmesync.FilesStream && s != acmesync.AppEvents
}

// endOff ends hints of streams that are switched off or come by files alone, and answers the others.
func (l *fetchLane) endOff(ctx context.Context, hints []acmesync.Hint) ([]acmesync.Hint, error) {
	var ended []acmesync.EndedHint
	rest := slices.DeleteFunc(hints, func(h acmesync.Hint) bool {
		off := l.unread(h.Key.Stream)
		if off {
			outcome := acmesync.EndedStreamOff
			if !l.rules.Off(h.Key.Stream) {
				outcome = acmesync.EndedFilesOnly
			}
			ended = append(ended, acmesync.EndedHint{Envelope: h.Envelope, Column: acmesync.CountDone, Outcome: outcome})
		}
		return off
	})
	if len(ended) == 0 {
		return rest, nil
	}
	return rest, l.commit(ctx, acmesync.Fetched{Ended: ended})
}

// tail is a hash of the records of an answer that the next poll brings again: those changed at the watermark or after it.
func tail(next acmesync.Position, items []acme.Item) string {
	if next.WatermarkAt == nil {
		return ""
	}
	var again []acme.Item
	for _, item := range items {
		if item.ID == "" || !item.UpdatedAt.Before(*next.WatermarkAt) {
			again = append(again, item)
		}
	}
	return digest(again)
}

func digest(items []acme.Item) string {
	if len(items) == 0 {
		return ""
	}
	parts := make([][]byte, len(items))
	for i, item := range items {
		parts[i] = item.Content()
	}
	return hashOf(parts...)
}

// nothingNew: a poll has brought what the one before it did, byte for byte, and that was stored. Versions alone would not do: where
// they are made of a time in whole seconds, two changes may share one.
func nothingNew(p, next acmesync.Position, items []acme.Item) bool {
	return p.Backfilled && !p.Walking && !next.Walking && p.Tail != "" && p.Tail == digest(items)
}

// learnAccount keeps what the account says about itself. The check before an activation does so too, if Acme answers then. Where
// it has changed all records are read again, by an attempt that knows it.
func (l *fetchLane) learnAccount(ctx context.Context) error {
	if err := l.budget.take(ctx, l.attempt, true); err != nil {
		return err
	}
	account, err := l.acme.Account(ctx)
	if f := sortFailure(err); err != nil && (f.kind == acmesync.Rejected || f.kind == acmesync.Gone) {
		l.log.Warn("Acme does not say anything about the account", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if account.ID == l.connection.AccountID && account.Region == l.connection.Region && account.TimeZone == l.connection.TimeZone {
		return nil
	}
	if err := l.Tenants.DescribeAccount(ctx, l.fence.Tenant, account.ID, account.Region, account.TimeZone); err != nil {
		return err
	}
	return l.Lanes.Alive(ctx, l.fence) // where the epoch has passed the next attempt has the new settings
}
