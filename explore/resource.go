package explore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"acmesync/acme"
	"acmesync/drift"
)

// walk is what one list has brought so far.
type walk struct {
	*Resource
	resource acme.Resource
	sample   *drift.Sample
	items    []acme.Item // of the pages that follow upon each other from the beginning
	size     int         // records asked for at once
	date     time.Time   // Acme's clock at the last page
	more     string      // the cursor after the last page
}

// resource walks a list, tries its habits and counts its fields.
func (e *Explorer) resource(ctx context.Context, r acme.Resource) {
	w := &walk{Resource: &Resource{Name: string(r), Checks: []Check{}, Fields: []Field{}}, resource: r, size: pageSize}
	e.seen.times() // from here on they are this list's
	defer func() {
		w.Calls = e.seen.times()
		e.report.Resources = append(e.report.Resources, *w.Resource)
	}()
	var err error
	if w.sample, err = drift.New(r); err == nil {
		err = e.walk(ctx, w)
	}
	if err != nil {
		w.Message = sentence(err)
		e.problem(Blocks, w.Name, "", "The list cannot be read. "+w.Message)
		return
	}
	w.OK = true
	e.checks(ctx, w)
	e.fields(w)
	for zone, n := range w.sample.Zones() {
		e.report.Zones[zone] += n
		if zone == Other {
			e.problem(Loses, w.Name, "time_zone", fmt.Sprintf("%d names are no IANA time zones. Appointments with one park.", n))
		}
	}
}

// walk reads pages from the beginning on, and where a list goes on beyond them, what was changed last as well: drift begins there.
func (e *Explorer) walk(ctx context.Context, w *walk) error {
	pages := e.Pages
	if pages <= 0 {
		pages = defaultPages
	}
	var watch acme.Walk
	q := acme.ListQuery{IncludeDeleted: true}
	for n := range pages {
		q.Limit = w.size
		page, err := e.page(ctx, w, q)
		if err == nil {
			err = watch.Step(w.resource, q.Cursor, page)
		}
		if err != nil {
			return err
		}
		w.take(page)
		w.items = append(w.items, page.Items...)
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			w.Complete = true
			return nil
		}
		if n == pages-2 && e.profile.Ordered(w.resource) && !w.date.IsZero() {
			break
		}
	}
	if w.Pages == pages {
		w.more = q.Cursor
		return nil
	}
	return e.newest(ctx, w, q.Cursor)
}

// newest reads the list's end instead of its next page: what was changed in the last week.
func (e *Explorer) newest(ctx context.Context, w *walk, cursor string) error {
	last := w.items[len(w.items)-1].UpdatedAt
	since := w.date.AddDate(0, 0, -7)
	q := acme.ListQuery{Limit: w.size, Cursor: cursor, IncludeDeleted: true}
	onward := last.Before(since)
	if onward {
		q.Cursor, q.UpdatedSince = "", since
	}
	page, err := e.page(ctx, w, q)
	if err != nil {
		return err
	}
	w.take(page)
	if !onward {
		w.items = append(w.items, page.Items...)
		w.Complete = page.NextCursor == ""
	}
	w.more = cursor
	return nil
}

// page reads one, with fewer records where Acme does not give so many.
func (e *Explorer) page(ctx context.Context, w *walk, q acme.ListQuery) (page acme.Page, err error) {
	for {
		err = e.try(ctx, func() (err error) {
			page, err = e.client.List(ctx, w.resource, q)
			return err
		})
		var refused *acme.Error
		if !errors.As(err, &refused) || refused.Kind != acme.KindRejected || q.Cursor != "" || w.size <= 10 {
			return page, err
		}
		w.size /= 2
		q.Limit = w.size
	}
}

// take counts a page.
func (w *walk) take(page acme.Page) {
	w.Pages++
	w.Records += len(page.Items)
	w.Asked, w.Largest = w.size, max(w.Largest, len(page.Items))
	w.date = page.Date
	for _, item := range page.Items {
		w.sample.Add(item.Raw)
		if item.ID == "" {
			w.Keyless++
		}
		if item.Deleted {
			w.Deleted++
		}
	}
}

func (w *walk) check(name string, answer Answer, message string) {
	w.Checks = append(w.Checks, Check{Name: name, Answer: answer, Message: message})
}

// share writes so many of all as "13 of 430 (3 %)".
func share(n, of int) string {
	if of == 0 {
		return "none"
	}
	percent := 100 * float64(n) / float64(of)
	switch {
	case n == of:
		return fmt.Sprintf("all %d", of)
	case percent < 1:
		return fmt.Sprintf("%d of %d (under 1 %%)", n, of)
	default:
		return fmt.Sprintf("%d of %d (%.0f %%)", n, of, percent)
	}
}
