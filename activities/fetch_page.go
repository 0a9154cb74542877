package activities

import (
	"context"
	"errors"
	"time"

	"acmesync"
	"acmesync/acme"
)

// overlap is how much of what was read last is read again: records committed late in Acme with an earlier time.
const overlap = 5 * time.Second

const (
	hookOnItsWay = 10 * time.Second
	mostPerPage  = 200 // Acme refuses more
)

// page reads one page of a stream and commits its rows with the position.
func (l *fetchLane) page(ctx context.Context, p acmesync.Position) error {
	priority := acmesync.Live
	if !p.Backfilled {
		priority = acmesync.Backfill
	}
	if err := l.budget.take(ctx, l.attempt, priority == acmesync.Live); err != nil {
		return err
	}
	leave, err := l.enter(ctx, priority)
	if err != nil {
		return err
	}
	defer leave()
	q := l.query(p)
	answer, err := l.acme.List(ctx, acme.Resource(p.Stream), q)
	if err == nil {
		if err = l.walk(p.Stream).Step(acme.Resource(p.Stream), q.Cursor, answer); err != nil {
			return l.walkFailed(ctx, p, err)
		}
	}
	if err != nil {
		return l.pageFailed(ctx, p, err)
	}
	next := advance(p, answer)
	next.Tail = tail(next, answer.Items)
	items := answer.Items
	if nothingNew(p, next, items) {
		items = nil
	}
	contacts, err := l.contactsOf(ctx, p.Stream, items, priority == acmesync.Live)
	if err != nil {
		return err
	}
	way := acmesync.ByPoll
	if auditing(p) {
		way = acmesync.ByAudit
	}
	if !next.Walking {
		next.Restarts = 0
	}
	if !next.Walking && next.PollAfter == 0 {
		if next.PollAfter, err = l.pollInterval(ctx, p, answer); err != nil {
			return err
		}
	}
	brought := l.fetched(p.Stream, way, priority, items, contacts, &next)
	if auditing(p) {
		for i := range brought.Pages {
			brought.Pages[i].Audit = p.Audit
		}
	}
	if err := l.commit(ctx, brought); err != nil {
		return err
	}
	if auditing(p) && next.Backfilled {
		l.wake(ctx, acmesync.Deliver) // the last page may have been empty
	}
	l.look(ctx, p.Stream, items)
	return l.release(ctx, acmesync.DependsOnAcme, p.Stream)
}

func (l *fetchLane) query(p acmesync.Position) acme.ListQuery {
	q := acme.ListQuery{Limit: mostPerPage, IncludeDeleted: true}
	if chosen := l.tenant.Config.PageSize; chosen > 0 {
		q.Limit = min(q.Limit, chosen)
	}
	if p.PageLimit > 0 {
		q.Limit = min(q.Limit, p.PageLimit)
	}
	if p.Walking && p.Cursor != "" {
		q.Cursor = p.Cursor
		return q
	}
	if p.WatermarkAt != nil {
		q.UpdatedSince = *p.WatermarkAt
	}
	return q
}

// advance moves a position past a page that is about to be committed. The watermark follows the records, but never past
// Acme's own clock less the overlap: a record dated beyond that is read again by every poll until the clock has passed it.
//
// Records dated within the overlap are unsettled: others between them may not be visible yet. A cursor that went on behind
// them would pass those by, and the watermark with it once the clock allows; so the walk begins again at the watermark, when
// the page it has met is settled.
func advance(p acmesync.Position, answer acme.Page) acmesync.Position {
	next := p
	next.PageLimit, next.PageFailures, next.PollAfter = 0, 0, 0
	next.Cursor, next.Walking = answer.NextCursor, answer.NextCursor != ""
	if answer.Unordered {
		return advanceUnordered(next, answer)
	}
	latest := answer.Date.Add(-overlap)
	var unsettled time.Duration
	for _, item := range answer.Items {
		if item.ID == "" {
			continue
		}
		if item.UpdatedAt.After(latest) {
			if !item.UpdatedAt.After(answer.Date) { // one dated in the future settles in its own time
				unsettled = max(unsettled, item.UpdatedAt.Sub(latest))
			}
			continue
		}
		// To the microsecond, as Postgres keeps it: a finer time would look like progress at each walk over the same records.
		if at := item.UpdatedAt.Truncate(time.Microsecond); next.WatermarkAt == nil || at.After(*next.WatermarkAt) {
			next.WatermarkAt, next.WatermarkID, next.Restarts = &at, item.ID, 0
		}
	}
	if next.Walking && unsettled > 0 {
		next.Cursor, next.Walking, next.PollAfter = "", false, unsettled
		return next
	}
	if !next.Walking {
		next.Backfilled = true
		if next.WatermarkAt == nil && !answer.Date.IsZero() { // an empty account: nothing before this moment will be missed
			next.WatermarkAt = &latest
		}
	}
	return next
}

