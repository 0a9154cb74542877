package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sethvargo/go-envconfig"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
)

// session is what all commands of a run share.
type session struct {
	env       envconfig.Lookuper
	in        io.Reader
	out, errs io.Writer
	options   func() (client.Options, error) // how Temporal is reached
	format    string                         // text, json
}

// usageError is a wrong call: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func wrongCall(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

func newRoot(s *session) *cobra.Command {
	root := group("starter", "Set acmesync up and act on its tenants")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().StringVarP(&s.format, "output", "o", "text", "text or json")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if !slices.Contains([]string{"text", "json"}, s.format) {
			return wrongCall("-o takes text or json, not %q", s.format)
		}
		return nil
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return wrongCall("%w; see %s --help", err, c.CommandPath())
	})
	root.AddCommand(s.setup(), s.migrate(), s.keyset(), s.tenant(), s.review(), s.explore(), s.version())
	return root
}

// group is a command that only holds others.
func group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return wrongCall("there is no command %q; see %s --help", strings.Join(args, " "), c.CommandPath())
			}
			_ = c.Help()
			return wrongCall("choose a command")
		},
		Args: cobra.ArbitraryArgs,
	}
}

// takes wants exactly the named arguments.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return wrongCall("%s takes %d arguments (%s), not %d", c.CommandPath(), len(names), strings.Join(names, " "), len(args))
		}
		return nil
	}
}

// takesFirst wants the named argument, and any number after it.
func takesFirst(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return wrongCall("%s needs %s", c.CommandPath(), name)
		}
		return nil
	}
}
