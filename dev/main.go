// Command dev is the development side of acmesync: it runs the whole product on one machine, with PostgreSQL
// and an embedded Temporal server, and lends both to the tests. It is a module of its own, so that the
// Temporal server's many dependencies never reach the product.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"acmesync/dev/process"
	"acmesync/dev/stack"
)

const usage = `usage: dev COMMAND [flags]

  run       the whole local stack with sandbox data, until Ctrl-C
  smoke     the same beside it on free ports and fresh data; checks the first sync, then ends
  exec      run a command with a throw-away PostgreSQL:  dev exec [--temporal] -- go test ./...
  postgres  one PostgreSQL server                        --data DIR --port N
  temporal  one Temporal server with its Web UI          --db FILE --port N --ui-port N
  reset     forget all data of the local stack

dev COMMAND -h lists a command's flags.
`

// exitCode is a command's own exit code, passed on.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second Ctrl-C ends us at once, and the children with us. Not within the first seconds: a signal that
	// make passes on arrives twice.
	context.AfterFunc(ctx, func() { time.AfterFunc(2*time.Second, stop) })
	err := command(ctx, os.Args[1:])
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintf(os.Stderr, "dev: %v\n", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitCode(2)
	}
	name, args := args[0], args[1:]
	switch name {
	case "run":
		return run(ctx, args)
	case "smoke":
		return smoke(ctx, args)
	case "exec":
		return execute(ctx, args)
	case "postgres":
		return runPostgres(ctx, args)
	case "temporal":
		return runTemporal(ctx, args)
	case "fetch-postgres":
		return fetchPostgres(args)
	case "reset":
		return reset(args)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	default:
		fmt.Fprintf(os.Stderr, "dev: there is no command %q\n\n%s", name, usage)
		return exitCode(2)
	}
}

// newStack fills in what every stack of this program has in common.
func newStack(root, bin string, console *process.Console) (*stack.Stack, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("resolve the checkout: %w", err)
	}
	if bin == "" {
		bin = filepath.Join(root, "bin")
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, fmt.Errorf("resolve the folder of the programs: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	env := stack.Environment(os.Environ())
	return &stack.Stack{
		Root: root, Bin: bin, Self: self, Env: env,
		Fetch:      download{repository: env.Get("DEV_POSTGRES_REPOSITORY"), console: console}.fetch,
		HTTP:       &http.Client{Timeout: 10 * time.Second},
		Supervisor: &process.Supervisor{Spawner: process.NewSpawner(), Console: console},
	}, nil
}

// onTerminal tells whether a person watches our output in colour.
func onTerminal() bool {
	info, err := os.Stdout.Stat()
	env := stack.Environment(os.Environ())
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && env.Get("NO_COLOR") == "" && env.Get("TERM") != "dumb"
}
