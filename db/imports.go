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
			if err := savePosition(ctx, tx, f, *c.Position, true); err != nil {
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
