package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// RecordStory answers where a record is: its entry in the ledger, how it was parked, and what arrived when, by which way.
type RecordStory struct {
	Stream  acmesync.Stream      `json:"stream"`
	AcmeID  string               `json:"acme_id"`
	State   acmesync.LedgerState `json:"state,omitempty"` // empty: known, not delivered yet
	Code    acmesync.Code        `json:"code,omitempty"`
	Field   string               `json:"field,omitempty"`
	Version int64                `json:"version"`
	AppID   string               `json:"app_id,omitempty"`
	// Instances is how many events the app has of a series; InstanceOf, which appointment of which series an exception stands for,
	// as in its external id.
	Instances  int            `json:"instances,omitempty"`
	InstanceOf string         `json:"instance_of,omitempty"`
	Updated    *time.Time     `json:"updated_at,omitempty"`
	Parked     *ParkedStory   `json:"parked,omitempty"`
	Arrivals   []ArrivalStory `json:"arrivals"`
	// Overruled are values of either side that lost a conflict, newest first.
	Overruled []acmesync.Overruled `json:"overruled,omitempty"`
}

// ParkedStory is how a record was parked, and what came of it.
type ParkedStory struct {
	Review    string        `json:"review" db:"fingerprint"`
	Code      acmesync.Code `json:"code" db:"code"`
	Field     string        `json:"field,omitempty" db:"field"`
	Message   string        `json:"message" db:"message"`
	Tries     int           `json:"tries" db:"tries"`
	ParkedAt  time.Time     `json:"parked_at" db:"parked_at"`
	ClosedAt  *time.Time    `json:"closed_at,omitempty" db:"closed_at"`
	ClosedHow string        `json:"closed_how,omitempty" db:"closed_how"`
	ClosedBy  string        `json:"closed_by,omitempty" db:"closed_by"`
	Reason    string        `json:"reason,omitempty" db:"reason"`
}

// ArrivalStory is one arrival of a record.
type ArrivalStory struct {
	ReceivedAt time.Time    `json:"received_at" db:"received_at"`
	Way        acmesync.Way `json:"way" db:"way"`
	Envelope   string       `json:"envelope" db:"envelope"`
	Version    int64        `json:"version,omitempty" db:"version"`
	EndedAt    *time.Time   `json:"ended_at,omitempty" db:"ended_at"`
	Outcome    string       `json:"outcome,omitempty" db:"outcome"`
}

const maxArrivalsShown = 100

// Record tells a record's story; ErrNotFound if nothing of that id ever arrived.
func (db *DB) Record(ctx context.Context, tenant acmesync.TenantID, stream acmesync.Stream, acmeID string) (RecordStory, error) {
	story := RecordStory{Stream: stream, AcmeID: acmeID, Arrivals: []ArrivalStory{}}
	err := db.inSealing(ctx, tenant, func(tx *sqlx.Tx) error {
		err := tx.QueryRowContext(ctx, `
			SELECT state, code, field, version, app_id, updated_at FROM ledger
			WHERE tenant = $1 AND connection = $2 AND stream = $3 AND acme_id = $4`, tenant, acmesync.MainConnection, stream, acmeID).
			Scan(&story.State, &story.Code, &story.Field, &story.Version, &story.AppID, &story.Updated)
		if err != nil && !errors.Is(notFound(err), acmesync.ErrNotFound) {
			return err
		}
		if err := readSerial(ctx, tx, tenant, &story); err != nil {
			return err
		}
		var parked []ParkedStory
		if err := tx.SelectContext(ctx, &parked, `
			SELECT fingerprint, code, field, message, tries, parked_at, closed_at, closed_how, closed_by, reason FROM parked
			WHERE tenant = $1 AND connection = $2 AND stream = $3 AND acme_id = $4`, tenant, acmesync.MainConnection, stream, acmeID); err != nil {
			return err
		}
		if len(parked) > 0 {
			story.Parked = &parked[0]
		}
		if stream == acmesync.Appointments {
			if story.Overruled, err = db.overruled(ctx, tx, tenant, acmeID); err != nil {
				return err
			}
		}
		return tx.SelectContext(ctx, &story.Arrivals, `
			SELECT received_at, way, id::text AS envelope, version, ended_at,
				coalesce(outcome, CASE WHEN duplicate > 0 THEN 'duplicate' WHEN superseded > 0 THEN 'superseded' WHEN parked > 0 THEN 'parked'
					WHEN ended_at IS NOT NULL THEN 'done' ELSE 'waiting' END) AS outcome
			FROM envelopes WHERE tenant = $1 AND acme_id = $3 AND stream = $2
			UNION ALL
			SELECT a.received_at, a.way, a.envelope::text, 0, e.ended_at, CASE WHEN e.ended_at IS NULL THEN 'waiting' ELSE 'done' END
			FROM arrivals a LEFT JOIN envelopes e ON e.day = a.day AND e.id = a.envelope AND e.tenant = a.tenant
			WHERE a.tenant = $1 AND a.stream = $2 AND a.ids @> ARRAY[$3]
			ORDER BY 1 DESC LIMIT $4`, tenant, stream, acmeID, maxArrivalsShown)
	})
	if err != nil {
		return story, fmt.Errorf("tell the story of %s %s: %w", stream, acmeID, err)
	}
	if story.State == "" && story.Parked == nil && len(story.Arrivals) == 0 {
		return story, fmt.Errorf("tell the story of %s %s: %w", stream, acmeID, acmesync.ErrNotFound)
	}
	return story, nil
}

// RecordRow is one line of a list of records.
type RecordRow struct {
	Stream  acmesync.Stream      `json:"stream" db:"stream"`
	AcmeID  string               `json:"acme_id" db:"acme_id"`
	State   acmesync.LedgerState `json:"state" db:"state"`
	Code    acmesync.Code        `json:"code,omitempty" db:"code"`
	Field   string               `json:"field,omitempty" db:"field"`
	Version int64                `json:"version" db:"version"`
	Updated time.Time            `json:"updated_at" db:"updated_at"`
}

// RecordFilter narrows a list of records; empty fields match all.
type RecordFilter struct {
	Stream acmesync.Stream
	State  acmesync.LedgerState
	Code   acmesync.Code
	After  string // Acme's id of the last row of the page before
	Limit  int
}

// Records lists ledger rows of one stream in order of Acme's id.
func (db *DB) Records(ctx context.Context, tenant acmesync.TenantID, filter RecordFilter) ([]RecordRow, error) {
	rows := []RecordRow{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		return tx.SelectContext(ctx, &rows, `
			SELECT stream, acme_id, state, code, field, version, updated_at FROM ledger
			WHERE tenant = $1 AND connection = $2 AND stream = $3 AND acme_id > $4 AND ($5 = '' OR state = $5) AND ($6 = '' OR code = $6)
			ORDER BY acme_id LIMIT $7`,
			tenant, acmesync.MainConnection, filter.Stream, filter.After, filter.State, filter.Code, filter.Limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list records of %s: %w", tenant, err)
	}
	return rows, nil
}
