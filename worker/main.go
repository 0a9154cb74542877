// Command worker runs the product's workflows and activities: it does what Temporal says is
// to be done, with Postgres as its memory. Any number may run; each may be killed at any time.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones in an image that has none

	"acmesync/config"

	"github.com/sethvargo/go-envconfig"
)

func main() {
	// Go's HTTP client prints surplus bytes of an answer to the standard logger: customers' data, on stderr.
	stdlog.SetOutput(io.Discard)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if err := realMain(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		var faults config.Faults
		if errors.As(err, &faults) {
			os.Exit(config.ExitCode)
		}
		os.Exit(1)
	}
}

func realMain(ctx context.Context) error {
	settings, err := config.LoadWorker(ctx, envconfig.OsLookuper())
	if err != nil {
		return err
	}
	w, err := newWorker(ctx, settings)
	if err != nil {
		return err
	}
	return w.run(ctx)
}
