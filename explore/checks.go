package explore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"acmesync/acme"
)

// checks tries what a sync relies on. What cannot be tried, for want of records or because a profile takes it away, is unknown.
func (e *Explorer) checks(ctx context.Context, w *walk) {
	e.pageSize(w)
	e.order(w)
	for _, one := range []struct {
		name string
		try  func(context.Context, *walk) (Answer, string)
		no   Severity
		lost string // what a no costs
	}{
		{"cursor_stable", e.cursorStable, Loses, "records may be passed by where a page is read again"},
		{"updated_since", e.updatedSince, Blocks, "polls cannot find what has changed"},
		{"include_deleted", e.includeDeleted, Loses, "deletes are found by webhooks alone"},
		{"batch_get", e.batchGet, Blocks, "what webhooks name cannot be read"},
		{"not_found", e.notFound, Note, "errors are not told as the contract says"},
	} {
		if ctx.Err() != nil {
			return
		}
		answer, message := one.try(ctx, w)
		w.check(one.name, answer, message)
		if answer == No {
			e.problem(one.no, w.Name, "", message+": "+one.lost+".")
		}
	}
}

func (e *Explorer) pageSize(w *walk) {
	switch {
	case w.Records == 0:
		w.check("page_size", Unknown, "The list is empty.")
	case w.size < pageSize:
		w.check("page_size", No, fmt.Sprintf("At most %d records come at once", w.size))
		e.problem(Loses, w.Name, "", fmt.Sprintf("Pages of %d are refused, pages of %d are not: set page_size to %d.", pageSize, w.size, w.size))
	case !w.Complete && w.Largest < w.size:
		w.check("page_size", No, fmt.Sprintf("%d records come where %d were asked for", w.Largest, w.size))
		e.problem(Note, w.Name, "", fmt.Sprintf("Pages have %d records at most, whatever is asked for.", w.Largest))
	default:
		w.check("page_size", Yes, "")
	}
}

// order wants the list to be in the order of updated_at, then id: a walk's position is the last record it has seen.
func (e *Explorer) order(w *walk) {
	usable := slices.DeleteFunc(slices.Clone(w.items), func(i acme.Item) bool { return i.ID == "" })
	switch {
	case !e.profile.Ordered(w.resource):
		w.check("ordered", Unknown, "The profile says that the list has no order: each poll walks all of it")
		return
	case len(usable) < 2:
		w.check("ordered", Unknown, "There are too few records")
		return
	}
	for i := 1; i < len(usable); i++ {
		before, after := usable[i-1], usable[i]
		if after.UpdatedAt.Before(before.UpdatedAt) {
			w.check("ordered", No, fmt.Sprintf("Record %d of the list was changed before the one ahead of it", i+1))
			e.problem(Blocks, w.Name, "", "The list is not in the order of updated_at: say so in the profile (unordered), or ask Acme's support.")
			return
		}
		if after.UpdatedAt.Equal(before.UpdatedAt) && after.ID < before.ID {
			w.check("ordered", No, fmt.Sprintf("Records %d and %d were changed at the same moment and are not in the order of their ids", i, i+1))
			e.problem(Note, w.Name, "", "Records that were changed at the same moment are not in the order of their ids.")
			return
		}
	}
	w.check("ordered", Yes, "")
}

// cursorStable reads small pages: the second one twice, by the same cursor.
func (e *Explorer) cursorStable(ctx context.Context, w *walk) (Answer, string) {
	if len(w.items) < 5 {
		return Unknown, "There are too few records"
	}
	const few = 2
	first, err := e.page(ctx, w, acme.ListQuery{Limit: few, IncludeDeleted: true})
	if err != nil {
		return Unknown, sentence(err)
	}
	if first.NextCursor == "" {
		return Unknown, "All records come at once"
	}
	var pages [2]acme.Page
	for i := range pages {
		if pages[i], err = e.page(ctx, w, acme.ListQuery{Limit: few, Cursor: first.NextCursor, IncludeDeleted: true}); err != nil {
			return No, "A cursor that was just given is refused"
		}
	}
	ids := func(items []acme.Item) []string {
		var all []string
		for _, i := range items {
			all = append(all, i.ID)
		}
		return all
	}
	if !slices.Equal(ids(pages[0].Items), ids(pages[1].Items)) {
		return No, "The same cursor brings other records the second time"
	}
	return Yes, ""
}

