package control

import (
	"context"
	"time"

	"acmesync"
	"acmesync/explore"
)

// ExploreRequest says how far to look.
type ExploreRequest struct {
	Pages   int    // of each list; 0: 5
	HookURL string // where a subscription is tried; empty: none is
}

// Explore looks at a tenant's Acme with its stored credentials and its configuration. It takes its calls out of the same rate
// limit as the sync, behind what is live.
func (c *Control) Explore(ctx context.Context, id acmesync.TenantID, q ExploreRequest) (explore.Report, error) {
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return explore.Report{}, err
	}
	connection, err := c.DB.Connection(ctx, id)
	if err != nil {
		return explore.Report{}, err
	}
	credentials, err := c.DB.Credentials(ctx, id)
	if err != nil {
		return explore.Report{}, err
	}
	if credentials.AcmeAPIKey == "" {
		missing := &Invalid{Code: CredentialsMissing}
		missing.add("/acme/api_key", "Acme's API key is not set.")
		return explore.Report{}, missing.err()
	}
	e := explore.Explorer{
		BaseURL: connection.AcmeURL, APIKey: credentials.AcmeAPIKey, HTTP: c.HTTP, Config: t.Config, HookURL: q.HookURL, Pages: q.Pages,
		Take: func(ctx context.Context) error { return c.take(ctx, connection.LimitOwner) },
	}
	return e.Run(ctx)
}

// take waits for one request of a limit owner's budget.
func (c *Control) take(ctx context.Context, owner string) error {
	for {
		granted, wait, err := c.DB.LeaseBudget(ctx, owner, 1, false)
		if err != nil || granted != 0 {
			return err
		}
		select {
		case <-time.After(max(wait, 10*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
