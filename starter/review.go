package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"acmesync"
	"acmesync/control"

	"github.com/spf13/cobra"
)

func (s *session) review() *cobra.Command {
	root := group("review", "Act on records that failed for a reason of their own")
	root.AddCommand(
		s.reviewList(), s.reviewShow(),
		s.reviewDecide("retry", "Deliver records again: those named by Acme's ids, or all", acmesync.OrderRetry),
		s.reviewDecide("discard", "Give records up: undo what was half done, then skip them", acmesync.OrderDiscard),
	)
	return root
}

func reviewLine(w *tabwriter.Writer, r control.Review) {
	line(w, r.ID, r.State, fmt.Sprintf("%d open", r.Open), r.Stream, r.Code, r.Field, "since "+moment(r.OpenedAt))
}

func (s *session) reviewList() *cobra.Command {
	var tenant string
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List reviews, newest first", Args: takes(),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, _ []string) error {
			reviews, err := c.Reviews(ctx, acmesync.TenantID(tenant), all, listPage)
			if err != nil {
				return err
			}
			return s.show(reviews, func(w *tabwriter.Writer) {
				for _, r := range reviews {
					reviewLine(w, r)
				}
			})
		}),
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "of this tenant only")
	cmd.Flags().BoolVar(&all, "all", false, "with those that are resolved")
	return cmd
}

func (s *session) reviewShow() *cobra.Command {
	return &cobra.Command{
		Use: "show REVIEW", Short: "Show a review with its open records", Args: takes("REVIEW"),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			id, fingerprint, err := control.ParseReviewID(args[0])
			if err != nil {
				return err
			}
			r, err := c.Review(ctx, id, fingerprint)
			if err != nil {
				return err
			}
			records, err := c.ReviewRecords(ctx, id, fingerprint, listPage)
			if err != nil {
				return err
			}
			return s.show(map[string]any{"review": r, "records": records}, func(w *tabwriter.Writer) {
				reviewLine(w, r)
				_ = w.Flush() // columns of what follows are its own
				for _, one := range records {
					line(w, one.AcmeID, one.Message, fmt.Sprintf("%d tries", one.Tries), "since "+moment(one.ParkedAt))
				}
			})
		}),
	}
}

func (s *session) reviewDecide(use, short string, action acmesync.OrderAction) *cobra.Command {
	var reason, key string
	cmd := &cobra.Command{
		Use: use + " REVIEW [ACME-ID…]", Short: short, Args: takesFirst("REVIEW"),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			id, fingerprint, err := control.ParseReviewID(args[0])
			if err != nil {
				return err
			}
			n, err := c.Decide(ctx, id, fingerprint, acmesync.Decision{
				ID: control.DecisionID(fingerprint, action, key), Action: action, Actor: actor(), Reason: reason, IDs: args[1:],
			})
			if err != nil {
				return err
			}
			return s.show(map[string]any{"review": args[0], "action": action, "records": n, "replayed": n == 0}, func(w *tabwriter.Writer) {
				line(w, fmt.Sprintf("%s: %d records", action, n))
			})
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "a sentence for the audit log; discard needs one")
	cmd.Flags().StringVar(&key, "key", "", "repeating the decision with the same key does nothing again")
	return cmd
}
