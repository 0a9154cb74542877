package activities

import (
	"context"
	"errors"
	"time"

	"acmesync"
	"acmesync/acme"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
)

// LaneInput starts an attempt of a lane.
type LaneInput struct {
	Tenant acmesync.TenantID `json:"tenant"`
}

// LaneResult is how an attempt ended. It holds counts and times only.
type LaneResult struct {
	More   bool          `json:"more,omitempty"`   // stopped by its time box or a leaving worker: run again at once
	Due    bool          `json:"due,omitempty"`    // the lane has to run again in Wait, rung or not
	Wait   time.Duration `json:"wait,omitempty"`   //
	Reload bool          `json:"reload,omitempty"` // a command changed the tenant: look at its row
	Held   bool          `json:"held,omitempty"`   // its dependency is held: a ring is no reason to run before it is due
	// HeldPart: some streams of its dependency are held; the lane works on what is not.
	HeldPart bool `json:"held_part,omitempty"`
	Read     int  `json:"read,omitempty"`
	Wrote    int  `json:"wrote,omitempty"`
}

// timeBox bounds an attempt well below its StartToClose timeout.
const timeBox = 8 * time.Minute

// quietFor is how long a lane lingers for more before it lets go: a busy tenant then costs no signals at all.
const quietFor = time.Second

// fencedAgain is when a fenced lane looks again. The newer attempt may belong to a run that was terminated or reset: it is
// about to be cancelled, and then nobody would answer for what it leaves.
const fencedAgain = 2 * time.Second

// attempt is one run of a lane.
type attempt struct {
	*Activities
	*outside
	fence  acmesync.Fence
	tenant acmesync.Tenant
	log    log.Logger
	until  time.Time
	stop   <-chan struct{} // the worker is leaving
	result LaneResult
	// notBefore puts the next attempt off although something is due: the inbox is full.
	notBefore time.Duration
	notices   notices
	// released are the holds this attempt has ended and not renewed: nobody else writes them.
	released map[holdKey]bool
	free     map[acmesync.Dependency]bool // nothing of it is held
	fencedAt time.Time                    // when the fence was last checked
}

// lane is what an attempt repeats: one page's worth of work, and what came of it.
type lane interface {
	step(ctx context.Context) (progress, error)
	tail(ctx context.Context) error
}

// progress is what a step has come to.
type progress int

const (
	idle    progress = iota // there was nothing to do
	settled                 // all there was is done: what comes now is found by the look that all lanes share
	busy                    // there may be more
)

// run drives a lane through an attempt.
func (a *Activities) run(ctx context.Context, t acmesync.TenantID, name acmesync.Lane, open func(*attempt) (lane, error)) (LaneResult, error) {
	at, err := a.begin(ctx, t, name)
	if errors.Is(err, acmesync.ErrEpoch) {
		return LaneResult{Reload: true}, nil // the tenant is not to run
	}
	if err != nil {
		return LaneResult{}, err
	}
	l, err := open(at)
	if err != nil {
		return LaneResult{}, err
	}
	own := at.key(name)
	a.Looker.attend(own)
	err = at.loop(ctx, l)
	a.Looker.quit(own)
	if err != nil {
		at.passOn(ctx, name)
	}
	at.tellReviews(ctx, true)
	switch {
	case errors.Is(err, acmesync.ErrFenced):
		return LaneResult{Due: true, Wait: fencedAgain}, nil
	case errors.Is(err, acmesync.ErrEpoch):
		at.result.Reload = true
	case err != nil:
		return LaneResult{}, err
	}
	return at.end(ctx)
}

