package telemetry

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"
)

// Metrics collects what the program and Temporal's SDK count, and shows it to Prometheus.
type Metrics struct {
	// Meter makes the program's own instruments. Name them acmesync_…; counters get _total at their end.
	Meter metric.Meter
	// Temporal hands the SDK's metrics over.
	Temporal client.MetricsHandler

	registry *prometheus.Registry
	provider *sdkmetric.MeterProvider
}

// NewMetrics starts with the Go runtime's and the process's own figures.
func NewMetrics() (*Metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("start the metrics exporter: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(resource.Empty()))
	// Without monotonic counters the SDK's counters lack _total, and published dashboards do not find them.
	handler := temporalotel.NewMetricsHandler(temporalotel.MetricsHandlerOptions{
		Meter: provider.Meter("temporal-sdk-go"), UseMonotonicCounters: true, OnError: func(error) {},
	})
	return &Metrics{Meter: provider.Meter("acmesync"), Temporal: handler, registry: registry, provider: provider}, nil
}

// Handler answers Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Close ends the collecting.
func (m *Metrics) Close(ctx context.Context) error { return m.provider.Shutdown(ctx) }
