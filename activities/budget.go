package activities

import (
	"context"
	"time"

	"acmesync"

	"go.temporal.io/sdk/activity"
)

// budget takes requests from the limit owner's budget in chunks, so that most calls ask nobody.
type budget struct {
	Budgets
	owner     string
	left      int       // of a chunk that anybody may use
	leftLive  int       // of a chunk of what is kept for live: backfill would wear it away
	unlimited time.Time // until then no limit is known and nobody is asked
}

const (
	budgetChunk   = 5
	budgetRecheck = 2 * time.Second
)

// take waits for one request of the budget.
func (b *budget) take(ctx context.Context, at *attempt, live bool) error {
	activity.RecordHeartbeat(ctx, at.result) // each call outside is a sign of life of its own
	if b.spend(live) || time.Now().Before(b.unlimited) {
		return nil
	}
	for {
		granted, wait, err := b.LeaseBudget(ctx, b.owner, budgetChunk, live)
		if err != nil {
			return err
		}
		if granted < 0 {
			b.unlimited = time.Now().Add(budgetRecheck)
			return nil
		}
		if granted > 0 {
			if live {
				b.leftLive = granted
			} else {
				b.left = granted
			}
			b.spend(live)
			return nil
		}
		if err := at.pause(ctx, max(wait, 10*time.Millisecond)); err != nil {
			return err
		}
		if at.leaving() {
			return acmesync.ErrEpoch // out of time: the attempt ends here and the next one waits on
		}
	}
}

// afford sees to it that so many requests of backfill can be made at once. It does not wait: wait says when to ask again, and
// zero that they are there.
func (b *budget) afford(ctx context.Context, requests int) (wait time.Duration, err error) {
	if b.left >= requests || time.Now().Before(b.unlimited) {
		return 0, nil
	}
	granted, wait, err := b.LeaseAtLeast(ctx, b.owner, max(budgetChunk, requests), requests-b.left, false)
	switch {
	case err != nil:
		return 0, err
	case granted < 0:
		b.unlimited = time.Now().Add(budgetRecheck)
		return 0, nil
	case granted > 0: // fewer than asked for only where there never are as many
		b.left += granted
		return 0, nil
	}
	return max(wait, 10*time.Millisecond), nil
}

// spend uses up one request that was leased already.
func (b *budget) spend(live bool) bool {
	switch {
	case live && b.leftLive > 0:
		b.leftLive--
	case b.left > 0:
		b.left--
	default:
		return false
	}
	return true
}
