package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"acmesync"
	"acmesync/app"

	"go.temporal.io/sdk/activity"
)

// writeSize is how many events one request to the app carries.
const writeSize = 500

// write brings a round's events to the app. It answers the failure that stopped it, if any: candidates that were not
// reached stay unsettled.
func (r *round) write(ctx context.Context) error {
	if err := r.mergeBoth(ctx); err != nil {
		return err
	}
	if err := r.markCancelled(ctx); err != nil {
		return err
	}
	if err := r.sparePeoples(ctx); err != nil {
		return err
	}
	var upserts, removals []*candidate
	for _, c := range r.candidates {
		switch {
		case c.ends != unsettled, c.both != nil, c.key.Stream == acmesync.AppEvents:
		case c.event != nil:
			upserts = append(upserts, c)
		case c.remove:
			removals = append(removals, c)
		}
		for _, p := range c.parts {
			if p.event != nil {
				upserts = append(upserts, p)
			} else {
				removals = append(removals, p)
			}
		}
	}
	if err := r.doubtInstances(ctx); err != nil {
		return err
	}
	if err := r.doubt(ctx, upserts, removals); err != nil {
		return err
	}
	if err := r.inBatches(ctx, upserts, r.upsert); err != nil {
		return err
	}
	return r.inBatches(ctx, removals, r.removeEvents)
}

func (r *round) inBatches(ctx context.Context, all []*candidate, send func(context.Context, []*candidate) error) error {
	for len(all) > 0 {
		n := min(len(all), writeSize)
		batch := slices.DeleteFunc(all[:n:n], func(c *candidate) bool { return c.of != nil && c.of.ends == parked })
		if len(batch) > 0 {
			if err := r.isolate(ctx, batch, send); err != nil {
				return err
			}
		}
		all = all[n:]
	}
	return nil
}

// Suspicion of a batch and of a record alone, beside an app that answers.
const (
	suspectTries = 3
	suspectAlone = 5
)

// isolate sends a batch. One that makes a healthy app fail three times is halved, a record that fails alone five times parks.
func (r *round) isolate(ctx context.Context, batch []*candidate, send func(context.Context, []*candidate) error) error {
	tries := suspectTries
	if len(batch) == 1 {
		tries = suspectAlone
	}
	for try := 1; ; try++ {
		activity.RecordHeartbeat(ctx, r.result)
		err := send(ctx, batch)
		if err == nil {
			r.called, r.failedAlone = true, 0
			return nil
		}
		var fromApp *app.Error
		if errors.As(err, &fromApp) && fromApp.Kind == app.KindRejected {
			return r.refused(ctx, batch, fromApp, send)
		}
		if f := sortFailure(err); !f.sick || !r.appHealthy(ctx) {
			return err
		}
		if try == tries {
			if len(batch) > 1 {
				break
			}
			if r.failedAlone++; r.failedAlone > 1 {
				return err // two in a row, alone, are no longer a matter of one record
			}
			break
		}
		if err := r.pause(ctx, time.Duration(try)*suspicionPause); err != nil {
			return err
		}
	}
	if len(batch) == 1 {
		r.log.Error("a record makes the app fail; it is parked", "stream", batch[0].key.Stream, "acme_id", batch[0].key.AcmeID)
		r.fail(batch[0], acmesync.Fault{Code: acmesync.DestinationError,
			Message: "The app fails whenever this record is written, alone too. Ask the app's support, then retry."})
		return nil
	}
	return r.halve(ctx, batch, send)
}

func (r *round) halve(ctx context.Context, batch []*candidate, send func(context.Context, []*candidate) error) error {
	if err := r.isolate(ctx, batch[:len(batch)/2], send); err != nil {
		return err
	}
	return r.isolate(ctx, batch[len(batch)/2:], send)
}

// refused: the app refuses a whole request; one of its records is the reason.
func (r *round) refused(ctx context.Context, batch []*candidate, e *app.Error, send func(context.Context, []*candidate) error) error {
	if len(batch) > 1 {
		return r.halve(ctx, batch, send)
	}
	r.fail(batch[0], rejected(e.Field))
	return nil
}

func (r *round) appHealthy(ctx context.Context) bool {
	activity.RecordHeartbeat(ctx, r.result)
	_, err := r.app.Workspace(ctx)
	return err == nil
}

func rejected(field string) acmesync.Fault {
	return acmesync.Fault{Code: acmesync.AppRejected, Field: field,
		Message: "The app refuses this record because of the field named here. Correct it in Acme; the next version is tried by itself."}
}

func (r *round) upsert(ctx context.Context, batch []*candidate) error {
	revision, err := r.nextRevision()
	if err != nil {
		return err
	}
	events := make([]app.Event, len(batch))
	for i, c := range batch {
		c.event.Revision = revision
		events[i] = *c.event
		events[i].AllowDuplicate = r.rules.MakesSecond()
	}
	results, err := r.app.UpsertEvents(ctx, events)
	if err != nil {
		return err
	}
	if err := r.take(ctx, batch, results, revision); err != nil {
		return err
	}
	linked, err := r.linkTwins(ctx, batch)
	if err != nil || len(linked) == 0 {
		return err
	}
	return r.upsert(ctx, linked)
}

func (r *round) removeEvents(ctx context.Context, batch []*candidate) error {
	revision, err := r.nextRevision()
	if err != nil {
		return err
	}
	refs := make([]app.EventRef, len(batch))
	for i, c := range batch {
		refs[i] = app.EventRef{ExternalID: acmesync.ExternalID(r.fence.Connection, c.eventID()), Revision: revision}
	}
	results, err := r.app.DeleteEvents(ctx, refs)
	if err != nil {
		return err
	}
	return r.take(ctx, batch, results, revision)
}

// take reads the app's answer item by item: what is finished is finished, the rest stays open.
func (r *round) take(ctx context.Context, batch []*candidate, results []app.Result, revision int64) error {
	for i, c := range batch {
		switch res := results[i]; res.Status {
		case app.Created, app.Updated, app.Unchanged:
			c.result.AppID, c.result.Revision, c.result.Steps, c.result.Mapped = res.ID, revision, acmesync.StepWritten, c.mapped
			c.ends = done
			r.took++
			r.result.Wrote++
		case app.Deleted, app.Absent:
			c.result.AppID, c.result.Revision, c.result.Steps = "", revision, 0
			c.ends = done
			r.took++
			r.result.Wrote++
		case app.Duplicate:
			c.twin = res.ID
		case app.Conflict: // people were faster: it is read again
		case app.Rejected:
			r.fail(c, rejected(res.Field))
		case app.Stale:
			return r.overtaken(ctx, res.Revision)
		case app.Failed:
			c.refused, c.alone = true, len(batch) == 1
		default:
			r.log.Warn("the app answered with a status we do not know", "status", res.Status)
		}
	}
	return nil
}

// overtaken: the app holds a higher revision than ours. Either a newer attempt has taken over, which the fence tells, or
// Postgres was restored from a backup older than the app's memory: then our token has to rise above what the app has seen.
func (r *round) overtaken(ctx context.Context, theirs int64) error {
	r.log.Warn("the app holds a newer revision than this attempt", "revision", theirs)
	if err := r.Lanes.RaiseToken(ctx, r.fence, acmesync.TokenOf(theirs)); err != nil {
		return err
	}
	return acmesync.ErrFenced
}
