package control

import (
	"context"

	"acmesync"
)

// Balance is what became of all records of a tenant.
type Balance struct {
	Tenant   acmesync.TenantID    `json:"tenant"`
	State    acmesync.TenantState `json:"state"`
	Streams  []acmesync.Balance   `json:"streams"`
	Balanced bool                 `json:"balanced"` // every stream is
}

// Balance counts each record of a tenant once, by its present state.
func (c *Control) Balance(ctx context.Context, id acmesync.TenantID) (Balance, error) {
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return Balance{}, err
	}
	b := Balance{Tenant: t.ID, State: t.State, Balanced: true}
	if b.Streams, err = c.DB.Balance(ctx, id); err != nil {
		return Balance{}, err
	}
	for _, one := range b.Streams {
		b.Balanced = b.Balanced && one.Balanced
	}
	return b, nil
}
