package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"text/tabwriter"

	"acmesync"
	"acmesync/config"
	"acmesync/control"
	"acmesync/egress"
	"acmesync/explore"

	"github.com/spf13/cobra"
)

// exploreFlags are where to look, and how.
type exploreFlags struct {
	url, keyFile, profileFile string
	request                   control.ExploreRequest
}

// explore looks at an Acme that may belong to no tenant yet, so it needs neither the database nor Temporal.
func (s *session) explore() *cobra.Command {
	var f exploreFlags
	cmd := &cobra.Command{
		Use:   "explore [TENANT]",
		Short: "Try a live Acme: credentials, lists, fields against the contract, limits; of a tenant, or by --acme-url",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 || (len(args) == 1) == (f.url != "") {
				return wrongCall("%s takes either a tenant or --acme-url", c.CommandPath())
			}
			if len(args) == 1 && f.keyFile+f.profileFile != "" {
				return wrongCall("a tenant has its own key and profile: leave --acme-key-file and --profile out")
			}
			if f.request.Pages < 1 || f.request.Pages > mostPages {
				return wrongCall("--pages takes 1 to %d", mostPages)
			}
			return f.addresses()
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return s.exploreURL(cmd, f)
		}
		return s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			report, err := c.Explore(ctx, acmesync.TenantID(args[0]), f.request)
			return s.explored(report, err)
		})(cmd, args)
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "acme-url", "", "where the Acme is, without /v1")
	flags.StringVar(&f.keyFile, "acme-key-file", "", "file that holds its API key, - for the standard input (left out: ACME_API_KEY)")
	flags.StringVar(&f.profileFile, "profile", "", "file that holds its profile (left out: it speaks as Acme's contract says)")
	flags.StringVar(&f.request.HookURL, "hook-url", "", "ask for a webhook subscription to this address, and end it again")
	flags.IntVar(&f.request.Pages, "pages", 5, "how many pages of each list to look at")
	return cmd
}

const mostPages = 1000

// addresses wants what calls can be made to.
func (f *exploreFlags) addresses() error {
	for _, one := range []struct{ flag, url string }{{"--acme-url", f.url}, {"--hook-url", f.request.HookURL}} {
		u, err := url.Parse(one.url)
		if one.url != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "") {
			return wrongCall("%s takes an address such as https://api.acme.example, without a key in it", one.flag)
		}
	}
	return nil
}

func (s *session) exploreURL(cmd *cobra.Command, f exploreFlags) error {
	settings, err := config.LoadExplore(cmd.Context(), s.env)
	if err != nil {
		return err
	}
	key := settings.APIKey.Reveal()
	if f.keyFile != "" {
		if key, err = secretFrom(f.keyFile, cmd.InOrStdin()); err != nil {
			return err
		}
	}
	if key == "" {
		return wrongCall("there is no API key: name a file by --acme-key-file, or set ACME_API_KEY")
	}
	var c acmesync.Config
	if f.profileFile != "" {
		document, err := documentFrom(f.profileFile, cmd.InOrStdin())
		if err != nil {
			return err
		}
		if !json.Valid(document) {
			return errors.New("read the profile: it is not JSON")
		}
		c.Profile = document
	}
	e := explore.Explorer{
		BaseURL: f.url, APIKey: key, Config: c, HookURL: f.request.HookURL, Pages: f.request.Pages,
		// The operator named the address: a sandbox on this machine is as good as any.
		HTTP: egress.NewClient(egress.Policy{AllowPrivate: true}),
	}
	return s.explored(e.Run(cmd.Context()))
}

// explored prints what was seen, also where the look was broken off.
func (s *session) explored(report explore.Report, err error) error {
	if report.Version == 0 {
		return err
	}
	if shown := s.show(report, func(w *tabwriter.Writer) { exploreLines(w, report) }); shown != nil {
		return errors.Join(err, shown)
	}
	if err != nil {
		return fmt.Errorf("the look was broken off: %w", err)
	}
	if !report.Usable {
		return errors.New("this Acme cannot be synced as it is")
	}
	return nil
}
