package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// BeginLane opens an attempt: it takes the lane's next token, so that whatever an earlier attempt still
// wants to commit is refused. ErrEpoch if the tenant is not to run.
func (db *DB) BeginLane(ctx context.Context, tenant acmesync.TenantID, lane acmesync.Lane) (acmesync.Fence, error) {
	return db.beginLane(ctx, tenant, lane, `('starting', 'active')`)
}

// BeginCleanup opens an attempt of the deliver lane for a tenant that has ended, to undo what it left.
func (db *DB) BeginCleanup(ctx context.Context, tenant acmesync.TenantID) (acmesync.Fence, error) {
	return db.beginLane(ctx, tenant, acmesync.Deliver, `('stopped', 'deactivated')`)
}

func (db *DB) beginLane(ctx context.Context, tenant acmesync.TenantID, lane acmesync.Lane, states string) (acmesync.Fence, error) {
	f := acmesync.Fence{Tenant: tenant, Connection: acmesync.MainConnection, Lane: lane}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.QueryRowContext(ctx, `
			UPDATE lanes l SET token = token + 1, alive_at = now(), due_at = NULL FROM tenants t
			WHERE l.tenant = $1 AND l.lane = $2 AND l.shard = 0 AND t.tenant = l.tenant AND t.state IN `+states+`
			RETURNING l.token, t.epoch, t.generation`, tenant, lane).Scan(&f.Token, &f.Epoch, &f.Generation)
	})
	if errors.Is(notFound(err), acmesync.ErrNotFound) {
		return f, acmesync.ErrEpoch
	}
	if err != nil {
		return f, fmt.Errorf("begin the %s lane of %s: %w", lane, tenant, err)
	}
	return f, nil
}

// checkFence lets nothing of this transaction count unless the attempt is still the newest and no command has come. Both rows
// stay locked until the commit, the tenant's first as commands do: a command waits for a page that is being committed, and a
// page that comes after it is refused. Without the lock, rows could slip in behind the command that ended all that waited.
func checkFence(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence) error {
	var now fenceState
	err := tx.GetContext(ctx, &now, `
		WITH held AS MATERIALIZED (
			SELECT tenant, epoch, generation FROM tenants WHERE tenant = $1 FOR SHARE
		), alive AS (
			UPDATE lanes l SET alive_at = now() FROM held
			WHERE l.tenant = held.tenant AND l.lane = $2 AND l.shard = 0 AND l.token = $3 RETURNING 1
		)
		SELECT epoch, generation, EXISTS (SELECT 1 FROM alive) AS newest FROM held`, f.Tenant, f.Lane, f.Token)
	if err != nil {
		return fmt.Errorf("check the fence: %w", notFound(err))
	}
	return now.against(f)
}

// fenceState is what a fence is checked against.
type fenceState struct {
	Epoch      int64 `db:"epoch"`
	Generation int64 `db:"generation"`
	Newest     bool  `db:"newest"`
}

func (s fenceState) against(f acmesync.Fence) error {
	switch {
	case !s.Newest:
		return acmesync.ErrFenced
	case s.Epoch != f.Epoch || s.Generation != f.Generation:
		return acmesync.ErrEpoch
	}
	return nil
}

// RaiseToken lifts a lane's token above one that the app has seen and we have not: after a restore of an old backup
// the app still knows the revisions of the attempts that were lost. The attempt ends, the next one has the higher token. What the
// restored ledger remembers of the app may be older than what the app holds: all of it is in doubt.
func (db *DB) RaiseToken(ctx context.Context, f acmesync.Fence, above int64) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		raised, err := tx.ExecContext(ctx, `UPDATE lanes SET token = $3 WHERE tenant = $1 AND lane = $2 AND shard = 0 AND token < $3`,
			f.Tenant, f.Lane, above)
		if err != nil {
			return err
		}
		if n, err := raised.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return doubtAll(ctx, tx, f)
	})
	if err != nil {
		return fmt.Errorf("raise the token: %w", err)
	}
	return nil
}

// Alive checks the fence between pages while an attempt has nothing to commit.
func (db *DB) Alive(ctx context.Context, f acmesync.Fence) error {
	return db.inLazily(ctx, f.Tenant, func(tx *sqlx.Tx) error { return checkFence(ctx, tx, f) })
}