// updatedSince asks from the moment of a record in the middle on, which has to come itself, and nothing before it.
func (e *Explorer) updatedSince(ctx context.Context, w *walk) (Answer, string) {
	if len(w.items) < 3 || !e.profile.Ordered(w.resource) {
		return Unknown, "There are too few records, or they have no order"
	}
	middle := w.items[len(w.items)/2]
	if middle.ID == "" || !w.items[0].UpdatedAt.Before(middle.UpdatedAt) {
		return Unknown, "Too many records were changed at one moment"
	}
	page, err := e.page(ctx, w, acme.ListQuery{Limit: w.size, UpdatedSince: middle.UpdatedAt, IncludeDeleted: true})
	if err != nil {
		return No, "updated_since is refused"
	}
	// Some sides take whole seconds only, and give what lies in the second.
	from := middle.UpdatedAt.Truncate(time.Second)
	for _, item := range page.Items {
		if item.ID != "" && item.UpdatedAt.Before(from) {
			return No, "updated_since brings records that were changed before"
		}
	}
	if !slices.ContainsFunc(page.Items, func(i acme.Item) bool { return !i.UpdatedAt.After(middle.UpdatedAt) }) {
		return No, "updated_since leaves out what was changed at that very moment"
	}
	return Yes, ""
}

// includeDeleted compares the list with and without those that are deleted.
func (e *Explorer) includeDeleted(ctx context.Context, w *walk) (Answer, string) {
	if w.Deleted == 0 {
		return Unknown, "No record that was looked at is deleted"
	}
	page, err := e.page(ctx, w, acme.ListQuery{Limit: w.size})
	if err != nil {
		return Unknown, sentence(err)
	}
	if slices.ContainsFunc(page.Items, func(i acme.Item) bool { return i.Deleted }) {
		return Yes, "Deleted records come unasked too"
	}
	return Yes, ""
}

// noSuchID is an id that no record has.
const noSuchID = "acmesync-explore-none"

// batchGet reads some records by id, and one that there is not. Records that have changed since are no contradiction.
func (e *Explorer) batchGet(ctx context.Context, w *walk) (Answer, string) {
	if w.resource == acme.Users {
		return Unknown, "Not needed: users are read as a list"
	}
	const some = 10
	listed := map[string]acme.Item{}
	var ids []string
	for _, item := range w.items {
		if item.ID != "" && len(ids) < some && listed[item.ID].ID == "" {
			listed[item.ID] = item
			ids = append(ids, item.ID)
		}
	}
	if len(ids) == 0 {
		return Unknown, "There are no records"
	}
	var batch acme.Batch
	err := e.try(ctx, func() (err error) {
		batch, err = e.client.BatchGet(ctx, w.resource, append(slices.Clone(ids), noSuchID))
		return err
	})
	if err != nil {
		return No, "Records cannot be read by id. " + sentence(err)
	}
	differ := 0
	for _, item := range batch.Items {
		if was := listed[item.ID]; item.Version == was.Version && item.UpdatedAt.Equal(was.UpdatedAt) && !bytes.Equal(item.Raw, was.Raw) {
			differ++
		}
	}
	switch {
	case !slices.Contains(batch.Missing, noSuchID):
		return No, "An id that does not exist is not named as missing"
	case len(batch.Missing) > 1:
		return No, fmt.Sprintf("%d of %d listed records are not found by id", len(batch.Missing)-1, len(ids))
	case differ > 0:
		return No, fmt.Sprintf("%d of %d records look different when they are read by id", differ, len(ids))
	}
	return Yes, ""
}