// pollInterval is what the tenant has chosen, else short while webhooks are unproven or polls find what webhooks missed.
func (l *fetchLane) pollInterval(ctx context.Context, p acmesync.Position, answer acme.Page) (time.Duration, error) {
	if s := l.tenant.Config.PollSeconds; s > 0 {
		return time.Duration(s) * time.Second, nil
	}
	if l.rules.Scheduled() {
		return l.rules.NextPoll(p.Now).Sub(p.Now), nil
	}
	unproven, trusted := l.rules.PollBounds()
	if !p.Backfilled || p.Stream == acmesync.Contacts {
		return unproven, nil
	}
	var ids []string
	var versions []int64
	for _, item := range answer.Items {
		// A change of the last moments may have its webhook under way.
		if item.ID != "" && item.UpdatedAt.Before(answer.Date.Add(-hookOnItsWay)) {
			ids, versions = append(ids, item.ID), append(versions, item.Version)
		}
	}
	missed, err := l.Inbox.Missed(ctx, l.fence, p.Stream, ids, versions)
	if err != nil {
		return 0, err
	}
	if missed > 0 {
		l.log.Warn("a poll found what webhooks had missed", "stream", p.Stream, "records", missed)
	}
	proven, err := l.Inbox.TrustHooks(ctx, l.fence, missed)
	if err != nil || !proven {
		return unproven, err
	}
	return trusted, nil
}

// fetched makes rows of what a read brought. Contacts are kept as people; records of the other streams go to the deliver lane.
func (l *fetchLane) fetched(stream acmesync.Stream, way acmesync.Way, priority acmesync.Priority, items []acme.Item,
	contacts []acmesync.Person, next *acmesync.Position,
) acmesync.Fetched {
	r := acmesync.Fetched{Position: next, People: contacts}
	if stream == acmesync.Contacts {
		r.People = append(r.People, l.peopleOf(items)...)
		return r
	}
	if len(items) == 0 {
		return r
	}
	ids := make([]string, 0, len(items))
	for _, item := range items {
		if item.ID != "" {
			ids = append(ids, item.ID)
		}
	}
	r.Pages = []acmesync.NewPage{{
		Stream: stream, Way: way, Priority: priority, IDs: ids, Records: len(items), Body: acme.JoinItems(items),
	}}
	return r
}

// pageFailed decides about a page that did not come: a lost cursor starts again at the watermark, a page that makes a
// healthy Acme fail is narrowed down, anything else is the table's.
func (l *fetchLane) pageFailed(ctx context.Context, p acmesync.Position, err error) error {
	f := sortFailure(err)
	switch {
	case f.verdict() == restart:
		return l.restartAtWatermark(ctx, p, err)
	case f.sick && l.acme.Profile.Ordered(acme.Resource(p.Stream)) && l.healthy(ctx):
		return l.narrow(ctx, p, err)
	}
	return err
}

// restartAtWatermark lets go of a refused cursor. What lies before the watermark is not read again, so a cursor that expires
// again and again still ends a walk. Where the watermark does not move any more, the walk would go round for ever: it begins
// again more and more seldom, and is seen as held.
func (l *fetchLane) restartAtWatermark(ctx context.Context, p acmesync.Position, err error) error {
	if !p.Walking || p.Cursor == "" {
		return err
	}
	p.Cursor, p.Walking, p.PollAfter = "", false, 0
	p.Restarts++
	if saveErr := l.Inbox.SavePosition(ctx, l.fence, p); saveErr != nil || p.Restarts <= maxRestarts {
		return saveErr
	}
	l.log.Warn("a walk goes round", "stream", p.Stream, "restarts", p.Restarts, "error", err)
	return l.hold(ctx, p.Stream, sortFailure(err), acmesync.Again(p.Restarts-maxRestarts))
}

