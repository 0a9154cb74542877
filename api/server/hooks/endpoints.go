package hooks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/db"

	"golang.org/x/sync/singleflight"
)

// directory knows who is behind an endpoint; db.DB is it.
type directory interface {
	Endpoint(ctx context.Context, endpoint string) (db.Endpoint, error)
	HookSecrets(ctx context.Context, tenant acmesync.TenantID) ([]string, error)
	HookProfile(ctx context.Context, tenant acmesync.TenantID) ([]byte, error)
	AppHookSecrets(ctx context.Context, tenant acmesync.TenantID) ([]string, error)
	HookTopics(ctx context.Context, tenant acmesync.TenantID) ([]string, error)
	Connection(ctx context.Context, tenant acmesync.TenantID) (acmesync.Connection, error)
}

const (
	rememberFor    = 3 * time.Second
	rememberAtMost = 10_000
	lookUpsAtOnce  = 8 // endpoints made up by strangers shall not take all connections
	lookUpTimeout  = 3 * time.Second
	anyAge         = rememberFor
)

// endpoint is who is behind a hook's address, as read at a moment. Tenant is empty where nobody is.
type endpoint struct {
	tenant   acmesync.TenantID
	state    acmesync.TenantState
	secrets  []string // Acme's
	profile  *acme.Profile
	account  string   // Acme's, where outbound messages name it; empty: not known yet
	app      []string // the app's
	topics   []string // of SNS
	readAt   time.Time
	underWay *atomic.Int64 // deliveries, kept from one reading to the next
}

// verify believes a delivery of Acme's by the tenant's profile, one of the app's by Standard Webhooks.
func (e *endpoint) verify(from acmesync.Side, d acme.Delivery) (id string, err error) {
	if from == acmesync.AppSide {
		return acme.VerifyWebhook(d.Header, d.Body, e.app, time.Now())
	}
	return e.profile.VerifyWebhook(d, e.secrets, time.Now())
}

// endpoints remembers for a few seconds who is behind an address, and that nobody is.
type endpoints struct {
	directory directory
	reading   singleflight.Group
	seats     chan struct{}

	mu    sync.Mutex
	known map[string]*endpoint
}

func newEndpoints(d directory) *endpoints {
	return &endpoints{directory: d, seats: make(chan struct{}, lookUpsAtOnce), known: map[string]*endpoint{}}
}

// find answers who is behind an address, as read at most age ago; ErrNotFound if nobody may be called there.
func (e *endpoints) find(ctx context.Context, name string, age time.Duration) (*endpoint, error) {
	if len(name) != 32 || strings.Trim(name, "0123456789abcdef") != "" {
		return nil, acmesync.ErrNotFound
	}
	e.mu.Lock()
	found := e.known[name]
	e.mu.Unlock()
	if found == nil || time.Since(found.readAt) > age {
		var err error
		if found, err = e.readOnce(ctx, name); err != nil {
			return nil, err
		}
	}
	// A draft's address has been told nobody yet.
	if found.tenant == "" || found.state == acmesync.Draft {
		return nil, acmesync.ErrNotFound
	}
	return found, nil
}

// readOnce lets all who ask for the same address at the same time share one look-up, which no single caller can cancel.
func (e *endpoints) readOnce(ctx context.Context, name string) (*endpoint, error) {
	answers := e.reading.DoChan(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookUpTimeout)
		defer cancel()
		select {
		case e.seats <- struct{}{}:
			defer func() { <-e.seats }()
		case <-ctx.Done():
			return nil, fmt.Errorf("wait to look an endpoint up: %w", ctx.Err())
		}
		return e.read(ctx, name)
	})
	select {
	case answer := <-answers:
		if answer.Err != nil {
			return nil, answer.Err
		}
		found, _ := answer.Val.(*endpoint)
		return found, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (e *endpoints) read(ctx context.Context, name string) (*endpoint, error) {
	fresh := &endpoint{readAt: time.Now(), underWay: &atomic.Int64{}}
	who, err := e.directory.Endpoint(ctx, name)
	switch {
	case errors.Is(err, acmesync.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		fresh.tenant, fresh.state = who.Tenant, who.State
		if fresh.secrets, err = e.directory.HookSecrets(ctx, who.Tenant); err != nil {
			return nil, err
		}
		if fresh.profile, err = e.readProfile(ctx, who.Tenant); err != nil {
			return nil, err
		}
		if fresh.app, err = e.directory.AppHookSecrets(ctx, who.Tenant); err != nil {
			return nil, err
		}
		if fresh.topics, err = e.directory.HookTopics(ctx, who.Tenant); err != nil {
			return nil, err
		}
		if fresh.profile.PushesSOAP() {
			connection, err := e.directory.Connection(ctx, who.Tenant)
			if err != nil {
				return nil, err
			}
			fresh.account = connection.AccountID
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if before := e.known[name]; before != nil {
		fresh.underWay = before.underWay
	}
	if len(e.known) >= rememberAtMost {
		e.forgetStrangers()
	}
	e.known[name] = fresh
	return fresh, nil
}

func (e *endpoints) readProfile(ctx context.Context, tenant acmesync.TenantID) (*acme.Profile, error) {
	document, err := e.directory.HookProfile(ctx, tenant)
	if err != nil {
		return nil, err
	}
	profile, problems := acme.ParseProfile(document)
	if len(problems) > 0 {
		return nil, fmt.Errorf("read the profile of %s: %s %s", tenant, problems[0].Pointer, problems[0].Message)
	}
	return &profile, nil
}

// forgetStrangers drops addresses nobody is behind, and all of them where that is not enough.
func (e *endpoints) forgetStrangers() {
	for name, one := range e.known {
		if one.tenant == "" {
			delete(e.known, name)
		}
	}
	if len(e.known) >= rememberAtMost {
		clear(e.known)
	}
}

// forget has the next delivery look an address up again.
func (e *endpoints) forget(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if one := e.known[name]; one != nil {
		stale := *one
		stale.readAt = time.Time{}
		e.known[name] = &stale
	}
}
