package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"acmesync/config"
	"acmesync/telemetry"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestLogLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(config.Log{Level: "info", Format: "json"}, "api", &out)
	require.NoError(t, err)
	log.Debug("too quiet")
	telemetry.TemporalLogger(log).Info("started\nforged line", "Namespace", "default", "secret", config.NewSecret("canary"))
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
	require.Equal(t, "api", line["program"])
	require.Equal(t, "default", line["Namespace"])
	require.Equal(t, "info", line["level"])
	require.NotContains(t, out.String(), "canary")

	_, err = telemetry.NewLogger(config.Log{Level: "loud"}, "api", &out)
	require.Error(t, err)
}

func TestMetricsAndHealth(t *testing.T) {
	t.Parallel()
	metrics, err := telemetry.NewMetrics()
	require.NoError(t, err)
	counter, err := metrics.Meter.Int64Counter("acmesync_hooks")
	require.NoError(t, err)
	counter.Add(t.Context(), 3)
	metrics.Temporal.Counter("temporal_request").Inc(2)

	var broken atomic.Bool
	server := &telemetry.Server{Addr: freeAddr(t), Metrics: metrics, Log: zap.NewNop(), Ready: func(context.Context) error {
		if broken.Load() {
			return errors.New("Postgres is away at canary")
		}
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()

	require.Eventually(t, func() bool { status, _ := get(server.Addr, "/readyz"); return status == http.StatusOK }, 5*time.Second, 5*time.Millisecond)
	_, body := get(server.Addr, "/metrics")
	require.Contains(t, body, "acmesync_hooks_total 3")
	require.Contains(t, body, "temporal_request_total 2")
	require.Contains(t, body, "go_goroutines")
	broken.Store(true)
	status, body := get(server.Addr, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NotContains(t, body, "canary")
	status, _ = get(server.Addr, "/livez")
	require.Equal(t, http.StatusOK, status)

	second := &telemetry.Server{Addr: server.Addr, Metrics: metrics, Log: zap.NewNop()}
	require.ErrorContains(t, second.Run(t.Context()), "METRICS_ADDR")
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, metrics.Close(context.Background()))
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

func get(addr, path string) (int, string) {
	response, err := (&http.Client{Timeout: time.Second}).Get("http://" + addr + path)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}
