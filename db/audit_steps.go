package db

import (
	"context"
	"errors"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// OpenAudit reads the audit that is under way, for the deliver lane; ok is false where there is none.
func (db *DB) OpenAudit(ctx context.Context, f acmesync.Fence) (a acmesync.Audit, ok bool, err error) {
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &a, `
			SELECT a.audit, a.state, a.actor, a.reason, a.started_at, a.complete, a.records, a.events, a.counts, a.cursor,
				EXISTS (SELECT 1 FROM positions p WHERE p.tenant = a.tenant AND p.audit = a.audit AND p.backfilled_at IS NULL) AS reads_lists,
				CASE a.state
					WHEN 'reading' THEN EXISTS (SELECT 1 FROM envelopes e WHERE e.tenant = a.tenant AND e.lane = 'deliver' AND e.ended_at IS NULL AND e.way = 'audit')
					WHEN 'comparing' THEN false WHEN 'counting' THEN false
					ELSE EXISTS (SELECT 1 FROM envelopes e WHERE e.tenant = a.tenant AND e.lane = 'deliver' AND e.ended_at IS NULL AND e.received_at > a.started_at)
						OR EXISTS (SELECT 1 FROM envelopes e JOIN audit_differences d ON d.tenant = e.tenant AND d.audit = a.audit AND d.stream = e.stream AND d.id = e.acme_id
							WHERE e.tenant = a.tenant AND e.lane = 'fetch' AND e.ended_at IS NULL AND d.outcome = 'open')
				END AS waiting
			FROM audits a WHERE a.tenant = $1 AND a.connection = $2 AND a.ended_at IS NULL`, f.Tenant, f.Connection)
	})
	if errors.Is(notFound(err), acmesync.ErrNotFound) {
		return a, false, nil
	}
	if err != nil {
		return a, false, fmt.Errorf("read the audit of %s: %w", f.Tenant, err)
	}
	return a, true, nil
}

