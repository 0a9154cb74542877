package broker

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"acmesync"

	"go.uber.org/zap"
)

// Inbox stores what was pushed and knows whose an account is; db.DB is it.
type Inbox interface {
	StoreHooks(ctx context.Context, deliveries []acmesync.HookDelivery) ([]acmesync.HookStatus, error)
	AccountHooks(ctx context.Context, account string) ([]acmesync.AccountHook, error)
}

// Reader makes hints of a message in the words of a tenant's Acme; hints.Reader is it. Reason says why nothing of it could
// be read.
type Reader interface {
	Read(ctx context.Context, tenant acmesync.TenantID, body []byte) (events []acmesync.HookEvent, reason string, err error)
}

// Bell tells lanes of work; doorbell.Bell is it.
type Bell interface {
	Ring(tenant acmesync.TenantID)
}

// Intake turns messages into hints of the inbox. It is shared by all consumers of a process.
type Intake struct {
	Inbox  Inbox
	Hints  Reader
	Bell   Bell
	Counts *Figures
	// Unavailable tells that the database could not do it, rather than what was asked being at fault.
	Unavailable func(error) bool
	Log         *zap.Logger

	accounts accounts
}

const (
	maxBody      = 1 << 20 // a larger message is kept, never parsed
	batchEvents  = 2000    // in one statement
	batchBytes   = 4 << 20
	storeTimeout = 10 * time.Second
)

// message is what a broker delivered, whichever it was.
type message struct {
	way     acmesync.Way
	id      string // unique among all messages: the WebhookID
	account string
	body    []byte
	place   string // for people: where it lies
}

// store commits the messages' hints, in their order, and rings. An error means that some are not stored and that the same call
// may succeed later; after nil each message is durable, or counted and logged as one that can never be.
func (i *Intake) store(ctx context.Context, messages []message) error {
	deliveries, err := i.deliveries(ctx, messages)
	if err != nil {
		return err
	}
	for len(deliveries) > 0 {
		n := fitting(deliveries)
		if err := i.commit(ctx, deliveries[:n]); err != nil {
			return err
		}
		deliveries = deliveries[n:]
	}
	return nil
}

// delivery is one message on its way to one tenant.
type delivery struct {
	acmesync.HookDelivery
	of     message
	reason string // why nothing of it could be read
}

func (i *Intake) deliveries(ctx context.Context, messages []message) ([]delivery, error) {
	deliveries := make([]delivery, 0, len(messages))
	for _, m := range messages {
		owners, err := i.accounts.owners(ctx, i.Inbox, m.account)
		if err != nil {
			return nil, err
		}
		if len(owners) == 0 {
			i.Counts.message(ctx, m.way, outcomeUnowned)
			i.Log.Debug("message skipped: nobody has connected its account", zap.String("place", m.place))
		}
		sum := sha256.Sum256(m.body)
		for _, owner := range owners {
			events, reason, err := i.read(ctx, owner.Tenant, m.body)
			if err != nil {
				return nil, err
			}
			deliveries = append(deliveries, delivery{of: m, reason: reason, HookDelivery: acmesync.HookDelivery{
				Endpoint: owner.Endpoint, Way: m.way, Tenant: owner.Tenant, WebhookID: m.id, BodySHA: sum[:], Events: events,
			}})
		}
	}
	return deliveries, nil
}

// read makes hints, or one raw event of what cannot be read. Only a database that is away is an error.
func (i *Intake) read(ctx context.Context, tenant acmesync.TenantID, body []byte) ([]acmesync.HookEvent, string, error) {
	if len(body) > maxBody {
		return raw(body), "too_large", nil
	}
	events, reason, err := i.Hints.Read(ctx, tenant, body)
	switch {
	case err == nil:
		return events, reason, nil
	case i.Unavailable(err) || ctx.Err() != nil:
		return nil, "", fmt.Errorf("read a message: %w", err)
	}
	i.Log.Error("a tenant's profile cannot be used; its messages are parked", zap.String("tenant_id", string(tenant)), zap.Error(err))
	return raw(body), "profile", nil
}

func raw(body []byte) []acmesync.HookEvent {
	return []acmesync.HookEvent{{Raw: true, Outcome: acmesync.Unreadable, Body: body}}
}

// fitting is how many deliveries go into one statement; a large one goes alone.
func fitting(deliveries []delivery) int {
	events, size := 0, 0
	for n, d := range deliveries {
		events += len(d.Events)
		for _, e := range d.Events {
			size += len(e.Body)
		}
		if n > 0 && (events > batchEvents || size > batchBytes) {
			return n
		}
	}
	return len(deliveries)
}

// commit stores deliveries in one statement. Where that fails for a reason of a delivery's own each is tried alone, and kept
// raw where it still fails, so that one poisonous message neither stops its partition nor fails its neighbours.
func (i *Intake) commit(ctx context.Context, batch []delivery) error {
	statuses, err := i.try(ctx, batch)
	if err == nil {
		i.settle(ctx, batch, statuses)
		return nil
	}
	if i.again(ctx, err) {
		return err
	}
	i.Log.Warn("messages are stored one by one: together they failed", zap.Int("messages", len(batch)), zap.Error(err))
	lost := 0
	for _, one := range batch {
		statuses, err := i.try(ctx, []delivery{one})
		if err != nil && !i.again(ctx, err) {
			one.reason, one.Events = "not_storable", raw(one.of.body)
			statuses, err = i.try(ctx, []delivery{one})
		}
		switch {
		case err == nil:
			i.settle(ctx, []delivery{one}, statuses)
		case i.again(ctx, err):
			return err
		default:
			if lost++; lost == mostLost { // it is not the messages: nothing is acknowledged that nobody has kept
				return err
			}
			i.Counts.message(ctx, one.of.way, outcomeFailed)
			i.Log.Error("a message cannot be kept, not even raw; polls have to find what it names",
				zap.String("tenant_id", string(one.Tenant)), zap.String("place", one.of.place), zap.Error(err))
		}
	}
	return nil
}

// mostLost is how many messages of a batch may not be kept at all before it is taken for a fault of ours.
const mostLost = 3

// again tells whether the same statement may succeed later.
func (i *Intake) again(ctx context.Context, err error) bool {
	return i.Unavailable(err) || ctx.Err() != nil
}

// try keeps a panic to the batch that caused it.
func (i *Intake) try(ctx context.Context, batch []delivery) (statuses []acmesync.HookStatus, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("store messages: panic: %.200v", fault)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	deliveries := make([]acmesync.HookDelivery, len(batch))
	for n, d := range batch {
		deliveries[n] = d.HookDelivery
	}
	return i.Inbox.StoreHooks(ctx, deliveries)
}

// settle counts and rings. Duplicates ring too: the process that stored them may have been killed before it rang.
func (i *Intake) settle(ctx context.Context, batch []delivery, statuses []acmesync.HookStatus) {
	for n, d := range batch {
		outcome := outcomeStored
		switch {
		case statuses[n] == acmesync.HookGone:
			outcome = outcomeUnowned
			i.accounts.forget(d.of.account)
		case statuses[n] == acmesync.HookDuplicate:
			outcome = outcomeDuplicate
		case d.reason != "":
			outcome = outcomeParked
			i.Log.Warn("message parked: it cannot be read", zap.String("tenant_id", string(d.Tenant)),
				zap.String("place", d.of.place), zap.String("reason", d.reason))
		}
		i.Counts.message(ctx, d.of.way, outcome)
		if statuses[n] != acmesync.HookGone && d.IsWork() {
			i.Bell.Ring(d.Tenant)
		}
	}
}
