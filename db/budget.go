package db

import (
	"context"
	"fmt"
	"time"
)

// LeaseBudget takes up to want requests from an owner's rate limit; backfill leaves a share for live. Granted is -1 where no
// limit is known, 0 when the caller has to wait.
func (db *DB) LeaseBudget(ctx context.Context, owner string, want int, live bool) (granted int, wait time.Duration, err error) {
	return db.LeaseAtLeast(ctx, owner, want, 1, live)
}

// LeaseAtLeast takes none where there are fewer than so many, and says when there will be. Where there never are as many, it takes
// what there is.
func (db *DB) LeaseAtLeast(ctx context.Context, owner string, want, least int, live bool) (granted int, wait time.Duration, err error) {
	var ms int64
	err = db.sql.QueryRowContext(ctx, `SELECT granted, wait_ms FROM budget_lease($1, $2, $3, $4)`, owner, want, live, least).Scan(&granted, &ms)
	if err != nil {
		return 0, 0, fmt.Errorf("lease from the budget of %s: %w", owner, err)
	}
	return granted, time.Duration(ms) * time.Millisecond, nil
}

// LearnBudget keeps an owner's limit (requests 0: unchanged) and for how long Acme refuses everybody under it.
func (db *DB) LearnBudget(ctx context.Context, owner string, requests int, per, refused time.Duration) error {
	_, err := db.sql.ExecContext(ctx, `SELECT budget_learn($1, $2, $3, $4)`, owner, requests, int(max(per, time.Second).Seconds()), refused.Milliseconds())
	if err != nil {
		return fmt.Errorf("learn the budget of %s: %w", owner, err)
	}
	return nil
}
