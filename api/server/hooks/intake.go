package hooks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"acmesync/db"

	"go.uber.org/zap"
)

// inbox stores deliveries; db.DB is it.
type inbox interface {
	StoreHooks(ctx context.Context, deliveries []db.HookDelivery) ([]db.HookStatus, error)
}

const (
	committers     = 2
	waitAtMost     = 4096 // deliveries that wait for a committer
	batchOf        = 256
	batchEvents    = 2000
	batchBytes     = 4 << 20
	commitTimeout  = 5 * time.Second
	aloneTimeout   = 2 * time.Second
	errorsPerBatch = 3 // deliveries that may fail alone before the rest of a batch is given back
)

var errFull = errors.New("too many deliveries wait for their commit")

// intake commits deliveries in groups: whatever arrives while a commit is under way goes into the next one. Nothing is
// delayed on purpose, so that a lone delivery is as fast as it can be.
type intake struct {
	inbox   inbox
	stored  func(db.HookDelivery) // called after the commit for each new delivery
	figures *figures
	log     *zap.Logger
	queue   chan *waiting
	workers sync.WaitGroup

	closing sync.RWMutex // held for reading by whoever puts into the queue
	closed  bool
}

type waiting struct {
	delivery db.HookDelivery
	bytes    int
	status   db.HookStatus
	err      error
	done     chan struct{}
}

func newIntake(in inbox, stored func(db.HookDelivery), f *figures, log *zap.Logger) *intake {
	i := &intake{inbox: in, stored: stored, figures: f, log: log, queue: make(chan *waiting, waitAtMost)}
	for range committers {
		i.workers.Go(i.work)
	}
	return i
}

// close commits what waits and ends the committers. A delivery that comes later still is refused.
func (i *intake) close() {
	i.closing.Lock()
	i.closed = true
	close(i.queue)
	i.closing.Unlock()
	i.workers.Wait()
}

// store returns once the delivery is committed, or is known not to be. A sender that goes away meanwhile changes nothing.
func (i *intake) store(d db.HookDelivery) (db.HookStatus, error) {
	statuses, err := i.storeAll([]db.HookDelivery{d})
	return statuses[0], err
}

// storeAll returns once all deliveries are committed, or one is known not to be: the others may be, and are duplicates when
// all of them come again.
func (i *intake) storeAll(all []db.HookDelivery) ([]db.HookStatus, error) {
	var err error
	entered := make([]*waiting, 0, len(all))
	for _, d := range all {
		w := &waiting{delivery: d, done: make(chan struct{})}
		for _, e := range d.Events {
			w.bytes += len(e.Body)
		}
		if !i.enqueue(w) {
			err = errFull
			break
		}
		entered = append(entered, w)
	}
	statuses := make([]db.HookStatus, len(all))
	for n, w := range entered {
		<-w.done
		statuses[n] = w.status
		if w.err != nil {
			err = w.err
		}
	}
	return statuses, err
}

func (i *intake) enqueue(w *waiting) bool {
	i.closing.RLock()
	defer i.closing.RUnlock()
	if i.closed {
		return false
	}
	select {
	case i.queue <- w:
		return true
	default:
		return false
	}
}

func (i *intake) work() {
	for first := range i.queue {
		batch := i.gather(first)
		i.commit(batch)
		for _, w := range batch {
			close(w.done)
		}
		// Duplicates ring too: the answer to the first may have been lost after its commit. A mark that is set is not set twice.
		for _, w := range batch {
			if w.err == nil && w.status != db.HookGone && w.delivery.IsWork() {
				i.stored(w.delivery)
			}
		}
	}
}

// gather takes what is there already, within the bounds of one statement.
func (i *intake) gather(first *waiting) []*waiting {
	batch, events, size := []*waiting{first}, len(first.delivery.Events), first.bytes
	for len(batch) < batchOf && events < batchEvents && size < batchBytes {
		select {
		case next, open := <-i.queue:
			if !open {
				return batch
			}
			batch = append(batch, next)
			events, size = events+len(next.delivery.Events), size+next.bytes
		default:
			return batch
		}
	}
	return batch
}

// commit stores a batch in one statement. Where that fails for a reason of a delivery's own, each is tried alone, so that
// one poisonous delivery never fails its neighbours.
func (i *intake) commit(batch []*waiting) {
	i.figures.batch(len(batch))
	if i.try(batch, commitTimeout); batch[0].err == nil || len(batch) == 1 || db.Unavailable(batch[0].err) {
		return
	}
	i.log.Warn("deliveries are stored one by one: together they failed", zap.Int("deliveries", len(batch)), zap.Error(batch[0].err))
	failed := 0
	for n, w := range batch {
		if i.try([]*waiting{w}, aloneTimeout); w.err != nil {
			failed++
		}
		if w.err != nil && (db.Unavailable(w.err) || failed >= errorsPerBatch) {
			for _, rest := range batch[n+1:] {
				rest.err = w.err // the sender comes again
			}
			return
		}
	}
}

func (i *intake) try(batch []*waiting, limit time.Duration) {
	deliveries := make([]db.HookDelivery, len(batch))
	for n, w := range batch {
		deliveries[n] = w.delivery
	}
	statuses, err := i.commitAll(deliveries, limit)
	for n, w := range batch {
		w.err = err
		if err == nil {
			w.status = statuses[n]
		}
	}
}

// commitAll keeps a panic to the batch that caused it.
func (i *intake) commitAll(deliveries []db.HookDelivery, limit time.Duration) (statuses []db.HookStatus, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("store webhooks: panic: %.200v", fault)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return i.inbox.StoreHooks(ctx, deliveries)
}
