package hints

import (
	"context"
	"fmt"
	"sync"
	"time"

	"acmesync"
	"acmesync/acme"
)

// Profiles knows how a tenant's Acme speaks; db.DB is it.
type Profiles interface {
	HookProfile(ctx context.Context, tenant acmesync.TenantID) ([]byte, error)
}

// Reader reads what brokers push to tenants, each in the words of its Acme. Fill Profiles.
type Reader struct {
	Profiles Profiles

	mu    sync.Mutex
	known map[acmesync.TenantID]remembered
}

type remembered struct {
	profile *acme.Profile
	readAt  time.Time
}

const (
	rememberFor    = 3 * time.Second
	rememberAtMost = 10_000
)

// Read makes hints of one message: an event, or an array of them. Reason says why nothing of it could be read.
func (r *Reader) Read(ctx context.Context, tenant acmesync.TenantID, body []byte) (events []acmesync.HookEvent, reason string, err error) {
	profile, err := r.profile(ctx, tenant)
	if err != nil {
		return nil, "", err
	}
	events, reason = OfMessage(profile, body)
	return events, reason, nil
}

func (r *Reader) profile(ctx context.Context, tenant acmesync.TenantID) (*acme.Profile, error) {
	r.mu.Lock()
	found, ok := r.known[tenant]
	r.mu.Unlock()
	if ok && time.Since(found.readAt) < rememberFor {
		return found.profile, nil
	}
	document, err := r.Profiles.HookProfile(ctx, tenant)
	if err != nil {
		return nil, err
	}
	profile, problems := acme.ParseProfile(document)
	if len(problems) > 0 {
		return nil, fmt.Errorf("read the profile of %s: %s %s", tenant, problems[0].Pointer, problems[0].Message)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= rememberAtMost {
		r.known = map[acmesync.TenantID]remembered{}
	}
	r.known[tenant] = remembered{&profile, time.Now()}
	return &profile, nil
}