// maxRestarts is how often a walk begins again at once at a watermark that does not move.
const maxRestarts = 5

// healthy asks whether Acme answers something else: then it is the record, not Acme.
func (l *fetchLane) healthy(ctx context.Context) bool {
	if l.budget.take(ctx, l.attempt, true) != nil {
		return false
	}
	_, err := l.acme.Account(ctx)
	return err == nil
}

// narrowPause lies between two reads of a suspect page.
const narrowPause = 200 * time.Millisecond

// failuresBeforeNarrowing is how often a page may fail beside a healthy Acme before it is suspected.
const failuresBeforeNarrowing = 3

// narrow reads a suspect page at 50 records, then one by one. A single record that cannot be read parks as a range, and
// the watermark moves past it.
func (l *fetchLane) narrow(ctx context.Context, p acmesync.Position, err error) error {
	p.PageFailures++
	p.PollAfter = 0
	if err := l.pause(ctx, narrowPause); err != nil {
		return err
	}
	if p.PageFailures < failuresBeforeNarrowing {
		return l.Inbox.SavePosition(ctx, l.fence, p)
	}
	p.PageFailures = 0
	switch {
	case p.PageLimit == 0 || p.PageLimit > 50:
		p.PageLimit = 50
	case p.PageLimit > 1:
		p.PageLimit = 1
	default:
		return l.stepOver(ctx, p, err)
	}
	return l.Inbox.SavePosition(ctx, l.fence, p)
}

// stepOver finds the moment of the record Acme cannot answer, by asking for one record from ever closer moments on, and
// moves the watermark past it. What is parked is everything from the old watermark on: a retry reads all of it again. Where no
// later record can be read either it is not one record's fault, and the stream is held.
func (l *fetchLane) stepOver(ctx context.Context, p acmesync.Position, cause error) error {
	low := time.Unix(0, 0) // fails
	if p.WatermarkAt != nil {
		low = *p.WatermarkAt
	}
	from, high := low, time.Now().Add(time.Hour)
	for high.Sub(low) > time.Millisecond {
		middle := low.Add(high.Sub(low) / 2).Truncate(time.Millisecond)
		if !middle.After(low) {
			break
		}
		_, good, err := l.readsFrom(ctx, p.Stream, middle)
		if err != nil {
			return err
		}
		if good {
			high = middle
		} else {
			low = middle
		}
	}
	later, good, err := l.readsFrom(ctx, p.Stream, high)
	if err != nil {
		return err
	}
	if !good || later == 0 {
		return cause
	}
	p.WatermarkAt, p.WatermarkID = &high, ""
	p.Gaps++
	p.Cursor, p.Walking, p.PollAfter, p.PageFailures = "", false, 0, 0
	l.log.Error("a record makes Acme fail; its range is parked", "stream", p.Stream, "at", low)
	return l.commit(ctx, acmesync.Fetched{Position: &p, Parked: []acmesync.ParkedRecord{{
		Key: acmesync.Key{Stream: p.Stream, AcmeID: acmesync.RangePrefix + from.UTC().Format(time.RFC3339Nano)},
		Fault: acmesync.Fault{Code: acmesync.SourceError, Field: "list",
			Message: "Acme fails whenever a record changed at this moment is in the list. Ask Acme's support, then retry."},
	}}})
}

// readsFrom asks for one record from a moment on, and answers how many came. A failure counts only when it repeats beside
// an Acme that answers something else: one slip would send the search past good records.
func (l *fetchLane) readsFrom(ctx context.Context, stream acmesync.Stream, from time.Time) (records int, good bool, err error) {
	for try := 1; ; try++ {
		if err := l.budget.take(ctx, l.attempt, true); err != nil {
			return 0, false, err
		}
		answer, err := l.acme.List(ctx, acme.Resource(stream), acme.ListQuery{UpdatedSince: from, Limit: 1, IncludeDeleted: true})
		if err == nil {
			return len(answer.Items), true, nil
		}
		var fromAcme *acme.Error
		if !errors.As(err, &fromAcme) || !fromAcme.Sick || !l.healthy(ctx) {
			return 0, false, err
		}
		if try == failuresBeforeNarrowing {
			return 0, false, nil
		}
		if err := l.pause(ctx, narrowPause/4); err != nil {
			return 0, false, err
		}
	}
}
