package hooks

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// figures count what comes in. No label says which tenant.
type figures struct {
	deliveries, refusals metric.Int64Counter
	batches              metric.Int64Histogram
	answers              metric.Float64Histogram
}

func newFigures(m metric.Meter) (*figures, error) {
	var f figures
	var failed [4]error
	f.deliveries, failed[0] = m.Int64Counter("acmesync_hook_deliveries", metric.WithDescription("Webhook deliveries taken, by result: accepted, duplicate, parked, confirmed, unsubscribed"))
	f.refusals, failed[1] = m.Int64Counter("acmesync_hook_refusals", metric.WithDescription("Webhook deliveries refused, by reason"))
	f.batches, failed[2] = m.Int64Histogram("acmesync_hook_batch", metric.WithDescription("Deliveries per commit"),
		metric.WithExplicitBucketBoundaries(1, 2, 5, 10, 20, 50, 100, 200))
	f.answers, failed[3] = m.Float64Histogram("acmesync_hook_answer_seconds", metric.WithDescription("Time to answer a delivery"),
		metric.WithExplicitBucketBoundaries(.002, .005, .01, .02, .05, .1, .2, .5, 1, 5))
	return &f, errors.Join(failed[:]...)
}

func (f *figures) accepted(ctx context.Context, result string) {
	f.deliveries.Add(ctx, 1, metric.WithAttributes(attribute.String("result", result)))
}

func (f *figures) refused(ctx context.Context, reason string) {
	f.refusals.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reason)))
}

func (f *figures) batch(deliveries int) { f.batches.Record(context.Background(), int64(deliveries)) }

func (f *figures) answered(ctx context.Context, took time.Duration) {
	f.answers.Record(ctx, took.Seconds())
}