func (a *Activities) begin(ctx context.Context, t acmesync.TenantID, name acmesync.Lane) (*attempt, error) {
	fence, err := a.Lanes.BeginLane(ctx, t, name)
	if err != nil {
		return nil, err
	}
	tenant, err := a.Tenants.Tenant(ctx, t)
	if err != nil {
		return nil, err
	}
	out, err := a.outsideOf(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return &attempt{
		Activities: a, outside: out, fence: fence, tenant: tenant,
		log:   log.With(activity.GetLogger(ctx), "tenant_id", t, "lane", name),
		until: time.Now().Add(timeBox), stop: activity.GetWorkerStopChannel(ctx),
		released: map[holdKey]bool{}, free: map[acmesync.Dependency]bool{},
	}, nil
}

// loop works until a second has been quiet. Heartbeats come from here, from the work itself: a loop that hangs falls silent.
func (at *attempt) loop(ctx context.Context, l lane) error {
	for {
		activity.RecordHeartbeat(ctx, at.result)
		if at.leaving() {
			at.result.More = true
			return l.tail(ctx)
		}
		worked, err := l.step(ctx)
		if err != nil {
			return err
		}
		at.tellReviews(ctx, false)
		if worked == busy {
			continue
		}
		if err := l.tail(ctx); err != nil {
			return err
		}
		found, err := at.linger(ctx)
		if err != nil {
			return err
		}
		if found {
			continue
		}
		at.tellReviews(ctx, true)
		if !at.Looker.leave(at.key(at.fence.Lane)) {
			continue
		}
		// Clear, commit, look once more: whoever brought work before the clearing sees no reason to ring.
		if err := at.Lanes.ClearMark(ctx, at.fence); err != nil {
			return err
		}
		if worked, err = l.step(ctx); err != nil || worked == idle {
			return err
		}
	}
}

// passOn leaves a mark where an attempt ends early. It may have been nudged for work that it did not do, and where it is not the
// newest attempt any more nobody repeats it.
func (at *attempt) passOn(ctx context.Context, own acmesync.Lane) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), passOnTimeout)
	defer cancel()
	at.wake(ctx, own)
}

const passOnTimeout = 2 * time.Second

// enter waits for this worker's permit for a page. Whoever waits holds nothing that others wait for.
func (at *attempt) enter(ctx context.Context, p acmesync.Priority) (leave func(), err error) {
	return at.Gate.enter(ctx, at.fence.Tenant, p, func() { activity.RecordHeartbeat(ctx, at.result) })
}

// linger waits for more work, at most until a second has been quiet.
func (at *attempt) linger(ctx context.Context) (bool, error) {
	if time.Since(at.fencedAt) >= lookAtFence {
		if err := at.Lanes.Alive(ctx, at.fence); err != nil {
			return false, err
		}
		at.fencedAt = time.Now()
	}
	return at.Looker.await(ctx, at.key(at.fence.Lane))
}

// lookAtFence is how old the last check of the fence may be when a lane lingers: each commit checks it anyway.
const lookAtFence = time.Second

// holdKey names a hold: a dependency, and a stream of it or all.
type holdKey struct {
	dependency acmesync.Dependency
	stream     acmesync.Stream
}

// dependencyOf is the system a lane cannot work without.
var dependencyOf = map[acmesync.Lane]acmesync.Dependency{acmesync.Fetch: acmesync.DependsOnAcme, acmesync.Deliver: acmesync.DependsOnApp}

// heldNow lists what is held of the dependency that this lane alone holds and releases.
func (at *attempt) heldNow(ctx context.Context, d acmesync.Dependency) ([]acmesync.Stream, error) {
	if at.free[d] {
		return nil, nil
	}
	return at.Holds.HeldNow(ctx, at.fence.Tenant, d)
}

// release ends the hold on a stream that a dependency has just answered for, and the one on all of them.
func (at *attempt) release(ctx context.Context, d acmesync.Dependency, stream acmesync.Stream) error {
	key := holdKey{d, stream}
	if at.released[key] || at.free[d] {
		return nil
	}
	left, err := at.Holds.Release(ctx, at.fence, d, stream)
	if err != nil {
		return err
	}
	at.released[key], at.free[d] = true, left == 0
	return nil
}

func (at *attempt) key(l acmesync.Lane) acmesync.LaneKey {
	return acmesync.LaneKey{Tenant: at.fence.Tenant, Lane: l}
}

