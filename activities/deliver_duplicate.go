package activities

import (
	"context"

	"acmesync"
	"acmesync/app"
)

// linkTwins deals with records whose event the app says it has already, made by a person: the event becomes the record's own and
// is brought up to date, instead of standing beside another one. Where the first wins it stays as it is.
func (r *round) linkTwins(ctx context.Context, batch []*candidate) error {
	var twins []*candidate
	var links []app.EventLink
	for _, c := range batch {
		switch {
		case c.twin == "":
		case c.linked: // linked, and still said to be another's
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
		return nil
	}
	revision, err := r.nextRevision()
	if err != nil {
		return err
	}
	for i := range links {
		links[i].Revision = revision
	}
	results, err := r.app.LinkEvents(ctx, links)
	if err != nil {
		return err
	}
	var linked []*candidate
	for i, c := range twins {
		c.twin, c.linked = "", true
		switch results[i].Status {
		case app.Updated, app.Unchanged:
			linked = append(linked, c)
		case app.Rejected:
			r.fail(c, rejected(results[i].Field))
		case app.Stale:
			return r.overtaken(ctx, results[i].Revision)
		default: // stays open: the app could not do this one now
		}
	}
	if len(linked) == 0 {
		return nil
	}
	return r.upsert(ctx, linked)
}
