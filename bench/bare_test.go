package bench_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/mapping"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"
)

// bare is the plainest program that brings appointments with their contacts to the app and remembers what it wrote: no
// Temporal, no inbox, no encryption, no tenant isolation. It keeps contacts in memory and in a table, each mapped record
// with its body, and commits synchronously. It uses the product's clients, decoders and mapping: they are not the question.
type bare struct {
	db              *sql.DB
	http            *http.Client
	acmeURL, appURL string
}

func newBare(b *testing.B, s *stack) *bare {
	b.Helper()
	_, err := s.db.Super.Exec(`
		CREATE SCHEMA bare;
		CREATE TABLE bare.events (
			tenant text, acme_id text, version bigint NOT NULL, state text NOT NULL, code text NOT NULL, app_id text NOT NULL,
			body text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tenant, acme_id));
		CREATE TABLE bare.contacts (
			tenant text, contact_id text, version bigint NOT NULL, body text NOT NULL, PRIMARY KEY (tenant, contact_id))`)
	require.NoError(b, err)
	u, err := url.Parse(s.db.SuperURL)
	require.NoError(b, err)
	q := u.Query()
	q.Set("binary_parameters", "yes")
	u.RawQuery = q.Encode()
	db, err := sql.Open("postgres", u.String())
	require.NoError(b, err)
	db.SetMaxIdleConns(20)
	b.Cleanup(func() { _ = db.Close() })
	return &bare{db: db, http: keepAlive(), acmeURL: s.acmeURL, appURL: s.appURL}
}

// bareTenant is one customer of the bare program.
type bareTenant struct {
	*bare
	id       string
	acme     *acme.Client
	app      *app.Client
	rules    *mapping.Rules
	staff    mapping.Staff
	contacts map[string]acme.Contact
	fresh    []acme.Item // contacts read and not stored yet
	revision int64
}

func (l *bare) tenant(id string, a account, w workspace) *bareTenant {
	return &bareTenant{
		bare: l, id: id, contacts: map[string]acme.Contact{},
		acme: &acme.Client{BaseURL: l.acmeURL, APIKey: a.APIKey, HTTP: l.http},
		app:  &app.Client{BaseURL: l.appURL, Token: w.Token, HTTP: l.http},
	}
}

// begin learns what the mapping needs to know of both sides.
func (t *bareTenant) begin(ctx context.Context) error {
	of, err := t.acme.Account(ctx)
	if err != nil {
		return err
	}
	t.rules, _ = mapping.Compile(acmesync.Config{}, mapping.Settings{Region: of.Region, TimeZone: of.TimeZone})
	list, err := t.acme.List(ctx, acme.Users, acme.ListQuery{})
	if err != nil {
		return err
	}
	users := make([]acme.User, len(list.Items))
	for i, item := range list.Items {
		if users[i], err = acme.DecodeUser(item.Raw); err != nil {
			return err
		}
	}
	theirs, err := t.app.Users(ctx)
	if err != nil {
		return err
	}
	t.staff = mapping.NewStaff(users, theirs)
	return nil
}

// walk brings all appointments over, page by page, and answers how many it read.
func (t *bareTenant) walk(ctx context.Context, page int) (records int, err error) {
	q := acme.ListQuery{Limit: page, IncludeDeleted: true}
	for {
		answer, err := t.acme.List(ctx, acme.Appointments, q)
		if err != nil {
			return records, err
		}
		if err := t.bring(ctx, answer.Items, nil); err != nil {
			return records, err
		}
		records += len(answer.Items)
		if answer.NextCursor == "" {
			return records, nil
		}
		q.Cursor = answer.NextCursor
	}
}

// bring enriches, maps, writes and remembers records. also runs in the transaction that remembers them; nil: nothing.
func (t *bareTenant) bring(ctx context.Context, items []acme.Item, also func(*sql.Tx) error) error {
	if err := t.enrich(ctx, items); err != nil {
		return err
	}
	rows := newBareRows(len(items))
	var events []app.Event
	var at []int
	for _, item := range items {
		event, state, code, err := t.mapOne(item)
		if err != nil {
			return err
		}
		if state == "in_step" {
			events, at = append(events, event), append(at, len(rows.ids))
		}
		rows.add(item, state, code)
	}
	t.revision++
	for i := range events {
		events[i].Revision = t.revision
		rows.bodies[at[i]] = string(app.AppendEvent(nil, &events[i]))
	}
	for from := 0; from < len(events); from += app.MaxItems {
		to := min(from+app.MaxItems, len(events))
		results, err := t.app.UpsertEvents(ctx, events[from:to])
		if err != nil {
			return err
		}
		for i, res := range results {
			rows.appIDs[at[from+i]] = res.ID
		}
	}
	return t.remember(ctx, rows, also)
}

