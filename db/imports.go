package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

const importColumns = `id, generation, stream, source, name, size, sha256, mark, layout, state, message, taken, rows, bad, place, actor, created_at, updated_at`

// sameContent finds an import of the same content that has come to its end.
const sameContent = `EXISTS (SELECT 1 FROM imports d WHERE d.tenant = $1 AND d.sha256 = $2 AND d.stream = $3 AND d.layout = $4 AND d.generation = $5
	AND d.sha256 <> '' AND d.state = 'complete' AND d.id <> $6)`

// OpenImport begins an import. One whose content was taken before, in this generation and by this layout, is a duplicate from its
// beginning.
func (db *DB) OpenImport(ctx context.Context, tenant acmesync.TenantID, n acmesync.Import) (acmesync.Import, error) {
	id, err := newEnvelopeID()
	if err != nil {
		return acmesync.Import{}, err
	}
	var made acmesync.Import
	err = db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		generation, err := takesFiles(ctx, tx, tenant)
		if err != nil {
			return err
		}
		var before bool
		if err := tx.GetContext(ctx, &before, `SELECT `+sameContent, tenant, n.SHA256, n.Stream, n.Layout, generation, id); err != nil {
			return err
		}
		state, message := acmesync.ImportReceiving, ""
		if before && !n.Again {
			state, message = acmesync.ImportDuplicate, duplicateImport
		}
		if err := tx.GetContext(ctx, &made, `
			INSERT INTO imports (tenant, connection, id, generation, stream, source, name, size, sha256, layout, state, message, actor)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING `+importColumns,
			tenant, acmesync.MainConnection, id, generation, n.Stream, n.Source, n.Name, n.Size, n.SHA256, n.Layout, state, message, n.Actor); err != nil {
			return err
		}
		return auditTx(ctx, tx, tenant, n.Actor, "import", id, string(n.Stream))
	})
	if err != nil {
		return made, fmt.Errorf("begin an import of %s: %w", tenant, err)
	}
	return made, nil
}

const duplicateImport = "the same content was taken before"

// takesFiles shares the tenant's row until the commit, as every commit of rows does, and says for which activation it is.
func takesFiles(ctx context.Context, tx *sqlx.Tx, tenant acmesync.TenantID) (generation int64, err error) {
	var now struct {
		State      acmesync.TenantState `db:"state"`
		Generation int64                `db:"generation"`
	}
	if err := tx.GetContext(ctx, &now, `SELECT state, generation FROM tenants WHERE tenant = $1 FOR SHARE`, tenant); err != nil {
		return 0, notFound(err)
	}
	switch now.State {
	case acmesync.Draft, acmesync.Stopped, acmesync.Deactivated:
		return 0, &acmesync.Conflict{Code: "wrong_state", Message: fmt.Sprintf("cannot take files while the tenant is %s: activate it first", now.State)}
	default:
		return now.Generation, nil
	}
}

// Import reads one.
func (db *DB) Import(ctx context.Context, tenant acmesync.TenantID, id string) (acmesync.Import, error) {
	var found acmesync.Import
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.GetContext(alone(ctx), &found, `SELECT `+importColumns+` FROM imports WHERE tenant = $1 AND id::text = $2`, tenant, id)
	})
	if err != nil {
		return found, fmt.Errorf("read an import of %s: %w", tenant, notFound(err))
	}
	return found, nil
}

