package db

import (
	"context"
	"fmt"
	"strings"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// rule says from which states a command may come and what it does to the tenant's row.
type rule struct {
	from    []acmesync.TenantState
	refusal string
	set     string
	then    func(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, c acmesync.Command) error
}

// running is the state a tenant goes on in: starting until its first sync is complete.
const running = `CASE WHEN EXISTS (SELECT 1 FROM positions p WHERE p.tenant = tenants.tenant AND p.backfilled_at IS NULL)
	OR NOT EXISTS (SELECT 1 FROM positions p WHERE p.tenant = tenants.tenant) THEN 'starting' ELSE 'active' END`

var rules = map[acmesync.CommandName]rule{
	acmesync.Activate: {
		from:    []acmesync.TenantState{acmesync.Draft, acmesync.Stopped, acmesync.Deactivated},
		refusal: "it is active already",
		set:     `state = 'starting', generation = generation + 1`,
		then:    beginGeneration,
	},
	acmesync.Pause: {
		from:    []acmesync.TenantState{acmesync.Starting, acmesync.Active, acmesync.NeedsReauth},
		refusal: "only a running tenant can be paused",
		set:     `state = 'paused'`,
	},
	acmesync.Resume: {
		from:    []acmesync.TenantState{acmesync.Paused},
		refusal: "it is not paused",
		set:     `state = ` + running,
		then:    makeDue,
	},
	acmesync.SyncNow: {
		from:    []acmesync.TenantState{acmesync.Starting, acmesync.Active},
		refusal: "only a running tenant can sync",
		then:    makeDue,
	},
	acmesync.RetryNow: {
		from:    []acmesync.TenantState{acmesync.Starting, acmesync.Active},
		refusal: "only a running tenant can retry",
		then:    makeDue,
	},
	acmesync.Rewalk: {
		from:    []acmesync.TenantState{acmesync.Starting, acmesync.Active},
		refusal: "only a running tenant can read everything again",
		then:    walkAgain,
	},
	acmesync.AuditAll: {
		from:    []acmesync.TenantState{acmesync.Starting, acmesync.Active},
		refusal: "only a running tenant can be audited",
		then:    beginAudit,
	},
	acmesync.Deactivate: {
		from: []acmesync.TenantState{acmesync.Starting, acmesync.Active, acmesync.Paused, acmesync.NeedsReauth,
			acmesync.Stopped, acmesync.Queued},
		refusal: "it is not active",
		set:     `state = 'deactivated'`,
		then:    endGeneration,
	},
	acmesync.Stop: {
		from: []acmesync.TenantState{acmesync.Starting, acmesync.Active, acmesync.Paused, acmesync.NeedsReauth,
			acmesync.Queued},
		refusal: "it is not running",
		set:     `state = 'stopped'`,
		then:    stop,
	},
}

// Apply carries a command out in the tenant's row, once per command id, and raises its epoch so
// that lanes notice at their next page. A command that does not fit the state is a Conflict; one
// whose id was applied before answers the tenant as it is now.
func (db *DB) Apply(ctx context.Context, tenant acmesync.TenantID, c acmesync.Command) (acmesync.Tenant, error) {
	r, known := rules[c.Name]
	if !known {
		return acmesync.Tenant{}, fmt.Errorf("there is no command %q", c.Name)
	}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		var state acmesync.TenantState
		if err := tx.GetContext(ctx, &state, `SELECT state FROM tenants WHERE tenant = $1 FOR UPDATE`, tenant); err != nil {
			return notFound(err)
		}
		fresh, err := tx.ExecContext(ctx, `
			INSERT INTO commands (tenant, command_id, name, actor) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			tenant, c.ID, c.Name, c.Actor)
		if err != nil {
			return err
		}
		if n, err := fresh.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if !allowed(r.from, state) {
			return &acmesync.Conflict{Code: "wrong_state", Message: fmt.Sprintf("cannot %s while the tenant is %s: %s", c.Name, state, r.refusal)}
		}
		if err := setTenant(ctx, tx, tenant, r.set, c.Reason); err != nil {
			return err
		}
		if r.then != nil {
			if err := r.then(ctx, tx, tenant, c); err != nil {
				return err
			}
		}
		return auditTx(ctx, tx, tenant, c.Actor, string(c.Name), c.ID, c.Reason)
	})
	if err != nil {
		return acmesync.Tenant{}, fmt.Errorf("%s tenant %s: %w", c.Name, tenant, err)
	}
	return db.Tenant(ctx, tenant)
}

func allowed(from []acmesync.TenantState, state acmesync.TenantState) bool {
	for _, s := range from {
		if s == state {
			return true
		}
	}
	return false
}

func setTenant(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, set, reason string) error {
	q := `UPDATE tenants SET epoch = epoch + 1, version = version + 1`
	args := []any{tenant}
	if set != "" {
		q += `, state_since = now(), state_reason = $2, ` + set
		args = append(args, reason)
	}
	if _, err := tx.ExecContext(ctx, q+` WHERE tenant = $1`, args...); err != nil {
		return fmt.Errorf("change the state: %w", err)
	}
	return nil
}

// lockLanes takes both lanes in the order in which marks take them: an update alone takes them as it finds them.
const lockLanes = `SELECT 1 FROM lanes WHERE tenant = $1 ORDER BY lane, shard FOR UPDATE`

// beginGeneration makes every stream start from the beginning and refuses what an earlier
// activation left waiting. The ledger stays: what both sides agree on is not written again. So do people, and with them how
// far changes of contacts were read.
func beginGeneration(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, c acmesync.Command) error {
	missed, err := missedDeletes(ctx, tx, tenant)
	if err != nil {
		return err
	}
	for _, q := range []string{
		`UPDATE envelopes SET ended_at = now(), outcome = '` + string(acmesync.EndedGeneration) + `', done = records - duplicate - superseded - parked
			WHERE tenant = $1 AND ended_at IS NULL`,
		`DELETE FROM positions WHERE tenant = $1 AND stream <> 'contacts'`,
		`DELETE FROM holds WHERE tenant = $1`,
		`DELETE FROM refusals WHERE tenant = $1`,
		`UPDATE ledger SET hash = '` + zeroHash + `' WHERE tenant = $1 AND state = 'parked'`,
		`DELETE FROM cleanups WHERE tenant = $1 AND kind = 'remove_events'`,
		`INSERT INTO positions (tenant, connection, stream, generation, backfilled_at, watermark_at)
			SELECT t.tenant, c.connection, s.stream, t.generation,
				CASE WHEN s.stream = 'contacts' THEN now() END, CASE WHEN s.stream = 'contacts' THEN now() - interval '1 hour' END
			FROM tenants t JOIN connections c USING (tenant), (VALUES ('appointments'), ('touchpoints'), ('contacts')) s (stream)
			WHERE t.tenant = $1
			ON CONFLICT (tenant, connection, stream) DO UPDATE SET generation = excluded.generation, cursor = '', walking = false, due_at = now()`,
		`UPDATE connections SET subscription_due = now(), users_read_at = NULL, app_users_read_at = NULL WHERE tenant = $1`,
		lockLanes,
		`UPDATE lanes SET due_at = now(), marked_at = NULL WHERE tenant = $1`,
	} {
		if _, err := tx.ExecContext(ctx, q, tenant); err != nil {
			return fmt.Errorf("begin a generation: %w", err)
		}
	}
	if !missed {
		return nil
	}
	if err := openAudit(ctx, tx, tenant, c, "it was away for longer than Acme remembers deletes"); err != nil {
		return err
	}
	return walkForAudit(ctx, tx, tenant)
}

// missedDeletes tells that Acme may have forgotten what was deleted since it was read last: no list will ever tell of it.
func missedDeletes(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID) (bool, error) {
	var missed bool
	err := tx.GetContext(ctx, &missed, `
		SELECT EXISTS (SELECT 1 FROM positions p WHERE p.tenant = $1 AND p.stream IN ('appointments', 'touchpoints')
			AND coalesce(p.polled_at, '-infinity') < now() - $2 * interval '1 day') AND EXISTS (SELECT 1 FROM ledger WHERE tenant = $1)`,
		tenant, acmesync.DeletesKeptForDays-1)
	if err != nil {
		return false, fmt.Errorf("look when Acme was read last: %w", err)
	}
	return missed, nil
}

// endGeneration ends what waits with a code and leaves the effects outside to be undone.
func endGeneration(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, c acmesync.Command) error {
	if _, err := tx.ExecContext(ctx, `
		UPDATE envelopes SET ended_at = now(), outcome = '`+string(acmesync.EndedDeactivated)+`', done = records - duplicate - superseded - parked
		WHERE tenant = $1 AND ended_at IS NULL`, tenant); err != nil {
		return fmt.Errorf("end waiting envelopes: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM holds WHERE tenant = $1`, tenant); err != nil {
		return fmt.Errorf("release holds: %w", err)
	}
	if c.RemoveEvents {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO cleanups (tenant, connection, kind, target) VALUES ($1, $2, 'remove_events', 'all') ON CONFLICT DO NOTHING`,
			tenant, acmesync.MainConnection); err != nil {
			return fmt.Errorf("ask for events to be removed: %w", err)
		}
	}
	return stop(ctx, tx, tenant, c)
}

// stop leaves nothing behind that waits for somebody: nobody would carry a decision about parked records out any more. Their
// reviews resolve, and the next activation tries the records again.
func stop(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, c acmesync.Command) error {
	for _, q := range []string{
		`SELECT 1 FROM reviews WHERE tenant = $1 ORDER BY fingerprint FOR UPDATE`,
		`UPDATE parked SET closed_at = now(), closed_how = 'ended', closed_by = $2, reason = $3 WHERE tenant = $1 AND closed_at IS NULL`,
	} {
		args := []any{tenant, c.Actor, c.Reason}
		if _, err := tx.ExecContext(ctx, q, args[:strings.Count(q, "$")]...); err != nil {
			return fmt.Errorf("close what is parked: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM absences WHERE tenant = $1`, tenant); err != nil {
		return fmt.Errorf("forget absences: %w", err)
	}
	if err := cancelAudit(ctx, tx, tenant, "the tenant has ended"); err != nil {
		return err
	}
	return leaveSubscription(ctx, tx, tenant, c)
}

// leaveSubscription asks for the subscriptions at Acme and the app to be removed: by the workflow as it stops, else by the sweep.
func leaveSubscription(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, _ acmesync.Command) error {
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO cleanups (tenant, connection, kind, target)
		SELECT tenant, connection, 'unsubscribe', subscription_id FROM connections WHERE tenant = $1 AND subscription_id <> ''
		UNION ALL
		SELECT tenant, connection, 'unsubscribe_app', app_subscription_id FROM connections WHERE tenant = $1 AND app_subscription_id <> ''
		ON CONFLICT DO NOTHING`, tenant); err != nil {
		return fmt.Errorf("ask for the subscription to be removed: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `
		UPDATE connections SET subscription_id = '', subscription_due = NULL, app_subscription_id = '', app_subscription_due = NULL
		WHERE tenant = $1`, tenant); err != nil {
		return fmt.Errorf("let go of the subscription: %w", err)
	}
	return nil
}

// makeDue lets nothing wait: polls, hints that were put off, holds.
func makeDue(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, _ acmesync.Command) error {
	for _, q := range []string{
		`UPDATE positions SET due_at = now() WHERE tenant = $1`,
		`UPDATE holds SET next_at = now() WHERE tenant = $1`,
		lockLanes,
		`UPDATE lanes SET due_at = now() WHERE tenant = $1`,
		`UPDATE envelopes SET due_at = now() WHERE tenant = $1 AND ended_at IS NULL AND due_at > now()`,
	} {
		if _, err := tx.ExecContext(ctx, q, tenant); err != nil {
			return fmt.Errorf("make everything due: %w", err)
		}
	}
	return nil
}

// walkAgain sends every stream back to its beginning. What is unchanged is not written again.
func walkAgain(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, _ acmesync.Command) error {
	if _, err := tx.ExecContext(ctx, `
		UPDATE positions SET cursor = '', walking = false, watermark_at = NULL, watermark_id = '', backfilled_at = NULL, due_at = now(),
			page_limit = 0, page_failures = 0, restarts = 0
		WHERE tenant = $1 AND stream NOT IN ('contacts', 'app_events', 'files')`, tenant); err != nil {
		return fmt.Errorf("go back to the beginning: %w", err)
	}
	return nil
}

// RequireReauth notes that one side refuses the credentials; it answers whether this was news.
// An attempt that an epoch has passed is not believed: it may hold credentials that were replaced since.
func (db *DB) RequireReauth(ctx context.Context, f acmesync.Fence, reason string) (bool, error) {
	var news bool
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE tenants SET state = 'needs_reauth', state_since = now(), state_reason = $2, epoch = epoch + 1, version = version + 1
			WHERE tenant = $1 AND state IN ('starting', 'active') AND epoch = $3`, f.Tenant, reason, f.Epoch)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if news = n > 0; err != nil || !news {
			return err
		}
		return auditTx(ctx, tx, f.Tenant, "acmesync", "needs_reauth", "", reason)
	})
	if err != nil {
		return false, fmt.Errorf("ask %s for new credentials: %w", f.Tenant, err)
	}
	return news, nil
}

// Reconnected lets a tenant that waited for credentials go on; it answers whether it had waited.
func (db *DB) Reconnected(ctx context.Context, tenant acmesync.TenantID, actor string) (bool, error) {
	var waited bool
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE tenants SET state = `+running+`, state_since = now(), state_reason = '', epoch = epoch + 1, version = version + 1
			WHERE tenant = $1 AND state = 'needs_reauth'`, tenant)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if waited = n > 0; err != nil || !waited {
			return err
		}
		if err := makeDue(ctx, tx, tenant, acmesync.Command{}); err != nil {
			return err
		}
		return auditTx(ctx, tx, tenant, actor, "reconnected", "", "")
	})
	if err != nil {
		return false, fmt.Errorf("let %s go on: %w", tenant, err)
	}
	return waited, nil
}
