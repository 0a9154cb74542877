package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"acmesync"
	"acmesync/control"

	"github.com/spf13/cobra"
)

// errUnequal ends the command with 1: both sides were not equal, or could not be proven so.
var errUnequal = errors.New("both sides could not be proven equal")

const (
	lookAtAudit    = time.Second
	shownOfAnAudit = 50
)

// tenantAudit begins an audit, and waits for its end where that is asked for.
func (s *session) tenantAudit() *cobra.Command {
	command := acmesync.Command{Name: acmesync.AuditAll}
	var key string
	var wait bool
	cmd := &cobra.Command{
		Use: "audit TENANT", Short: "Compare both sides and the ledger, and heal what differs", Args: takes("TENANT"),
		RunE: s.withControl(func(ctx context.Context, c *control.Control, args []string) error {
			id := acmesync.TenantID(args[0])
			command.ID, command.Actor = control.CommandID(string(command.Name), key), actor()
			a, err := c.StartAudit(ctx, id, command)
			if err != nil {
				return err
			}
			for wait && a.EndedAt == nil {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(lookAtAudit):
				}
				if a, err = c.DB.OneAudit(ctx, id, a.ID); err != nil {
					return err
				}
			}
			found, err := c.DB.Differences(ctx, id, a.ID, acmesync.Difference{}, shownOfAnAudit)
			if err != nil {
				return err
			}
			if err := s.show(map[string]any{"audit": a, "differences": found}, func(w *tabwriter.Writer) { auditLines(w, a, found) }); err != nil {
				return err
			}
			if wait && !a.Equal {
				return errUnequal
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&command.Reason, "reason", "", "a sentence for the audit log")
	cmd.Flags().StringVar(&key, "key", "", "repeating the command with the same key does nothing again")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for its end; ends with 1 where both sides are not equal")
	return cmd
}

func auditLines(w *tabwriter.Writer, a acmesync.Audit, found []acmesync.Difference) {
	verdict := string(a.State)
	if a.Equal {
		verdict = "equal"
	}
	line(w, a.ID, verdict, fmt.Sprintf("%d records, %d events, %d counts", a.Records, a.Events, a.Counts), fmt.Sprintf("found %d, healed %d", a.Found, a.Healed))
	_ = w.Flush() // columns of what follows are its own
	for _, d := range found {
		line(w, string(d.Side), string(d.Stream), d.ID, string(d.Kind), d.Outcome)
	}
	if int64(len(found)) < a.Found {
		line(w, fmt.Sprintf("… %d more: GET /v1/tenants/{tenant}/audits/%s/differences", a.Found-int64(len(found)), a.ID))
	}
}
