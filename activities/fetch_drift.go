package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/drift"
)

// Drift remembers how what Acme sends differs from its contract.
type Drift interface {
	DriftState(ctx context.Context, f acmesync.Fence, stream acmesync.Stream) (acmesync.DriftState, error)
	CommitDrift(ctx context.Context, f acmesync.Fence, look acmesync.DriftLook) (news []acmesync.Drift, err error)
}

const (
	// driftEvery is how often a tenant's stream is looked at by one process, where DriftEvery says nothing else.
	driftEvery = time.Minute
	// looksAtOnce bounds the records of a look: they are spread over the page.
	looksAtOnce = 20
	// mostAlerts bounds what one look tells; an Acme in which everything has changed is one piece of news.
	mostAlerts = 10
)

type lookKey struct {
	tenant acmesync.TenantID
	stream acmesync.Stream
}

// look holds a few of the records that were read against Acme's contract, and tells people of what is new. It never stops the
// sync: what fails here is logged, and the next look makes up for it.
func (l *fetchLane) look(ctx context.Context, stream acmesync.Stream, items []acme.Item) {
	if l.Drift == nil || len(items) == 0 || !l.dueForLook(stream) {
		return
	}
	news, err := l.lookAt(ctx, stream, items)
	switch {
	case errors.Is(err, acmesync.ErrFenced), errors.Is(err, acmesync.ErrEpoch), ctx.Err() != nil:
		return // the attempt is about to end; the next one looks
	case err != nil:
		l.log.Warn("could not look for drift", "stream", stream, "error", err)
		return
	}
	for i, d := range news {
		if i == mostAlerts {
			l.Alerts.Alert(ctx, l.fence.Tenant, fmt.Sprintf("Acme's %s have changed in %d more ways; GET /v1/tenants/%s/drift lists them.",
				stream, len(news)-i, l.fence.Tenant))
			break
		}
		l.Alerts.Alert(ctx, l.fence.Tenant, drift.Sentence(d)+" The sync goes on.")
	}
}

func (l *fetchLane) lookAt(ctx context.Context, stream acmesync.Stream, items []acme.Item) ([]acmesync.Drift, error) {
	sample, err := drift.New(acme.Resource(stream))
	if err != nil {
		return nil, err
	}
	n := min(len(items), looksAtOnce)
	for i := range n {
		sample.Add(items[i*len(items)/n].Raw)
	}
	state, err := l.Drift.DriftState(ctx, l.fence, stream)
	if err != nil {
		return nil, err
	}
	return l.Drift.CommitDrift(ctx, l.fence, drift.Judge(state, sample))
}

// dueForLook is kept per process, beyond the attempt: attempts of a busy tenant follow upon each other.
func (l *fetchLane) dueForLook(stream acmesync.Stream) bool {
	every := l.DriftEvery
	if every == 0 {
		every = driftEvery
	}
	key := lookKey{l.fence.Tenant, stream}
	if last, ok := l.looked.Load(key); ok && time.Since(last.(time.Time)) < every {
		return false
	}
	l.looked.Store(key, time.Now())
	return true
}
