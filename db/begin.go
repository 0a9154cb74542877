package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

type beginningKey struct{}

// beginningWith has the transaction that is begun next set something by the request that begins it: a lane's transactions are
// so short that each further round trip is a good part of them.
func beginningWith(ctx context.Context, settings string) context.Context {
	return context.WithValue(ctx, beginningKey{}, settings)
}

// BeginTx begins a transaction, with its settings where the context names some.
func (c *preparingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	settings, ok := ctx.Value(beginningKey{}).(string)
	if !ok {
		return c.postgresConn.BeginTx(ctx, o)
	}
	mode := ""
	switch sql.IsolationLevel(o.Isolation) {
	case sql.LevelDefault:
	case sql.LevelRepeatableRead:
		mode = " ISOLATION LEVEL REPEATABLE READ"
	default:
		return nil, fmt.Errorf("no transaction is begun with isolation level %d", o.Isolation)
	}
	if o.ReadOnly {
		mode += " READ ONLY"
	}
	if _, err := c.postgresConn.ExecContext(ctx, "BEGIN"+mode+"; "+settings, nil); err != nil {
		return nil, errors.Join(err, c.undoBegin())
	}
	return c.postgresConn, nil
}

// undoBegin ends the transaction whose settings were refused; a connection on which that fails is not used again.
func (c *preparingConn) undoBegin() error {
	if c.postgresConn.Rollback() != nil {
		return driver.ErrBadConn
	}
	return nil
}
