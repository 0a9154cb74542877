package db

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version int64     `json:"version"`
	Name    string    `json:"name"`
	Applied time.Time `json:"applied,omitzero"` // zero: pending
}

// Migrate brings the schema up to date as the owner and lists what it applied. Two at once are
// safe: the second waits, then finds nothing to do.
func Migrate(ctx context.Context, ownerURL string) ([]Migration, error) {
	var done []Migration
	err := withProvider(ctx, ownerURL, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		for _, r := range results {
			done = append(done, Migration{Version: r.Source.Version, Name: r.Source.Path, Applied: time.Now()})
		}
		return err
	})
	return done, err
}

// MigrationStatus lists all steps and when they were applied.
func MigrationStatus(ctx context.Context, ownerURL string) ([]Migration, error) {
	var all []Migration
	err := withProvider(ctx, ownerURL, func(p *goose.Provider) error {
		status, err := p.Status(ctx)
		for _, s := range status {
			all = append(all, Migration{Version: s.Source.Version, Name: s.Source.Path, Applied: s.AppliedAt})
		}
		return err
	})
	return all, err
}

func withProvider(ctx context.Context, ownerURL string, do func(*goose.Provider) error) (err error) {
	conn, err := connect(ctx, ownerURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read the embedded migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("prepare the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, conn.DB, files, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if err := do(provider); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// CheckSchema refuses a database that is behind this program. One that is ahead is taken: a migration comes before the
// programs that need it.
func (db *DB) CheckSchema(ctx context.Context) error {
	want, err := latestMigration()
	if err != nil {
		return err
	}
	var have int64
	var complete bool // the first migrations bring the function last
	err = db.sql.GetContext(ctx, &complete, `SELECT to_regprocedure('public.schema_version()') IS NOT NULL`)
	if err == nil && complete {
		err = db.sql.GetContext(ctx, &have, `SELECT coalesce(schema_version(), 0)`)
	}
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if have < want {
		return fmt.Errorf("the database schema is at version %d, this program needs %d: run `starter migrate up`", have, want)
	}
	return nil
}

func latestMigration() (int64, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("list the embedded migrations: %w", err)
	}
	return goose.NumericComponent(names[len(names)-1])
}
