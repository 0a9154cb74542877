package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"acmesync"
	"acmesync/control"
	"acmesync/mapping"
	"acmesync/preview"

	"github.com/spf13/cobra"
)

func (s *session) tenantConfig() *cobra.Command {
	root := group("config", "Read and change what a tenant has chosen")
	root.AddCommand(s.configGet(), s.configSet(), s.configVersions(), s.configPreview())
	return root
}

func (s *session) configGet() *cobra.Command {
	var version int64
	cmd := &cobra.Command{
		Use: "get TENANT", Short: "Print the configuration document, or an old one", Args: takes("TENANT"),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			id := acmesync.TenantID(args[0])
			if version != 0 {
				old, err := c.DB.Config(ctx, id, version)
				if err != nil {
					return err
				}
				return s.document(old, old.Document)
			}
			now, err := c.Config(ctx, id)
			if err != nil {
				return err
			}
			return s.document(now, now.Config)
		}),
	}
	cmd.Flags().Int64Var(&version, "version", 0, "an old version (left out: the one in force)")
	return cmd
}

// document prints a configuration alone, so that it can be edited and set again; -o json prints all that is known about it.
func (s *session) document(all, config any) error {
	if s.format == "json" {
		return s.show(all, nil)
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	_, err = fmt.Fprintln(s.out, string(text))
	return err
}

func (s *session) configSet() *cobra.Command {
	var e control.ConfigEdit
	var merge bool
	cmd := &cobra.Command{
		Use: "set TENANT FILE", Short: "Replace the configuration by a file's document (- for the standard input)", Args: takes("TENANT", "FILE"),
	}
	cmd.RunE = s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
		document, err := documentFrom(args[1], cmd.InOrStdin())
		if err != nil {
			return err
		}
		e.Document, e.Actor = document, actor()
		if merge {
			e.Document, e.Patch = nil, document
		}
		answer, err := c.EditConfig(ctx, acmesync.TenantID(args[0]), e)
		if err != nil {
			return err
		}
		return s.show(answer, func(w *tabwriter.Writer) {
			line(w, "version", answer.Version)
			line(w, "applied", *answer.Applied)
			line(w, "changes", strings.Join(answer.Plan.Changed, " "))
			for _, effect := range answer.Plan.Effects {
				line(w, "", effect)
			}
		})
	})
	f := cmd.Flags()
	f.BoolVar(&merge, "merge", false, "the file is a JSON merge patch: what it leaves out stays")
	f.BoolVar(&e.DryRun, "dry-run", false, "tell what it would do, and do nothing")
	f.Int64Var(&e.Over, "over", 0, "the version it was made for (left out: whichever is in force)")
	f.StringVar(&e.Note, "note", "", "a sentence, kept with the version")
	return cmd
}

// documentFrom reads one byte more than is taken, for the refusal to say so.
func documentFrom(file string, in io.Reader) ([]byte, error) {
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read the document: %w", err)
		}
		defer func() { _ = opened.Close() }()
		in = opened
	}
	document, err := io.ReadAll(io.LimitReader(in, mapping.MaxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	return document, nil
}

func (s *session) configVersions() *cobra.Command {
	return &cobra.Command{
		Use: "versions TENANT", Short: "List the configurations a tenant has had, newest first", Args: takes("TENANT"),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			all := []acmesync.ConfigVersion{}
			for before := int64(0); ; {
				page, err := c.ConfigVersions(ctx, acmesync.TenantID(args[0]), before, listPage)
				if err != nil {
					return err
				}
				all = append(all, page...)
				if len(page) < listPage {
					break
				}
				before = page[len(page)-1].Version
			}
			return s.show(all, func(w *tabwriter.Writer) {
				for _, v := range all {
					line(w, strconv.FormatInt(v.Version, 10), moment(v.CreatedAt), v.Actor, v.Note)
				}
			})
		}),
	}
}

func (s *session) configPreview() *cobra.Command {
	var q control.PreviewRequest
	var streams []string
	cmd := &cobra.Command{
		Use: "preview TENANT [FILE]", Short: "Tell what a file's document would do to the present records (left out: the one in force)", Args: takesFirst("TENANT"),
	}
	cmd.RunE = s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
		if len(args) > 2 {
			return wrongCall("%s takes one file at most", cmd.CommandPath())
		}
		if len(args) == 2 {
			document, err := documentFrom(args[1], cmd.InOrStdin())
			if err != nil {
				return err
			}
			q.Document = document
		}
		for _, name := range streams {
			q.Streams = append(q.Streams, acmesync.Stream(name))
		}
		result, err := c.Preview(ctx, acmesync.TenantID(args[0]), q)
		if err != nil {
			return err
		}
		return s.show(result, func(w *tabwriter.Writer) { previewLines(w, result) })
	})
	f := cmd.Flags()
	f.IntVar(&q.Sample, "sample", 0, "how many records to show of each kind of outcome (left out: 5)")
	f.IntVar(&q.MaxRecords, "max-records", 0, "look at so many only (left out: all)")
	f.StringSliceVar(&streams, "streams", nil, "appointments, touchpoints (left out: both)")
	return cmd
}

func previewLines(w *tabwriter.Writer, r preview.Result) {
	line(w, "STREAM", "RECORDS", "CREATE", "UPDATE", "LEAVE", "GONE", "SKIP", "REMOVE", "PARK")
	for _, t := range r.Streams {
		line(w, t.Stream, t.Records, t.Create, t.Update, t.Leave, t.Gone, reasonText(t.Skip), reasonText(t.Remove), reasonText(t.Park))
	}
	_ = w.Flush() // columns of what follows are its own
	for _, one := range r.Samples {
		line(w, one.Outcome, one.Stream, one.AcmeID, one.Code, one.Field, one.Message)
		for _, f := range one.Faults[min(1, len(one.Faults)):] {
			line(w, "", "", "", f.Code, f.Field, f.Message)
		}
		for _, c := range one.Changes {
			line(w, "", c.Field, c.Before, "→", c.After)
		}
	}
	if r.Partial {
		line(w, r.Reason)
	}
}

func reasonText(reasons []preview.Reason) string {
	counts := map[string]int64{}
	for _, r := range reasons {
		counts[string(r.Code)] += int64(r.Records)
	}
	return byCode(counts)
}
