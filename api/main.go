// Command api serves the REST interface and takes Acme's webhooks. All its settings come from the environment; it ends
// with exit code 2 where they are at fault, and stops on SIGTERM once what is under way is finished.
package main

import (
	"context"
	_ "embed" // the description of the interface
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"os/signal"
	"syscall"

	"acmesync/api/server"
	"acmesync/config"
	"acmesync/control"
	"acmesync/egress"
	"acmesync/telemetry"
	"acmesync/workflows"

	"github.com/sethvargo/go-envconfig"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"
)

//go:embed openapi.yaml
var spec []byte

func main() {
	// Go's HTTP client prints surplus bytes of an answer to the standard logger: customers' data, on stderr.
	stdlog.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(config.ExitCodeOf(err))
	}
}

func run(ctx context.Context) error {
	settings, err := config.LoadAPI(ctx, envconfig.OsLookuper())
	options, temporalErr := config.Temporal()
	if err = errors.Join(err, temporalErr); err != nil {
		return err
	}
	log, err := telemetry.NewLogger(settings.Log, "api", os.Stdout)
	metrics, metricsErr := telemetry.NewMetrics()
	if err = errors.Join(err, metricsErr); err != nil {
		return err
	}
	memory, err := control.Open(ctx, settings.Database.Reveal(), settings.Keyset.Reveal())
	if err != nil {
		return err
	}
	defer func() { _ = memory.Close() }()
	options.Logger, options.MetricsHandler = telemetry.TemporalLogger(log), metrics.Temporal
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return fmt.Errorf("prepare the Temporal client: %w", err)
	}
	defer temporal.Close()
	ringer := &workflows.Client{Temporal: temporal, RunbookURL: settings.RunbookURL}
	receiver, err := newReceiver(settings, memory, ringer, metrics, log)
	if err != nil {
		return err
	}
	api := &server.Server{
		Control: control.New(memory, ringer, egress.Policy{AllowPrivate: settings.AllowPrivateHosts}, log),
		DB:      memory, Hooks: receiver, Keys: settings.APIKeys, PublicURL: settings.PublicURL, CursorSecret: settings.Keyset, Spec: spec, Log: log,
		Temporal: func(ctx context.Context) error { _, err := temporal.CheckHealth(ctx, nil); return err },
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return api.Run(ctx, settings.HTTPAddr) })
	probe := telemetry.Server{Addr: settings.MetricsAddr, Metrics: metrics, Ready: memory.Ping, Log: log}
	both.Go(func() error { return probe.Run(ctx) })
	return both.Wait()
}
