package control

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Later runs what must not delay an answer. What fails is logged and left to the sweep.
type Later struct {
	Log *zap.Logger

	running sync.WaitGroup
}

// Do runs a task on a goroutine of its own with a time limit; it outlives the request it came from.
func (l *Later) Do(what string, tenant string, limit time.Duration, task func(context.Context) error) {
	l.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := task(ctx); err != nil {
			l.Log.Warn("left to the sweep", zap.String("task", what), zap.String("tenant_id", tenant), zap.Error(err))
		}
	})
}

// Wait ends when every task has ended: each has a time limit.
func (l *Later) Wait() { l.running.Wait() }
