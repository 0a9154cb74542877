package activities

import (
	"context"
	"time"

	"acmesync"
)

// noticeEvery is how long a review that was told just now waits to be told again while the lane has more to do. A first
// sync parks into the same few reviews page after page: told each time, they would cost more than all the rest of it.
const noticeEvery = 5 * time.Second

// notices are the reviews of a tenant whose workflows are to be told that something has changed. The sweep makes up for one
// that got lost before any workflow had noticed the review.
type notices struct {
	waiting map[string]bool      // fingerprints
	told    map[string]time.Time // when each was told last
}

func (n *notices) parked(records []acmesync.ParkedRecord) {
	for _, r := range records {
		n.add(acmesync.Fingerprint(r.Key.Stream, r.Fault.Code, r.Fault.Field))
	}
}

func (n *notices) add(fingerprint string) {
	if n.waiting == nil {
		n.waiting, n.told = map[string]bool{}, map[string]time.Time{}
	}
	n.waiting[fingerprint] = true
}

// tellReviews tells those that wait; not all: only those that have not been told for a while.
func (at *attempt) tellReviews(ctx context.Context, all bool) {
	n := &at.notices
	for fingerprint := range n.waiting {
		if !all && time.Since(n.told[fingerprint]) < noticeEvery {
			continue
		}
		if err := at.Doorbell.NoticeReview(ctx, at.fence.Tenant, fingerprint); err != nil {
			at.log.Warn("a review was not noticed", "fingerprint", fingerprint, "error", err)
		}
		n.told[fingerprint] = time.Now()
		delete(n.waiting, fingerprint)
	}
}
