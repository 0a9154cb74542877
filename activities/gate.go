package activities

import (
	"context"
	"slices"
	"sync"
	"time"

	"acmesync"
)

// Gate shares a worker's capacity: each page takes a permit, live before backfill, tenants in turn. A tenant with a
// long backfill waits behind every tenant that waits for its first page.
//
// A permit is memory credit too: what it is taken for is bounded by itself, a page of Acme's by 16 MB and a round by 4 MB, so that
// permits times that bound is what bodies can take of the process at worst.
type Gate struct {
	mu     sync.Mutex
	free   int
	queues [2]queue // by priority
}

// NewGate makes a gate with a number of permits: pages in work at the same time in this process.
func NewGate(permits int) *Gate { return &Gate{free: permits} }

// queue hands out turns tenant by tenant.
type queue struct {
	order   []acmesync.TenantID
	waiting map[acmesync.TenantID][]chan struct{}
}

func (q *queue) push(t acmesync.TenantID, turn chan struct{}) {
	if q.waiting == nil {
		q.waiting = map[acmesync.TenantID][]chan struct{}{}
	}
	if len(q.waiting[t]) == 0 {
		q.order = append(q.order, t)
	}
	q.waiting[t] = append(q.waiting[t], turn)
}

func (q *queue) pop() chan struct{} {
	if len(q.order) == 0 {
		return nil
	}
	t := q.order[0]
	q.order = q.order[1:]
	turns := q.waiting[t]
	if len(turns) > 1 {
		q.waiting[t] = turns[1:]
		q.order = append(q.order, t)
	} else {
		delete(q.waiting, t)
	}
	return turns[0]
}

// drop takes a turn back. A tenant that waits no longer loses its place: kept, it would have two once it came again.
func (q *queue) drop(t acmesync.TenantID, turn chan struct{}) bool {
	i := slices.Index(q.waiting[t], turn)
	if i < 0 {
		return false
	}
	if q.waiting[t] = slices.Delete(q.waiting[t], i, i+1); len(q.waiting[t]) == 0 {
		delete(q.waiting, t)
		q.order = slices.DeleteFunc(q.order, func(other acmesync.TenantID) bool { return other == t })
	}
	return true
}

// enter waits for a permit, with a sign of life every few seconds; the answer gives the permit back.
func (g *Gate) enter(ctx context.Context, t acmesync.TenantID, p acmesync.Priority, alive func()) (leave func(), err error) {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return g.leave, nil
	}
	turn := make(chan struct{})
	g.queues[p].push(t, turn)
	g.mu.Unlock()
	ticker := time.NewTicker(signOfLife)
	defer ticker.Stop()
	for {
		select {
		case <-turn:
			return g.leave, nil
		case <-ticker.C:
			alive()
		case <-ctx.Done():
			g.mu.Lock()
			waited := g.queues[p].drop(t, turn)
			g.mu.Unlock()
			if !waited { // the permit came at the same moment
				g.leave()
			}
			return nil, ctx.Err()
		}
	}
}

// signOfLife is how often a lane that waits for its turn says that it lives.
const signOfLife = 5 * time.Second

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.queues {
		if turn := g.queues[p].pop(); turn != nil {
			close(turn)
			return
		}
	}
	g.free++
}
