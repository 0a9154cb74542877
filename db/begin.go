package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"
)

type contextKey int

const (
	beginningKey contextKey = iota
	laterKey
	aloneKey
)

// beginningWith has the transaction that is begun next set something as it begins.
func beginningWith(ctx context.Context, settings string) context.Context {
	return context.WithValue(ctx, beginningKey, settings)
}

// later lets a statement of which nothing but success is wanted travel with the next one, at the latest with the commit. A
// lane's transactions are so short that each request is a good part of them. If it fails, whatever it travels with fails.
func later(ctx context.Context) context.Context { return context.WithValue(ctx, laterKey, true) }

// alone says that a query is all there is to its transaction: begin, query and commit travel together. The rows have to be
// read to their end before the commit is known to have succeeded.
func alone(ctx context.Context) context.Context { return context.WithValue(ctx, aloneKey, true) }

func marked(ctx context.Context, key contextKey) bool {
	is, _ := ctx.Value(key).(bool)
	return is
}

// transaction is one that was begun with settings.
type transaction struct {
	ctx     context.Context //nolint:containedctx // database/sql gives none to Commit, which must not outlast the one of BeginTx
	begin   string          // still to be sent; empty once it was, or where the mode is not the usual one
	pending []string        // still to be sent after it
	over    bool            // a query alone has ended it
}

// usedLately is how long a connection is taken to be there still. Until then BEGIN travels with the first statement; on one that
// has idled for longer it goes ahead, because database/sql replaces a connection that has died only if beginning fails.
const usedLately = time.Second

// BeginTx begins a transaction, with its settings where the context names some.
func (c *preparingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.tx = nil
	settings, ok := ctx.Value(beginningKey).(string)
	if !ok {
		return c.postgresConn.BeginTx(ctx, o)
	}
	begin, usual := "BEGIN", true
	switch sql.IsolationLevel(o.Isolation) {
	case sql.LevelDefault:
	case sql.LevelRepeatableRead:
		begin, usual = begin+" ISOLATION LEVEL REPEATABLE READ", false
	default:
		return nil, fmt.Errorf("no transaction is begun with isolation level %d", o.Isolation)
	}
	if o.ReadOnly {
		begin, usual = begin+" READ ONLY", false
	}
	if usual && time.Since(c.used) < usedLately {
		c.tx = &transaction{ctx: ctx, begin: begin, pending: []string{settings}}
		return c, nil
	}
	if _, err := c.postgresConn.ExecContext(ctx, begin+"; "+settings, nil); err != nil {
		return nil, errors.Join(err, c.undo())
	}
	c.used = time.Now()
	c.tx = &transaction{ctx: ctx}
	return c, nil
}

// undo ends a transaction of which a part failed; a connection on which that fails too is not used again.
func (c *preparingConn) undo() error {
	if c.postgresConn.Rollback() != nil {
		return driver.ErrBadConn
	}
	return nil
}

// Commit ends the transaction with all that still waits to be sent.
func (c *preparingConn) Commit() error {
	t := c.tx
	c.tx = nil
	switch {
	case t.over, t.begin != "" && len(t.pending) == 1:
		return nil // nothing was done in it, or it has ended
	case !t.waiting():
		return c.postgresConn.Commit()
	}
	if _, err := c.postgresConn.ExecContext(t.ctx, t.take("COMMIT"), nil); err != nil {
		c.forgetNames()
		return errors.Join(err, c.undo())
	}
	return nil
}

// Rollback ends the transaction without effect.
func (c *preparingConn) Rollback() error {
	t := c.tx
	c.tx = nil
	if t.over || t.begin != "" {
		return nil
	}
	return c.postgresConn.Rollback()
}

func (t *transaction) waiting() bool { return t.begin != "" || len(t.pending) > 0 }

// take answers all that waits, with one more statement: nothing waits then.
func (t *transaction) take(last string) string {
	all := append(t.pending, last)
	if t.begin != "" {
		all = append([]string{t.begin}, all...)
	}
	t.begin, t.pending = "", nil
	return strings.TrimSuffix(strings.Join(all, "; "), "; ")
}

// flush sends what waits: the next statement travels in another way.
func (c *preparingConn) flush(ctx context.Context) error {
	t := c.tx
	if t == nil || !t.waiting() {
		return nil
	}
	_, err := c.postgresConn.ExecContext(ctx, t.take(""), nil)
	if err != nil {
		c.forgetNames()
	}
	return err
}

var errOver = errors.New("the transaction has ended with the query that was to be alone in it")
