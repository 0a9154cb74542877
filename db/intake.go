package db

import (
	"cmp"
	"context"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// HookDelivery and its parts are words of the product, which brokers know without db.
type HookDelivery = acmesync.HookDelivery

// HookEvent is one event of a delivery.
type HookEvent = acmesync.HookEvent

// HookStatus is what became of a delivery.
type HookStatus = acmesync.HookStatus

// AccountHook is a tenant that has connected an account.
type AccountHook = acmesync.AccountHook

const (
	HookNew       = acmesync.HookNew
	HookDuplicate = acmesync.HookDuplicate
	HookGone      = acmesync.HookGone
)

// StoreHooks stores deliveries of several tenants in one statement, durably, and answers one status per delivery.
// If it fails, one of them may be at fault: the caller tries each alone.
func (db *DB) StoreHooks(ctx context.Context, deliveries []HookDelivery) ([]HookStatus, error) {
	var endpoints, webhookIDs, ways []string
	var shas, bodies [][]byte
	var of []int64
	var ids, kinds, streams, acmeIDs, outcomes, keyIDs []string
	var versions []int64
	for i, d := range deliveries {
		endpoints, webhookIDs, shas = append(endpoints, d.Endpoint), append(webhookIDs, d.WebhookID), append(shas, d.BodySHA)
		ways = append(ways, string(cmp.Or(d.Way, acmesync.ByHook)))
		for _, e := range d.Events {
			id, err := newEnvelopeID()
			if err != nil {
				return nil, err
			}
			sealed, keyID, err := db.sealBody(ctx, d.Tenant, envelopeBody(id), e.Body)
			if err != nil {
				return nil, err
			}
			kind := acmesync.HintEnvelope
			if e.Raw {
				kind = "raw"
			}
			of, ids, kinds, streams = append(of, int64(i+1)), append(ids, id), append(kinds, string(kind)), append(streams, string(e.Stream))
			acmeIDs, versions, outcomes = append(acmeIDs, e.AcmeID), append(versions, e.Version), append(outcomes, string(e.Outcome))
			bodies, keyIDs = append(bodies, sealed), append(keyIDs, keyID)
		}
	}
	statuses := make([]HookStatus, len(deliveries))
	err := db.as(ctx, intakeRole, func(tx *sqlx.Tx) error {
		rows, err := tx.QueryxContext(alone(ctx), `SELECT delivery, status FROM intake_store($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			pq.Array(endpoints), pq.Array(webhookIDs), pq.ByteaArray(shas), pq.Array(of), pq.Array(ids), pq.Array(kinds), pq.Array(streams),
			pq.Array(acmeIDs), pq.Array(versions), pq.Array(outcomes), pq.ByteaArray(bodies), pq.Array(keyIDs), pq.Array(ways))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n int
			var status HookStatus
			if err := rows.Scan(&n, &status); err != nil {
				return err
			}
			statuses[n-1] = status
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("store webhooks: %w", err)
	}
	return statuses, nil
}

// Endpoint is who is behind a hook's URL.
type Endpoint struct {
	Tenant     acmesync.TenantID     `db:"tenant"`
	Connection acmesync.ConnectionID `db:"connection"`
	State      acmesync.TenantState  `db:"state"`
}

// Endpoint finds a hook's tenant; ErrNotFound if there is none.
func (db *DB) Endpoint(ctx context.Context, endpoint string) (Endpoint, error) {
	var e Endpoint
	err := db.as(ctx, intakeRole, func(tx *sqlx.Tx) error {
		return tx.GetContext(alone(ctx), &e, `SELECT tenant, connection, state FROM intake_endpoint($1)`, endpoint)
	})
	if err != nil {
		return e, fmt.Errorf("find a hook endpoint: %w", notFound(err))
	}
	return e, nil
}

// AccountHooks finds the tenants whose Acme account has this id; none is no error.
func (db *DB) AccountHooks(ctx context.Context, account string) ([]AccountHook, error) {
	var all []AccountHook
	err := db.as(ctx, intakeRole, func(tx *sqlx.Tx) error {
		return tx.SelectContext(alone(ctx), &all, `SELECT tenant, endpoint FROM intake_account($1)`, account)
	})
	if err != nil {
		return nil, fmt.Errorf("find the tenants of an account: %w", err)
	}
	return all, nil
}
