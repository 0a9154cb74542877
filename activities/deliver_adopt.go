package activities

import (
	"context"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"
)

// adoptUnlinked links appointments that bear our reference and that the ledger does not know: their link was lost, or has not
// been made yet.
func (r *round) adoptUnlinked(ctx context.Context, open []*candidate) error {
	byApp := map[string]*candidate{}
	var ids []string
	for _, c := range open {
		if c.known || c.both.change != nil || c.event == nil {
			continue
		}
		a, err := acme.DecodeAppointment(c.item.Raw)
		if err != nil {
			continue
		}
		if appID, ours := bornAs(r.fence.Connection, a.ExternalRef); ours {
			byApp[appID], ids = c, append(ids, appID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	changes, err := r.app.ChangesOf(ctx, ids, nil)
	if err != nil {
		return err
	}
	intents, err := r.TwoWay.Intents(ctx, r.fence)
	if err != nil {
		return err
	}
	for _, i := range intents {
		if c := byApp[i.AppID]; c != nil { // the intent itself goes on with it, at the end of this round
			c.ends, c.held = superseded, true
			r.commit.Hints = append(r.commit.Hints, c.key)
			delete(byApp, i.AppID)
		}
	}
	for _, change := range changes {
		c := byApp[change.ID]
		if c == nil || change.ExternalID != "" {
			continue
		}
		if change.Deleted {
			c.both.change = &change // people have deleted it before it was linked
			continue
		}
		revision, err := r.nextRevision()
		if err != nil {
			return err
		}
		results, err := r.app.LinkEvents(ctx, []app.EventLink{{
			ID: change.ID, ExternalID: acmesync.ExternalID(r.fence.Connection, c.key.AcmeID), Revision: revision,
		}})
		if err != nil {
			return err
		}
		if s := results[0].Status; s == app.Updated || s == app.Unchanged {
			change.Version = results[0].Version
			change.ExternalID = c.event.ExternalID
			c.both.change, c.both.agreed = &change, true
			c.both.state = mapping.State{Acme: *c.event, App: *change.Event}
		}
	}
	return nil
}
