package db

import (
	"context"
	"fmt"
	"time"
)

// Now is the time by Postgres's clock, which leases, holds and windows go by.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := db.sql.GetContext(ctx, &now, `SELECT now()`); err != nil {
		return now, fmt.Errorf("ask for the time: %w", err)
	}
	return now, nil
}
