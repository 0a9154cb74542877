// Package doorbell tells lanes of what was pushed to us, off the path of whoever pushed. Marks are flipped in a statement of
// their own after the commit of the work, and only who flipped one rings. It may fail: the sweep rings later.
package doorbell

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"acmesync"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// Ringer wakes a tenant's workflow; workflows.Client is it.
type Ringer interface {
	Ring(ctx context.Context, t acmesync.TenantID) error
}

// marker flips the marks of lanes that were given work and answers those it flipped; db.DB is it.
type marker interface {
	Mark(ctx context.Context, tenants []acmesync.TenantID, lanes ...acmesync.Lane) ([]acmesync.LaneKey, error)
}

const (
	markTimeout = 2 * time.Second
	ringTimeout = 2 * time.Second
	ringsAtOnce = 16
	markAgain   = 500 * time.Millisecond
	ringAgain   = time.Second
	lastRings   = 3 * time.Second // how long the bell rings on once it is closed
)

// Bell tells lanes of new work. Make it with New, close it once nobody calls Ring any more. Tenants that wait together are marked in one statement; only whose mark was flipped
// is rung: the others' lanes are awake. A ring that Temporal could not take is repeated until it does; one that nobody is
// there to hear, or that this process forgets as it ends, is left to the sweep, which sees the mark.
type Bell struct {
	marker  marker
	ringer  Ringer
	figures figures
	log     *zap.Logger
	wake    chan struct{}
	closing chan struct{}
	ended   chan struct{}
	seats   chan struct{}
	ringing sync.WaitGroup

	mu      sync.Mutex
	tenants map[acmesync.TenantID]bool
	unheard map[acmesync.TenantID]bool // marked, but Temporal could not be told
}

// New starts a bell.
func New(m marker, r Ringer, meter metric.Meter, log *zap.Logger) (*Bell, error) {
	f, err := newFigures(meter)
	if err != nil {
		return nil, err
	}
	d := &Bell{
		marker: m, ringer: r, figures: f, log: log, tenants: map[acmesync.TenantID]bool{}, unheard: map[acmesync.TenantID]bool{},
		wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
		seats: make(chan struct{}, ringsAtOnce),
	}
	go d.run()
	return d, nil
}

// Ring notes that a tenant was left work, and returns at once.
func (d *Bell) Ring(tenant acmesync.TenantID) {
	d.mu.Lock()
	d.tenants[tenant] = true
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Close rings for what waits, once, and ends.
func (d *Bell) Close() {
	close(d.closing)
	<-d.ended
}

func (d *Bell) run() {
	defer close(d.ended)
	again := time.NewTicker(ringAgain)
	defer again.Stop()
	for {
		select {
		case <-d.wake:
			if !d.pass(context.Background()) {
				d.pause()
			}
		case <-again.C:
			d.ringAll(context.Background(), d.takeUnheard())
		case <-d.closing:
			ctx, cancel := context.WithTimeout(context.Background(), lastRings)
			d.pass(ctx)
			d.ringing.Wait()
			cancel()
			return
		}
	}
}

// pause waits a moment and makes the next pass due: Postgres could not mark.
func (d *Bell) pause() {
	select {
	case <-time.After(markAgain):
	case <-d.closing:
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// pass marks and rings for all that wait; false: they wait still.
func (d *Bell) pass(ctx context.Context) bool {
	d.mu.Lock()
	waiting := d.tenants
	d.tenants = map[acmesync.TenantID]bool{}
	d.mu.Unlock()
	if len(waiting) == 0 {
		return true
	}
	flipped, err := d.mark(ctx, slices.Sorted(maps.Keys(waiting)))
	if err != nil {
		d.log.Warn("lanes are not marked yet", zap.Int("tenants", len(waiting)), zap.Error(err))
		d.mu.Lock()
		maps.Copy(d.tenants, waiting)
		d.mu.Unlock()
		return false
	}
	d.ringAll(ctx, flipped)
	return true
}

func (d *Bell) mark(ctx context.Context, tenants []acmesync.TenantID) (map[acmesync.TenantID]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, markTimeout)
	defer cancel()
	lanes, err := d.marker.Mark(ctx, tenants, acmesync.Fetch, acmesync.Deliver)
	if err != nil {
		return nil, err
	}
	flipped := map[acmesync.TenantID]bool{}
	for _, one := range lanes {
		flipped[one.Tenant] = true
	}
	return flipped, nil
}

// ringAll does not wait for the last rings: what arrives meanwhile is marked beside them.
func (d *Bell) ringAll(ctx context.Context, tenants map[acmesync.TenantID]bool) {
	for tenant := range tenants {
		d.seats <- struct{}{}
		d.ringing.Go(func() {
			defer func() { <-d.seats }()
			limited, cancel := context.WithTimeout(ctx, ringTimeout)
			defer cancel()
			err := d.ringer.Ring(limited, tenant)
			d.figures.rung(ctx, err)
			switch {
			case errors.Is(err, acmesync.ErrNotRunning):
				d.log.Warn("left to the sweep", zap.String("task", "ring"), zap.String("tenant_id", string(tenant)), zap.Error(err))
			case err != nil:
				d.log.Warn("not heard; ringing again", zap.String("tenant_id", string(tenant)), zap.Error(err))
				d.mu.Lock()
				d.unheard[tenant] = true
				d.mu.Unlock()
			}
		})
	}
}

func (d *Bell) takeUnheard() map[acmesync.TenantID]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	tenants := d.unheard
	d.unheard = map[acmesync.TenantID]bool{}
	return tenants
}
