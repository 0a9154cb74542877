package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

const instanceColumns = `i.series_id, i.original, i.holder, coalesce(i.mapped::text, ''), i.revision, i.app_id`

// Lateral joins for the reason that ledgerLookup has them.
const (
	instancesOfSeries = `
		SELECT ` + instanceColumns + ` FROM unnest($3::text[]) AS u (id), LATERAL (
			SELECT * FROM instances WHERE tenant = $1 AND connection = $2 AND series_id = u.id OFFSET 0
		) i`
	instancesHeld = `
		SELECT ` + instanceColumns + ` FROM unnest($3::text[]) AS u (id), LATERAL (
			SELECT * FROM instances WHERE tenant = $1 AND connection = $2 AND holder = u.id AND holder <> series_id OFFSET 0
		) i`
	instancesAt = `
		SELECT ` + instanceColumns + ` FROM unnest($3::text[], $4::text[]) AS u (id, original), LATERAL (
			SELECT * FROM instances WHERE tenant = $1 AND connection = $2 AND series_id = u.id AND original = u.original OFFSET 0
		) i`
)

// Instances reads what of series stands in the app, each row once: all of the named records, as masters and as exceptions, and
// those at the named places.
func (db *DB) Instances(ctx context.Context, f acmesync.Fence, records []string, places []acmesync.Instance) ([]acmesync.Instance, error) {
	var all []acmesync.Instance
	seen := map[[2]string]bool{}
	read := func(tx *sqlx.Tx, query string, args ...any) error {
		rows, err := tx.QueryxContext(ctx, query, append([]any{f.Tenant, f.Connection}, args...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var i acmesync.Instance
			if err := rows.Scan(&i.Series, &i.Original, &i.Holder, &i.Mapped, &i.Revision, &i.AppID); err != nil {
				return err
			}
			if key := [2]string{i.Series, i.Original}; !seen[key] {
				seen[key] = true
				all = append(all, i)
			}
		}
		return rows.Err()
	}
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if len(records) > 0 {
			if err := read(tx, instancesOfSeries, pq.Array(records)); err != nil {
				return err
			}
			if err := read(tx, instancesHeld, pq.Array(records)); err != nil {
				return err
			}
		}
		if len(places) > 0 {
			series, original := placesOf(places)
			return read(tx, instancesAt, pq.Array(series), pq.Array(original))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read instances of %s: %w", f.Tenant, err)
	}
	return all, nil
}

// DoubtInstances notes that events of series are about to be written or removed, before they are: an attempt that ends between
// its write and its commit leaves no event that is not known here, and none that is believed to be what it is not.
func (db *DB) DoubtInstances(ctx context.Context, f acmesync.Fence, instances []acmesync.Instance) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		doubted := make([]acmesync.Instance, len(instances))
		for n, i := range instances {
			doubted[n] = i
			doubted[n].Mapped = ""
		}
		return upsertInstances(ctx, tx, f, doubted)
	})
	if err != nil {
		return fmt.Errorf("doubt instances of %s: %w", f.Tenant, err)
	}
	return nil
}

func placesOf(instances []acmesync.Instance) (series, original []string) {
	for _, i := range instances {
		series, original = append(series, i.Series), append(original, i.Original)
	}
	return series, original
}

func upsertInstances(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, instances []acmesync.Instance) error {
	if len(instances) == 0 {
		return nil
	}
	n := len(instances)
	holders, mapped, revisions, appIDs := make([]string, n), make([]string, n), make([]int64, n), make([]string, n)
	for k, i := range instances {
		holders[k], mapped[k], revisions[k], appIDs[k] = i.Holder, i.Mapped, i.Revision, i.AppID
		if i.Mapped == "" {
			mapped[k] = zeroHash
		}
	}
	series, original := placesOf(instances)
	_, err := tx.ExecContext(ctx, `
		INSERT INTO instances AS i (tenant, connection, series_id, original, holder, mapped, revision, app_id)
		SELECT $1, $2, u.series, u.original, u.holder, nullif(u.mapped, '`+zeroHash+`'), u.revision, u.app
		FROM unnest($3::text[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::text[]) AS u (series, original, holder, mapped, revision, app)
		ON CONFLICT (tenant, connection, series_id, original) DO UPDATE SET holder = excluded.holder, mapped = excluded.mapped,
			revision = excluded.revision, app_id = excluded.app_id`,
		f.Tenant, f.Connection, pq.Array(series), pq.Array(original), pq.Array(holders), pq.Array(mapped), pq.Array(revisions), pq.Array(appIDs))
	if err != nil {
		return fmt.Errorf("write instances: %w", err)
	}
	return nil
}

