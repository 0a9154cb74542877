package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
	"time"

	"acmesync/config"
	"acmesync/db"
	"acmesync/workflows"

	"github.com/spf13/cobra"
)

const (
	setupTimeout = time.Minute
	setupAgain   = time.Second
)

func (s *session) setup() *cobra.Command {
	return &cobra.Command{
		Use: "setup", Short: "Make Temporal's namespace, search attributes and schedule; may be repeated", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := config.LoadSetup(cmd.Context(), s.env)
			if err != nil {
				return err
			}
			log, err := s.logger()
			if err != nil {
				return err
			}
			temporal, namespace, err := s.temporal(log)
			if err != nil {
				return err
			}
			defer temporal.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), setupTimeout)
			defer cancel()
			w := &workflows.Client{Temporal: temporal, RunbookURL: settings.RunbookURL}
			if err := patiently(ctx, func() error { return w.Setup(ctx, namespace) }); err != nil {
				return fmt.Errorf("set Temporal up: %w", err)
			}
			return s.show(map[string]string{"namespace": namespace, "status": "ready"}, func(t *tabwriter.Writer) {
				line(t, "Temporal is ready: namespace "+namespace)
			})
		},
	}
}

// patiently repeats what fails until the context ends: a namespace is known everywhere only some seconds after it was
// made, and Temporal may still be starting.
func patiently(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(setupAgain):
		case <-ctx.Done():
			return err
		}
	}
}

func (s *session) migrate() *cobra.Command {
	root := group("migrate", "Bring the database's schema up to date, as its owner (DATABASE_OWNER_URL)")
	root.AddCommand(
		&cobra.Command{
			Use: "up", Short: "Apply what is missing; may be repeated", Args: takes(),
			RunE: s.withOwner(db.Migrate, "applied"),
		},
		&cobra.Command{
			Use: "status", Short: "List all steps, and when each was applied", Args: takes(),
			RunE: s.withOwner(db.MigrationStatus, ""),
		},
	)
	return root
}

func (s *session) withOwner(do func(context.Context, string) ([]db.Migration, error), verb string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		settings, err := config.LoadMigrate(cmd.Context(), s.env)
		if err != nil {
			return err
		}
		steps, err := do(cmd.Context(), settings.Owner.Reveal())
		if err != nil {
			return err
		}
		if steps == nil {
			steps = []db.Migration{}
		}
		return s.show(steps, func(w *tabwriter.Writer) {
			if len(steps) == 0 {
				line(w, "the schema is up to date")
			}
			for _, one := range steps {
				switch {
				case verb != "":
					line(w, verb, one.Name)
				case one.Applied.IsZero():
					line(w, "pending", one.Name)
				default:
					line(w, moment(one.Applied), one.Name)
				}
			}
		})
	}
}

func (s *session) keyset() *cobra.Command {
	root := group("keyset", "Make the key everything is sealed with")
	root.AddCommand(&cobra.Command{
		Use: "new", Short: "Print a new keyset for ACMESYNC_KEYSET: keep it safe, without it the data cannot be read", Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			keyset, err := db.NewKeyset()
			if err != nil {
				return err
			}
			return s.show(map[string]string{"keyset": keyset}, func(w *tabwriter.Writer) { line(w, keyset) })
		},
	})
	return root
}

func (s *session) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print which build this is", Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			build := map[string]string{"version": "unknown", "commit": "unknown", "go": runtime.Version()}
			if info, ok := debug.ReadBuildInfo(); ok {
				build["version"] = info.Main.Version
				for _, one := range info.Settings {
					if one.Key == "vcs.revision" {
						build["commit"] = one.Value
					}
				}
			}
			return s.show(build, func(w *tabwriter.Writer) {
				line(w, "acmesync "+build["version"], "commit "+build["commit"], build["go"])
			})
		},
	}
}
