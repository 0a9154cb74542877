package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"acmesync/activities"
	"acmesync/config"
	"acmesync/db"
	"acmesync/egress"
	"acmesync/telemetry"
	"acmesync/workflows"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// program is the worker with all it holds open.
type program struct {
	settings  config.Worker
	log       *zap.Logger
	metrics   *telemetry.Metrics
	db        *db.DB
	temporal  client.Client
	namespace string
	doorbell  *workflows.Client
	alerts    *alerts
	do        *activities.Activities
}

// pagesAtOnce bounds the pages in work at the same time in one process; many more lanes may linger.
const pagesAtOnce = 16

// stopTimeout is what a leaving worker gives its activities to finish their page.
const stopTimeout = 30 * time.Second

func newWorker(ctx context.Context, settings config.Worker) (*program, error) {
	log, err := telemetry.NewLogger(settings.Log, "worker", os.Stderr)
	if err != nil {
		return nil, err
	}
	metrics, err := telemetry.NewMetrics()
	if err != nil {
		return nil, err
	}
	vault, err := db.NewVault(settings.Keyset.Reveal())
	if err != nil {
		return nil, err
	}
	memory, err := db.Open(ctx, settings.Database.Reveal(), vault)
	if err != nil {
		return nil, err
	}
	if err := memory.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	options, err := config.Temporal()
	if err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	options.Logger, options.MetricsHandler = telemetry.TemporalLogger(log), metrics.Temporal
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the Temporal client: %w", err), memory.Close())
	}
	p := &program{
		settings: settings, log: log, metrics: metrics, db: memory, temporal: temporal, namespace: options.Namespace,
		doorbell: &workflows.Client{Temporal: temporal, RunbookURL: settings.RunbookURL},
		alerts:   newAlerts(settings.AlertURLs, log),
	}
	if p.namespace == "" {
		p.namespace = client.DefaultNamespace
	}
	p.do = p.activities()
	return p, nil
}

func (p *program) activities() *activities.Activities {
	return &activities.Activities{
		Tenants: p.db, Lanes: p.db, Inbox: p.db, Ledger: p.db, People: p.db, Holds: p.db, Counts: p.db, Budgets: p.db,
		Reviews: p.db, Cleanups: p.db, Files: p.db, Audits: p.db, Lookups: p.db, Fleet: p.db, TwoWay: p.db, Drift: p.db, Doorbell: p.doorbell, Alerts: p.alerts,
		HTTP:      egress.NewClient(egress.Policy{AllowPrivate: p.settings.AllowPrivateHosts}),
		PublicURL: p.settings.PublicURL, ImportRoot: p.settings.ImportRoot, DriftEvery: p.settings.DriftEvery,
		Gate:   activities.NewGate(pagesAtOnce),
		Looker: &activities.Looker{Find: p.db},
	}
}

// run works until the context ends, then lets activities finish their page.
func (p *program) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		health := &telemetry.Server{Addr: p.settings.MetricsAddr, Metrics: p.metrics, Ready: p.db.Ping, Log: p.log}
		return health.Run(ctx)
	})
	group.Go(func() error { return p.heal(ctx) })
	group.Go(func() error { return p.work(ctx) })
	group.Go(func() error { return p.brokers(ctx) })
	err := group.Wait()
	p.temporal.Close()
	return errors.Join(err, p.metrics.Close(context.Background()), p.db.Close())
}

// work serves the three queues. A Temporal that is not there yet is waited for, not a reason to end.
func (p *program) work(ctx context.Context) error {
	if err := p.awaitTemporal(ctx); err != nil {
		return nil // told to leave before it came
	}
	var started []worker.Worker
	defer func() {
		for _, w := range started {
			w.Stop()
		}
	}()
	failed := make(chan error, 3)
	for _, queue := range []string{workflows.WorkflowQueue, workflows.AcmeQueue, workflows.AppQueue} {
		w := worker.New(p.temporal, queue, p.options(queue, failed))
		if queue == workflows.WorkflowQueue {
			workflows.Register(w)
		}
		activities.Register(w, p.do)
		if err := w.Start(); err != nil {
			return fmt.Errorf("serve the queue %s: %w", queue, err)
		}
		started = append(started, w)
	}
	p.log.Info("working")
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("serve Temporal's queues: %w", err)
	}
}

func (p *program) options(queue string, failed chan<- error) worker.Options {
	o := worker.Options{
		WorkerStopTimeout:                      stopTimeout,
		MaxConcurrentActivityExecutionSize:     2000, // lingering lanes hold a slot each; the gate bounds the work
		MaxConcurrentActivityTaskPollers:       8,
		MaxConcurrentWorkflowTaskPollers:       8,
		MaxConcurrentWorkflowTaskExecutionSize: 200,
		DisableWorkflowWorker:                  queue != workflows.WorkflowQueue,
		MaxHeartbeatThrottleInterval:           30 * time.Second,
		DisableRegistrationAliasing:            true,
		OnFatalError:                           func(err error) { failed <- err },
	}
	if id := p.settings.BuildID; id != "" {
		o.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: "acmesync", BuildID: id},
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		}
	}
	return o
}

func (p *program) awaitTemporal(ctx context.Context) error {
	for {
		callCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := p.doorbell.Setup(callCtx, p.namespace)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p.log.Warn("waiting for Temporal", zap.Error(err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// healEvery is how often a worker looks whether Temporal still has what it has to have: one that was wiped is filled again.
const healEvery = time.Hour

func (p *program) heal(ctx context.Context) error {
	ticker := time.NewTicker(healEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := p.doorbell.Setup(ctx, p.namespace); err != nil {
				p.log.Warn("could not look after Temporal's schedule and search attributes", zap.Error(err))
			}
		}
	}
}
