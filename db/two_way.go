package db

import (
	"context"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

func agreedBody(id string) place    { return place{table: "agreed", column: "body", row: id} }
func intentBody(id string) place    { return place{table: "intents", column: "body", row: id} }
func overruledBody(id string) place { return place{table: "overruled", column: "body", row: id} }

// Agreed reads what was last agreed on about appointments; those about which nothing was are left out.
func (db *DB) Agreed(ctx context.Context, f acmesync.Fence, ids []string) (map[string]acmesync.Agreed, error) {
	type row struct {
		acmesync.Agreed
		keyID string
	}
	var rows []row
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		found, err := tx.QueryxContext(ctx, `
			SELECT a.acme_id, a.acme_version, a.app_version, a.body, a.key_id,
				CASE WHEN a.flips_since > now() - interval '1 hour' THEN a.flips ELSE 0 END
			FROM unnest($3::text[]) AS u (id), LATERAL (
				SELECT * FROM agreed WHERE tenant = $1 AND connection = $2 AND acme_id = u.id OFFSET 0
			) a`, f.Tenant, f.Connection, pq.Array(ids))
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var r row
			if err := found.Scan(&r.AcmeID, &r.AcmeVersion, &r.AppVersion, &r.Body, &r.keyID, &r.Flips); err != nil {
				return err
			}
			rows = append(rows, r)
		}
		return found.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read what was agreed for %s: %w", f.Tenant, err)
	}
	out := make(map[string]acmesync.Agreed, len(rows))
	for _, r := range rows {
		if r.Body, err = db.openBody(ctx, f.Tenant, agreedBody(r.AcmeID), r.keyID, r.Body); err != nil {
			return nil, fmt.Errorf("read what was agreed for %s: %w", f.Tenant, err)
		}
		out[r.AcmeID] = r.Agreed
	}
	return out, nil
}

// Intents reads the appointments that are on their way into Acme, oldest first.
func (db *DB) Intents(ctx context.Context, f acmesync.Fence) ([]acmesync.Intent, error) {
	var intents []acmesync.Intent
	var keyIDs []string
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(ctx, `
			SELECT operation, app_id, acme_id, step, body, key_id FROM intents WHERE tenant = $1 AND connection = $2 ORDER BY made_at`,
			f.Tenant, f.Connection)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var i acmesync.Intent
			var keyID string
			if err := rows.Scan(&i.Operation, &i.AppID, &i.AcmeID, &i.Step, &i.Body, &keyID); err != nil {
				return err
			}
			intents, keyIDs = append(intents, i), append(keyIDs, keyID)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read the intents of %s: %w", f.Tenant, err)
	}
	for n := range intents {
		i := &intents[n]
		if i.Body, err = db.openBody(ctx, f.Tenant, intentBody(i.Operation), keyIDs[n], i.Body); err != nil {
			return nil, fmt.Errorf("read the intents of %s: %w", f.Tenant, err)
		}
	}
	return intents, nil
}

// CommitTwoWay writes down what must be known before a call to Acme: it is on disk when this returns.
func (db *DB) CommitTwoWay(ctx context.Context, f acmesync.Fence, b acmesync.TwoWay) error {
	err := db.inSealing(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		return db.storeTwoWay(ctx, tx, f, b)
	})
	if err != nil {
		return fmt.Errorf("write down what is under way to Acme for %s: %w", f.Tenant, err)
	}
	return nil
}

func (db *DB) storeTwoWay(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, b acmesync.TwoWay) error {
	if b.Empty() {
		return nil
	}
	if err := db.storeAgreed(ctx, tx, f, b.Agreed); err != nil {
		return err
	}
	if len(b.Forgotten) > 0 {
		if _, err := tx.ExecContext(ctx, `DELETE FROM agreed WHERE tenant = $1 AND connection = $2 AND acme_id = ANY ($3)`,
			f.Tenant, f.Connection, pq.Array(b.Forgotten)); err != nil {
			return fmt.Errorf("forget what was agreed: %w", err)
		}
	}
	if err := db.storeIntents(ctx, tx, f, b.Intents); err != nil {
		return err
	}
	return db.storeOverruled(ctx, tx, f, b.Overruled)
}

