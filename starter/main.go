// Command starter sets the product up and acts on tenants and reviews, as the REST interface does and by the same
// functions. It prints plain lines, or JSON with -o json, and ends with 0, with 1 where something failed, or with 2
// where it was called wrongly or its settings are at fault.
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

	"acmesync/config"

	"github.com/sethvargo/go-envconfig"
)

func main() {
	// Go's HTTP client prints surplus bytes of an answer to the standard logger: customers' data, on stderr.
	stdlog.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], envconfig.OsLookuper(), os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, env envconfig.Lookuper, in io.Reader, out, errs io.Writer) int {
	root := newRoot(&session{env: env, out: out, errs: errs})
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(errs, "starter:", err)
	if wrong := (*usageError)(nil); errors.As(err, &wrong) {
		return config.ExitCode
	}
	return config.ExitCodeOf(err)
}
