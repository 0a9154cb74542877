package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"acmesync/dev/process"
	"acmesync/dev/stack"
)

func smoke(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("dev smoke", flag.ExitOnError)
	root := flags.String("root", ".", "the checkout")
	bin := flags.String("bin", "", "folder of the product's programs (default ROOT/bin)")
	deadline := flags.Duration("deadline", 5*time.Minute, "how long the whole check may take")
	verbose := flags.Bool("v", false, "show what every program writes")
	_ = flags.Parse(args)
	ctx, cancel := context.WithTimeoutCause(ctx, *deadline, fmt.Errorf("the deadline of %s has passed", *deadline))
	defer cancel()

	console := &process.Console{Out: os.Stdout, Color: onTerminal(), Quiet: !*verbose}
	s, err := newStack(*root, *bin, console)
	if err != nil {
		return err
	}
	if s.Ports, err = stack.FreePorts(); err != nil {
		return err
	}
	scratch, err := stack.NewScratch()
	if err != nil {
		return err
	}
	s.Data, s.Alone = scratch.Data(), true
	defer func() {
		s.Stop()
		err = errors.Join(err, scratch.Close())
	}()

	console.Say("smoke", "fresh data in %s, ports of its own, deadline %s", s.Data, *deadline)
	began := time.Now()
	if err := s.Start(ctx); err != nil {
		return reported(ctx, console, err)
	}
	console.Say("smoke", "everything is up after %s", time.Since(began).Round(100*time.Millisecond))
	watch, businesses, err := settle(ctx, s, 3*time.Second)
	if err != nil {
		return reported(ctx, console, err)
	}
	views, err := watch.UntilInStep(ctx, businesses)
	console.Plain("\n" + balances(views) + "\n")
	if err == nil {
		console.Say("smoke", "passed: %d tenants balance and equal both sandboxes' totals, after %s", len(views), time.Since(began).Round(100*time.Millisecond))
		return nil
	}
	for _, v := range views {
		for _, d := range v.Differences {
			console.Say("smoke", "difference in %s: %s", v.Tenant, d)
		}
	}
	return reported(ctx, console, err)
}

// reported shows the last lines of every program before a failed smoke test is left.
func reported(ctx context.Context, console *process.Console, err error) error {
	if console.Quiet {
		for _, name := range []string{"postgres", "temporal", "starter", "acme", "app", "worker", "api"} {
			for _, line := range console.Tail(name) {
				console.Say(name, "%s", line)
			}
		}
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
