package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// ActAs answers the same memory with every transaction pinned to one tenant, whatever a method is called for.
func (db *DB) ActAs(t acmesync.TenantID) *DB { return &DB{sql: db.sql, vault: db.vault, actAs: t} }

// Pool bounds how many connections there are.
func (db *DB) Pool(connections int) { db.sql.SetMaxOpenConns(connections) }

// Plans collects how Postgres would run each statement that is sent while it listens.
type Plans struct {
	mu    sync.Mutex
	plans []string
}

// Taken answers the plans of the statements so far and forgets them.
func (p *Plans) Taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.plans
	p.plans = nil
	return out
}

// Explained answers the same memory through connections that ask Postgres for the plan of each statement before they
// send it: what is asserted is the plan of the very statement the product sends, with its own parameters.
func (db *DB) Explained(databaseURL string) (*DB, *Plans, error) {
	conn, err := connect(context.Background(), databaseURL)
	if err != nil {
		return nil, nil, err
	}
	raw := conn.Driver()
	_ = conn.Close()
	plans := &Plans{}
	u := databaseURL + "&binary_parameters=yes"
	pool := sql.OpenDB(explainConnector{url: u, raw: raw, plans: plans})
	return &DB{sql: sqlx.NewDb(pool, "postgres"), vault: db.vault}, plans, nil
}

type explainConnector struct {
	url   string
	raw   driver.Driver
	plans *Plans
}

func (c explainConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.raw.Open(c.url)
	if err != nil {
		return nil, err
	}
	return explainConn{Conn: conn, plans: c.plans}, nil
}

func (c explainConnector) Driver() driver.Driver { return c.raw }

type explainConn struct {
	driver.Conn
	plans *Plans
}

func (c explainConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return (&preparingConn{postgresConn: c.Conn.(postgresConn)}).BeginTx(ctx, o)
}

func (c explainConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.explain(ctx, query, args); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c explainConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.explain(ctx, query, args); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c explainConn) explain(ctx context.Context, query string, args []driver.NamedValue) error {
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, "EXPLAIN "+query, args)
	if err != nil {
		return err
	}
	var plan strings.Builder
	for line := make([]driver.Value, 1); rows.Next(line) == nil; {
		switch text := line[0].(type) {
		case string:
			plan.WriteString(text + "\n")
		case []byte:
			plan.WriteString(string(text) + "\n")
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	c.plans.mu.Lock()
	defer c.plans.mu.Unlock()
	c.plans.plans = append(c.plans.plans, query+"\n"+plan.String())
	return nil
}

// Raw answers the connections themselves.
func Raw(db *DB) *sqlx.DB { return db.sql }

// In runs do in one transaction of a tenant's.
func In(ctx context.Context, db *DB, t acmesync.TenantID, do func(*sqlx.Tx) error) error {
	return db.in(ctx, t, do)
}

// Later and Alone say how a statement travels.
var Later, Alone = later, alone
