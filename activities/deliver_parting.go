package activities

import (
	"context"

	"acmesync"
	"acmesync/app"
	"acmesync/mapping"

	"go.temporal.io/sdk/activity"
)

// depart says what becomes of the events of a record that Acme has deleted. The ledger keeps a tombstone in any case; of events that
// stay it keeps the steps too, so that an undelete, other rules or a deactivation find them.
func (r *round) depart(c *candidate, there bool) {
	fate := r.rules.Deleted()
	c.remove, c.mark, c.stays = there && fate == acmesync.FateRemove, there && fate == acmesync.FateMark, there && fate != acmesync.FateRemove
}

// markCancelled makes of each event that is to show that it was deleted what the app has of it, cancelled: Acme may have nothing
// left to map.
func (r *round) markCancelled(ctx context.Context) error {
	var series []*candidate
	for _, c := range r.candidates {
		switch {
		case c.ends != unsettled || !c.mark:
		case c.entry.Steps&seriesSteps != 0:
			series = append(series, c)
		default:
			if err := r.markOne(ctx, c); err != nil {
				return err
			}
			if c.event == nil {
				c.ends = done
			}
		}
	}
	return r.markSeries(ctx, series)
}

// markOne finds the event of a candidate or a part. One that is cancelled already, or that somebody has taken out of the app, is
// left as it is.
func (r *round) markOne(ctx context.Context, c *candidate) error {
	activity.RecordHeartbeat(ctx, r.result)
	found, err := r.app.Events(ctx, app.EventQuery{ExternalID: acmesync.ExternalID(r.fence.Connection, c.eventID())})
	if err != nil {
		return err
	}
	switch {
	case len(found.Events) == 0:
		c.result.AppID, c.result.Steps, c.result.Mapped = "", 0, ""
	case found.Events[0].Status == app.StatusCancelled:
		c.result.AppID, c.result.Steps = found.Events[0].ID, acmesync.StepWritten
	default:
		event := mapping.Cancelled(found.Events[0].Event)
		event.IfVersion = 0
		c.event, c.mapped = &event, mapping.EventHash(event)
	}
	return nil
}

// markSeries marks the events that masters and exceptions hold in their series.
func (r *round) markSeries(ctx context.Context, records []*candidate) error {
	if len(records) == 0 {
		return nil
	}
	ids := make([]string, len(records))
	for i, c := range records {
		ids[i] = c.key.AcmeID
	}
	rows, err := r.Ledger.Instances(ctx, r.fence, ids, nil)
	if err != nil {
		return err
	}
	for _, c := range records {
		for _, row := range rows {
			if row.Holder != c.key.AcmeID || row.AppID == "" {
				continue
			}
			p := &candidate{key: c.key, serial: serial{of: c, instance: row}}
			if err := r.markOne(ctx, p); err != nil {
				return err
			}
			if p.event != nil {
				c.parts = append(c.parts, p)
			}
		}
		r.inParts = append(r.inParts, c)
	}
	return nil
}
