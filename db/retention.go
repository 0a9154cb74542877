package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// How long the inbox remembers. What is decided about a record stays for ever: its ledger row, its parked row, the audit.
const (
	bodyDays   = 7  // after an envelope has ended
	hookIDDays = 30 // a webhook that comes later than that is taken for a new one; Acme gives up after days
	inboxDays  = 90 // of arrivals and ended envelopes; their counts are kept
	tidyBatch  = 2000
)

// Tidy forgets a bounded part of what the inbox no longer needs, and says whether there is more. It looks once an hour;
// in between it answers at once.
func (db *DB) Tidy(ctx context.Context) (acmesync.Tidied, error) {
	var t acmesync.Tidied
	err := db.as(ctx, fleetRole, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &t, `SELECT bodies, days, hooks, more FROM tidy($1, $2, $3, $4)`, bodyDays, inboxDays, hookIDDays, tidyBatch)
	})
	if err != nil {
		return t, fmt.Errorf("tidy the inbox: %w", err)
	}
	return t, nil
}
