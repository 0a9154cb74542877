package activities

import (
	"context"

	"acmesync"
	"acmesync/app"
)

func (r *round) upsertBoth(ctx context.Context, batch []*candidate) error {
	revision, err := r.nextRevision()
	if err != nil {
		return err
	}
	events := make([]app.Event, len(batch))
	for i, c := range batch {
		events[i] = c.both.merged.ToApp
		events[i].ExternalID, events[i].Revision = acmesync.ExternalID(r.fence.Connection, c.eventID()), revision
		events[i].AllowDuplicate = r.rules.MakesSecond()
		if c.both.change != nil {
			events[i].IfVersion = c.both.change.Version
		}
	}
	results, err := r.app.UpsertEvents(ctx, events)
	if err != nil {
		return err
	}
	if err := r.takeBoth(ctx, batch, results, revision); err != nil {
		return err
	}
	_, err = r.linkTwins(ctx, batch) // what was linked is read and merged like any other
	return err
}

func (r *round) removeBoth(ctx context.Context, batch []*candidate) error {
	revision, err := r.nextRevision()
	if err != nil {
		return err
	}
	refs := make([]app.EventRef, len(batch))
	for i, c := range batch {
		refs[i] = app.EventRef{ExternalID: acmesync.ExternalID(r.fence.Connection, c.eventID()), Revision: revision, IfVersion: c.both.change.Version}
	}
	results, err := r.app.DeleteEvents(ctx, refs)
	if err != nil {
		return err
	}
	return r.takeBoth(ctx, batch, results, revision)
}

// takeBoth reads the app's answer item by item. An event that somebody has changed meanwhile is merged again.
func (r *round) takeBoth(ctx context.Context, batch []*candidate, results []app.Result, revision int64) error {
	for i, c := range batch {
		if results[i].Status == app.Conflict {
			continue
		}
		if err := r.take(ctx, batch[i:i+1], results[i:i+1], revision); err != nil {
			return err
		}
		if c.ends != done {
			continue
		}
		b := c.both
		if c.event == nil {
			r.agree(c)
			continue
		}
		b.change = &app.Change{ID: results[i].ID, Version: results[i].Version, Event: &b.merged.ToApp}
		b.merged.ToApp.Revision = revision
		if b.wrote == acmesync.AcmeSide {
			b.wrote = "" // one round, both ways: nobody has written anything back
		} else {
			b.wrote = acmesync.AppSide
		}
		r.agree(c)
	}
	return nil
}