func (db *DB) storeAgreed(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, agreed []acmesync.Agreed) error {
	if len(agreed) == 0 {
		return nil
	}
	n := len(agreed)
	ids, sides, keyIDs, bodies := make([]string, n), make([]string, n), make([]string, n), make([][]byte, n)
	acmeVersions, appVersions := make([]int64, n), make([]int64, n)
	for i, a := range agreed {
		ids[i], sides[i], acmeVersions[i], appVersions[i] = a.AcmeID, string(a.Wrote), a.AcmeVersion, a.AppVersion
		var err error
		if bodies[i], keyIDs[i], err = db.sealBody(ctx, f.Tenant, agreedBody(a.AcmeID), a.Body); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO agreed AS a (tenant, connection, acme_id, acme_version, app_version, flip_side, body, key_id)
		SELECT $1, $2, u.* FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bytea[], $8::text[]) AS u
		ON CONFLICT (tenant, connection, acme_id) DO UPDATE SET acme_version = excluded.acme_version, app_version = excluded.app_version,
			body = excluded.body, key_id = excluded.key_id, agreed_at = now(),
			flips = CASE WHEN excluded.flip_side IN ('', a.flip_side) THEN a.flips WHEN a.flips_since < now() - interval '1 hour' THEN 1 ELSE a.flips + 1 END,
			flips_since = CASE WHEN excluded.flip_side NOT IN ('', a.flip_side) AND a.flips_since < now() - interval '1 hour' THEN now() ELSE a.flips_since END,
			flip_side = CASE WHEN excluded.flip_side = '' THEN a.flip_side ELSE excluded.flip_side END`,
		f.Tenant, f.Connection, pq.Array(ids), pq.Array(acmeVersions), pq.Array(appVersions), pq.Array(sides), pq.ByteaArray(bodies), pq.Array(keyIDs))
	if err != nil {
		return fmt.Errorf("write down what was agreed: %w", err)
	}
	return nil
}

func (db *DB) storeIntents(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, intents []acmesync.Intent) error {
	for _, i := range intents {
		if i.Done {
			if _, err := tx.ExecContext(ctx, `DELETE FROM intents WHERE tenant = $1 AND connection = $2 AND operation = $3`,
				f.Tenant, f.Connection, i.Operation); err != nil {
				return fmt.Errorf("end an intent: %w", err)
			}
			continue
		}
		sealed, keyID, err := db.sealBody(ctx, f.Tenant, intentBody(i.Operation), i.Body)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO intents AS i (tenant, connection, operation, generation, app_id, acme_id, step, body, key_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (tenant, connection, operation) DO UPDATE SET acme_id = excluded.acme_id, step = excluded.step,
				body = excluded.body, key_id = excluded.key_id, moved_at = now()`,
			f.Tenant, f.Connection, i.Operation, f.Generation, i.AppID, i.AcmeID, i.Step, sealed, keyID); err != nil {
			return fmt.Errorf("write down an intent: %w", err)
		}
	}
	return nil
}

func (db *DB) storeOverruled(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, lost []acmesync.Overruled) error {
	for _, o := range lost {
		id, err := newEnvelopeID()
		if err != nil {
			return err
		}
		sealed, keyID, err := db.sealBody(ctx, f.Tenant, overruledBody(id), []byte(o.Lost))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			WITH old AS (
				DELETE FROM overruled WHERE tenant = $1 AND connection = $2 AND acme_id = $3 AND at < now() - interval '90 days'
			)
			INSERT INTO overruled (tenant, connection, acme_id, field, policy, winner, row_id, body, key_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			f.Tenant, f.Connection, o.AcmeID, o.Field, o.Policy, o.Winner, id, sealed, keyID); err != nil {
			return fmt.Errorf("keep a value that was overruled: %w", err)
		}
	}
	return nil
}

