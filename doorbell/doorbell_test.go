package doorbell

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/zap"
)

// street is a row of tenants whose marks can be flipped and bells rung.
type street struct {
	mu     sync.Mutex
	marks  int
	marked map[acmesync.TenantID]bool
	rung   []acmesync.TenantID
	away   error
	mute   time.Duration
}

func (s *street) Mark(_ context.Context, tenants []acmesync.TenantID, lanes ...acmesync.Lane) ([]acmesync.LaneKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks++
	if s.away != nil {
		return nil, s.away
	}
	var flipped []acmesync.LaneKey
	for _, t := range tenants {
		if s.marked[t] {
			continue
		}
		s.marked[t] = true
		for _, lane := range lanes {
			flipped = append(flipped, acmesync.LaneKey{Tenant: t, Lane: lane})
		}
	}
	return flipped, nil
}

func (s *street) Ring(ctx context.Context, t acmesync.TenantID) error {
	s.mu.Lock()
	s.rung = append(s.rung, t)
	mute := s.mute
	s.mu.Unlock()
	select {
	case <-time.After(mute):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *street) heard() []acmesync.TenantID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.rung))
}

func newTestBell(t *testing.T, s *street) *Bell {
	t.Helper()
	s.marked = map[acmesync.TenantID]bool{}
	bell, err := New(s, s, noop.Meter{}, zap.NewNop())
	require.NoError(t, err)
	return bell
}

func ring(d *Bell, tenants ...acmesync.TenantID) {
	for _, t := range tenants {
		d.Ring(t)
	}
}

func TestOnlyWhoseMarkWasFlippedIsRung(t *testing.T) {
	t.Parallel()
	s := &street{}
	d := newTestBell(t, s)
	for range 1000 {
		ring(d, "a", "b")
	}
	require.Eventually(t, func() bool { return len(s.heard()) == 2 }, 5*time.Second, time.Millisecond)
	d.Close()
	require.Equal(t, []acmesync.TenantID{"a", "b"}, s.heard(), "one ring per flipped mark, whatever the number of deliveries")
}

func TestTenantsWaitWhilePostgresCannotMark(t *testing.T) {
	t.Parallel()
	s := &street{away: errors.New("away")}
	d := newTestBell(t, s)
	ring(d, "a")
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.marks > 0 }, 5*time.Second, time.Millisecond)
	s.mu.Lock()
	s.away = nil
	s.mu.Unlock()
	require.Eventually(t, func() bool { return len(s.heard()) == 1 }, 5*time.Second, time.Millisecond)
	d.Close()
}

func TestASlowBellHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := &street{mute: time.Minute}
	d := newTestBell(t, s)
	ring(d, "slow")
	require.Eventually(t, func() bool { return len(s.heard()) == 1 }, 5*time.Second, time.Millisecond)
	s.mu.Lock()
	s.mute = 0
	s.mu.Unlock()
	began := time.Now()
	ring(d, "quick")
	require.Less(t, time.Since(began), 100*time.Millisecond)
	require.Eventually(t, func() bool { return len(s.heard()) == 2 }, time.Second, time.Millisecond)
	d.Close()
}

func TestClosingRingsForWhatWaits(t *testing.T) {
	t.Parallel()
	s := &street{}
	d := newTestBell(t, s)
	ring(d, "a", "b", "c")
	d.Close()
	require.Equal(t, []acmesync.TenantID{"a", "b", "c"}, s.heard())
}
