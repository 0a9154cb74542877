package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"acmesync"
	"acmesync/control"

	"github.com/spf13/cobra"
)

func (s *session) tenant() *cobra.Command {
	root := group("tenant", "Act on customers")
	root.AddCommand(
		s.tenantList(), s.tenantCreate(), s.tenantConfig(), s.tenantCredentials(), s.tenantCheck(), s.tenantStatus(),
		s.tenantCommand("activate", "Start the sync, or start it again", acmesync.Activate),
		s.tenantCommand("pause", "Pause the sync until it is resumed", acmesync.Pause),
		s.tenantCommand("resume", "Resume the sync", acmesync.Resume),
		s.tenantCommand("sync", "Poll now, and try what is held again", acmesync.SyncNow),
		s.tenantCommand("backfill", "Read every stream from its beginning again; what is unchanged is not written again", acmesync.Rewalk),
		s.tenantAudit(),
		s.tenantCommand("deactivate", "End the sync and the subscription", acmesync.Deactivate),
	)
	return root
}

const listPage = 500

func (s *session) tenantList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all tenants", Args: takes(),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, _ []string) error {
			all := []acmesync.Tenant{}
			for after := acmesync.TenantID(""); ; {
				page, err := c.DB.Tenants(ctx, after, listPage)
				if err != nil {
					return err
				}
				all = append(all, page...)
				if len(page) < listPage {
					break
				}
				after = page[len(page)-1].ID
			}
			return s.show(all, func(w *tabwriter.Writer) {
				for _, t := range all {
					tenantLine(w, t)
				}
			})
		}),
	}
}

// pollFlags are the two settings that are asked for at once; all others are the business of `tenant config`.
type pollFlags struct {
	PollSeconds int `json:"poll_seconds,omitempty"`
	PageSize    int `json:"page_size,omitempty"`
}

func (s *session) tenantCreate() *cobra.Command {
	var n control.NewTenant
	var limit control.RateLimit
	var config pollFlags
	cmd := &cobra.Command{
		Use: "create TENANT", Short: "Set a tenant up as a draft", Args: takes("TENANT"),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			n.ID = acmesync.TenantID(args[0])
			if limit != (control.RateLimit{}) {
				n.Limit = &limit
			}
			if config != (pollFlags{}) {
				var err error
				if n.Config, err = json.Marshal(config); err != nil {
					return fmt.Errorf("write the configuration: %w", err)
				}
			}
			v, err := c.Create(ctx, n, actor())
			if err != nil {
				return err
			}
			return s.show(v, func(w *tabwriter.Writer) { tenantLine(w, v.Tenant) })
		}),
	}
	f := cmd.Flags()
	f.StringVar(&n.Name, "name", "", "what people call it")
	f.StringVar(&n.AcmeURL, "acme-url", "", "where its Acme is, without /v1")
	f.StringVar(&n.AppURL, "app-url", "", "where its side of the app is, without /v1")
	f.IntVar(&limit.Requests, "rate-requests", 0, "how many requests Acme takes … (left out: learnt)")
	f.IntVar(&limit.PerSeconds, "rate-seconds", 0, "… in how many seconds")
	f.IntVar(&config.PollSeconds, "poll-seconds", 0, "how often to poll (left out: adapts)")
	f.IntVar(&config.PageSize, "page-size", 0, "records per page (left out: 200)")
	return cmd
}

