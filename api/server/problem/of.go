package problem

import (
	"context"
	"errors"
	"time"

	"acmesync"
	"acmesync/control"
	"acmesync/db"
)

// unavailableFor is when a caller may come again after Postgres was away.
const unavailableFor = 5 * time.Second

// Of turns any failure into a problem: the one place where kinds become statuses. What is not known is an internal
// error and says nothing more; known is false then, and somebody should look.
func Of(err error) (p *Problem, known bool) {
	var ready *Problem
	var invalid *control.Invalid
	var conflict *acmesync.Conflict
	switch {
	case errors.As(err, &ready):
		return ready, true
	case errors.As(err, &invalid):
		fields := make([]Field, len(invalid.Problems))
		for i, one := range invalid.Problems {
			fields[i] = Field(one)
		}
		return New(invalid.Code, invalid.Error(), fields...), true
	case errors.As(err, &conflict):
		return New(conflict.Code, conflict.Message), true
	case errors.Is(err, acmesync.ErrNotFound):
		return New(NotFound, ""), true
	case db.Unavailable(err), errors.Is(err, context.Canceled):
		return New(Unavailable, "").RetryAfter(unavailableFor), true
	}
	return New(Internal, ""), false
}