func (at *attempt) leaving() bool {
	select {
	case <-at.stop:
		return true
	default:
		return !time.Now().Before(at.until)
	}
}

// noticeComplete moves a tenant from starting to active once nothing of its first sync is left.
func (at *attempt) noticeComplete(ctx context.Context) error {
	if at.tenant.State == acmesync.Active { // one that is held may be starting or active: its row knows
		return nil
	}
	done, err := at.Tenants.Completed(ctx, at.fence)
	if done {
		at.tenant.State = acmesync.Active
		at.result.Reload = true
	}
	return err
}

func (at *attempt) end(ctx context.Context) (LaneResult, error) {
	wait, due, err := at.Lanes.EndLane(ctx, at.fence)
	if err != nil {
		return LaneResult{}, err
	}
	at.result.Wait, at.result.Due = max(wait, at.notBefore), due
	held, err := at.heldNow(ctx, dependencyOf[at.fence.Lane])
	at.result.HeldPart = len(held) > 0
	return at.result, err
}

// judge carries out what the table says about a failed call. It answers an error only where the attempt has to end.
func (at *attempt) judge(ctx context.Context, stream acmesync.Stream, err error) error {
	f := sortFailure(err)
	switch f.verdict() {
	case repeat:
		return err
	case wait:
		if f.dependency == acmesync.DependsOnAcme {
			if err := at.Budgets.LearnBudget(ctx, at.connection.LimitOwner, 0, 0, max(f.retryAfter, time.Second)); err != nil {
				return err
			}
		}
		return at.pause(ctx, max(f.retryAfter, time.Second))
	case reauth:
		return at.askForCredentials(ctx, f)
	case hold, restart, park, vanish: // what is not about one record stops the stream
	}
	at.log.Warn("held", "dependency", f.dependency, "stream", stream, "kind", f.kind, "error", f.err)
	return at.hold(ctx, stream, f, f.retryAfter)
}

// hold notes that a dependency cannot be worked with, for so long if that is known.
func (at *attempt) hold(ctx context.Context, stream acmesync.Stream, f failure, wait time.Duration) error {
	clear(at.released)
	at.free[f.dependency] = false
	return at.Holds.Hold(ctx, at.fence, acmesync.Hold{
		Dependency: f.dependency, Stream: stream, Kind: f.kind, Reason: reasonFor(f),
	}, wait)
}

func (at *attempt) askForCredentials(ctx context.Context, f failure) error {
	reason := "Acme refuses the API key"
	if f.dependency == acmesync.DependsOnApp {
		reason = "the app refuses the token"
	}
	news, err := at.Tenants.RequireReauth(ctx, at.fence, reason)
	if err != nil {
		return err
	}
	if news {
		at.Alerts.Alert(ctx, at.fence.Tenant, reason+": somebody has to connect again")
	}
	return acmesync.ErrEpoch
}

// pause waits inside the activity, with signs of life.
func (at *attempt) pause(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(end) {
		select {
		case <-time.After(min(left, time.Second)):
			activity.RecordHeartbeat(ctx, at.result)
		case <-at.stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return at.Lanes.Alive(ctx, at.fence)
}

// reasonFor says in a sentence why something is held. It quotes no answer: reasons are shown and logged.
func reasonFor(f failure) string {
	who := "Acme"
	switch f.dependency {
	case acmesync.DependsOnApp:
		who = "the app"
	case acmesync.DependsOnLookup:
		who = "a third party that completes records"
	default:
	}
	var fromAcme *acme.Error
	if errors.As(f.err, &fromAcme) && fromAcme.Advice() != "" {
		return fromAcme.Advice()
	}
	switch f.kind {
	case acmesync.RateLimited:
		return who + " asks us to slow down"
	case acmesync.Unavailable:
		if f.sick {
			return who + " answers with errors or too late"
		}
		return who + " does not answer"
	case acmesync.CursorLost:
		return who + " refuses the place we had reached in its list"
	default:
		return who + " refuses our requests"
	}
}
