package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// moveOn ends a walk: what the ledger has and the app did not show is missing there.
func moveOn(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, state acmesync.AuditState, audit string) error {
	switch state {
	case acmesync.AuditComparing:
		if err := missingEvents(ctx, tx, f, audit); err != nil {
			return err
		}
	case acmesync.AuditCounting:
		if err := missingCounts(ctx, tx, f, audit); err != nil {
			return err
		}
	default:
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM audit_seen WHERE tenant = $1 AND audit = $2`, f.Tenant, audit); err != nil {
		return fmt.Errorf("forget what the app has shown: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE audits SET state = $3, cursor = '', walk_began_at = now() WHERE tenant = $1 AND audit = $2 AND state = $4`,
		f.Tenant, audit, nextAuditState[state], state); err != nil {
		return fmt.Errorf("move an audit on: %w", err)
	}
	return nil
}

// missingEvents are of records and of instances that were delivered before the walk began. They are read from Acme again, and what
// is to be there is written.
func missingEvents(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, audit string) error {
	var records, holders []string
	if err := tx.SelectContext(ctx, &records, `
		INSERT INTO audit_differences (tenant, audit, side, stream, id, kind)
		SELECT l.tenant, a.audit, 'app', l.stream, l.acme_id, 'missing'
		FROM audits a JOIN ledger l ON l.tenant = a.tenant AND l.connection = a.connection AND l.stream = 'appointments'
			LEFT JOIN LATERAL (
				SELECT id FROM audit_seen s WHERE s.tenant = l.tenant AND s.audit = a.audit AND s.id = l.app_id OFFSET 0
			) s ON true
		WHERE a.tenant = $1 AND a.audit = $2 AND l.steps = 1 AND l.app_id <> '' AND l.mapped IS NOT NULL AND l.updated_at < a.walk_began_at AND s.id IS NULL
		ON CONFLICT DO NOTHING RETURNING id`, f.Tenant, audit); err != nil {
		return fmt.Errorf("look for missing events: %w", err)
	}
	if err := tx.SelectContext(ctx, &holders, `
		WITH lost AS (
			UPDATE instances i SET mapped = NULL FROM audits a, ledger l
			WHERE a.tenant = $1 AND a.audit = $2 AND i.tenant = a.tenant AND i.connection = a.connection AND i.app_id <> '' AND i.mapped IS NOT NULL
				AND l.tenant = i.tenant AND l.connection = i.connection AND l.stream = 'appointments' AND l.acme_id = i.holder AND l.updated_at < a.walk_began_at
				AND (SELECT 1 FROM audit_seen s WHERE s.tenant = i.tenant AND s.audit = a.audit AND s.id = i.app_id OFFSET 0) IS NULL
			RETURNING i.series_id, i.original, i.holder
		), noted AS (
			INSERT INTO audit_differences (tenant, audit, side, stream, id, kind)
			SELECT $1, $2, 'app', 'appointments', series_id || '/' || original, 'missing' FROM lost ON CONFLICT DO NOTHING
		)
		SELECT DISTINCT holder FROM lost`, f.Tenant, audit); err != nil {
		return fmt.Errorf("look for missing instances: %w", err)
	}
	if err := doubtKeys(ctx, tx, f, appointmentKeys(records)); err != nil {
		return err
	}
	if _, err := storeSeries(ctx, tx, f, acmesync.Delivered{Expand: holders}); err != nil {
		return err
	}
	return storeHints(ctx, tx, f, appointmentKeys(append(records, holders...)))
}

func appointmentKeys(ids []string) []acmesync.Key {
	keys := make([]acmesync.Key, len(ids))
	for i, id := range ids {
		keys[i] = acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}
	}
	return keys
}

// missingCounts are those that were sent and that the app did not show.
func missingCounts(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, audit string) error {
	_, err := tx.ExecContext(ctx, `
		WITH lost AS (
			UPDATE cells c SET changed = changed + 1, due_at = NULL
			WHERE c.tenant = $1 AND c.connection = $3 AND c.n <> 0 AND c.changed <= c.sent AND (
				SELECT 1 FROM audit_seen s WHERE s.tenant = c.tenant AND s.audit = $2 AND s.id = concat_ws('/', c.user_id, c.day, c.channel, c.direction) OFFSET 0
			) IS NULL
			RETURNING user_id, day, channel, direction
		)
		INSERT INTO audit_differences (tenant, audit, side, stream, id, kind)
		SELECT $1, $2, 'app', 'touchpoints', concat_ws('/', user_id, day, channel, direction), 'count' FROM lost
		ON CONFLICT DO NOTHING`, f.Tenant, audit, f.Connection)
	if err != nil {
		return fmt.Errorf("look for missing counts: %w", err)
	}
	return nil
}

