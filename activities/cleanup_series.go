package activities

import (
	"context"

	"acmesync"
	"acmesync/app"

	"go.temporal.io/sdk/activity"
)

// removeSeries takes the events of series out of the app, and answers the number of the last request.
func (a *Activities) removeSeries(ctx context.Context, out *outside, f acmesync.Fence) (n int64, err error) {
	for {
		written, err := a.Cleanups.WrittenInstances(ctx, f, writeSize)
		if err != nil || len(written) == 0 {
			return n, err
		}
		n++
		activity.RecordHeartbeat(ctx, n)
		refs := make([]app.EventRef, len(written))
		for k, i := range written {
			refs[k] = app.EventRef{
				ExternalID: acmesync.ExternalID(f.Connection, acmesync.InstanceID(i.Series, i.Original)), Revision: f.Revision(n),
			}
		}
		results, err := out.app.DeleteEvents(ctx, refs)
		if err != nil {
			return n, err
		}
		var gone []acmesync.Instance
		for k, i := range written {
			if s := results[k].Status; s == app.Deleted || s == app.Absent {
				gone = append(gone, i)
			}
		}
		if err := a.Cleanups.CommitRemovedInstances(ctx, f, gone); err != nil {
			return n, err
		}
		if len(gone) < len(written) {
			return n, &app.Error{Kind: app.KindUnavailable, Op: "remove events of series", Code: "item_failed"}
		}
	}
}
