package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"
)

// statements makes connections that remember what they have prepared. A statement without a name is parsed and planned at
// each call; over tables partitioned by day that takes many times as long as running it.
type statements struct{ *pq.Connector }

// Connect opens one connection.
func (s statements) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := opened.(postgresConn)
	if !ok {
		return nil, fmt.Errorf("lib/pq's connection %T lacks what is needed of it", opened)
	}
	return &preparingConn{postgresConn: conn, prepared: map[string]preparedStatement{}, names: map[string]string{}}, nil
}

// postgresConn is what database/sql makes use of in lib/pq's connection.
type postgresConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.Tx // of the transaction that has begun on it
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

type preparedStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// preparedAtMost bounds what a connection remembers. The product has about half as many statements.
const preparedAtMost = 300

// preparingConn is used by one goroutine at a time, as database/sql promises.
type preparingConn struct {
	postgresConn
	prepared map[string]preparedStatement
	names    map[string]string // of statements that travel with others
	named    int
	used     time.Time // when it was last seen to be there
	tx       *transaction
}

// ExecContext runs a statement; one with parameters is prepared first.
func (c *preparingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.tx != nil && c.tx.over {
		return nil, errOver
	}
	if c.tx != nil && marked(ctx, laterKey) && c.postpone(query, args) {
		return driver.ResultNoRows, nil
	}
	if result, err := c.execTogether(ctx, query, args); result != nil || err != nil {
		return result, err
	}
	if err := c.flush(ctx); err != nil {
		return nil, err
	}
	st, err := c.statement(ctx, query, args)
	if err != nil {
		return nil, err
	}
	c.used = time.Now()
	if st == nil {
		return c.postgresConn.ExecContext(ctx, query, args)
	}
	result, err := st.ExecContext(ctx, args)
	return result, c.forgetUnusable(query, err)
}

// QueryContext runs a query; one with parameters is prepared first.
func (c *preparingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if rows, err := c.together(ctx, query, args); rows != nil || err != nil {
		return rows, err
	}
	if err := c.flush(ctx); err != nil {
		return nil, err
	}
	st, err := c.statement(ctx, query, args)
	if err != nil {
		return nil, err
	}
	c.used = time.Now()
	if st == nil {
		return c.postgresConn.QueryContext(ctx, query, args)
	}
	rows, err := st.QueryContext(ctx, args)
	return rows, c.forgetUnusable(query, err)
}

// statement finds or prepares a statement; nil where it is to run as it is.
func (c *preparingConn) statement(ctx context.Context, query string, args []driver.NamedValue) (preparedStatement, error) {
	if len(args) == 0 {
		return nil, nil
	}
	if st, ok := c.prepared[query]; ok {
		return st, nil
	}
	if len(c.prepared) == preparedAtMost {
		return nil, nil
	}
	made, err := c.postgresConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	st, ok := made.(preparedStatement)
	if !ok {
		return nil, made.Close()
	}
	c.prepared[query] = st
	return st, nil
}

// Postgres's codes for a plan that a change of the schema has made useless, and for a statement that is gone.
const (
	featureNotSupported  = "0A000"
	invalidStatementName = "26000"
)

func (c *preparingConn) forgetUnusable(query string, err error) error {
	var told *pq.Error
	if errors.As(err, &told) && (told.Code == featureNotSupported || told.Code == invalidStatementName) {
		_ = c.prepared[query].Close() // the error that is returned says enough
		delete(c.prepared, query)
	}
	return err
}