// CompareLists ends the walk over Acme's lists. Records that they do not show are asked for by id, unless a list was not read
// whole, or they are so many that nobody believes it: then a review asks a person, and nothing is deleted. It answers the streams
// that have such a review.
func (db *DB) CompareLists(ctx context.Context, f acmesync.Fence, audit string) (withheld []acmesync.Stream, err error) {
	err = db.inSealing(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if open, err := stillIn(ctx, tx, f, audit, acmesync.AuditReading); err != nil || !open {
			return err
		}
		var complete bool
		if err := tx.GetContext(ctx, &complete, `
			UPDATE audits a SET state = 'asking', records = (SELECT count(*) FROM audit_seen s WHERE s.tenant = $1 AND s.audit = $2),
				complete = NOT EXISTS (SELECT 1 FROM positions p WHERE p.tenant = $1 AND p.audit = a.audit AND p.gaps > 0)
			WHERE a.tenant = $1 AND a.audit = $2 RETURNING complete`, f.Tenant, audit); err != nil {
			return err
		}
		if err := healAccounts(ctx, tx, f, audit); err != nil {
			return err
		}
		if !complete {
			return nil
		}
		withheld, err = db.askForAbsent(ctx, tx, f, audit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("compare Acme's lists of %s: %w", f.Tenant, err)
	}
	return withheld, nil
}

func (db *DB) askForAbsent(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, audit string) (withheld []acmesync.Stream, err error) {
	var absent []acmesync.Key
	rows, err := tx.QueryxContext(ctx, `
		INSERT INTO audit_differences (tenant, audit, side, stream, id, kind)
		SELECT l.tenant, a.audit, 'acme', l.stream, l.acme_id, 'absent'
		FROM audits a JOIN positions p ON p.tenant = a.tenant AND p.audit = a.audit
			JOIN ledger l ON l.tenant = a.tenant AND l.connection = a.connection AND l.stream = p.stream
			LEFT JOIN LATERAL (
				SELECT id FROM audit_seen s WHERE s.tenant = a.tenant AND s.audit = a.audit AND s.id = l.stream || '/' || l.acme_id OFFSET 0
			) s ON true
		WHERE a.tenant = $1 AND a.audit = $2 AND l.state <> 'deleted' AND l.updated_at < a.started_at AND s.id IS NULL
		ON CONFLICT DO NOTHING RETURNING stream, id`, f.Tenant, audit)
	if err != nil {
		return nil, fmt.Errorf("look for absent records: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k acmesync.Key
		if err := rows.Scan(&k.Stream, &k.AcmeID); err != nil {
			return nil, fmt.Errorf("look for absent records: %w", err)
		}
		absent = append(absent, k)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for absent records: %w", err)
	}
	byStream := map[acmesync.Stream][]string{}
	for _, k := range absent {
		byStream[k.Stream] = append(byStream[k.Stream], k.AcmeID)
	}
	for stream, ids := range byStream {
		tooMany, err := db.withhold(ctx, tx, f, acmesync.Absent{Stream: stream, IDs: ids})
		if err != nil {
			return nil, err
		}
		if tooMany {
			withheld = append(withheld, stream)
			if _, err := tx.ExecContext(ctx, `UPDATE audit_differences SET outcome = 'withheld' WHERE tenant = $1 AND audit = $2 AND stream = $3 AND kind = 'absent'`,
				f.Tenant, audit, stream); err != nil {
				return nil, fmt.Errorf("withhold absent records: %w", err)
			}
			continue
		}
		keys := make([]acmesync.Key, len(ids))
		for i, id := range ids {
			keys[i] = acmesync.Key{Stream: stream, AcmeID: id}
		}
		if err := storeHints(ctx, tx, f, keys); err != nil {
			return nil, err
		}
	}
	return withheld, nil
}

// Rows are joined laterally here and below, for the reason that ledgerLookup has: on tables without statistics Postgres would compare
// all with all.

// healAccounts puts right what Postgres alone can tell: what fetch knows and the ledger does not, touch-points whose fact is not
// there, counts that are not the sum of their facts.
func healAccounts(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, audit string) error {
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO known (tenant, connection, stream, acme_id)
		SELECT tenant, connection, stream, acme_id FROM ledger WHERE tenant = $1 AND connection = $2 AND stream IN ('appointments', 'touchpoints')
		ON CONFLICT DO NOTHING`, f.Tenant, f.Connection); err != nil {
		return fmt.Errorf("balance what is known: %w", err)
	}
	var lost []acmesync.Key
	rows, err := tx.QueryxContext(ctx, `
		WITH lost AS (
			SELECT k.stream, k.acme_id, 'missing' AS kind FROM known k LEFT JOIN LATERAL (
				SELECT acme_id FROM ledger l WHERE l.tenant = k.tenant AND l.connection = k.connection AND l.stream = k.stream AND l.acme_id = k.acme_id OFFSET 0
			) l ON true
			WHERE k.tenant = $1 AND k.connection = $2 AND l.acme_id IS NULL
			UNION ALL
			SELECT l.stream, l.acme_id, 'outdated' FROM ledger l LEFT JOIN LATERAL (
				SELECT acme_id FROM facts x WHERE x.tenant = l.tenant AND x.connection = l.connection AND x.acme_id = l.acme_id OFFSET 0
			) x ON true
			WHERE l.tenant = $1 AND l.connection = $2 AND l.stream = 'touchpoints' AND (l.state = 'in_step') <> (x.acme_id IS NOT NULL) AND l.state <> 'parked'
		), waiting AS (
			SELECT stream, acme_id FROM envelopes WHERE tenant = $1 AND ended_at IS NULL AND acme_id IS NOT NULL
			UNION SELECT x.stream, unnest(x.ids) FROM envelopes e JOIN arrivals x ON x.tenant = e.tenant AND x.envelope = e.id AND x.day = e.day
				WHERE e.tenant = $1 AND e.lane = 'deliver' AND e.ended_at IS NULL
		)
		INSERT INTO audit_differences (tenant, audit, side, stream, id, kind)
		SELECT $1, $3, 'acme', lost.stream, lost.acme_id, lost.kind FROM lost LEFT JOIN waiting w USING (stream, acme_id) WHERE w.acme_id IS NULL
		ON CONFLICT DO NOTHING RETURNING stream, id`, f.Tenant, f.Connection, audit)
	if err != nil {
		return fmt.Errorf("balance the ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k acmesync.Key
		if err := rows.Scan(&k.Stream, &k.AcmeID); err != nil {
			return fmt.Errorf("balance the ledger: %w", err)
		}
		lost = append(lost, k)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("balance the ledger: %w", err)
	}
	if err := doubtKeys(ctx, tx, f, lost); err != nil {
		return err
	}
	if err := storeHints(ctx, tx, f, lost); err != nil {
		return err
	}
	return recountCells(ctx, tx, f, audit)
}

// recountCells adds the facts up again. A count that was wrong is due to be sent.
func recountCells(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, audit string) error {
	_, err := tx.ExecContext(ctx, `
		WITH facts_now AS (
			SELECT user_id, day, channel, direction, count(*)::int AS n FROM facts WHERE tenant = $1 AND connection = $2 GROUP BY 1, 2, 3, 4
		), wrong AS (
			SELECT user_id, day, channel, direction, coalesce(x.n, 0) AS n
			FROM (SELECT * FROM cells WHERE tenant = $1 AND connection = $2) c FULL JOIN facts_now x USING (user_id, day, channel, direction)
			WHERE coalesce(c.n, 0) <> coalesce(x.n, 0)
		), righted AS (
			INSERT INTO cells AS c (tenant, connection, user_id, day, channel, direction, n) SELECT $1, $2, * FROM wrong
			ON CONFLICT (tenant, connection, user_id, day, channel, direction) DO UPDATE SET n = excluded.n, changed = c.changed + 1, due_at = NULL
		)
		INSERT INTO audit_differences (tenant, audit, side, stream, id, kind, outcome, healed_at)
		SELECT $1, $3, 'acme', 'touchpoints', concat_ws('/', user_id, day, channel, direction), 'count', 'healed', now() FROM wrong
		ON CONFLICT DO NOTHING`, f.Tenant, f.Connection, audit)
	if err != nil {
		return fmt.Errorf("add the facts up again: %w", err)
	}
	return nil
}

// nextAuditState is what follows when a state's work is done.
var nextAuditState = map[acmesync.AuditState]acmesync.AuditState{
	acmesync.AuditAsking:    acmesync.AuditComparing,
	acmesync.AuditComparing: acmesync.AuditCounting,
	acmesync.AuditCounting:  acmesync.AuditSettling,
}

// CommitAudit writes down what one step of an audit over the app has come to, and moves on where its walk has ended.
func (db *DB) CommitAudit(ctx context.Context, f acmesync.Fence, state acmesync.AuditState, a acmesync.Audited) error {
	err := db.inSealing(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if open, err := stillIn(ctx, tx, f, a.Audit, state); err != nil || !open {
			return err // it was cancelled meanwhile
		}
		if err := noteSeen(ctx, tx, f, state, a); err != nil {
			return err
		}
		if err := noteDifferences(ctx, tx, f, a.Audit, a.Differences); err != nil {
			return err
		}
		if err := doubtKeys(ctx, tx, f, a.Doubt); err != nil {
			return err
		}
		if err := loseInstances(ctx, tx, f, a.Lost); err != nil {
			return err
		}
		if err := storeHints(ctx, tx, f, a.Hints); err != nil {
			return err
		}
		if err := sendAgain(ctx, tx, f, a.Cells); err != nil {
			return err
		}
		if err := db.storeOrders(ctx, tx, f.Tenant, f.Generation, a.Orders); err != nil {
			return err
		}
		if !a.Last {
			return nil
		}
		return moveOn(ctx, tx, f, state, a.Audit)
	})
	if err != nil {
		return fmt.Errorf("commit a step of the audit of %s: %w", f.Tenant, err)
	}
	return nil
}

// stillIn tells whether an audit is in a state, and keeps it there until the commit.
func stillIn(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, audit string, state acmesync.AuditState) (bool, error) {
	var found []int
	err := tx.SelectContext(ctx, &found, `SELECT 1 FROM audits WHERE tenant = $1 AND audit = $2 AND state = $3 AND ended_at IS NULL FOR UPDATE`,
		f.Tenant, audit, state)
	if err != nil {
		return false, fmt.Errorf("look at an audit: %w", err)
	}
	return len(found) > 0, nil
}

// RestartWalk has the app walked from its beginning again: it does not know the place any more that had been reached.
func (db *DB) RestartWalk(ctx context.Context, f acmesync.Fence, audit string, state acmesync.AuditState) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if open, err := stillIn(ctx, tx, f, audit, state); err != nil || !open {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM audit_seen WHERE tenant = $1 AND audit = $2`, f.Tenant, audit); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			UPDATE audits SET cursor = '', walk_began_at = now(), events = CASE state WHEN 'comparing' THEN 0 ELSE events END,
				counts = CASE state WHEN 'counting' THEN 0 ELSE counts END
			WHERE tenant = $1 AND audit = $2`, f.Tenant, audit)
		return err
	})
	if err != nil {
		return fmt.Errorf("walk the app of %s again: %w", f.Tenant, err)
	}
	return nil
}

func noteSeen(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, state acmesync.AuditState, a acmesync.Audited) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO audit_seen (tenant, audit, id) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING`,
		f.Tenant, a.Audit, pq.Array(a.Seen)); err != nil {
		return fmt.Errorf("note what the app has shown: %w", err)
	}
	column := "events"
	if state == acmesync.AuditCounting {
		column = "counts"
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE audits SET cursor = $3, `+column+` = `+column+` + $4 WHERE tenant = $1 AND audit = $2`,
		f.Tenant, a.Audit, a.Cursor, len(a.Seen)); err != nil {
		return fmt.Errorf("note how far an audit has come: %w", err)
	}
	return nil
}

func noteDifferences(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, audit string, found []acmesync.Difference) error {
	if len(found) == 0 {
		return nil
	}
	n := len(found)
	sides, streams, ids, kinds, outcomes := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, d := range found {
		sides[i], streams[i], ids[i], kinds[i], outcomes[i] = string(d.Side), string(d.Stream), d.ID, string(d.Kind), d.Outcome
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO audit_differences AS d (tenant, audit, side, stream, id, kind, outcome, healed_at)
		SELECT DISTINCT ON (u.side, u.stream, u.id) $1, $2::uuid, u.side, u.stream, u.id, u.kind, u.outcome, CASE WHEN u.outcome = 'healed' THEN now() END
		FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS u (side, stream, id, kind, outcome)
		WHERE EXISTS (SELECT 1 FROM audits a WHERE a.tenant = $1 AND a.audit = $2 AND a.ended_at IS NULL)
		ON CONFLICT (tenant, audit, side, stream, id) DO UPDATE SET outcome = excluded.outcome, healed_at = excluded.healed_at
			WHERE d.outcome = 'open'`,
		f.Tenant, audit, pq.Array(sides), pq.Array(streams), pq.Array(ids), pq.Array(kinds), pq.Array(outcomes))
	if err != nil {
		return fmt.Errorf("note differences: %w", err)
	}
	return nil
}

