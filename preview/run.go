package preview

import (
	"context"
	"errors"
	"slices"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// budgetChunk is how many requests are leased at once.
const budgetChunk = 5

// lastCalls is what is left of the time when no new page is begun, for the sample to be compared with the app.
const lastCalls = 3 * time.Second

// errNoTime says that a request could not be made any more before the context's end.
var errNoTime = errors.New("the time is up")

// Run looks at the records, page by page, until all are seen, the bound is reached or the context ends; then it answers what it
// has, with the place where to go on. The context needs a deadline. An error means that nothing could be looked at.
func (p *Preview) Run(ctx context.Context) (Result, error) {
	p.contacts, p.holders = map[string]acme.Contact{}, map[string]Sample{}
	var err error
	if p.now, err = p.Memory.Now(ctx); err != nil {
		return Result{}, err
	}
	if err := p.readStaff(ctx); err != nil {
		return Result{}, err
	}
	t := newTally(p.Sample)
	place := p.From
	streams := p.Streams
	if place.Stream != "" {
		streams = streams[max(slices.Index(streams, place.Stream), 0):]
	}
	for _, stream := range streams {
		off := p.Draft.Off(stream)
		if t.open(stream, off); off {
			place = Place{}
			continue
		}
		if place.Stream != stream {
			place = Place{Stream: stream}
		}
		reason, err := p.walk(ctx, t, &place)
		if err != nil {
			if t.result.Records == 0 {
				return Result{}, err
			}
			reason = stopped(err)
		}
		if reason != "" {
			p.showWhatIs(ctx, t)
			return t.stop(reason, place), nil
		}
	}
	p.showWhatIs(ctx, t)
	return t.done(), nil
}

// walk looks at a stream's records from a place on, and moves it. A reason says why it ended before the stream did.
func (p *Preview) walk(ctx context.Context, t *tally, at *Place) (reason string, err error) {
	end, _ := ctx.Deadline()
	for {
		switch {
		case p.MaxRecords > 0 && t.result.Records >= p.MaxRecords:
			return "As many records were looked at as were asked for.", nil
		case time.Until(end) < lastCalls:
			return stopped(errNoTime), nil
		}
		page, err := p.list(ctx, acme.Resource(at.Stream), acme.ListQuery{Cursor: at.Cursor, Limit: p.PageSize, IncludeDeleted: true})
		if err != nil {
			return "", err
		}
		if err := p.look(ctx, t, at.Stream, page.Items); err != nil {
			return "", err
		}
		if page.NextCursor == "" {
			return "", nil
		}
		at.Cursor = page.NextCursor
	}
}

// look judges a page's records. Nothing of a page that cannot be judged whole is counted.
func (p *Preview) look(ctx context.Context, t *tally, stream acmesync.Stream, items []acme.Item) error {
	ids := make([]string, 0, len(items))
	for _, item := range items {
		if item.ID != "" {
			ids = append(ids, item.ID)
		}
	}
	entries, err := p.Memory.Ledger(ctx, p.fence(), stream, ids)
	if err != nil {
		return err
	}
	contacts, err := p.contactsOf(ctx, stream, items)
	if err != nil {
		return err
	}
	if stream == acmesync.Appointments {
		if err := p.enrich(ctx, items, contacts); err != nil {
			return err
		}
	}
	for _, item := range items {
		entry, known := entries[item.ID]
		p.collide(t, p.judge(stream, item, contacts, entry, known))
	}
	return nil
}

// showWhatIs compares the sample's changed events with what the app really has, as long as there is time.
func (p *Preview) showWhatIs(ctx context.Context, t *tally) {
	for i := range t.result.Samples {
		s := &t.result.Samples[i]
		if s.Outcome != Update || s.event == nil || s.appID == "" || ctx.Err() != nil {
			continue
		}
		if stored, err := p.App.Event(ctx, s.appID); err == nil { // else what the present rules make of it stands for it
			s.Changes = mapping.ChangedFields(stored.Event, *s.event)
		}
	}
}

func (p *Preview) list(ctx context.Context, r acme.Resource, q acme.ListQuery) (acme.Page, error) {
	for {
		if err := p.take(ctx); err != nil {
			return acme.Page{}, err
		}
		page, err := p.Acme.List(ctx, r, q)
		if err == nil {
			return page, nil
		}
		var limited *acme.Error
		if !errors.As(err, &limited) || limited.Kind != acme.KindRateLimited {
			return acme.Page{}, err
		}
		if err := p.learn(ctx, err); !errors.Is(err, errAgain) {
			return acme.Page{}, err
		}
	}
}

// errAgain says that a request may be repeated.
var errAgain = errors.New("again")

// learn has all callers keep away for as long as Acme asked for, and says whether there is time to come again.
func (p *Preview) learn(ctx context.Context, err error) error {
	var limited *acme.Error
	if !errors.As(err, &limited) || limited.Kind != acme.KindRateLimited {
		return err
	}
	if learnErr := p.Budget.LearnBudget(ctx, p.LimitOwner, 0, 0, max(limited.RetryAfter, time.Second)); learnErr != nil {
		return learnErr
	}
	return errAgain
}

// take leases a request from the budget, behind what is live.
func (p *Preview) take(ctx context.Context) error {
	if p.leased > 0 {
		p.leased--
		return nil
	}
	for {
		granted, wait, err := p.Budget.LeaseBudget(ctx, p.LimitOwner, budgetChunk, false)
		switch {
		case err != nil:
			return err
		case granted < 0:
			return nil // no limit is known
		case granted > 0:
			p.leased = granted - 1
			return nil
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) < wait+lastCalls {
			return errNoTime
		}
		select {
		case <-time.After(max(wait, 10*time.Millisecond)):
		case <-ctx.Done():
			return errNoTime
		}
	}
}

// fence names the tenant for reads; it opens no attempt and could commit nothing.
func (p *Preview) fence() acmesync.Fence {
	return acmesync.Fence{Tenant: p.Tenant, Connection: acmesync.MainConnection}
}

// stopped says in a sentence of our own why a preview has ended early.
func stopped(err error) string {
	var fromAcme *acme.Error
	var fromApp *app.Error
	switch {
	case errors.Is(err, errNoTime), errors.Is(err, context.DeadlineExceeded):
		return "The time was up before all records were seen."
	case errors.As(err, &fromAcme):
		return "Acme stopped answering."
	case errors.As(err, &fromApp):
		return "The app stopped answering."
	}
	return "It could not be finished."
}
