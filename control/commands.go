package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"acmesync"
	"acmesync/workflows"
)

// CommandID is the id under which a command applies once. Without a key of the caller's it is drawn; with one it is
// scoped to the command, so that one key used for two commands is two ids.
func CommandID(scope, key string) string {
	if key == "" {
		key = rand.Text()
	}
	return scope + "/" + key
}

// Activate starts the sync of a tenant, or starts it again. Credentials that are missing or refused are an *Invalid; a
// side that is down is no reason to refuse: the tenant is held then, and heals by itself.
func (c *Control) Activate(ctx context.Context, id acmesync.TenantID, command acmesync.Command) (acmesync.Tenant, error) {
	command.Name = acmesync.Activate
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return t, err
	}
	switch t.State {
	case acmesync.Draft, acmesync.Stopped, acmesync.Deactivated:
		check, err := c.Check(ctx, id)
		if err != nil {
			return t, err
		}
		if err := refusal(check); err != nil {
			return t, err
		}
	default: // Apply refuses it, unless this very command was applied before
	}
	t, err = c.DB.Apply(ctx, id, command)
	if err != nil {
		return t, err
	}
	c.begin(id)
	return t, nil
}

func refusal(check Check) error {
	invalid := &Invalid{}
	for _, side := range []struct {
		SideCheck
		pointer string
	}{{check.Acme, "/acme/api_key"}, {check.App, "/app/token"}} {
		switch side.Kind {
		case CredentialsMissing:
			invalid.Code = CredentialsMissing
			invalid.add(side.pointer, side.Message)
		case string(acmesync.Unauthorised):
			invalid.Code = orFirst(invalid.Code, "credentials_refused")
			invalid.add(side.pointer, side.Message)
		case AddressRefused:
			invalid.Code = orFirst(invalid.Code, AddressRefused)
			invalid.add(side.pointer, side.Message)
		}
	}
	return invalid.err()
}

func orFirst(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// Command carries out any command but activate.
func (c *Control) Command(ctx context.Context, id acmesync.TenantID, command acmesync.Command) (acmesync.Tenant, error) {
	update, known := map[acmesync.CommandName]string{
		acmesync.Pause:      workflows.PauseUpdate,
		acmesync.Resume:     workflows.ResumeUpdate,
		acmesync.SyncNow:    workflows.SyncNowUpdate,
		acmesync.RetryNow:   workflows.RetryNowUpdate,
		acmesync.Rewalk:     workflows.BackfillUpdate,
		acmesync.AuditAll:   workflows.AuditUpdate,
		acmesync.Deactivate: workflows.DeactivateUpdate,
	}[command.Name]
	if !known {
		return acmesync.Tenant{}, fmt.Errorf("there is no command %q", command.Name)
	}
	t, err := c.DB.Apply(ctx, id, command)
	if err != nil {
		return t, err
	}
	c.nudge(id, update, workflows.CommandInput{
		CommandID: command.ID, Actor: command.Actor, Reason: command.Reason, RemoveEvents: command.RemoveEvents,
	})
	return t, nil
}

// begin starts a tenant's workflow, or rings the one that has not ended yet.
func (c *Control) begin(id acmesync.TenantID) {
	c.Later.Do("start the workflow", string(id), startTimeout, func(ctx context.Context) error {
		if err := c.Workflows.StartTenant(ctx, id); err != nil {
			return err
		}
		return c.Workflows.Ring(ctx, id)
	})
}

// nudge tells the workflow of a command that is committed already. One that should run and does not is started.
func (c *Control) nudge(id acmesync.TenantID, update string, in workflows.CommandInput) {
	c.Later.Do("tell the workflow to "+update, string(id), nudgeTimeout, func(ctx context.Context) error {
		err := c.Workflows.Nudge(ctx, id, update, in)
		if !errors.Is(err, acmesync.ErrNotRunning) {
			return err
		}
		t, err := c.DB.Tenant(ctx, id)
		if err != nil || !(t.State.Lives() || t.State == acmesync.Held) {
			return err
		}
		return c.Workflows.StartTenant(ctx, id)
	})
}