// overruled reads the values of a record that lost a conflict, newest first.
func (db *DB) overruled(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, acmeID string) ([]acmesync.Overruled, error) {
	rows, err := tx.QueryxContext(ctx, `
		SELECT field, policy, winner, at, row_id, body, key_id FROM overruled
		WHERE tenant = $1 AND connection = $2 AND acme_id = $3 ORDER BY at DESC LIMIT $4`, tenant, acmesync.MainConnection, acmeID, maxArrivalsShown)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []acmesync.Overruled
	for rows.Next() {
		var o acmesync.Overruled
		var id, keyID string
		var sealed []byte
		if err := rows.Scan(&o.Field, &o.Policy, &o.Winner, &o.At, &id, &sealed, &keyID); err != nil {
			return nil, err
		}
		text, err := db.openBody(ctx, tenant, overruledBody(id), keyID, sealed)
		if err != nil {
			return nil, err
		}
		o.Lost = string(text)
		all = append(all, o)
	}
	return all, rows.Err()
}

// AppSubscriptionDue answers the app's subscription a tenant has (empty: none) and whether it is to be looked at. It makes
// the position in the app's list of changes where there is none: it begins now, what was changed before does not travel.
func (db *DB) AppSubscriptionDue(ctx context.Context, f acmesync.Fence) (id string, due bool, err error) {
	err = db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO positions (tenant, connection, stream, generation, backfilled_at, watermark_at)
			VALUES ($1, $2, $3, $4, now(), now() - interval '1 minute')
			ON CONFLICT (tenant, connection, stream) DO UPDATE SET generation = excluded.generation WHERE positions.generation <> excluded.generation`,
			f.Tenant, f.Connection, acmesync.AppEvents, f.Generation); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `
			SELECT app_subscription_id, coalesce(app_subscription_due <= now(), true) FROM connections WHERE tenant = $1 AND connection = $2`,
			f.Tenant, f.Connection).Scan(&id, &due)
	})
	if err != nil {
		return "", false, fmt.Errorf("look at the app's subscription of %s: %w", f.Tenant, err)
	}
	return id, due, nil
}

// CommitAppSubscription keeps the app's subscription and, where it is new, its secret.
func (db *DB) CommitAppSubscription(ctx context.Context, f acmesync.Fence, id, secret string, lookAgain time.Duration) error {
	err := db.inSealing(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE connections SET app_subscription_id = $3, app_subscription_due = now() + $4 * interval '1 millisecond'
			WHERE tenant = $1 AND connection = $2`, f.Tenant, f.Connection, id, lookAgain.Milliseconds()); err != nil {
			return err
		}
		return db.putSecret(ctx, tx, f.Tenant, "app_hook_secret", secret)
	})
	if err != nil {
		return fmt.Errorf("keep the app's subscription of %s: %w", f.Tenant, err)
	}
	return nil
}

// LeaveApp ends listening to the app: its changes do not travel any more. What both sides agreed on is forgotten, as it
// grows old.
func (db *DB) LeaveApp(ctx context.Context, f acmesync.Fence) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		for _, q := range []string{
			`DELETE FROM positions WHERE tenant = $1 AND connection = $2 AND stream = 'app_events'`,
			`UPDATE connections SET app_subscription_id = '', app_subscription_due = NULL WHERE tenant = $1 AND connection = $2`,
			`DELETE FROM agreed WHERE tenant = $1 AND connection = $2`,
		} {
			if _, err := tx.ExecContext(ctx, q, f.Tenant, f.Connection); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("end listening to the app for %s: %w", f.Tenant, err)
	}
	return nil
}

// AppHookSecrets opens the secrets the app's webhooks may be signed with.
func (db *DB) AppHookSecrets(ctx context.Context, tenant acmesync.TenantID) ([]string, error) {
	secrets, err := db.secrets(ctx, tenant, "app_hook_secret")
	if err != nil || secrets["app_hook_secret"] == "" {
		return nil, err
	}
	return []string{secrets["app_hook_secret"]}, nil
}
