package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"acmesync/dev/ports"
	"acmesync/dev/postgres"
	"acmesync/dev/process"
	"acmesync/dev/stack"
)

// execute runs a command with a throw-away PostgreSQL beside it, and with Temporal where that is asked for.
// The command learns of them by TEST_ variables. Its exit code is ours.
func execute(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("dev exec", flag.ExitOnError)
	root := flags.String("root", ".", "the checkout, searched for PostgreSQL from npm")
	withTemporal := flags.Bool("temporal", false, "run a Temporal server too, at TEST_TEMPORAL_ADDRESS")
	_ = flags.Parse(args)
	if flags.NArg() == 0 {
		return errors.New("dev exec needs a command: dev exec -- go test ./...")
	}
	s, err := newStack(*root, "", &process.Console{Out: os.Stderr, Quiet: true})
	if err != nil {
		return err
	}
	scratch, err := stack.NewScratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	free, err := ports.Free(2)
	if err != nil {
		return err
	}
	env := s.Env
	env = append(env, "TEST_DEV_BIN="+s.Self, "TEST_TEMPORAL_BIN="+s.Self)

	cluster := &postgres.Cluster{Data: filepath.Join(scratch.Data(), "postgres"), Port: free[0], Fast: true,
		Source: postgres.Source{Chosen: s.Env.Get("DEV_POSTGRES_HOME"), Checkout: s.Root, Fetch: s.Fetch}}
	if err := cluster.Prepare(ctx, s.Supervisor); err != nil {
		return err
	}
	database := s.Supervisor.Start(cluster.Program())
	defer database.Stop()
	if *withTemporal {
		server := s.Supervisor.Start(stack.Temporal(s.Self, filepath.Join(scratch.Data(), "temporal.db"), free[1], 0, s.Env, s.HTTP))
		defer server.Stop()
		if err := server.WaitReady(ctx); err != nil {
			return err
		}
		env = append(env, "TEST_TEMPORAL_ADDRESS="+ports.Address(free[1]))
	}
	if err := start(ctx, cluster, database); err != nil {
		return err
	}
	env = append(env, "TEST_DATABASE_URL="+cluster.URL(postgres.Superuser, "postgres"))
	return foreground(ctx, s.Supervisor.Spawner, flags.Args(), env)
}

// foreground runs the command with our own output. When we are told to stop, the command and whatever it
// started are told first, and killed when they do not listen.
func foreground(ctx context.Context, spawner *process.Spawner, args, env []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, os.Stdout, os.Stderr
	cmd.SysProcAttr = process.Attributes(nil, syscall.SIGTERM)
	if err := spawner.Start(cmd); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = endGroup(cmd.Process.Pid, ended)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exitCode(exit.ExitCode())
	case errors.As(err, &exit):
		// The shell's way to say that a signal ended it.
		return exitCode(128 + int(exit.Sys().(syscall.WaitStatus).Signal()))
	default:
		return fmt.Errorf("run %s: %w", args[0], err)
	}
}

func endGroup(leader int, ended <-chan error) error {
	_ = syscall.Kill(-leader, syscall.SIGTERM)
	// What the command started may outlive it, whether it listens itself or not.
	defer func() { _ = syscall.Kill(-leader, syscall.SIGKILL) }()
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-leader, syscall.SIGKILL)
		return <-ended
	}
}
