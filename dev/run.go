package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"acmesync/dev/backend"
	"acmesync/dev/ports"
	"acmesync/dev/process"
	"acmesync/dev/stack"
	"acmesync/dev/temporal/ready"
)

// patience is how long the balances wait for the first sync; a tenant that is held must not keep them back.
const patience = 2 * time.Minute

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dev run", flag.ExitOnError)
	root := flags.String("root", ".", "the checkout")
	bin := flags.String("bin", "", "folder of the product's programs (default ROOT/bin)")
	data := flags.String("data", "", "folder of all that the stack remembers (default ROOT/.data)")
	_ = flags.Parse(args)

	console := &process.Console{Out: os.Stdout, Color: onTerminal()}
	s, err := newStack(*root, *bin, console)
	if err != nil {
		return err
	}
	if s.Ports, err = stack.UsualPorts(s.Env); err != nil {
		return err
	}
	if *data == "" {
		*data = filepath.Join(s.Root, ".data")
	}
	if s.Data, err = filepath.Abs(*data); err != nil {
		return fmt.Errorf("resolve the data folder: %w", err)
	}

	began := time.Now()
	defer func() {
		console.Say("dev", "stopping")
		s.Stop()
		console.Say("dev", "everything has stopped; the data is kept in %s", s.Data)
	}()
	if err := s.Start(ctx); err != nil {
		return interrupted(ctx, err)
	}
	console.Say("dev", "everything is up after %s", time.Since(began).Round(100*time.Millisecond))
	console.Plain("\n" + addresses(s) + "\n")

	watch, businesses, err := settle(ctx, s, 2*time.Second)
	if err != nil {
		return interrupted(ctx, err)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	views, err := watch.UntilInStep(limited, businesses)
	cancel()
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		console.Say("dev", "every tenant is in step %s after the start", time.Since(began).Round(100*time.Millisecond))
	default:
		console.Say("dev", "not every tenant is in step after %s; it goes on in the background", patience)
	}
	console.Plain("\n" + balances(views) + "\n" + addresses(s) + "\n") // again: the first sync may have scrolled it away
	<-ctx.Done()
	return nil
}

// shortest is the path as seen from the folder we were started in, where that is shorter.
func shortest(path string) string {
	here, err := filepath.Abs(".")
	if err != nil {
		return path
	}
	if relative, err := filepath.Rel(here, path); err == nil && len(relative) < len(path) {
		return relative
	}
	return path
}

// interrupted makes an end that the developer asked for a good one.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// settle sets a tenant up for each business of the sandboxes, as the app's backend would.
func settle(ctx context.Context, s *stack.Stack, every time.Duration) (backend.Watch, []backend.Business, error) {
	console := s.Supervisor.Console
	acme, app := "http://"+ports.Address(s.Ports.Acme), "http://"+ports.Address(s.Ports.App)
	watch := backend.Watch{
		Product:   backend.Product{URL: "http://" + ports.Address(s.Ports.API), Key: s.APIKey(), HTTP: s.HTTP},
		Sandboxes: backend.Sandboxes{AcmeURL: acme, AppURL: app, HTTP: s.HTTP},
		Say:       func(format string, args ...any) { console.Say("first sync", format, args...) },
		Every:     every,
	}
	businesses, err := watch.Sandboxes.Businesses(ctx)
	if err != nil {
		return watch, nil, err
	}
	for _, b := range businesses {
		created, err := watch.Product.Settle(ctx, b, acme, app)
		if err != nil {
			return watch, nil, err
		}
		if created {
			console.Say("dev", "activated %s (%s)", b.ID, b.Name)
		}
	}
	return watch, businesses, nil
}

func balances(views []backend.View) string {
	rows := make([]backend.Row, 0, len(views))
	for _, v := range views {
		rows = append(rows, v.Row)
	}
	return backend.Table(rows)
}

// addresses is the table of what to open, and what for.
func addresses(s *stack.Stack) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	line := func(what, where, use string) { _, _ = fmt.Fprintf(w, "  %s\t%s\t%s\n", what, where, use) }
	page := func(port int, path string) string { return "http://" + ports.Address(port) + path }
	line("Acme (sandbox)", page(s.Ports.Acme, "/"), "log in to a business: set, move, cancel an appointment, log a call or an email")
	line("the app (sandbox)", page(s.Ports.App, "/"), "the calendar and dashboard that fill up")
	line("Kafka (sandbox)", ports.Address(s.Ports.Kafka), "topic acme.changes: one business tells its changes there, docs/brokers.md")
	if s.OwnTemporal() {
		line("Temporal Web UI", page(s.Ports.TemporalUI, "/namespaces/"+ready.Namespace+"/workflows"), "running syncs and reviews, namespace "+ready.Namespace)
	}
	line("API", page(s.Ports.API, "/docs"), "the REST API, its documentation; key in "+shortest(s.KeyFile()))
	line("metrics", page(s.Ports.APIMetrics, "/metrics"), "of the api")
	line("metrics", page(s.Ports.WorkerMetrics, "/metrics"), "of the worker")
	if s.OwnDatabase() {
		line("PostgreSQL", s.DatabaseURL(), "as the product sees it")
	}
	_ = w.Flush()
	return out.String() + "\nCtrl-C stops everything; make run finds this data again, make reset forgets it.\n"
}
