// Package acmetest is what any server that claims to be Acme has to pass, the sandbox among them: every answer is held
// against acme.Spec, and the promises a schema can't say (complete paging, one effect per idempotency key, signed
// webhooks, …) are tried one by one.
//
// Nothing here runs in parallel: the facts are about one account, and some need a moment in which nobody else writes.
package acmetest

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// Target is a server under test and an account on it that belongs to the test alone: with at least one active user, a
// few hundred records, no rate limit to speak of, and faults switched off.
//
// The functions do what the API can't. One left nil skips the facts that need it.
type Target struct {
	BaseURL string // without /v1
	APIKey  string

	// Import brings n appointments into the account that all bear the same updated_at, as an upload would.
	Import func(t *testing.T, n int)
	// Throttle has every request refused with 429 and this Retry-After, and gives what ends it.
	Throttle func(t *testing.T, retryAfter string) (end func())
	// Rotate gives the subscription a new secret and returns it; for a while the old one signs too.
	Rotate func(t *testing.T, subscription string) (secret string)
	// Forward sets the server's clock ahead. It is called last: nothing after it compares with our clock.
	Forward func(t *testing.T, by time.Duration)
}

// Run tries everything, as subtests of t.
func Run(t *testing.T, target Target) {
	t.Helper()
	s := &suite{Target: target, contract: newContract(t), started: time.Now().UnixNano()}
	s.strict = &acme.Client{BaseURL: target.BaseURL, APIKey: target.APIKey, HTTP: s.http(t, true)}
	t.Run("account", s.account)
	t.Run("lists", s.lists)
	t.Run("cursors", s.cursors)
	t.Run("gets", s.gets)
	t.Run("XML", s.xml)
	t.Run("appointments", s.appointments)
	t.Run("integrations' appointments", s.integrations)
	t.Run("touchpoints", s.touchpoints)
	t.Run("contacts", s.contacts)
	t.Run("subscriptions", s.subscriptions)
	t.Run("deliveries", s.deliveries)
	t.Run("outbound messages", s.outbound)
	t.Run("refusals", s.refusals)
	t.Run("time", s.time)
}

type suite struct {
	Target
	contract *contract
	strict   *acme.Client // its requests are held against the contract too
	started  int64        // tells this run's idempotency keys from another's
	days     atomic.Int64 // makes each new appointment's start one of its own
}

func resources() []acme.Resource {
	return []acme.Resource{acme.Users, acme.Contacts, acme.Appointments, acme.Touchpoints}
}

// http gives a client whose answers, and requests where asked, are held against the contract.
func (s *suite) http(t *testing.T, requests bool) *http.Client {
	t.Helper()
	return &http.Client{Timeout: 30 * time.Second, Transport: &checker{t: t, contract: s.contract, requests: requests, next: http.DefaultTransport}}
}

// client is the strict client reporting to this very subtest.
func (s *suite) client(t *testing.T) *acme.Client {
	t.Helper()
	c := *s.strict
	c.HTTP = s.http(t, true)
	return &c
}

// walk reads a resource to its end and gives every item, page after page.
func (s *suite) walk(t *testing.T, r acme.Resource, q acme.ListQuery) []acme.Item {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client := s.client(t)
	var all []acme.Item
	for pages := 0; ; pages++ {
		require.Less(t, pages, 10_000, "the walk does not end")
		page, err := client.List(ctx, r, q)
		require.NoError(t, err)
		if q.Limit > 0 {
			require.LessOrEqual(t, len(page.Items), q.Limit)
		}
		for _, item := range page.Items {
			require.NotEmpty(t, item.ID, "a record without usable keys: %.200s", item.Raw)
		}
		all = append(all, page.Items...)
		if page.NextCursor == "" {
			return all
		}
		q.Cursor = page.NextCursor
	}
}

// some is the first items of a resource.
func (s *suite) some(t *testing.T, r acme.Resource, n int) []acme.Item {
	t.Helper()
	page, err := s.client(t).List(t.Context(), r, acme.ListQuery{Limit: n})
	require.NoError(t, err)
	require.NotEmpty(t, page.Items, "the account has no %s", r)
	return page.Items
}

// someone is an active user.
func (s *suite) someone(t *testing.T) acme.User {
	t.Helper()
	for _, item := range s.walk(t, acme.Users, acme.ListQuery{}) {
		user, err := acme.DecodeUser(item.Raw)
		require.NoError(t, err)
		if user.Active {
			return user
		}
	}
	require.Fail(t, "the account has no active user")
	return acme.User{}
}

// newAppointment is a body for create that nothing else in the account is a duplicate of.
func (s *suite) newAppointment(owner string, contacts ...string) map[string]any {
	day := time.Now().UTC().AddDate(0, 0, 400+int(s.days.Add(1)))
	moment := func(clock string) map[string]any {
		return map[string]any{"date_time": fmt.Sprintf("%sT%s:00", day.Format(time.DateOnly), clock), "time_zone": "Europe/Zurich"}
	}
	return map[string]any{"subject": "Conformance \U0001F642", "start": moment("09:00"), "end": moment("09:30"), "owner_id": owner, "contact_ids": append([]string{}, contacts...)}
}