func removeInstances(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, gone []acmesync.Instance) error {
	if len(gone) == 0 {
		return nil
	}
	series, original := placesOf(gone)
	_, err := tx.ExecContext(ctx, `
		DELETE FROM instances i USING unnest($3::text[], $4::text[]) AS u (series, original)
		WHERE i.tenant = $1 AND i.connection = $2 AND i.series_id = u.series AND i.original = u.original`,
		f.Tenant, f.Connection, pq.Array(series), pq.Array(original))
	if err != nil {
		return fmt.Errorf("remove instances: %w", err)
	}
	return nil
}

// storeSeries writes down what became of instances, and answers the masters that have to be read and expanded again though nothing
// about them changed, since an exception of theirs has given its instance back. It runs after the round's own ledger rows. A
// master that is not in the ledger yet comes by itself.
func storeSeries(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, d acmesync.Delivered) ([]acmesync.Key, error) {
	if err := upsertInstances(ctx, tx, f, d.Instances); err != nil {
		return nil, err
	}
	if err := removeInstances(ctx, tx, f, d.NoInstances); err != nil {
		return nil, err
	}
	if len(d.Expand) == 0 {
		return nil, nil
	}
	var known []string
	err := tx.SelectContext(ctx, &known, `
		UPDATE ledger l SET hash = '`+zeroHash+`' FROM (SELECT DISTINCT id FROM unnest($3::text[]) AS u (id)) u
		WHERE l.tenant = $1 AND l.connection = $2 AND l.stream = 'appointments' AND l.acme_id = u.id AND l.state <> 'deleted'
		RETURNING l.acme_id`, f.Tenant, f.Connection, pq.Array(d.Expand))
	if err != nil {
		return nil, fmt.Errorf("let series be expanded again: %w", err)
	}
	keys := make([]acmesync.Key, len(known))
	for n, id := range known {
		keys[n] = acmesync.Key{Stream: acmesync.Appointments, AcmeID: id}
	}
	return keys, nil
}

// WrittenInstances lists events of series that the app may hold, in order, for a cleanup to remove them. Their records lose their
// hashes first, for the reason that Written gives.
func (db *DB) WrittenInstances(ctx context.Context, f acmesync.Fence, limit int) ([]acmesync.Instance, error) {
	var written []acmesync.Instance
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		rows, err := tx.QueryxContext(ctx, `SELECT `+instanceColumns+` FROM instances i WHERE tenant = $1 AND connection = $2
			ORDER BY series_id, original LIMIT $3`, f.Tenant, f.Connection, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		var holders []string
		for rows.Next() {
			var i acmesync.Instance
			if err := rows.Scan(&i.Series, &i.Original, &i.Holder, &i.Mapped, &i.Revision, &i.AppID); err != nil {
				return err
			}
			written, holders = append(written, i), append(holders, i.Holder)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE ledger l SET hash = '`+zeroHash+`' FROM (SELECT DISTINCT id FROM unnest($3::text[]) AS u (id)) u
			WHERE l.tenant = $1 AND l.connection = $2 AND l.stream = 'appointments' AND l.acme_id = u.id`, f.Tenant, f.Connection, pq.Array(holders))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list what series have written for %s: %w", f.Tenant, err)
	}
	return written, nil
}

// CommitRemovedInstances forgets events of series that a cleanup took out of the app.
func (db *DB) CommitRemovedInstances(ctx context.Context, f acmesync.Fence, gone []acmesync.Instance) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		return removeInstances(ctx, tx, f, gone)
	})
	if err != nil {
		return fmt.Errorf("forget what series had written for %s: %w", f.Tenant, err)
	}
	return nil
}

// readSerial tells what a record has to do with series.
func readSerial(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID, story *RecordStory) error {
	if story.Stream != acmesync.Appointments {
		return nil
	}
	if err := tx.GetContext(ctx, &story.Instances, `
		SELECT count(*) FROM instances WHERE tenant = $1 AND connection = $2 AND series_id = $3 AND holder = $3 AND app_id <> ''`,
		tenant, acmesync.MainConnection, story.AcmeID); err != nil {
		return err
	}
	return tx.GetContext(ctx, &story.InstanceOf, `
		SELECT coalesce(min(series_id || '/' || original), '') FROM instances
		WHERE tenant = $1 AND connection = $2 AND holder = $3 AND holder <> series_id`, tenant, acmesync.MainConnection, story.AcmeID)
}
