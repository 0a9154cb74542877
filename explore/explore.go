package explore

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"acmesync"
	"acmesync/acme"
)

// Explorer looks at one Acme account. Its calls come one after the other.
type Explorer struct {
	BaseURL string
	APIKey  string
	HTTP    *http.Client
	Config  acmesync.Config // the tenant's, or the zero one: its profile is how Acme speaks, its mapping what is read
	HookURL string          // where webhooks would go; empty: no subscription is tried
	Pages   int             // of each list; 0: 5
	// Take waits until one more call may be made; nil: at once. It is for accounts that a running sync calls too.
	Take func(ctx context.Context) error

	client  *acme.Client
	seen    *observer
	report  *Report
	profile *acme.Profile
}

const (
	defaultPages = 5
	pageSize     = 200

	spareCalls  = 5 // of a limit are left to others
	longestWait = 30 * time.Second
	mostSpared  = 3 * time.Minute
	maxRefusals = 5 // in a row, and the list is given up
)

// resources in the order in which a sync needs them.
var resources = []acme.Resource{acme.Users, acme.Contacts, acme.Appointments, acme.Touchpoints}

// Run looks at everything there is. What Acme does not do is part of the report; an error means that the look could not be made
// or was broken off, and the report holds what was seen until then. A subscription it has made is ended in any case.
func (e *Explorer) Run(ctx context.Context) (Report, error) {
	profile, problems := acme.ParseProfile(e.Config.Profile)
	if len(problems) > 0 {
		return Report{}, errors.New("read the profile: " + problems[0].Pointer + " " + problems[0].Message + ". " + problems[0].Hint)
	}
	e.prepare(&profile)
	e.account(ctx)
	if e.report.Account.OK {
		for _, r := range resources {
			if ctx.Err() == nil {
				e.resource(ctx, r)
			}
		}
		if ctx.Err() == nil {
			e.webhooks(ctx)
		}
	}
	e.report.Limits = e.seen.sum()
	e.judge()
	return *e.report, ctx.Err()
}

func (e *Explorer) prepare(profile *acme.Profile) {
	e.report = &Report{
		Version: Version, Acme: e.BaseURL, At: time.Now().UTC().Truncate(time.Second), Profile: len(e.Config.Profile) > 0,
		Zones: map[string]int{}, Problems: []Problem{}, Resources: []Resource{},
	}
	caller := http.Client{Timeout: longestWait}
	if e.HTTP != nil {
		caller = *e.HTTP
	}
	next := caller.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	e.seen = &observer{next: next, left: -1}
	caller.Transport = e.seen
	e.client = &acme.Client{BaseURL: e.BaseURL, APIKey: e.APIKey, HTTP: &caller, Profile: profile}
	e.profile = profile
}

func (e *Explorer) account(ctx context.Context) {
	var account acme.Account
	err := e.try(ctx, func() (err error) {
		account, err = e.client.Account(ctx)
		return err
	})
	e.report.Account.ClockAheadSeconds = e.seen.ahead
	if err != nil {
		e.report.Account.Message = sentence(err)
		e.problem(Blocks, "account", "", e.report.Account.Message)
		return
	}
	e.report.Account = Account{
		OK: true, Message: "The credentials work.", TimeZone: shownZone(account.TimeZone), Region: account.Region, ClockAheadSeconds: e.seen.ahead,
	}
	if e.report.Account.TimeZone == Other {
		e.problem(Loses, "account", "time_zone", "The account's time zone is no IANA name: choose one in people.time_zone.")
	}
	if len(account.Region) != 2 {
		e.report.Account.Region = ""
		e.problem(Note, "account", "region", "The account tells no region: phone numbers without a country need people.region.")
	}
	switch ahead := e.seen.ahead; {
	case ahead == nil:
		e.problem(Blocks, "account", "", "Answers have no Date header. How far a list was read is bounded by Acme's clock.")
	case *ahead > 60 || *ahead < -60:
		e.problem(Note, "account", "", "Acme's clock and this machine's differ by more than a minute; one of them is wrong.")
	}
}

func shownZone(name string) string {
	if name == "" || name == "Local" {
		return Other
	}
	if _, err := time.LoadLocation(name); err != nil {
		return Other
	}
	return name
}

// try makes a call, and makes it again after the wait that Acme asks for.
func (e *Explorer) try(ctx context.Context, call func() error) error {
	for refusals := 0; ; refusals++ {
		if err := pause(ctx, e.seen.spare()); err != nil {
			return err
		}
		if e.Take != nil {
			if err := e.Take(ctx); err != nil {
				return err
			}
		}
		err := call()
		var fromAcme *acme.Error
		if !errors.As(err, &fromAcme) || fromAcme.Kind != acme.KindRateLimited {
			return err
		}
		e.seen.refused()
		if refusals == maxRefusals {
			return err
		}
		if err := pause(ctx, min(max(fromAcme.RetryAfter, time.Second), longestWait)); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Explorer) problem(s Severity, resource, field, message string) {
	e.report.Problems = append(e.report.Problems, Problem{Severity: s, Resource: resource, Field: field, Message: message})
}

// judge puts what matters most first.
func (e *Explorer) judge() {
	rank := map[Severity]int{Blocks: 0, Loses: 1, Note: 2}
	slices.SortStableFunc(e.report.Problems, func(a, b Problem) int { return cmp.Compare(rank[a.Severity], rank[b.Severity]) })
	e.report.Usable = e.report.Account.OK && len(e.report.Resources) == len(resources) &&
		!slices.ContainsFunc(e.report.Problems, func(p Problem) bool { return p.Severity == Blocks })
}

// sentence says of a failure what it means, in words of ours: the other side's may hold anything.
func sentence(err error) string {
	var e *acme.Error
	if !errors.As(err, &e) {
		return "It could not be tried: " + err.Error() + "."
	}
	if advice := e.Advice(); advice != "" {
		return strings.ToUpper(advice[:1]) + advice[1:] + "."
	}
	what := map[acme.Kind]string{
		acme.KindUnauthorised: "Acme refuses the credentials",
		acme.KindRateLimited:  "Acme takes no more requests at the moment",
		acme.KindUnavailable:  "Acme cannot be reached or does not answer as it should",
		acme.KindGone:         "there is no such thing at this address",
		acme.KindCursorLost:   "Acme does not take its own cursor",
	}[e.Kind]
	if what == "" {
		what = "Acme refuses the request"
	}
	var details []string
	if e.Status != 0 {
		details = append(details, http.StatusText(e.Status))
	}
	if e.Code != "" {
		details = append(details, e.Code)
	}
	if len(details) > 0 {
		what += " (" + strings.Join(details, ", ") + ")"
	}
	return strings.ToUpper(what[:1]) + what[1:] + "."
}
