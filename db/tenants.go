package db

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// tenantRow is a tenant as its table holds it, with whether any hold is open.
type tenantRow struct {
	Tenant      acmesync.TenantID    `db:"tenant"`
	Cell        string               `db:"cell"`
	Name        string               `db:"name"`
	State       acmesync.TenantState `db:"state"`
	StateSince  time.Time            `db:"state_since"`
	StateReason string               `db:"state_reason"`
	Generation  int64                `db:"generation"`
	Epoch       int64                `db:"epoch"`
	Config      []byte               `db:"config"`
	Rules       int64                `db:"rules"`
	Version     int64                `db:"version"`
	CreatedAt   time.Time            `db:"created_at"`
	HeldSince   *time.Time           `db:"held_since"`
	HeldReason  *string              `db:"held_reason"`
}

// selectTenants sees a running tenant with an open hold as held: since the oldest, for its reason.
const selectTenants = `
	SELECT t.tenant, t.cell, t.name, t.state, t.state_since, t.state_reason, t.generation, t.epoch, t.config, t.rules, t.version, t.created_at,
		h.since AS held_since, h.reason AS held_reason
	FROM tenants t LEFT JOIN LATERAL (
		SELECT since, reason FROM holds WHERE holds.tenant = t.tenant AND t.state IN ('starting', 'active') ORDER BY since LIMIT 1
	) h ON true`

func (r tenantRow) tenant() (acmesync.Tenant, error) {
	t := acmesync.Tenant{
		ID: r.Tenant, Name: r.Name, Cell: r.Cell, State: r.State, StateSince: r.StateSince, StateReason: r.StateReason,
		Generation: r.Generation, Epoch: r.Epoch, Rules: r.Rules, CreatedAt: r.CreatedAt, Version: r.Version,
	}
	if err := json.Unmarshal(r.Config, &t.Config); err != nil {
		return t, fmt.Errorf("read the configuration of %s: %w", r.Tenant, err)
	}
	if r.HeldSince != nil {
		t.State, t.StateSince, t.StateReason = acmesync.Held, *r.HeldSince, *r.HeldReason
	}
	return t, nil
}

// NewTenant is what it takes to set one up.
type NewTenant struct {
	ID      acmesync.TenantID
	Name    string
	AcmeURL string
	AppURL  string
	// LimitOwner is whose rate limit at Acme the calls count against; empty: the tenant's own account.
	LimitOwner string
	Config     acmesync.Config
	Actor      string
}

// CreateTenant stores a draft with keys, connection and lanes of its own. An id that is taken is a Conflict.
func (db *DB) CreateTenant(ctx context.Context, n NewTenant) (acmesync.Tenant, error) {
	endpoint := make([]byte, 16)
	if _, err := rand.Read(endpoint); err != nil {
		return acmesync.Tenant{}, fmt.Errorf("draw a hook endpoint: %w", err)
	}
	config, err := json.Marshal(n.Config)
	if err != nil {
		return acmesync.Tenant{}, fmt.Errorf("write the configuration: %w", err)
	}
	if n.LimitOwner == "" {
		n.LimitOwner = "tenant:" + string(n.ID)
	}
	err = db.in(ctx, n.ID, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO tenants (tenant, name, config) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			n.ID, n.Name, string(config))
		if err != nil {
			return err
		}
		if made, err := res.RowsAffected(); err != nil || made == 0 {
			return &acmesync.Conflict{Code: "tenant_exists", Message: fmt.Sprintf("there is a tenant %q already", n.ID)}
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO connections (tenant, connection, acme_url, app_url, limit_owner, hook_endpoint) VALUES ($1, $2, $3, $4, $5, $6)`,
			n.ID, acmesync.MainConnection, n.AcmeURL, n.AppURL, n.LimitOwner, hex.EncodeToString(endpoint)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO lanes (tenant, lane) VALUES ($1, 'fetch'), ($1, 'deliver')`, n.ID); err != nil {
			return err
		}
		if err := storeConfig(ctx, tx, n.ID, 1, config, n.Actor, ""); err != nil {
			return err
		}
		if err := db.storeTenantKeys(ctx, tx, n.ID); err != nil {
			return err
		}
		return auditTx(ctx, tx, n.ID, n.Actor, "create", "", "")
	})
	if err != nil {
		return acmesync.Tenant{}, fmt.Errorf("create tenant %s: %w", n.ID, err)
	}
	return db.Tenant(ctx, n.ID)
}

