package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// DB is the product's memory. It is safe for concurrent use.
type DB struct {
	sql   *sqlx.DB
	vault *Vault

	// actAs, in tests only, opens every transaction for this tenant whatever the caller asked for:
	// what a method then reads or writes has passed the second wall.
	actAs acmesync.TenantID
}

// Open connects as the program's own login and refuses one that could get round row-level security.
// It does not check the schema: CheckSchema does.
func Open(ctx context.Context, databaseURL string, vault *Vault) (*DB, error) {
	conn, err := connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	conn.SetMaxOpenConns(40)
	conn.SetMaxIdleConns(40)
	conn.SetConnMaxIdleTime(5 * time.Minute)
	conn.SetConnMaxLifetime(6 * time.Hour) // statements that name a day are prepared on it day by day
	db := &DB{sql: conn, vault: vault}
	if err := db.refuseStrongRole(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	vault.keys = db
	return db, nil
}

// connect asks lib/pq for binary parameters: a query then takes one round trip and bytea travels as bytes.
func connect(ctx context.Context, databaseURL string) (*sqlx.DB, error) {
	u, err := url.Parse(databaseURL)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return nil, errors.New("the database URL must look like postgres://user:password@host:port/database")
	}
	q := u.Query()
	q.Set("binary_parameters", "yes")
	// Without statistics a look at 2,000 keys seems dear enough to be compiled first, which takes many times as long as the look;
	// and a plan made for the very values at hand is no better than the one that is kept, but is made anew each time.
	q.Set("jit", "off")
	q.Set("plan_cache_mode", "force_generic_plan")
	// Plans are made while tables and each day's partition are empty, and kept while they grow: reading all rows seems best then.
	q.Set("enable_seqscan", "off")
	u.RawQuery = q.Encode()
	connector, err := pq.NewConnector(u.String())
	if err != nil {
		return nil, fmt.Errorf("read the database URL for %s: %w", u.Host, err)
	}
	conn := sqlx.NewDb(sql.OpenDB(statements{connector}), "postgres")
	if err := conn.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to Postgres at %s: %w", u.Host, err), conn.Close())
	}
	return conn, nil
}

// Close ends all connections.
func (db *DB) Close() error { return db.sql.Close() }

// Ping reports whether Postgres answers and takes writes.
func (db *DB) Ping(ctx context.Context) error {
	var readOnly string
	if err := db.sql.GetContext(ctx, &readOnly, `SHOW transaction_read_only`); err != nil {
		return fmt.Errorf("ask Postgres: %w", err)
	}
	if readOnly == "on" {
		return errors.New("ask Postgres: it takes no writes")
	}
	return nil
}

// refuseStrongRole looks at what the login may become too: a membership is one SET ROLE away from its rights.
func (db *DB) refuseStrongRole(ctx context.Context) error {
	var role struct {
		Name   string `db:"name"`
		Strong bool   `db:"strong"`
		Owns   bool   `db:"owns"`
	}
	err := db.sql.GetContext(ctx, &role, `
		SELECT current_user AS name,
			EXISTS (SELECT 1 FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND pg_has_role(current_user, oid, 'MEMBER')) AS strong,
			EXISTS (SELECT 1 FROM pg_class WHERE relname = 'envelopes' AND pg_has_role(current_user, relowner, 'MEMBER'))
				OR EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'acmesync_definer' AND pg_has_role(current_user, oid, 'MEMBER')) AS owns`)
	if err != nil {
		return fmt.Errorf("look at the database role: %w", err)
	}
	if role.Strong || role.Owns {
		return fmt.Errorf("DATABASE_URL logs in as %q, which is superuser, bypasses row-level security or owns the tables; "+
			"use the role acmesync_app (or a plain login that is a member of it)", role.Name)
	}
	return nil
}

// in runs do in one transaction that sees the given tenant only.
func (db *DB) in(ctx context.Context, tenant acmesync.TenantID, do func(*sqlx.Tx) error) error {
	return db.inWith(ctx, nil, "", tenant, do)
}

// inLazily is like in, but its commit may be flushed to disk a moment later: for what is found out again where it got lost.
func (db *DB) inLazily(ctx context.Context, tenant acmesync.TenantID, do func(*sqlx.Tx) error) error {
	return db.inWith(ctx, nil, lazily, tenant, do)
}

// inSealing runs do in one transaction that may seal bodies or secrets.
func (db *DB) inSealing(ctx context.Context, tenant acmesync.TenantID, do func(*sqlx.Tx) error) error {
	if err := db.readKeys(ctx, tenant); err != nil {
		return err
	}
	return db.in(ctx, tenant, do)
}

// readKeys has the tenant's keys in memory before a transaction that seals begins: one that held its connection while it
// waited for another one to read them by could wait for ever.
func (db *DB) readKeys(ctx context.Context, tenant acmesync.TenantID) error {
	if _, err := db.vault.of(ctx, tenant, dataKeyID); err != nil && !errors.Is(err, errKeyGone) {
		return err // a key that is gone is the sealing's business, if it comes to that
	}
	return nil
}

// snapshot runs do in one read-only transaction whose statements all see the same moment.
func (db *DB) snapshot(ctx context.Context, tenant acmesync.TenantID, do func(*sqlx.Tx) error) error {
	return db.inWith(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, "", tenant, do)
}

const lazily = `; SET LOCAL synchronous_commit = off`

// inWith names the tenant until the transaction's end.
func (db *DB) inWith(ctx context.Context, o *sql.TxOptions, more string, tenant acmesync.TenantID, do func(*sqlx.Tx) error) error {
	if db.actAs != "" {
		tenant = db.actAs
	}
	return db.transact(beginningWith(ctx, `SET LOCAL acmesync.tenant = `+pq.QuoteLiteral(string(tenant))+more), o, do)
}

// as runs do in one transaction under one of the roles that see several tenants.
func (db *DB) as(ctx context.Context, role string, do func(*sqlx.Tx) error) error {
	return db.transact(beginningWith(ctx, `SET LOCAL ROLE `+pq.QuoteIdentifier(role)), nil, do)
}

const (
	intakeRole = "acmesync_intake"
	fleetRole  = "acmesync_fleet"
)

func (db *DB) transact(ctx context.Context, o *sql.TxOptions, do func(*sqlx.Tx) error) error {
	tx, err := db.sql.BeginTxx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the connection may be gone; the first error says so
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// notFound turns "no rows" into the product's own word for it.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return acmesync.ErrNotFound
	}
	return err
}

// stamp formats a time for a text parameter that Postgres casts to timestamptz.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
