package activities

import (
	"context"
	"errors"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/app"
	"acmesync/lookup"
)

// failure is a fault outside, sorted.
type failure struct {
	kind       acmesync.Kind
	dependency acmesync.Dependency
	retryAfter time.Duration
	sick       bool // a living side answered 5xx or timed out: one record may be at fault
	err        error
}

// verdict is what the lane does about a failure of a call.
type verdict int

const (
	hold    verdict = iota // write the hold, go on with what is not held
	wait                   // wait a little inside the activity, then repeat
	reauth                 // the tenant needs a person
	restart                // begin again at the watermark
	park                   // this record, not its neighbours
	vanish                 // a tombstone
	repeat                 // return the error: Temporal repeats the attempt
)

// longestWait is how long an attempt waits inside for a rate limit; longer is a hold.
const longestWait = 10 * time.Second

// table decides what happens with each kind of failure. Nobody else does.
var table = map[acmesync.Kind]verdict{
	acmesync.Unavailable:  hold,
	acmesync.RateLimited:  wait,
	acmesync.Unauthorised: reauth,
	acmesync.Rejected:     park,
	acmesync.Suspect:      park,
	acmesync.Gone:         vanish,
	acmesync.CursorLost:   restart,
	acmesync.Defect:       park,
	acmesync.Ours:         repeat,
}

func (f failure) verdict() verdict {
	v := table[f.kind]
	if v == wait && f.retryAfter > longestWait {
		return hold
	}
	return v
}

// sortFailure tells faults of either side from our own.
func sortFailure(err error) failure {
	var fromAcme *acme.Error
	var fromApp *app.Error
	var fromLookup *lookup.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, acmesync.ErrFenced), errors.Is(err, acmesync.ErrEpoch):
		return failure{kind: acmesync.Ours, err: err}
	case errors.As(err, &fromAcme):
		return failure{kind: acmeKinds[fromAcme.Kind], dependency: acmesync.DependsOnAcme, retryAfter: fromAcme.RetryAfter, sick: fromAcme.Sick, err: err}
	case errors.As(err, &fromApp):
		return failure{kind: appKinds[fromApp.Kind], dependency: acmesync.DependsOnApp, retryAfter: fromApp.RetryAfter, sick: fromApp.Sick, err: err}
	case errors.As(err, &fromLookup):
		return failure{kind: acmesync.Kind(fromLookup.Kind), dependency: acmesync.DependsOnLookup, retryAfter: fromLookup.RetryAfter, err: err}
	}
	return failure{kind: acmesync.Ours, err: err}
}

var acmeKinds = map[acme.Kind]acmesync.Kind{
	acme.KindUnavailable:  acmesync.Unavailable,
	acme.KindRateLimited:  acmesync.RateLimited,
	acme.KindUnauthorised: acmesync.Unauthorised,
	acme.KindRejected:     acmesync.Rejected,
	acme.KindGone:         acmesync.Gone,
	acme.KindCursorLost:   acmesync.CursorLost,
	acme.KindConflict:     acmesync.Rejected,
	acme.KindMalformed:    acmesync.Rejected,
	acme.KindProfile:      acmesync.Unavailable,
}

var appKinds = map[app.Kind]acmesync.Kind{
	app.KindUnavailable:  acmesync.Unavailable,
	app.KindRateLimited:  acmesync.RateLimited,
	app.KindUnauthorised: acmesync.Unauthorised,
	app.KindRejected:     acmesync.Rejected,
	app.KindGone:         acmesync.Rejected,
	app.KindConflict:     acmesync.Rejected,
}
