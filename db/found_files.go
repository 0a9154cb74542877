package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// LookAtFiles compares what lies where files are picked up with what was seen before, and answers what is to be read, in order:
// files that have not changed since the look before, and those whose reading was interrupted. A file that changed while it was
// read is incomplete, and a new one; so is one that could not be read by a layout which has been changed since.
func (db *DB) LookAtFiles(ctx context.Context, f acmesync.Fence, source acmesync.ImportSource, found []acmesync.FoundFile) ([]acmesync.Import, error) {
	var streams, names, marks, layouts, ids []string
	var sizes []int64
	for _, file := range found {
		id, err := newEnvelopeID()
		if err != nil {
			return nil, err
		}
		streams, names, marks = append(streams, string(file.Stream)), append(names, file.Name), append(marks, file.Mark)
		sizes, layouts, ids = append(sizes, file.Size), append(layouts, file.Layout), append(ids, id)
	}
	var due []acmesync.Import
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		const there = `EXISTS (SELECT 1 FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[]) AS u (stream, name, size, mark)
			WHERE u.stream = i.stream AND u.name = i.name AND u.size = i.size AND u.mark = i.mark)`
		args := []any{f.Tenant, source, f.Generation, pq.Array(streams), pq.Array(names), pq.Array(sizes), pq.Array(marks)}
		if _, err := tx.ExecContext(ctx, `
			DELETE FROM imports i WHERE i.tenant = $1 AND i.source = $2 AND i.generation = $3 AND i.state = 'waiting' AND NOT `+there, args...); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE imports i SET state = 'incomplete', message = '`+goneWhileRead+`', updated_at = now()
			WHERE i.tenant = $1 AND i.source = $2 AND i.generation = $3 AND i.state = 'receiving' AND NOT `+there, args...); err != nil {
			return err
		}
		if err := tx.SelectContext(ctx, &due, `
			SELECT `+importColumns+` FROM imports WHERE tenant = $1 AND source = $2 AND generation = $3
				AND (state = 'receiving' OR state = 'waiting' AND created_at < now() - interval '2 seconds')
			ORDER BY array_position(ARRAY['users', 'contacts', 'appointments', 'touchpoints'], stream), name, id`,
			f.Tenant, source, f.Generation); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO imports (tenant, connection, id, generation, stream, source, name, size, mark, state, actor)
			SELECT $1, $9, u.id, $3, u.stream, $2, u.name, u.size, u.mark, 'waiting', 'acmesync'
			FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::uuid[], $10::text[]) AS u (stream, name, size, mark, id, layout)
			WHERE NOT EXISTS (SELECT 1 FROM imports i WHERE i.tenant = $1 AND i.source = $2 AND i.generation = $3
				AND i.stream = u.stream AND i.name = u.name AND i.size = u.size AND i.mark = u.mark
				AND NOT (i.state = 'failed' AND i.layout <> u.layout)
				AND NOT (i.state = 'incomplete' AND i.message = '`+goneWhileRead+`'))`,
			append(args, pq.Array(ids), f.Connection, pq.Array(layouts))...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at the files of %s: %w", f.Tenant, err)
	}
	return due, nil
}

// goneWhileRead is why a file is incomplete that was not listed for a while: where the same one is listed again it is read again, from its
// beginning. A folder that was not mounted for a moment must not cost the rest of a file.
const goneWhileRead = "the file was changed or removed while it was read"

// WatchFiles has the fetch lane look for files, or look no more.
func (db *DB) WatchFiles(ctx context.Context, f acmesync.Fence, watch bool) error {
	err := db.in(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkFence(ctx, tx, f); err != nil {
			return err
		}
		query := `DELETE FROM positions WHERE tenant = $1 AND connection = $2 AND stream = $3 AND generation <= $4`
		if watch {
			query = `INSERT INTO positions (tenant, connection, stream, generation, backfilled_at) VALUES ($1, $2, $3, $4, now())
				ON CONFLICT (tenant, connection, stream) DO UPDATE SET generation = excluded.generation, due_at = now() WHERE positions.generation <> excluded.generation`
		}
		_, err := tx.ExecContext(ctx, query, f.Tenant, f.Connection, acmesync.FilesStream, f.Generation)
		return err
	})
	if err != nil {
		return fmt.Errorf("watch for files of %s: %w", f.Tenant, err)
	}
	return nil
}
