package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// Balance counts each record of a tenant once, by its present state, in one snapshot. Known comes from what fetch has
// seen, the states from the ledger: they agree only if nothing was lost and nothing invented.
func (db *DB) Balance(ctx context.Context, tenant acmesync.TenantID) ([]acmesync.Balance, error) {
	balances := map[acmesync.Stream]*acmesync.Balance{}
	for _, s := range acmesync.Recorded() {
		balances[s] = &acmesync.Balance{Stream: s, Skipped: map[string]int64{}, Parked: map[string]int64{}}
	}
	err := db.snapshot(ctx, tenant, func(tx *sqlx.Tx) error {
		if err := countStates(ctx, tx, tenant, balances); err != nil {
			return err
		}
		if err := countKnown(ctx, tx, tenant, balances); err != nil {
			return err
		}
		if err := countArrivals(ctx, tx, tenant, balances); err != nil {
			return err
		}
		return countRefused(ctx, tx, tenant, balances[acmesync.Touchpoints])
	})
	if err != nil {
		return nil, fmt.Errorf("balance %s: %w", tenant, err)
	}
	out := make([]acmesync.Balance, 0, len(balances))
	for _, s := range acmesync.Recorded() {
		b := *balances[s]
		b.Balanced = b.Known == b.Sum() && b.Waiting == 0 && b.Arrivals.Waiting == 0 && b.Arrivals.Balanced() && len(b.CountsRefused) == 0
		out = append(out, b)
	}
	return out, nil
}

func countStates(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, balances map[acmesync.Stream]*acmesync.Balance) error {
	rows, err := tx.QueryxContext(ctx, `SELECT stream, state, code, count(*) FROM ledger WHERE tenant = $1 GROUP BY 1, 2, 3`, tenant)
	if err != nil {
		return fmt.Errorf("count the ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var stream acmesync.Stream
		var state acmesync.LedgerState
		var code string
		var n int64
		if err := rows.Scan(&stream, &state, &code, &n); err != nil {
			return fmt.Errorf("count the ledger: %w", err)
		}
		b := balances[stream]
		if b == nil {
			continue // events made in the app: they are balanced as the appointments they become
		}
		switch state {
		case acmesync.InStep:
			b.InStep += n
		case acmesync.Skipped:
			b.Skipped[code] += n
		case acmesync.Parked:
			b.Parked[code] += n
		case acmesync.Deleted:
			b.Deleted += n
		}
	}
	return rows.Err()
}

func countKnown(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, balances map[acmesync.Stream]*acmesync.Balance) error {
	var counts []struct {
		Stream  acmesync.Stream `db:"stream"`
		Known   int64           `db:"known"`
		Waiting int64           `db:"waiting"`
	}
	err := tx.SelectContext(ctx, &counts, `
		SELECT k.stream, count(*) AS known, count(*) FILTER (WHERE l.there IS NULL) AS waiting
		FROM known k LEFT JOIN LATERAL (
			SELECT true AS there FROM ledger
			WHERE tenant = k.tenant AND connection = k.connection AND stream = k.stream AND acme_id = k.acme_id OFFSET 0
		) l ON true
		WHERE k.tenant = $1 AND k.stream IN ('appointments', 'touchpoints') GROUP BY 1`, tenant)
	if err != nil {
		return fmt.Errorf("count what is known: %w", err)
	}
	for _, c := range counts {
		balances[c.Stream].Known, balances[c.Stream].Waiting = c.Known, c.Waiting
	}
	return nil
}

func countArrivals(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, balances map[acmesync.Stream]*acmesync.Balance) error {
	var counts []struct {
		Stream acmesync.Stream `db:"stream"`
		acmesync.ArrivalTotals
	}
	err := tx.SelectContext(ctx, &counts, `
		SELECT stream, sum(received)::bigint AS received, sum(done)::bigint AS done, sum(duplicate)::bigint AS duplicate,
			sum(superseded)::bigint AS superseded, sum(parked)::bigint AS parked, sum(waiting)::bigint AS waiting
		FROM (
			SELECT stream, records AS received, done, duplicate, superseded, parked,
				CASE WHEN ended_at IS NULL THEN records - done - duplicate - superseded - parked ELSE 0 END AS waiting
			FROM envelopes WHERE tenant = $1
			UNION ALL
			SELECT stream, received, done, duplicate, superseded, parked, 0 FROM arrival_totals WHERE tenant = $1
		) a WHERE stream IN ('appointments', 'touchpoints') GROUP BY stream`, tenant)
	if err != nil {
		return fmt.Errorf("count arrivals: %w", err)
	}
	for _, c := range counts {
		balances[c.Stream].Arrivals = c.ArrivalTotals
	}
	return nil
}

func countRefused(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, b *acmesync.Balance) error {
	var counts []struct {
		Code string `db:"refused"`
		N    int64  `db:"n"`
	}
	err := tx.SelectContext(ctx, &counts, `
		SELECT refused, count(*) AS n FROM cells WHERE tenant = $1 AND changed > sent AND refused <> '' GROUP BY 1`, tenant)
	if err != nil {
		return fmt.Errorf("count refused counts: %w", err)
	}
	for _, c := range counts {
		if b.CountsRefused == nil {
			b.CountsRefused = map[string]int64{}
		}
		b.CountsRefused[c.Code] = c.N
	}
	return nil
}