// Tenant reads one; ErrNotFound if there is none.
func (db *DB) Tenant(ctx context.Context, id acmesync.TenantID) (acmesync.Tenant, error) {
	var row tenantRow
	err := db.in(ctx, id, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &row, selectTenants+` WHERE t.tenant = $1`, id)
	})
	if err != nil {
		return acmesync.Tenant{}, fmt.Errorf("read tenant %s: %w", id, notFound(err))
	}
	return row.tenant()
}

// Tenants lists up to limit tenants after the given id, in order of id.
func (db *DB) Tenants(ctx context.Context, after acmesync.TenantID, limit int) ([]acmesync.Tenant, error) {
	var rows []tenantRow
	err := db.as(ctx, fleetRole, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &rows, selectTenants+` WHERE t.tenant > $1 ORDER BY t.tenant LIMIT $2`, after, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	tenants := make([]acmesync.Tenant, 0, len(rows))
	for _, r := range rows {
		t, err := r.tenant()
		if err != nil {
			return nil, err
		}
		tenants = append(tenants, t)
	}
	return tenants, nil
}

// Connection reads where a tenant's Acme and app are.
func (db *DB) Connection(ctx context.Context, id acmesync.TenantID) (acmesync.Connection, error) {
	c := acmesync.Connection{Tenant: id, ID: acmesync.MainConnection}
	err := db.in(ctx, id, func(tx *sqlx.Tx) error {
		return tx.QueryRowContext(ctx, `
			SELECT acme_url, app_url, limit_owner, hook_endpoint, subscription_id, app_subscription_id, account_id, region, time_zone
			FROM connections WHERE tenant = $1 AND connection = $2`, id, c.ID).
			Scan(&c.AcmeURL, &c.AppURL, &c.LimitOwner, &c.HookEndpoint, &c.SubscriptionID, &c.AppSubscriptionID, &c.AccountID, &c.Region, &c.TimeZone)
	})
	if err != nil {
		return c, fmt.Errorf("read the connection of %s: %w", id, notFound(err))
	}
	return c, nil
}

// DescribeAccount keeps what the Acme account says about itself. Where its region or zone has changed every record may come out
// differently: lanes notice at their next page, and all streams are read again.
func (db *DB) DescribeAccount(ctx context.Context, id acmesync.TenantID, account, region, timeZone string) error {
	err := db.in(ctx, id, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE connections SET account_id = $3 WHERE tenant = $1 AND connection = $2 AND account_id <> $3`,
			id, acmesync.MainConnection, account); err != nil {
			return err
		}
		var epoch int64
		err := tx.GetContext(ctx, &epoch, `
			UPDATE tenants t SET epoch = epoch + 1 FROM connections c
			WHERE t.tenant = $1 AND c.tenant = t.tenant AND c.connection = $2 AND (c.region, c.time_zone) <> ($3, $4)
			RETURNING epoch`, id, acmesync.MainConnection, region, timeZone)
		if errors.Is(notFound(err), acmesync.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE connections SET region = $3, time_zone = $4 WHERE tenant = $1 AND connection = $2`,
			id, acmesync.MainConnection, region, timeZone); err != nil {
			return err
		}
		return walkAgain(ctx, tx, id, acmesync.Command{})
	})
	if err != nil {
		return fmt.Errorf("keep the account of %s: %w", id, err)
	}
	return nil
}
