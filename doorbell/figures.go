package doorbell

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// figures count rings. No label says which tenant.
type figures struct{ rings, failures metric.Int64Counter }

func newFigures(m metric.Meter) (figures, error) {
	rings, err := m.Int64Counter("acmesync_rings", metric.WithDescription("Workflows rung after a delivery"))
	failures, failed := m.Int64Counter("acmesync_ring_failures", metric.WithDescription("Rings that failed and are left to the sweep"))
	return figures{rings, failures}, errors.Join(err, failed)
}

func (f figures) rung(ctx context.Context, err error) {
	f.rings.Add(ctx, 1)
	if err != nil {
		f.failures.Add(ctx, 1)
	}
}
