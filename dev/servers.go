package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"acmesync/dev/ports"
	"acmesync/dev/postgres"
	"acmesync/dev/process"
	"acmesync/dev/stack"
	"acmesync/dev/temporal"
	"acmesync/dev/temporal/ready"
)

// runPostgres serves one cluster until it is told to stop, and prints its addresses when it answers.
func runPostgres(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dev postgres", flag.ExitOnError)
	root := flags.String("root", ".", "the checkout, searched for PostgreSQL from npm")
	data := flags.String("data", "", "folder of the cluster (required)")
	port := flags.Int("port", 0, "port on 127.0.0.1 (required)")
	fast := flags.Bool("fast", false, "give up durability, for tests")
	_ = flags.Parse(args)
	if *data == "" || *port == 0 {
		return errors.New("dev postgres needs --data and --port")
	}
	s, err := newStack(*root, "", &process.Console{Out: os.Stdout})
	if err != nil {
		return err
	}
	if err := ports.Check([]ports.Wanted{{Port: *port, For: "PostgreSQL"}}); err != nil {
		return err
	}
	if *data, err = filepath.Abs(*data); err != nil {
		return fmt.Errorf("resolve the data folder: %w", err)
	}
	cluster := &postgres.Cluster{Data: *data, Port: *port, Fast: *fast,
		Source: postgres.Source{Chosen: s.Env.Get("DEV_POSTGRES_HOME"), Checkout: s.Root, Fetch: s.Fetch}}
	if err := cluster.Prepare(ctx, s.Supervisor); err != nil {
		return err
	}
	running := s.Supervisor.Start(cluster.Program())
	defer running.Stop()
	if err := start(ctx, cluster, running); err != nil {
		return interrupted(ctx, err)
	}
	fmt.Printf("ready superuser=%s owner=%s app=%s\n", cluster.URL(postgres.Superuser, "postgres"),
		cluster.URL(postgres.Owner, postgres.Database), cluster.URL(postgres.App, postgres.Database))
	<-ctx.Done()
	return nil
}

// start waits until the cluster answers and gives it its roles.
func start(ctx context.Context, cluster *postgres.Cluster, running *process.Running) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := running.WaitReady(ctx); err != nil {
		return err
	}
	return cluster.EnsureRoles(ctx)
}

// runTemporal serves Temporal until it is told to stop, and prints one line when it answers.
func runTemporal(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dev temporal", flag.ExitOnError)
	file := flags.String("db", "", "SQLite file, created when missing (required)")
	port := flags.Int("port", 0, "gRPC port on 127.0.0.1 (required)")
	uiPort := flags.Int("ui-port", 0, "the Web UI's port, 0 for none")
	level := flags.String("log-level", "error", "debug, info, warn or error")
	_ = flags.Parse(args)
	if *file == "" || *port == 0 {
		return errors.New("dev temporal needs --db and --port")
	}
	wanted := []ports.Wanted{{Port: *port, For: "Temporal"}}
	if *uiPort != 0 {
		wanted = append(wanted, ports.Wanted{Port: *uiPort, For: "Temporal's Web UI"})
	}
	if err := ports.Check(wanted); err != nil {
		return err
	}
	server := temporal.Server{File: *file, Port: *port, UIPort: *uiPort, LogLevel: *level}
	return interrupted(ctx, server.Run(ctx, func() {
		fmt.Printf("ready address=%s namespace=%s\n", ports.Address(*port), ready.Namespace)
	}))
}

// reset forgets everything that dev run remembers.
func reset(args []string) error {
	flags := flag.NewFlagSet("dev reset", flag.ExitOnError)
	data := flags.String("data", ".data", "folder of all that the stack remembers")
	_ = flags.Parse(args)
	return stack.Forget(*data)
}