// EndAsking says what became of the records that Acme's lists did not show, once each was asked for by id.
func (db *DB) EndAsking(ctx context.Context, f acmesync.Fence, audit string) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if err := settleDifferences(ctx, tx, f, audit); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE audit_differences d SET outcome = CASE WHEN EXISTS (
				SELECT 1 FROM absences x WHERE x.tenant = d.tenant AND x.stream = d.stream AND x.acme_id = d.id AND x.withheld
			) THEN 'withheld' ELSE 'unlisted' END
			WHERE d.tenant = $1 AND d.audit = $2 AND d.kind = 'absent' AND d.outcome = 'open'`, f.Tenant, audit); err != nil {
			return fmt.Errorf("settle absent records: %w", err)
		}
		return moveOn(ctx, tx, f, acmesync.AuditAsking, audit)
	})
	if err != nil {
		return fmt.Errorf("end the questions of the audit of %s: %w", f.Tenant, err)
	}
	return nil
}

// EndAudit says what was healed, and ends.
func (db *DB) EndAudit(ctx context.Context, f acmesync.Fence, audit string) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if err := settleDifferences(ctx, tx, f, audit); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE positions SET audit = NULL, gaps = 0 WHERE tenant = $1 AND audit = $2`, f.Tenant, audit); err != nil {
			return fmt.Errorf("let the walks go: %w", err)
		}
		_, err := tx.ExecContext(ctx, `UPDATE audits SET state = 'done', ended_at = now() WHERE tenant = $1 AND audit = $2 AND ended_at IS NULL`, f.Tenant, audit)
		return err
	})
	if err != nil {
		return fmt.Errorf("end the audit of %s: %w", f.Tenant, err)
	}
	return nil
}

// settleDifferences looks at the ledger again: what has been committed since a difference was found has healed it or parked it.
func settleDifferences(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, audit string) error {
	_, err := tx.ExecContext(ctx, `
		WITH now AS (
			SELECT d.side, d.stream, d.id, CASE
				WHEN d.kind = 'absent' THEN CASE WHEN l.state = 'deleted' THEN 'healed' END
				WHEN d.kind = 'count' THEN CASE WHEN NOT EXISTS (
					SELECT 1 FROM cells c WHERE c.tenant = $1 AND c.connection = $3 AND c.changed > c.sent
						AND concat_ws('/', c.user_id, c.day, c.channel, c.direction) = d.id) THEN 'healed' END
				WHEN l.state = 'parked' THEN 'parked'
				WHEN i.holder IS NOT NULL THEN CASE WHEN i.mapped IS NOT NULL THEN 'healed' END
				WHEN d.id LIKE '%/%' AND l.acme_id IS NULL AND d.side = 'app' THEN 'healed' -- its series has let it go
				WHEN l.updated_at > d.found_at AND l.hash <> '`+zeroHash+`' THEN 'healed'
				WHEN l.updated_at > d.found_at AND l.state = 'deleted' THEN 'healed'
			END AS outcome
			FROM audit_differences d
			LEFT JOIN LATERAL (
				SELECT * FROM ledger l WHERE l.tenant = d.tenant AND l.connection = $3 AND l.stream = d.stream AND l.acme_id = d.id OFFSET 0
			) l ON true
			LEFT JOIN LATERAL (
				SELECT * FROM instances i WHERE i.tenant = d.tenant AND i.connection = $3 AND d.stream = 'appointments' AND d.id LIKE '%/%'
					AND i.series_id = regexp_replace(d.id, '/[^/]*$', '') AND i.original = regexp_replace(d.id, '^.*/', '') OFFSET 0
			) i ON true
			WHERE d.tenant = $1 AND d.audit = $2 AND d.outcome = 'open'
		)
		UPDATE audit_differences d SET outcome = now.outcome, healed_at = CASE WHEN now.outcome = 'healed' THEN now() END
		FROM now WHERE d.tenant = $1 AND d.audit = $2 AND d.side = now.side AND d.stream = now.stream AND d.id = now.id AND now.outcome IS NOT NULL`,
		f.Tenant, audit, f.Connection)
	if err != nil {
		return fmt.Errorf("settle differences: %w", err)
	}
	return nil
}
