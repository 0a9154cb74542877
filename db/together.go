package db

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// togetherAtMost bounds the parameters of statements that travel together, in bytes: as text they are larger than alone.
const togetherAtMost = 64 << 10

// postpone has a statement wait for the next one; false where it has to travel by itself.
func (c *preparingConn) postpone(query string, args []driver.NamedValue) bool {
	text, ok := c.executing(query, args)
	if ok {
		c.tx.pending = append(c.tx.pending, text)
	}
	return ok
}

// execTogether sends a statement with all that waits. It answers nothing where the statement has to travel by itself.
func (c *preparingConn) execTogether(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.tx == nil || !c.tx.waiting() {
		return nil, nil
	}
	text, ok := c.executing(query, args)
	if !ok {
		return nil, nil
	}
	result, err := c.postgresConn.ExecContext(ctx, c.tx.take(text), nil)
	if err != nil {
		c.forgetNames()
		return nil, err
	}
	c.used = time.Now()
	return result, nil
}

// together sends a query with all that waits. It answers nothing where the query has to travel by itself.
func (c *preparingConn) together(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	t := c.tx
	if t == nil {
		return nil, nil
	}
	if t.over {
		return nil, errOver
	}
	if !t.waiting() {
		return nil, nil
	}
	text, ok := c.executing(query, args)
	if !ok {
		return nil, nil
	}
	if t.begin != "" && marked(ctx, aloneKey) {
		// Statements that are sent together without BEGIN are a transaction too, one that leaves nothing open where it fails.
		t.begin, t.over = "", true
	}
	rows, err := c.postgresConn.QueryContext(ctx, t.take(text), nil)
	if err != nil {
		c.forgetNames()
		return nil, err
	}
	c.used = time.Now()
	return rows, nil
}

// executing writes a call of a prepared statement, after its preparation where this connection has none. It has a name of our
// own: those that lib/pq gives are not told.
func (c *preparingConn) executing(query string, args []driver.NamedValue) (text string, ok bool) {
	values := make([]string, len(args))
	size := 0
	for i, a := range args {
		if values[i], ok = literal(a.Value); !ok {
			return "", false
		}
		size += len(values[i])
	}
	if len(args) == 0 || size > togetherAtMost {
		return "", false
	}
	name, known := c.names[query]
	if !known {
		if len(c.names) == preparedAtMost {
			return "", false
		}
		c.named++
		name = fmt.Sprint("together_", c.named)
		c.names[query] = name
		text = "PREPARE " + name + " AS " + query + "; "
	}
	return text + "EXECUTE " + name + " (" + strings.Join(values, ", ") + ")", true
}

// forgetNames has all statements prepared anew under new names: after a failure it is not known which of them are there.
func (c *preparingConn) forgetNames() {
	clear(c.names)
}

// literal writes a parameter as text of no particular type, so that Postgres reads it as it reads a parameter.
func literal(v driver.Value) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "NULL", true
	case string:
		// The protocol ends a request's text at a zero byte; a parameter that has one is refused as one.
		return pq.QuoteLiteral(v), !strings.Contains(v, "\x00")
	case []byte:
		if v == nil {
			return "NULL", true
		}
		return pq.QuoteLiteral(`\x` + hex.EncodeToString(v)), true
	case bool:
		return pq.QuoteLiteral(strconv.FormatBool(v)), true
	case int64:
		return pq.QuoteLiteral(strconv.FormatInt(v, 10)), true
	case time.Time:
		return pq.QuoteLiteral(stamp(v)), true
	}
	return "", false
}
