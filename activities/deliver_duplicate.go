package activities

import (
	"context"

	"acmesync"
	"acmesync/app"
)

// linkTwins deals with records whose event the app says it has already, made by a person: the event becomes the record's own
// instead of standing beside another one, and is answered for its caller to bring it up to date. Where the first wins it stays as
// it is. Where the tenant wants a second one it is asked for at once, see upsert, and what the app answers is never linked.
func (r *round) linkTwins(ctx context.Context, batch []*candidate) (linked []*candidate, err error) {
	var twins []*candidate
	var links []app.EventLink
	for _, c := range batch {
		switch {
		case c.twin == "":
		case c.linked, r.rules.MakesSecond(): // linked, or allowed, and still said to be another's
			c.twin = ""
			r.fail(c, rejected("external_id"))
		case r.rules.KeepsFirst():
			c.result.State, c.result.Code, c.result.Field, c.ends, c.event = acmesync.Skipped, acmesync.SameAppointment, "", done, nil
		default:
			twins = append(twins, c)
			links = append(links, app.EventLink{ID: c.twin, ExternalID: c.event.ExternalID})
		}
	}
	if len(twins) == 0 {
		return nil, nil
	}
	revision, err := r.nextRevision()
	if err != nil {
		return nil, err
	}
	for i := range links {
		links[i].Revision = revision
	}
	results, err := r.app.LinkEvents(ctx, links)
	if err != nil {
		return nil, err
	}
	for i, c := range twins {
		c.twin, c.linked = "", true
		switch results[i].Status {
		case app.Updated, app.Unchanged:
			linked = append(linked, c)
		case app.Rejected:
			r.fail(c, rejected(results[i].Field))
		case app.Stale:
			return nil, r.overtaken(ctx, results[i].Revision)
		default: // stays open: the app could not do this one now
		}
	}
	return linked, nil
}
