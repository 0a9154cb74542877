package activities

import (
	"context"
	"slices"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/mapping"
)

// Fetch is the lane that reads Acme into the inbox: hints first, then the next page of a stream that is due.
func (a *Activities) Fetch(ctx context.Context, in LaneInput) (LaneResult, error) {
	return a.run(ctx, in.Tenant, acmesync.Fetch, func(at *attempt) (lane, error) {
		rules, err := a.rulesOf(at.tenant, at.connection)
		return &fetchLane{
			attempt: at, rules: rules, polled: map[acmesync.Stream]bool{}, walks: map[acmesync.Stream]*acme.Walk{},
			budget: budget{Budgets: a.Budgets, owner: at.connection.LimitOwner},
		}, err
	})
}

// fetchLane is one attempt of the fetch lane.
type fetchLane struct {
	*attempt
	rules  *mapping.Rules
	polled map[acmesync.Stream]bool // by this attempt
	budget budget
	// failedAlone counts records that failed alone since anything was read.
	failedAlone int
	full        bool      // the inbox has reached its bound; reading goes on at half of it
	more        bool      // revisits are due beyond those taken
	prepared    time.Time // when what every read depends on was seen to
	left        bool      // the app's changes are not listened to any more
	rangAt      time.Time // when it was last looked whether something waits for delivery
	noneDue     time.Time // when it was last seen that no stream is due
	listsRead   bool      // an audit's lists have come to their ends: deliver goes on with it
	noBudget    time.Time // until then no page of a backfill can be paid for
	walks       map[acmesync.Stream]*acme.Walk
	watching    bool // files are looked for
}

const (
	prepareAgain = time.Second
	ringAgain    = time.Second
	dueAgain     = time.Second
)

// The bound on what waits for delivery; pages stop at it, hints do not. Half of it lets them go on.
const (
	maxBacklogBytes   = acmesync.MaxBacklogBytes
	maxBacklogRecords = acmesync.MaxBacklogRecords
)

// lookWhenFull is how long reading rests while the inbox is full; a ring for hints comes through.
const lookWhenFull = 10 * time.Second

// hintsAtOnce bounds what one read by id is asked for; Acme takes 200 ids a call.
const hintsAtOnce = 400

func (l *fetchLane) step(ctx context.Context) (progress, error) {
	held, err := l.heldNow(ctx, acmesync.DependsOnAcme)
	l.result.Held = slices.Contains(held, "")
	if err != nil || l.result.Held {
		return idle, err
	}
	if err := l.prepare(ctx); err != nil {
		return idle, l.judge(ctx, "", err)
	}
	worked, err := l.hints(ctx)
	if err != nil || worked == busy {
		return worked, l.judgeIf(ctx, "", err)
	}
	read, err := l.nextPage(ctx, held)
	if read {
		worked = busy
	}
	return worked, err
}

// tail notices when the first sync is complete without the deliver lane having had the last word: an account may be empty.
// It rings for what waits for delivery once more: an attempt before this one may have ended between its commit and its ring.
func (l *fetchLane) tail(ctx context.Context) error {
	if time.Since(l.rangAt) < ringAgain {
		return l.noticeComplete(ctx)
	}
	l.rangAt = time.Now()
	b, err := l.Inbox.Backlog(ctx, l.fence.Tenant)
	if err != nil {
		return err
	}
	if b.Records > 0 || l.listsRead {
		l.wake(ctx, acmesync.Deliver)
	}
	return l.noticeComplete(ctx)
}

// judgeIf passes a failure of Acme's to the table; with none there is nothing to decide.
func (l *fetchLane) judgeIf(ctx context.Context, stream acmesync.Stream, err error) error {
	if err == nil {
		return nil
	}
	return l.judge(ctx, stream, err)
}

// prepare sees to what every read depends on: a subscription, and Acme's users.
func (l *fetchLane) prepare(ctx context.Context) error {
	if time.Since(l.prepared) < prepareAgain && !l.more {
		return nil
	}
	if err := l.prepareNow(ctx); err != nil {
		return err
	}
	l.prepared = time.Now()
	return nil
}

func (l *fetchLane) prepareNow(ctx context.Context) error {
	if !l.acme.Profile.FilesOnly() {
		if err := l.subscribe(ctx); err != nil {
			return err
		}
	}
	if err := l.watchFiles(ctx); err != nil {
		return err
	}
	if err := l.listen(ctx); err != nil {
		return err
	}
	taken, err := l.Inbox.TakeRevisits(ctx, l.fence, revisitsAtOnce)
	if err != nil {
		return err
	}
	l.more = taken == revisitsAtOnce
	if l.acme.Profile.FilesOnly() {
		return nil // users come by a file
	}
	stale, _, err := l.People.StaffStale(ctx, l.fence, acmesync.UserPerson)
	if err != nil || !stale {
		return err
	}
	if err := l.learnAccount(ctx); err != nil {
		return err
	}
	users, err := l.readUsers(ctx)
	if err != nil {
		return err
	}
	if err := l.People.CommitStaff(ctx, l.fence, acmesync.UserPerson, users); err != nil {
		return err
	}
	l.wake(ctx, acmesync.Deliver) // somebody may be somebody else in the app now
	return nil
}

