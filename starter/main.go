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
	s := &session{env: envconfig.OsLookuper(), in: os.Stdin, out: os.Stdout, errs: os.Stderr, options: config.Temporal}
	os.Exit(s.run(ctx, os.Args[1:]))
}

// run carries one call out and answers its exit code.
func (s *session) run(ctx context.Context, args []string) int {
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(s.errs, "starter:", err)
	if wrong := (*usageError)(nil); errors.As(err, &wrong) {
		return config.ExitCode
	}
	return config.ExitCodeOf(err)
}