// loseInstances has events of series written again that the app shows otherwise.
func loseInstances(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, lost []acmesync.Instance) error {
	if len(lost) == 0 {
		return nil
	}
	holders := make([]string, len(lost))
	for i := range lost {
		holders[i], lost[i].Mapped = lost[i].Holder, ""
	}
	if err := upsertInstances(ctx, tx, f, lost); err != nil {
		return err
	}
	_, err := storeSeries(ctx, tx, f, acmesync.Delivered{Expand: holders})
	return err
}

// sendAgain has counts sent that the app shows otherwise. One that nothing counts is sent as zero.
func sendAgain(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, cells []acmesync.Cell) error {
	if len(cells) == 0 {
		return nil
	}
	n := len(cells)
	users, days, channels, directions := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, c := range cells {
		users[i], days[i], channels[i], directions[i] = c.UserID, c.Day, c.Channel, c.Direction
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO cells AS c (tenant, connection, user_id, day, channel, direction)
		SELECT DISTINCT $1, $2, u.* FROM unnest($3::text[], $4::date[], $5::text[], $6::text[]) AS u (user_id, day, channel, direction)
		ON CONFLICT (tenant, connection, user_id, day, channel, direction) DO UPDATE SET changed = c.changed + 1, due_at = NULL`,
		f.Tenant, f.Connection, pq.Array(users), pq.Array(days), pq.Array(channels), pq.Array(directions))
	if err != nil {
		return fmt.Errorf("have counts sent again: %w", err)
	}
	return nil
}

// CellsAt answers which of the counts that the app shows were sent otherwise, or never; those that are due are left out.
func (db *DB) CellsAt(ctx context.Context, f acmesync.Fence, shown []acmesync.Cell) ([]acmesync.Cell, error) {
	n := len(shown)
	users, days, channels, directions, counts := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	for i, c := range shown {
		users[i], days[i], channels[i], directions[i], counts[i] = c.UserID, c.Day, c.Channel, c.Direction, int64(c.N)
	}
	var differ []acmesync.Cell
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &differ, `
			SELECT u.user_id, u.day::text AS day, u.channel, u.direction, coalesce(c.n, 0) AS n
			FROM unnest($3::text[], $4::date[], $5::text[], $6::text[], $7::bigint[]) AS u (user_id, day, channel, direction, n) LEFT JOIN LATERAL (
				SELECT n, changed > sent AS due FROM cells c WHERE tenant = $1 AND connection = $2 AND c.user_id = u.user_id AND c.day = u.day
					AND c.channel = u.channel AND c.direction = u.direction OFFSET 0
			) c ON true
			WHERE coalesce(c.n, 0) <> u.n AND NOT coalesce(c.due, false)`,
			f.Tenant, f.Connection, pq.Array(users), pq.Array(days), pq.Array(channels), pq.Array(directions), pq.Array(counts))
	})
	if err != nil {
		return nil, fmt.Errorf("compare counts of %s: %w", f.Tenant, err)
	}
	return differ, nil
}
