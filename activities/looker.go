package activities

import (
	"context"
	"sync"
	"time"

	"acmesync"
)

// Looker watches for work on behalf of all lanes that linger in this worker: one shared query every 20 ms, and none
// while nobody lingers. Lanes of the same process nudge each other past it.
type Looker struct {
	Find Finder

	mu      sync.Mutex
	waiting map[acmesync.LaneKey]chan struct{}
	running bool
}

// Finder answers which of the lanes have something due.
type Finder interface {
	WithWork(ctx context.Context, lanes []acmesync.LaneKey) ([]acmesync.LaneKey, error)
}

const lookEvery = 20 * time.Millisecond

// await returns true as soon as the lane has work, false when a second has been quiet.
func (l *Looker) await(ctx context.Context, lane acmesync.LaneKey) (bool, error) {
	found := make(chan struct{})
	l.mu.Lock()
	if l.waiting == nil {
		l.waiting = map[acmesync.LaneKey]chan struct{}{}
	}
	l.waiting[lane] = found
	if !l.running {
		l.running = true
		go l.look() //nolint:gosec // it serves all lanes of the worker and ends by itself when none lingers
	}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		if l.waiting[lane] == found {
			delete(l.waiting, lane)
		}
		l.mu.Unlock()
	}()
	timer := time.NewTimer(quietFor)
	defer timer.Stop()
	select {
	case <-found:
		return true, nil
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// Nudge wakes a lane of this process that lingers; one elsewhere finds the work by its own look.
func (l *Looker) Nudge(lane acmesync.LaneKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found, ok := l.waiting[lane]; ok {
		delete(l.waiting, lane)
		close(found)
	}
}

func (l *Looker) look() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for range ticker.C {
		l.mu.Lock()
		lanes := make([]acmesync.LaneKey, 0, len(l.waiting))
		for k := range l.waiting {
			lanes = append(lanes, k)
		}
		if len(lanes) == 0 {
			l.running = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		found, err := l.Find.WithWork(ctx, lanes)
		cancel()
		if err != nil {
			continue // each lane's own next statement meets the fault and reports it
		}
		for _, k := range found {
			l.Nudge(k)
		}
	}
}