// enrich reads the contacts that nobody has read yet, and those they were merged into.
func (t *bareTenant) enrich(ctx context.Context, items []acme.Item) error {
	var ids []string
	asked := map[string]bool{}
	want := func(id string) {
		if _, known := t.contacts[id]; id != "" && !known && !asked[id] {
			asked[id] = true
			ids = append(ids, id)
		}
	}
	for _, item := range items {
		for _, id := range item.ContactIDs {
			want(id)
		}
	}
	for len(ids) > 0 {
		n := min(len(ids), acme.MaxBatch)
		batch, err := t.acme.BatchGet(ctx, acme.Contacts, ids[:n])
		if err != nil {
			return err
		}
		ids = ids[n:]
		t.fresh = append(t.fresh, batch.Items...)
		for _, item := range batch.Items {
			contact, err := acme.DecodeContact(item.Raw)
			if err != nil {
				return err
			}
			t.contacts[contact.ID] = contact
			want(contact.MergedInto)
		}
	}
	return nil
}

func (t *bareTenant) mapOne(item acme.Item) (event app.Event, state, code string, err error) {
	if item.Deleted {
		return event, "deleted", "", nil
	}
	a, err := acme.DecodeAppointment(item.Raw)
	if err != nil {
		return event, "", "", err
	}
	var people []acme.Contact
	for _, id := range a.ContactIDs {
		c, found := t.contacts[id]
		for c.MergedInto != "" && found {
			c, found = t.contacts[c.MergedInto]
		}
		if found {
			people = append(people, c)
		}
	}
	event, err = t.rules.Appointment(a, people, t.staff, mapping.Occasion{Now: time.Now()})
	var skip *mapping.Skip
	var fault *acmesync.Fault
	switch {
	case errors.As(err, &skip):
		return event, "skipped", string(skip.Code), nil
	case errors.As(err, &fault):
		return event, "parked", string(fault.Code), nil
	case err != nil:
		return event, "", "", err
	}
	event.ExternalID = acmesync.ExternalID(acmesync.MainConnection, a.ID)
	return event, "in_step", "", nil
}

// bareRows are records as they are remembered.
type bareRows struct {
	ids, states, codes, appIDs, bodies []string
	versions                           []int64
}

func newBareRows(n int) *bareRows {
	return &bareRows{make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]int64, 0, n)}
}

func (r *bareRows) add(item acme.Item, state, code string) {
	r.ids, r.states, r.codes = append(r.ids, item.ID), append(r.states, state), append(r.codes, code)
	r.appIDs, r.bodies, r.versions = append(r.appIDs, ""), append(r.bodies, ""), append(r.versions, item.Version)
}

// remember stores new contacts and the page's records in one transaction, flushed to disk.
func (t *bareTenant) remember(ctx context.Context, r *bareRows, also func(*sql.Tx) error) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if len(t.fresh) > 0 {
		ids, bodies, versions := make([]string, len(t.fresh)), make([]string, len(t.fresh)), make([]int64, len(t.fresh))
		for i, c := range t.fresh {
			ids[i], bodies[i], versions[i] = c.ID, string(c.Raw), c.Version
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO bare.contacts AS c (tenant, contact_id, version, body)
			SELECT $1, u.* FROM unnest($2::text[], $3::bigint[], $4::text[]) AS u
			ON CONFLICT (tenant, contact_id) DO UPDATE SET version = excluded.version, body = excluded.body`,
			t.id, pq.Array(ids), pq.Array(versions), pq.Array(bodies)); err != nil {
			return fmt.Errorf("store contacts: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO bare.events AS e (tenant, acme_id, version, state, code, app_id, body)
		SELECT $1, u.* FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[]) AS u
		ON CONFLICT (tenant, acme_id) DO UPDATE SET version = excluded.version, state = excluded.state, code = excluded.code,
			app_id = excluded.app_id, body = excluded.body, updated_at = now()`,
		t.id, pq.Array(r.ids), pq.Array(r.versions), pq.Array(r.states), pq.Array(r.codes), pq.Array(r.appIDs), pq.Array(r.bodies)); err != nil {
		return fmt.Errorf("store records: %w", err)
	}
	if also != nil {
		if err := also(tx); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	t.fresh = t.fresh[:0]
	return nil
}
