package activities

import (
	"context"
	"time"

	"acmesync"
)

// lowWater rings the fetch lane when a backlog has been worked off to half of its bound: reading stopped at the bound, and
// would otherwise rest until it looks again by itself.
type lowWater struct {
	above  bool
	looked time.Time
}

// lookAtBacklog is how often a busy deliver lane looks at what is left.
const lookAtBacklog = time.Second

// low tells whether what waits leaves room for pages again.
func low(b acmesync.Backlog) bool {
	return b.Bytes <= maxBacklogBytes/2 && b.Records <= maxBacklogRecords/2
}

// crossed looks at the backlog, at most once a second, and tells whether it has come down to low water since the last look.
func (w *lowWater) crossed(ctx context.Context, inbox Inbox, t acmesync.TenantID) (bool, error) {
	if time.Since(w.looked) < lookAtBacklog {
		return false, nil
	}
	b, err := inbox.Backlog(ctx, t)
	if err != nil {
		return false, err
	}
	w.looked = time.Now()
	was := w.above
	w.above = !low(b)
	return was && !w.above, nil
}
