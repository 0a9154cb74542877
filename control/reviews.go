package control

import (
	"context"
	"fmt"
	"strings"
	"time"

	"acmesync"
)

// Review is a review under the id that it has outside its tenant: "{tenant}.{fingerprint}".
type Review struct {
	ID string `json:"id"`
	acmesync.Review
}

// ParkedRecord is a record of a review without what it says.
type ParkedRecord struct {
	Stream   acmesync.Stream `json:"stream"`
	AcmeID   string          `json:"acme_id"`
	Code     acmesync.Code   `json:"code"`
	Field    string          `json:"field,omitempty"`
	Message  string          `json:"message"`
	Version  int64           `json:"version"`
	Tries    int             `json:"tries"`
	ParkedAt time.Time       `json:"parked_at"`
}

// ReviewID is a review's id outside its tenant.
func ReviewID(id acmesync.TenantID, fingerprint string) string { return string(id) + "." + fingerprint }

// ParseReviewID takes such an id apart: a tenant's id holds no dot. One that could not exist is ErrNotFound.
func ParseReviewID(text string) (acmesync.TenantID, string, error) {
	tenant, fingerprint, ok := strings.Cut(text, ".")
	id := acmesync.TenantID(tenant)
	if !ok || !id.Valid() || len(fingerprint) != 16 || strings.Trim(fingerprint, "0123456789abcdef") != "" {
		return "", "", fmt.Errorf("find the review: %w", acmesync.ErrNotFound)
	}
	return id, fingerprint, nil
}

// Reviews lists open reviews of a tenant, or of all where it is empty; with all, resolved ones too. Newest first.
func (c *Control) Reviews(ctx context.Context, id acmesync.TenantID, all bool, limit int) ([]Review, error) {
	if id != "" {
		if !id.Valid() {
			return nil, fmt.Errorf("list reviews: %w", acmesync.ErrNotFound)
		}
		if _, err := c.DB.Tenant(ctx, id); err != nil {
			return nil, err
		}
	}
	found, err := c.DB.Reviews(ctx, id, all, limit)
	if err != nil {
		return nil, err
	}
	reviews := make([]Review, len(found))
	for i, r := range found {
		reviews[i] = Review{ID: ReviewID(r.Tenant, r.Fingerprint), Review: r}
	}
	return reviews, nil
}

// Review reads one.
func (c *Control) Review(ctx context.Context, id acmesync.TenantID, fingerprint string) (Review, error) {
	r, err := c.DB.Review(ctx, id, fingerprint)
	if err != nil {
		return Review{}, err
	}
	return Review{ID: ReviewID(id, fingerprint), Review: r}, nil
}

// ReviewRecords lists a review's open records, oldest first.
func (c *Control) ReviewRecords(ctx context.Context, id acmesync.TenantID, fingerprint string, limit int) ([]ParkedRecord, error) {
	if _, err := c.DB.Review(ctx, id, fingerprint); err != nil {
		return nil, err
	}
	found, err := c.DB.ParkedRecords(ctx, id, fingerprint, limit)
	if err != nil {
		return nil, err
	}
	records := make([]ParkedRecord, len(found))
	for i, r := range found {
		records[i] = ParkedRecord{
			Stream: r.Key.Stream, AcmeID: r.Key.AcmeID, Code: r.Fault.Code, Field: r.Fault.Field, Message: r.Fault.Message,
			Version: r.Version, Tries: r.Tries, ParkedAt: r.ParkedAt,
		}
	}
	return records, nil
}

// DecisionID is the id under which a decision applies once, scoped to review and action.
func DecisionID(fingerprint string, action acmesync.OrderAction, key string) string {
	return CommandID("review/"+fingerprint+"/"+string(action), key)
}

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