func (l *fetchLane) readUsers(ctx context.Context) ([]acmesync.Person, error) {
	var people []acmesync.Person
	var seen []acme.Item
	q := acme.ListQuery{}
	var walk acme.Walk
	for {
		if err := l.budget.take(ctx, l.attempt, true); err != nil {
			return nil, err
		}
		page, err := l.acme.List(ctx, acme.Users, q)
		if err == nil {
			err = walk.Step(acme.Users, q.Cursor, page)
		}
		if err != nil {
			return nil, err
		}
		seen = append(seen, page.Items...)
		for _, item := range page.Items {
			user, err := acme.DecodeUser(item.Raw)
			if err != nil {
				l.log.Warn("a user of Acme's cannot be read", "error", err)
				continue
			}
			people = append(people, acmesync.Person{
				Kind: acmesync.UserPerson, ID: user.ID, Version: user.Version, Hash: hashOf(item.Raw), Email: user.Email, Body: item.Raw,
			})
		}
		if page.NextCursor == "" {
			l.look(ctx, acmesync.Stream(acme.Users), seen)
			return people, nil
		}
		q.Cursor = page.NextCursor
	}
}

// nextPage reads one page of the first stream that is due and not held. Streams become due by the clock: between hints it is
// enough to look now and then, and the end of the attempt looks anyway.
func (l *fetchLane) nextPage(ctx context.Context, held []acmesync.Stream) (bool, error) {
	if time.Since(l.noneDue) < dueAgain {
		return false, nil
	}
	positions, err := l.Inbox.Positions(ctx, l.fence)
	if err != nil {
		return false, err
	}
	l.listsRead = listsRead(positions)
	p, found, err := l.next(ctx, positions, held)
	if err != nil {
		return false, err
	}
	if !found {
		l.noneDue = time.Now()
		return false, nil
	}
	full, err := l.inboxFull(ctx)
	if err != nil || full {
		return false, err
	}
	if !p.Backfilled && p.Stream != acmesync.AppEvents {
		if soon, wait, err := l.afford(ctx); err != nil || wait {
			return soon, err
		}
	}
	if err := l.auditAfterAbsence(ctx, p); err != nil {
		return false, err
	}
	l.polled[p.Stream] = true
	switch p.Stream {
	case acmesync.AppEvents:
		return true, l.appChanges(ctx, p)
	case acmesync.FilesStream:
		return true, l.judgeIf(ctx, p.Stream, l.pickUp(ctx, p))
	default:
	}
	return true, l.judgeIf(ctx, p.Stream, l.page(ctx, p))
}

const (
	perBackfillPage = 2                      // requests: the page, and the contacts it names
	soonAffordable  = time.Second            // a wait that the attempt lasts out
	lookForHints    = 100 * time.Millisecond // while it does
)

// afford tells whether a page of a backfill can be paid for now. Where it cannot, hints go on meanwhile: they have a share of their
// own. Where that takes longer, the attempt ends as if nothing was due.
func (l *fetchLane) afford(ctx context.Context) (soon, wait bool, err error) {
	d, err := l.budget.afford(ctx, perBackfillPage)
	if err != nil || d == 0 {
		return false, false, err
	}
	if d <= soonAffordable {
		return true, true, l.pause(ctx, min(d, lookForHints))
	}
	l.noBudget, l.notBefore = time.Now().Add(d), d
	return false, true, nil
}

func (l *fetchLane) inboxFull(ctx context.Context) (bool, error) {
	b, err := l.Inbox.Backlog(ctx, l.fence.Tenant)
	if err != nil {
		return false, err
	}
	high := int64(1)
	if l.full {
		high = 2
	}
	l.full = b.Bytes > maxBacklogBytes/high || b.Records > maxBacklogRecords/high
	l.notBefore = 0
	if l.full {
		l.notBefore = lookWhenFull
	}
	return l.full, nil
}

// commit stores what a read brought, then tells the deliver lane: in this process at once, elsewhere by its mark.
func (l *fetchLane) commit(ctx context.Context, r acmesync.Fetched) error {
	if err := l.Inbox.CommitFetched(ctx, l.fence, r); err != nil {
		return err
	}
	l.fencedAt = time.Now()
	for _, p := range r.Pages {
		l.result.Read += p.Records
	}
	if len(r.Pages) > 0 || len(r.Orders) > 0 || len(r.Absent) > 0 {
		if !l.Looker.Nudge(l.key(acmesync.Deliver)) {
			l.wake(ctx, acmesync.Deliver)
		}
	}
	l.notices.parked(r.Parked)
	return nil
}

// wake flips the mark of the tenant's other lane and rings if it was this call that flipped it. A ring that fails is made
// up for by the sweep: the work is committed, and the mark is old by then.
func (at *attempt) wake(ctx context.Context, other acmesync.Lane) {
	flipped, err := at.Lanes.Mark(ctx, []acmesync.TenantID{at.fence.Tenant}, other)
	if err == nil && len(flipped) > 0 {
		err = at.Doorbell.Ring(ctx, at.fence.Tenant)
	}
	if err != nil {
		at.log.Warn("the ring got lost", "lane", other, "error", err)
	}
}
