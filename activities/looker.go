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
	nudged  map[acmesync.LaneKey]bool // of all lanes that attend: whether there was a nudge since they last waited
	running bool
}

// Finder answers which of the lanes have something due.
type Finder interface {
	WithWork(ctx context.Context, lanes []acmesync.LaneKey) ([]acmesync.LaneKey, error)
}

const lookEvery = 20 * time.Millisecond

// attend has nudges for a lane kept until it leaves: whoever gives one needs no mark.
func (l *Looker) attend(lane acmesync.LaneKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nudged == nil {
		l.nudged = map[acmesync.LaneKey]bool{}
	}
	l.nudged[lane] = false
}

// leave ends that, unless there is a nudge the lane has not followed yet.
func (l *Looker) leave(lane acmesync.LaneKey) (left bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nudged[lane] {
		l.nudged[lane] = false
		return false
	}
	delete(l.nudged, lane)
	return true
}

// quit ends it whatever nudges there are: an attempt's end looks at all that is due.
func (l *Looker) quit(lane acmesync.LaneKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.nudged, lane)
}

// await returns true as soon as the lane has work, false when a second has been quiet.
func (l *Looker) await(ctx context.Context, lane acmesync.LaneKey) (bool, error) {
	found := make(chan struct{})
	l.mu.Lock()
	if l.nudged[lane] {
		l.nudged[lane] = false
		l.mu.Unlock()
		return true, nil
	}
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

// Nudge tells a lane of this process that it has work, and reports whether one attends that is going to look for it. One
// elsewhere finds the work by its own look.
func (l *Looker) Nudge(lane acmesync.LaneKey) (heard bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, heard = l.nudged[lane]
	if !l.wake(lane) && heard {
		l.nudged[lane] = true
	}
	return heard
}

func (l *Looker) wake(lane acmesync.LaneKey) bool {
	found, ok := l.waiting[lane]
	if ok {
		delete(l.waiting, lane)
		close(found)
	}
	return ok
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
		l.mu.Lock()
		for _, k := range found {
			l.wake(k)
		}
		l.mu.Unlock()
	}
}