// Imports lists a tenant's, newest first, from one on.
func (db *DB) Imports(ctx context.Context, tenant acmesync.TenantID, before string, limit int) ([]acmesync.Import, error) {
	all := []acmesync.Import{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(alone(ctx), &all, `
			SELECT `+importColumns+` FROM imports WHERE tenant = $1 AND ($2 = '' OR id::text < $2) ORDER BY id DESC LIMIT $3`, tenant, before, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list the imports of %s: %w", tenant, err)
	}
	return all, nil
}

// CommitChunk stores a chunk of a file: its page, its people and how far the file has come, in one transaction. With a lane the
// fence is the lane's; without one it is an upload, which no lane owns. A chunk that was read from another offset than the file
// has come to is a *WrongOffset: somebody else has sent it.
func (db *DB) CommitChunk(ctx context.Context, f acmesync.Fence, c acmesync.ImportChunk) (acmesync.Import, error) {
	var after acmesync.Import
	err := db.inSealing(ctx, f.Tenant, func(tx *sqlx.Tx) error {
		if err := checkImport(ctx, tx, f); err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &after, `
			SELECT `+importColumns+` FROM imports WHERE tenant = $1 AND id::text = $2 FOR UPDATE`, f.Tenant, c.Import); err != nil {
			return notFound(err)
		}
		if after.Offset != c.From || after.State != acmesync.ImportReceiving && after.State != acmesync.ImportWaiting {
			return &acmesync.WrongOffset{Offset: after.Offset}
		}
		if c.State == acmesync.ImportComplete {
			var before bool
			if err := tx.GetContext(ctx, &before, `SELECT `+sameContent, f.Tenant, c.SHA256, after.Stream, c.Layout, f.Generation, after.ID); err != nil {
				return err
			}
			if before {
				c.State, c.Message = acmesync.ImportDuplicate, duplicateImport
			}
		}
		if c.Page != nil {
			if err := db.storePages(ctx, tx, f, []acmesync.NewPage{*c.Page}); err != nil {
				return err
			}
		}
		if err := tx.GetContext(ctx, &after, `
			UPDATE imports SET taken = $3, rows = $4, bad = $5, place = $6, state = $7, message = $8, layout = $9, updated_at = now(),
				sha256 = CASE WHEN $10 <> '' THEN $10 ELSE sha256 END
			WHERE tenant = $1 AND id::text = $2 RETURNING `+importColumns,
			f.Tenant, c.Import, c.Offset, c.Rows, c.BadRows, string(c.Place), c.State, c.Message, c.Layout, c.SHA256); err != nil {
			return err
		}
		if c.Position != nil {
			if err := savePosition(ctx, tx, f, *c.Position); err != nil {
				return err
			}
		}
		return db.storeImported(ctx, tx, f, c)
	})
	if err != nil {
		return after, fmt.Errorf("commit a chunk of a file of %s: %w", f.Tenant, err)
	}
	return after, nil
}

func checkImport(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence) error {
	if f.Lane != "" {
		return checkFence(ctx, tx, f)
	}
	generation, err := takesFiles(ctx, tx, f.Tenant)
	if err == nil && generation != f.Generation {
		err = &acmesync.Conflict{Code: "wrong_state", Message: "the tenant was activated anew since: begin another import"}
	}
	return err
}

// storeImported keeps a chunk's people, and leaves hints for contacts that its rows name and nobody knows.
func (db *DB) storeImported(ctx context.Context, tx *sqlx.Tx, f acmesync.Fence, c acmesync.ImportChunk) error {
	var unknown []string
	if len(c.Contacts) > 0 {
		if err := tx.SelectContext(ctx, &unknown, unknownContacts, f.Tenant, f.Connection, pq.Array(c.Contacts)); err != nil {
			return fmt.Errorf("find unknown contacts: %w", err)
		}
	}
	keys := make([]acmesync.Key, len(unknown))
	for i, id := range unknown {
		keys[i] = acmesync.Key{Stream: acmesync.Contacts, AcmeID: id}
	}
	if err := storeHints(ctx, tx, f, keys); err != nil {
		return err
	}
	if len(c.People) == 0 {
		return nil
	}
	if c.People[0].Kind == acmesync.UserPerson {
		if _, err := tx.ExecContext(ctx, `UPDATE connections SET users_read_at = now() WHERE tenant = $1 AND connection = $2`, f.Tenant, f.Connection); err != nil {
			return err
		}
	}
	return db.storePeople(ctx, tx, f, c.People)
}

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
			UPDATE imports i SET state = 'incomplete', message = 'the file was changed or removed while it was read', updated_at = now()
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
				AND NOT (i.state = 'failed' AND i.layout <> u.layout))`,
			append(args, pq.Array(ids), f.Connection, pq.Array(layouts))...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look at the files of %s: %w", f.Tenant, err)
	}
	return due, nil
}

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
