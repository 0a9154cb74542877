package broker

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"acmesync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// What becomes of a message, once per tenant it goes to.
const (
	outcomeStored    = "stored"
	outcomeDuplicate = "duplicate"
	outcomeParked    = "parked"
	outcomeUnowned   = "unowned" // nobody has connected its account
	outcomeUnnamed   = "unnamed" // its key or attribute names no account
	outcomeEmpty     = "empty"   // the marker a compacted topic keeps of what was deleted
	outcomeFailed    = "failed"
)

// lagsAtMost bounds the partitions that have a series of their own; the rest share one.
const lagsAtMost = 100

// Figures count messages and know how far behind the consumer group is. No label says which tenant.
type Figures struct {
	messages, stalls metric.Int64Counter

	mu   sync.Mutex
	lags map[int32]int64
}

// NewFigures makes the instruments.
func NewFigures(m metric.Meter) (*Figures, error) {
	f := &Figures{lags: map[int32]int64{}}
	var failed [3]error
	f.messages, failed[0] = m.Int64Counter("acmesync_broker_messages",
		metric.WithDescription("Brokers' messages by way and outcome: stored, duplicate, parked, unowned, unnamed, empty, failed"))
	f.stalls, failed[1] = m.Int64Counter("acmesync_broker_stalls",
		metric.WithDescription("Batches that could not be stored and are tried again, and brokers that did not answer, by way"))
	_, failed[2] = m.Int64ObservableGauge("acmesync_broker_lag",
		metric.WithDescription("Messages of the partitions this process has that are not committed yet"), metric.WithInt64Callback(f.observe))
	return f, errors.Join(failed[:]...)
}

func (f *Figures) message(ctx context.Context, way acmesync.Way, outcome string) {
	f.messages.Add(ctx, 1, metric.WithAttributes(attribute.String("way", string(way)), attribute.String("outcome", outcome)))
}

func (f *Figures) stalled(ctx context.Context, way acmesync.Way) {
	f.stalls.Add(ctx, 1, metric.WithAttributes(attribute.String("way", string(way))))
}

// lag replaces what was known: partitions that went to another process are no longer ours to tell of.
func (f *Figures) lag(lags map[int32]int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lags = lags
}

func (f *Figures) observe(_ context.Context, o metric.Int64Observer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	rest, many := int64(0), false
	for partition, lag := range f.lags {
		if partition >= lagsAtMost {
			rest, many = rest+lag, true
			continue
		}
		o.Observe(lag, metric.WithAttributes(attribute.String("partition", strconv.Itoa(int(partition)))))
	}
	if many {
		o.Observe(rest, metric.WithAttributes(attribute.String("partition", "others")))
	}
	return nil
}