// ClearMark says that the attempt has found nothing for a while. The caller looks once more after it: work committed
// before this statement is seen by that look, work committed after it finds the mark clear and rings.
func (db *DB) ClearMark(ctx context.Context, f acmesync.Fence) error {
	return db.inLazily(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE lanes SET marked_at = NULL WHERE tenant = $1 AND lane = $2 AND shard = 0`, f.Tenant, f.Lane)
		if err != nil {
			return fmt.Errorf("clear the mark: %w", err)
		}
		return nil
	})
}

// EndLane closes an attempt. It writes when the lane has to run next even if nobody rings, and answers how long that is
// from now by Postgres's clock; ok is false when only a ring can bring work. A hold whose time has come ends here if nothing
// is due: it was not held again, and there is nothing to try it with.
func (db *DB) EndLane(ctx context.Context, f acmesync.Fence) (wait time.Duration, ok bool, err error) {
	var seconds *float64
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := tx.GetContext(ctx, &seconds, `
			UPDATE lanes SET alive_at = NULL, due_at = (`+dueOf[f.Lane]+`)
			WHERE tenant = $1 AND lane = $2 AND shard = 0 AND token = $3
			RETURNING extract(epoch FROM due_at - now())`, f.Tenant, f.Lane, f.Token); err != nil {
			return err
		}
		if seconds != nil && *seconds <= 0 {
			return nil
		}
		// Whoever waits for a third party comes by every few seconds and holds it again: a hold that is older is nobody's.
		_, err := tx.ExecContext(ctx, `DELETE FROM holds WHERE tenant = $1 AND (dependency = $2 AND next_at <= now()
			OR $3 = 'deliver' AND dependency = 'lookup' AND next_at < now() - interval '1 minute')`, f.Tenant, dependencyOf[f.Lane], f.Lane)
		return err
	})
	if errors.Is(notFound(err), acmesync.ErrNotFound) {
		return 0, false, nil // a newer attempt decides
	}
	if err != nil {
		return 0, false, fmt.Errorf("end the %s lane of %s: %w", f.Lane, f.Tenant, err)
	}
	if seconds == nil {
		return 0, false, nil
	}
	return time.Duration(max(*seconds, 0) * float64(time.Second)), true, nil
}

// dependencyOf is the system a lane cannot work without.
var dependencyOf = map[acmesync.Lane]acmesync.Dependency{acmesync.Fetch: acmesync.DependsOnAcme, acmesync.Deliver: acmesync.DependsOnApp}

// dueOf is when a lane has work again. A hold puts off what depends on it, and nothing else: hints depend on the app too. A
// hold alone brings the lane back when its time has come.
var dueOf = map[acmesync.Lane]string{
	acmesync.Fetch: `
		SELECT min(CASE WHEN at IS NOT NULL THEN greatest(at, (
			SELECT max(next_at) FROM holds h WHERE h.tenant = $1 AND (h.dependency = 'acme' AND h.stream IN ('', due.stream) OR h.dependency = 'app' AND due.hints)
		)) END)
		FROM (
			SELECT stream, due_at AS at, false AS hints FROM positions WHERE tenant = $1
			UNION ALL SELECT '', min(due_at), true FROM envelopes WHERE tenant = $1 AND lane = 'fetch' AND ended_at IS NULL
			UNION ALL SELECT '', min(due_at), true FROM revisits WHERE tenant = $1
			UNION ALL SELECT '', least(subscription_due, app_subscription_due), false FROM connections WHERE tenant = $1
			UNION ALL SELECT '', max(next_at), false FROM holds WHERE tenant = $1 AND dependency = 'acme' AND next_at > now()
		) due`,
	acmesync.Deliver: `
		SELECT CASE WHEN min(at) IS NOT NULL THEN greatest(min(at), (SELECT max(next_at) FROM holds h WHERE h.tenant = $1 AND h.dependency = 'app')) END
		FROM (
			SELECT min(due_at) AS at FROM envelopes WHERE tenant = $1 AND lane = 'deliver' AND ended_at IS NULL
			UNION ALL SELECT min(coalesce(due_at, now())) FROM cells WHERE tenant = $1 AND changed > sent
			UNION ALL SELECT now() + interval '3 seconds' FROM audits a WHERE a.tenant = $1 AND a.ended_at IS NULL AND (a.state <> 'reading'
				OR NOT EXISTS (SELECT 1 FROM positions p WHERE p.tenant = $1 AND p.audit = a.audit AND p.backfilled_at IS NULL))
			UNION ALL SELECT max(next_at) FROM holds WHERE tenant = $1 AND dependency = 'app' AND next_at > now()
		) due`,
}

// Mark flips the marks of lanes that have just been given work and answers those it flipped: whoever flipped
// one rings. Call it after the commit that brought the work, never inside it.
func (db *DB) Mark(ctx context.Context, tenants []acmesync.TenantID, lanes ...acmesync.Lane) ([]acmesync.LaneKey, error) {
	var flipped []acmesync.LaneKey
	err := db.sql.SelectContext(ctx, &flipped, `SELECT tenant, lane FROM intake_mark($1, $2)`,
		pq.Array(texts(tenants)), pq.Array(texts(lanes)))
	if err != nil {
		return nil, fmt.Errorf("flip marks: %w", err)
	}
	return flipped, nil
}

// WithWork answers which of the lanes have something due: one look for all that linger in a worker.
func (db *DB) WithWork(ctx context.Context, looking []acmesync.LaneKey) ([]acmesync.LaneKey, error) {
	tenants, lanes := make([]string, len(looking)), make([]string, len(looking))
	for i, k := range looking {
		tenants[i], lanes[i] = string(k.Tenant), string(k.Lane)
	}
	var found []acmesync.LaneKey
	err := db.sql.SelectContext(ctx, &found, `SELECT tenant, lane FROM lanes_with_work($1, $2)`, pq.Array(tenants), pq.Array(lanes))
	if err != nil {
		return nil, fmt.Errorf("look for work: %w", err)
	}
	return found, nil
}

func texts[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	return out
}
