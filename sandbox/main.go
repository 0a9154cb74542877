// Command sandbox runs the outside world for trying acmesync: a make-believe Acme CRM and a
// make-believe calendar app, each with pages to use it by hand.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"acmesync/sandbox/calendar"
	"acmesync/sandbox/crm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	root := &cobra.Command{
		Use:           "sandbox",
		Short:         "The outside world for trying acmesync, on this machine",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(acmeCommand(log), appCommand(log))
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		stop()
		os.Exit(1)
	}
}

func acmeCommand(log *slog.Logger) *cobra.Command {
	cfg := crm.Config{Log: log}
	c := &cobra.Command{
		Use:   "acme",
		Short: "Serve the Acme CRM: API, admin API and pages",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return crm.Run(c.Context(), cfg) },
	}
	c.Flags().StringVar(&cfg.Addr, "addr", "127.0.0.1:9010", "address to listen on")
	c.Flags().StringVar(&cfg.DataDir, "data", ".data/acme", "folder for its data")
	c.Flags().Int64Var(&cfg.Seed, "seed", 1, "number the data is made from at the first start")
	c.Flags().StringVar(&cfg.RateLimit, "rate-limit", "", `requests per window for every account, like 100/10s, or "off"; empty: as it was`)
	c.Flags().StringVar(&cfg.Exports, "exports", "", "folder for exported CSV files, one below it per account; empty: none")
	c.Flags().StringVar(&cfg.KafkaAddr, "kafka-addr", "", "address of a Kafka broker for accounts that are told by it; empty: none")
	c.Flags().StringSliceVar(&cfg.ToldByKafka, "told-by-kafka", nil, "businesses whose changes go to Kafka instead of webhooks, from when they are made")
	c.Flags().DurationVar(&cfg.CursorLife, "cursor-life", 0, "how long list cursors live; 0: 15m")
	return c
}

func appCommand(log *slog.Logger) *cobra.Command {
	cfg := calendar.Config{Log: log}
	c := &cobra.Command{
		Use:   "app",
		Short: "Serve the calendar app: API, admin API and pages",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return calendar.Run(c.Context(), cfg) },
	}
	c.Flags().StringVar(&cfg.Addr, "addr", "127.0.0.1:9020", "address to listen on")
	c.Flags().StringVar(&cfg.DataDir, "data", ".data/app", "folder for its data")
	c.Flags().Int64Var(&cfg.Seed, "seed", 1, "number the data is made from at the first start")
	return c
}
