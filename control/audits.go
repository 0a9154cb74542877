package control

import (
	"context"
	"fmt"

	"acmesync"
)

// StartAudit has both sides and the ledger walked, and answers the audit that is under way then. The same command again answers
// the audit that it has begun.
func (c *Control) StartAudit(ctx context.Context, id acmesync.TenantID, command acmesync.Command) (acmesync.Audit, error) {
	command.Name = acmesync.AuditAll
	if _, err := c.Command(ctx, id, command); err != nil {
		return acmesync.Audit{}, err
	}
	return c.DB.AuditOf(ctx, id, command.ID)
}

// Audits lists a tenant's audits, newest first.
func (c *Control) Audits(ctx context.Context, id acmesync.TenantID, limit int) ([]acmesync.Audit, error) {
	if _, err := c.DB.Tenant(ctx, id); err != nil {
		return nil, err
	}
	return c.DB.Audits(ctx, id, limit)
}

// CancelAudit ends an audit that is under way. One that has ended is a Conflict.
func (c *Control) CancelAudit(ctx context.Context, id acmesync.TenantID, audit, actor string) (acmesync.Audit, error) {
	a, err := c.DB.OneAudit(ctx, id, audit)
	if err != nil {
		return a, err
	}
	if a.EndedAt != nil {
		return a, &acmesync.Conflict{Code: "wrong_state", Message: fmt.Sprintf("the audit is %s already", a.State)}
	}
	if err := c.DB.CancelAudit(ctx, id, audit, actor); err != nil {
		return a, err
	}
	return c.DB.OneAudit(ctx, id, audit)
}
