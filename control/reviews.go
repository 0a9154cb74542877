package control

import (
	"context"

	"acmesync"
)

// Decide retries or discards the records of a review, all open ones or those named, and answers how many it concerns;
// 0 where this decision was made before.
func (c *Control) Decide(ctx context.Context, id acmesync.TenantID, fingerprint string, d acmesync.Decision) (int, error) {
	invalid := &Invalid{Code: "invalid_value"}
	if d.Action != acmesync.OrderRetry && d.Action != acmesync.OrderDiscard {
		invalid.add("/action", "must be retry or discard")
	}
	if d.Action == acmesync.OrderDiscard && d.Reason == "" {
		invalid.add("/reason", "must say why the records are given up")
	}
	if err := invalid.err(); err != nil {
		return 0, err
	}
	n, err := c.DB.Decide(ctx, id, fingerprint, d)
	if err != nil {
		return 0, err
	}
	c.Later.Do("have the decision carried out", string(id), nudgeTimeout, func(ctx context.Context) error {
		flipped, err := c.DB.Mark(ctx, []acmesync.TenantID{id}, acmesync.Fetch, acmesync.Deliver)
		if err != nil {
			return err
		}
		if len(flipped) > 0 {
			if err := c.Workflows.Ring(ctx, id); err != nil {
				return err
			}
		}
		return c.Workflows.NoticeReview(ctx, id, fingerprint)
	})
	return n, nil
}
