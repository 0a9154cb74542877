package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
)

// shelf is an inbox in memory that can be away, refuse poison, and stop just after a commit.
type shelf struct {
	mu     sync.Mutex
	stored map[string]acmesync.HookDelivery // by endpoint and id
	again  int                              // deliveries that were there already
	away   error
	poison string        // a body that cannot be stored
	after  func()        // called after each commit, before it is answered
	slow   time.Duration // of each commit
	rung   []acmesync.TenantID

	reader *sdkmetric.ManualReader
}

var errAway = errors.New("the database is away")

func newShelf() *shelf { return &shelf{stored: map[string]acmesync.HookDelivery{}} }

func (s *shelf) StoreHooks(ctx context.Context, all []acmesync.HookDelivery) ([]acmesync.HookStatus, error) {
	s.mu.Lock()
	away, poison, after, slow := s.away, s.poison, s.after, s.slow
	s.mu.Unlock()
	if away != nil {
		return nil, away
	}
	for _, d := range all {
		for _, e := range d.Events {
			if poison != "" && strings.Contains(string(e.Body), poison) {
				if !e.Raw {
					return nil, errors.New("it cannot be stored")
				}
			}
		}
	}
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	statuses := make([]acmesync.HookStatus, len(all))
	for n, d := range all {
		at := d.Endpoint + " " + d.WebhookID
		if _, there := s.stored[at]; there {
			statuses[n] = acmesync.HookDuplicate
			s.again++
			continue
		}
		s.stored[at], statuses[n] = d, acmesync.HookNew
	}
	s.mu.Unlock()
	if after != nil {
		after()
	}
	return statuses, nil
}

// AccountHooks knows that coral has one tenant and shared has two.
func (s *shelf) AccountHooks(_ context.Context, account string) ([]acmesync.AccountHook, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.away != nil:
		return nil, s.away
	case account == "coral":
		return []acmesync.AccountHook{{Tenant: "coral", Endpoint: "at-coral"}}, nil
	case account == "shared":
		return []acmesync.AccountHook{{Tenant: "one", Endpoint: "at-one"}, {Tenant: "two", Endpoint: "at-two"}}, nil
	}
	return nil, nil
}

// Read takes JSON objects for events and nothing else.
func (s *shelf) Read(_ context.Context, _ acmesync.TenantID, body []byte) ([]acmesync.HookEvent, string, error) {
	if !strings.HasPrefix(string(body), "{") {
		return raw(body), "malformed_json", nil
	}
	return []acmesync.HookEvent{{Stream: acmesync.Appointments, AcmeID: "apt", Body: body}}, "", nil
}

func (s *shelf) Ring(t acmesync.TenantID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.rung, t) {
		s.rung = append(s.rung, t)
	}
}

func (s *shelf) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stored)
}

func (s *shelf) intake(t testing.TB) *Intake {
	t.Helper()
	s.reader = sdkmetric.NewManualReader()
	figures, err := NewFigures(sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader)).Meter("test"))
	require.NoError(t, err)
	return &Intake{
		Inbox: s, Hints: s, Bell: s, Counts: figures, Log: zap.NewNop(),
		Unavailable: func(err error) bool { return errors.Is(err, errAway) || errors.Is(err, context.DeadlineExceeded) },
	}
}

// figures reads a counter or gauge by one of its labels.
func (s *shelf) figures(t testing.TB, name, label string) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(context.Background(), &all))
	values := map[string]int64{}
	add := func(points []metricdata.DataPoint[int64]) {
		for _, p := range points {
			v, _ := p.Attributes.Value(attribute.Key(label))
			values[v.String()] += p.Value
		}
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(d.DataPoints)
			case metricdata.Gauge[int64]:
				add(d.DataPoints)
			default:
				require.Fail(t, "unexpected data", "%T", d)
			}
		}
	}
	return values
}

func (s *shelf) outcomes(t testing.TB) map[string]int64 {
	t.Helper()
	return s.figures(t, "acmesync_broker_messages", "outcome")
}

// within waits on a state.
func within(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, limit, 5*time.Millisecond, what)
}
