package activities

import (
	"context"

	"acmesync"
	"acmesync/app"

	"go.temporal.io/sdk/activity"
)

// CleanupResult says how many effects outside are still to be undone.
type CleanupResult struct {
	Left int `json:"left"`
}

// CleanUp undoes what a tenant's end has left outside: Acme's subscription, and the events where that was asked for. What
// cannot be undone now stays on the list, and the sweep comes back to it.
func (a *Activities) CleanUp(ctx context.Context, in TenantInput) (CleanupResult, error) {
	if err := a.tellEnded(ctx, in.Tenant); err != nil {
		return CleanupResult{}, err
	}
	todo, err := a.Cleanups.Cleanups(ctx, in.Tenant)
	if err != nil || len(todo) == 0 {
		return CleanupResult{}, err
	}
	tenant, err := a.Tenants.Tenant(ctx, in.Tenant)
	if err != nil {
		return CleanupResult{}, err
	}
	out, err := a.outsideOf(ctx, tenant)
	if err != nil {
		return CleanupResult{}, err
	}
	left := 0
	for _, c := range todo {
		if err := a.cleanUp(ctx, out, in.Tenant, c); err != nil {
			if sortFailure(err).verdict() == repeat {
				return CleanupResult{}, err
			}
			activity.GetLogger(ctx).Warn("a cleanup has to wait", "tenant_id", in.Tenant, "kind", c.Kind, "error", err)
			if err := a.Cleanups.PutOffCleanup(ctx, in.Tenant, c); err != nil {
				return CleanupResult{}, err
			}
			left++
			continue
		}
		if err := a.Cleanups.CleanedUp(ctx, in.Tenant, c); err != nil {
			return CleanupResult{}, err
		}
	}
	return CleanupResult{Left: left}, nil
}

// tellEnded has the reviews told whose records have been closed with their tenant.
func (a *Activities) tellEnded(ctx context.Context, t acmesync.TenantID) error {
	ended, err := a.Reviews.EndedReviews(ctx, t)
	if err != nil {
		return err
	}
	for _, fingerprint := range ended {
		if err := a.Doorbell.NoticeReview(ctx, t, fingerprint); err != nil {
			activity.GetLogger(ctx).Warn("a review was not noticed", "tenant_id", t, "fingerprint", fingerprint, "error", err)
		}
	}
	return nil
}

func (a *Activities) cleanUp(ctx context.Context, out *outside, t acmesync.TenantID, c acmesync.Cleanup) error {
	if c.Kind == "unsubscribe" {
		return out.acme.Unsubscribe(ctx, c.Target)
	}
	if c.Kind == "unsubscribe_app" {
		return out.app.Unsubscribe(ctx, c.Target)
	}
	return a.removeAll(ctx, out, t)
}

// removeAll takes every delivered event of a deactivated tenant out of the app, under a fence of the deliver lane.
func (a *Activities) removeAll(ctx context.Context, out *outside, t acmesync.TenantID) error {
	f, err := a.Cleanups.BeginCleanup(ctx, t)
	if err != nil {
		return err
	}
	before, err := a.removeSeries(ctx, out, f)
	if err != nil {
		return err
	}
	after := ""
	for n := before + 1; ; n++ {
		activity.RecordHeartbeat(ctx, n)
		entries, err := a.Cleanups.Written(ctx, f, after, writeSize)
		if err != nil || len(entries) == 0 {
			return err
		}
		after = entries[len(entries)-1].Key.AcmeID
		refs := make([]app.EventRef, len(entries))
		for i, e := range entries {
			refs[i] = app.EventRef{ExternalID: acmesync.ExternalID(f.Connection, e.Key.AcmeID), Revision: f.Revision(n)}
		}
		results, err := out.app.DeleteEvents(ctx, refs)
		if err != nil {
			return err
		}
		removed, refused := entries[:0], 0
		for i, e := range entries {
			if s := results[i].Status; s == app.Deleted || s == app.Absent {
				e.Steps, e.AppID, e.Hash, e.Revision = 0, "", "", f.Revision(n)
				removed = append(removed, e)
			} else {
				refused++
			}
		}
		if err := a.Cleanups.CommitRemoved(ctx, f, removed); err != nil {
			return err
		}
		if refused > 0 {
			return &app.Error{Kind: app.KindUnavailable, Op: "remove events", Code: "item_failed"}
		}
	}
}
