package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/lib/pq"
)

// Unavailable reports whether Postgres itself could not do it, rather than what was asked being at fault: it is away,
// full, read-only, shutting down, overloaded or slower than the caller could wait.
func Unavailable(err error) bool {
	var refused *pq.Error
	if errors.As(err, &refused) {
		switch refused.Code.Class() {
		case "08", "25", "53", "57", "58": // connection, read-only, resources, operator, system
			return true
		case "40": // two that waited for each other: either may try again
			return true
		}
		return refused.Code == "55P03" // a lock was not to be had in time
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded)
}
