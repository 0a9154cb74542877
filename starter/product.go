package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"

	"acmesync/config"
	"acmesync/control"
	"acmesync/egress"
	"acmesync/telemetry"
	"acmesync/workflows"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
)

// withControl opens the product for one command, and ends once what the command set going has ended.
func (s *session) withControl(do func(ctx context.Context, c *control.Control, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		ctx := cmd.Context()
		settings, err := config.LoadStarter(ctx, s.env)
		if err != nil {
			return err
		}
		log, err := s.logger()
		if err != nil {
			return err
		}
		temporal, _, err := s.temporal(log)
		if err != nil {
			return err
		}
		defer temporal.Close()
		memory, err := control.Open(ctx, settings.Database.Reveal(), settings.Keyset.Reveal())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, memory.Close()) }()
		c := control.New(memory, &workflows.Client{Temporal: temporal, RunbookURL: settings.RunbookURL}, egress.Policy{AllowPrivate: settings.AllowPrivateHosts}, log)
		defer c.Later.Wait()
		return do(ctx, c, args)
	}
}

// temporal prepares a client that connects when it is first used.
func (s *session) temporal(log *zap.Logger) (client.Client, string, error) {
	options, err := s.options()
	if err != nil {
		return nil, "", err
	}
	options.Logger = telemetry.TemporalLogger(log)
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, "", fmt.Errorf("prepare the Temporal client: %w", err)
	}
	namespace := options.Namespace
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	return c, namespace, nil
}

// logger writes what went wrong beside the answer, to the second stream.
func (s *session) logger() (*zap.Logger, error) {
	return telemetry.NewLogger(config.Log{Level: "warn", Format: "console"}, "starter", s.errs)
}

// actor is who the audit log says did it.
func actor() string {
	if who, err := user.Current(); err == nil && who.Username != "" {
		return "starter:" + who.Username
	}
	return "starter"
}