// tenantCredentials takes secrets from files or the standard input: a command line is seen by everybody on the machine.
func (s *session) tenantCredentials() *cobra.Command {
	var acmeFile, appFile, lookupFile string
	cmd := &cobra.Command{
		Use: "credentials TENANT", Short: "Store credentials, from files or (as -) from the standard input", Args: takes("TENANT"),
	}
	cmd.RunE = s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
		files := []string{acmeFile, appFile, lookupFile}
		if strings.Join(files, "") == "" {
			return wrongCall("name a file by --acme-key-file, --app-token-file or --lookup-token-file")
		}
		if strings.Count(strings.Join(files, "\n")+"\n", "-\n") > 1 {
			return wrongCall("only one of them can come from the standard input")
		}
		acmeKey, acmeErr := secretFrom(acmeFile, cmd.InOrStdin())
		appToken, appErr := secretFrom(appFile, cmd.InOrStdin())
		lookupToken, lookupErr := secretFrom(lookupFile, cmd.InOrStdin())
		if err := errors.Join(acmeErr, appErr, lookupErr); err != nil {
			return err
		}
		id := acmesync.TenantID(args[0])
		if err := c.SetCredentials(ctx, id, acmesync.Credentials{AcmeAPIKey: acmeKey, AppToken: appToken, LookupToken: lookupToken}, actor()); err != nil {
			return err
		}
		return s.status(ctx, c, id)
	})
	cmd.Flags().StringVar(&acmeFile, "acme-key-file", "", "file that holds Acme's API key")
	cmd.Flags().StringVar(&appFile, "app-token-file", "", "file that holds the app's token")
	cmd.Flags().StringVar(&lookupFile, "lookup-token-file", "", "file that holds the token for third parties")
	return cmd
}

func secretFrom(file string, in io.Reader) (string, error) {
	const most = 64 << 10
	switch file {
	case "":
		return "", nil
	case "-":
	default:
		opened, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("read a secret: %w", err)
		}
		defer func() { _ = opened.Close() }()
		in = opened
	}
	raw, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return "", errors.New("read a secret: it is empty")
	}
	return secret, nil
}

func (s *session) tenantCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check TENANT", Short: "Call both sides with the stored credentials", Args: takes("TENANT"),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			check, err := c.Check(ctx, acmesync.TenantID(args[0]))
			if err != nil {
				return err
			}
			if err := s.show(check, func(w *tabwriter.Writer) {
				line(w, "acme", check.Acme.Message, check.Acme.Account)
				line(w, "app", check.App.Message, check.App.Account)
			}); err != nil || check.OK {
				return err
			}
			return errors.New("the connection does not work")
		}),
	}
}

func (s *session) tenantStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status TENANT", Short: "Show what a tenant is doing, what it waits for and its balance", Args: takes("TENANT"),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			return s.status(ctx, c, acmesync.TenantID(args[0]))
		}),
	}
}

func (s *session) status(ctx context.Context, c *control.Control, id acmesync.TenantID) error {
	v, err := c.Tenant(ctx, id)
	if err != nil {
		return err
	}
	b, err := c.Balance(ctx, id)
	if err != nil {
		return err
	}
	return s.show(map[string]any{"tenant": v, "balance": b}, func(w *tabwriter.Writer) {
		tenantLine(w, v.Tenant)
		for _, h := range v.Holds {
			line(w, "held by "+string(h.Dependency), h.Reason, "since "+moment(h.Since), fmt.Sprintf("%d tries, next %s", h.Tries, moment(h.NextAt)))
		}
		_ = w.Flush() // columns of what follows are its own
		balanceLines(w, b)
	})
}

func (s *session) tenantCommand(use, short string, name acmesync.CommandName) *cobra.Command {
	command := acmesync.Command{Name: name}
	var key, events string
	cmd := &cobra.Command{
		Use: use + " TENANT", Short: short, Args: takes("TENANT"),
		PreRunE: func(*cobra.Command, []string) error {
			if events != "keep" && events != "remove" && name == acmesync.Deactivate {
				return wrongCall("--events takes keep or remove, not %q", events)
			}
			return nil
		},
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			command.ID, command.Actor, command.RemoveEvents = control.CommandID(string(name), key), actor(), events == "remove"
			carryOut := c.Command
			if name == acmesync.Activate {
				carryOut = c.Activate
			}
			t, err := carryOut(ctx, acmesync.TenantID(args[0]), command)
			if err != nil {
				return err
			}
			return s.show(t, func(w *tabwriter.Writer) { tenantLine(w, t) })
		}),
	}
	cmd.Flags().StringVar(&command.Reason, "reason", "", "a sentence for the audit log")
	cmd.Flags().StringVar(&key, "key", "", "repeating the command with the same key does nothing again")
	if name == acmesync.Deactivate {
		cmd.Flags().StringVar(&events, "events", "keep", "keep or remove what was delivered to the app")
	}
	return cmd
}
