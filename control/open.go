package control

import (
	"context"
	"errors"
	"fmt"

	"acmesync/db"
	"acmesync/egress"

	"go.uber.org/zap"
)

// Open connects to a database whose schema this program knows, with the keys it is sealed with.
func Open(ctx context.Context, databaseURL, keyset string) (*db.DB, error) {
	vault, err := db.NewVault(keyset)
	if err != nil {
		return nil, err
	}
	memory, err := db.Open(ctx, databaseURL, vault)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := memory.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	return memory, nil
}

// New makes a Control that calls tenants' addresses by the given policy.
func New(memory *db.DB, w Workflows, policy egress.Policy, log *zap.Logger) *Control {
	return &Control{DB: memory, Workflows: w, HTTP: egress.NewClient(policy), Egress: policy, Later: &Later{Log: log}, Log: log}
}
