package hooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/hints"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
)

// inboxFunc is an inbox in one function.
type inboxFunc func([]db.HookDelivery) ([]db.HookStatus, error)

func (f inboxFunc) StoreHooks(_ context.Context, d []db.HookDelivery) ([]db.HookStatus, error) {
	return f(d)
}

func allNew(d []db.HookDelivery) ([]db.HookStatus, error) {
	statuses := make([]db.HookStatus, len(d))
	for i := range d {
		statuses[i] = db.HookNew
	}
	return statuses, nil
}

func delivery(id string) db.HookDelivery {
	return db.HookDelivery{Tenant: "t", WebhookID: id, Events: []db.HookEvent{{Stream: acmesync.Appointments, AcmeID: id, Body: []byte("{}")}}}
}

func newTestIntake(t *testing.T, in inbox, stored func(db.HookDelivery)) *intake {
	t.Helper()
	f, err := newFigures(noop.Meter{})
	require.NoError(t, err)
	i := newIntake(in, stored, f, zap.NewNop())
	var once sync.Once
	t.Cleanup(func() { once.Do(i.close) })
	return i
}

// gate holds commits back until it is opened, and tells how many are held.
type gate struct {
	opened chan struct{}
	held   atomic.Int64
}

func gated(store inboxFunc) (inboxFunc, *gate) {
	g := &gate{opened: make(chan struct{})}
	return func(d []db.HookDelivery) ([]db.HookStatus, error) {
		g.held.Add(1)
		<-g.opened
		return store(d)
	}, g
}

// fill has n deliveries wait: one in the hands of each committer, the others in the queue.
func fill(t *testing.T, i *intake, g *gate, n int) []chan error {
	t.Helper()
	answers := make([]chan error, n)
	for k := range n {
		answers[k] = make(chan error, 1)
		go func() {
			_, err := i.store(delivery(fmt.Sprintf("d%d", k)))
			answers[k] <- err
		}()
		if k < committers {
			require.Eventually(t, func() bool { return g.held.Load() == int64(k+1) }, 5*time.Second, time.Millisecond)
		}
	}
	require.Eventually(t, func() bool { return len(i.queue) == n-committers }, 10*time.Second, time.Millisecond)
	return answers
}

func storeMany(t *testing.T, i *intake, g *gate, n int) []error {
	t.Helper()
	answers := fill(t, i, g, n)
	close(g.opened)
	errs := make([]error, n)
	for k, one := range answers {
		errs[k] = <-one
	}
	return errs
}

func TestDeliveriesShareCommits(t *testing.T) {
	t.Parallel()
	var commits, stored atomic.Int64
	in, g := gated(func(d []db.HookDelivery) ([]db.HookStatus, error) {
		commits.Add(1)
		return allNew(d)
	})
	i := newTestIntake(t, in, func(db.HookDelivery) { stored.Add(1) })
	for _, err := range storeMany(t, i, g, 200) {
		require.NoError(t, err)
	}
	require.LessOrEqual(t, commits.Load(), int64(4))
	require.Eventually(t, func() bool { return stored.Load() == 200 }, time.Second, time.Millisecond)
}

func TestAPoisonousDeliveryFailsAlone(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]func() error{
		"an error": func() error { return errors.New("it cannot be sealed") },
		"a panic":  func() error { panic("a defect") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, g := gated(func(d []db.HookDelivery) ([]db.HookStatus, error) {
				for _, one := range d {
					if one.WebhookID == "d13" {
						return nil, poison()
					}
				}
				return allNew(d)
			})
			i := newTestIntake(t, in, func(db.HookDelivery) {})
			for k, err := range storeMany(t, i, g, 50) {
				require.Equal(t, k == 13, err != nil, "delivery %d: %v", k, err)
			}
		})
	}
}

func TestPostgresAwayFailsABatchAtOnce(t *testing.T) {
	t.Parallel()
	var commits atomic.Int64
	in, g := gated(func([]db.HookDelivery) ([]db.HookStatus, error) {
		commits.Add(1)
		return nil, io.ErrUnexpectedEOF
	})
	i := newTestIntake(t, in, func(db.HookDelivery) { t.Error("nothing was stored") })
	for _, err := range storeMany(t, i, g, 100) {
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	require.LessOrEqual(t, commits.Load(), int64(4), "none is tried alone")
}

func TestAFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	in, g := gated(allNew)
	i := newTestIntake(t, in, func(db.HookDelivery) {})
	answers := fill(t, i, g, waitAtMost+committers)
	_, err := i.store(delivery("one too many"))
	require.ErrorIs(t, err, errFull)
	close(g.opened)
	for _, one := range answers {
		require.NoError(t, <-one)
	}
}

func TestClosingCommitsWhatWaits(t *testing.T) {
	t.Parallel()
	in, g := gated(allNew)
	f, err := newFigures(noop.Meter{})
	require.NoError(t, err)
	i := newIntake(in, func(db.HookDelivery) {}, f, zap.NewNop())
	answers := fill(t, i, g, 20)
	closed := make(chan struct{})
	go func() { i.close(); close(closed) }()
	close(g.opened)
	for _, one := range answers {
		require.NoError(t, <-one)
	}
	<-closed
}

func TestWhatIsWork(t *testing.T) {
	t.Parallel()
	require.True(t, delivery("d").IsWork())
	require.False(t, db.HookDelivery{Events: []db.HookEvent{{Outcome: acmesync.EndedUnknown}, hints.Unreadable(nil)}}.IsWork())
}
