package db_test

import (
	"strings"
	"testing"
	"time"

	"acmesync"
	"acmesync/db"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

func TestVault(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	d := dbtest.New(t)
	draft(t, d, "alpha")
	require.NoError(t, d.SetCredentials(ctx, "alpha", acmesync.Credentials{AcmeAPIKey: "canary-key", AppToken: "canary-token"}, "test"))

	t.Run("credentials come back as they were set", func(t *testing.T) {
		c, err := d.Credentials(ctx, "alpha")
		require.NoError(t, err)
		require.Equal(t, acmesync.Credentials{AcmeAPIKey: "canary-key", AppToken: "canary-token"}, c)
	})
	t.Run("an empty credential leaves the stored one as it is", func(t *testing.T) {
		require.NoError(t, d.SetCredentials(ctx, "alpha", acmesync.Credentials{AppToken: "canary-newer"}, "test"))
		c, err := d.Credentials(ctx, "alpha")
		require.NoError(t, err)
		require.Equal(t, acmesync.Credentials{AcmeAPIKey: "canary-key", AppToken: "canary-newer"}, c)
	})
	t.Run("no table holds a credential readably, the audit log neither", func(t *testing.T) {
		require.Zero(t, scalar[int](t, d, `SELECT count(*) FROM secrets WHERE position('canary'::bytea IN sealed) > 0`))
		for table, rows := range dump(t, d, "alpha") {
			require.NotContains(t, rows, "canary", table)
		}
	})
	t.Run("a tenant without credentials has empty ones", func(t *testing.T) {
		draft(t, d, "without")
		c, err := d.Credentials(ctx, "without")
		require.NoError(t, err)
		require.Zero(t, c)
	})
	t.Run("a webhook's secret before stays good for a day", func(t *testing.T) {
		activated(t, d, "hooks")
		f := begin(t, d, "hooks", acmesync.Fetch)
		secrets := func() []string {
			all, err := d.HookSecrets(ctx, "hooks")
			require.NoError(t, err)
			return all
		}
		require.Empty(t, secrets())
		require.NoError(t, d.CommitSubscription(ctx, f, "sub_1", "whsec_1", time.Hour))
		require.Equal(t, []string{"whsec_1"}, secrets())
		require.NoError(t, d.CommitSubscription(ctx, f, "sub_1", "", time.Hour))
		require.Equal(t, []string{"whsec_1"}, secrets(), "looking at it changes nothing")
		require.NoError(t, d.CommitSubscription(ctx, f, "sub_1", "whsec_1", time.Hour))
		require.Equal(t, []string{"whsec_1"}, secrets(), "the same again neither")
		require.NoError(t, d.CommitSubscription(ctx, f, "sub_2", "whsec_2", time.Hour))
		require.Equal(t, []string{"whsec_2", "whsec_1"}, secrets())
		exec(t, d, `UPDATE secrets SET set_at = now() - interval '25 hours' WHERE name = 'hook_secret_old'`)
		require.Equal(t, []string{"whsec_2"}, secrets())
	})
	t.Run("a subscription is looked at when its time has come", func(t *testing.T) {
		f := begin(t, d, "hooks", acmesync.Fetch)
		id, due, err := d.SubscriptionDue(ctx, f)
		require.NoError(t, err)
		require.Equal(t, "sub_2", id)
		require.False(t, due)
		exec(t, d, `UPDATE connections SET subscription_due = now() WHERE tenant = 'hooks'`)
		_, due, err = d.SubscriptionDue(ctx, f)
		require.NoError(t, err)
		require.True(t, due)
	})
	t.Run("bodies of every size come back as they came", func(t *testing.T) {
		activated(t, d, "bodies")
		f := begin(t, d, "bodies", acmesync.Fetch)
		out := begin(t, d, "bodies", acmesync.Deliver)
		for _, body := range []string{"", "[]", strings.Repeat("x", 511), strings.Repeat("x", 512), strings.Repeat("abc ", 1<<20), "\x00\xff"} {
			fetched(t, d, f, acmesync.NewPage{Stream: acmesync.Appointments, Way: acmesync.ByPoll, Records: 1, IDs: []string{"1"}, Body: []byte(body)})
			pages := claim(t, d, out)
			require.Equal(t, body, string(pages[0].Body))
			finish(t, d, out, pages...)
		}
		require.Less(t, scalar[int](t, d, `SELECT max(length(body)) FROM envelopes WHERE tenant = 'bodies'`), 1<<16, "large ones are compressed")
	})
	t.Run("the same person is sealed differently each time, and found by the same index", func(t *testing.T) {
		for _, id := range []acmesync.TenantID{"blind-a", "blind-b"} {
			activated(t, d, id)
			first, second := person(acmesync.ContactPerson, "1", 1), person(acmesync.ContactPerson, "2", 1)
			first.Email, second.Email = "Anna@Example.test", "anna@example.test"
			require.NoError(t, d.CommitFetched(ctx, begin(t, d, id, acmesync.Fetch), acmesync.Fetched{People: []acmesync.Person{first, second}}))
		}
		require.Equal(t, 2, scalar[int](t, d, `SELECT count(DISTINCT email_index) FROM people WHERE tenant LIKE 'blind-%'`), "one per tenant: nobody can compare tenants' people")
		require.Equal(t, 4, scalar[int](t, d, `SELECT count(DISTINCT body) FROM people WHERE tenant LIKE 'blind-%'`))
	})
	t.Run("one tenant's body does not open as another's", func(t *testing.T) {
		for _, id := range []acmesync.TenantID{"mine", "theirs"} {
			activated(t, d, id)
			fetched(t, d, begin(t, d, id, acmesync.Fetch), page(acmesync.Appointments, acmesync.Live, string(id)))
		}
		exec(t, d, `UPDATE envelopes SET body = (SELECT body FROM envelopes WHERE tenant = 'theirs') WHERE tenant = 'mine'`)
		pages := claim(t, d, begin(t, d, "mine", acmesync.Deliver))
		require.Len(t, pages, 1)
		require.True(t, pages[0].Sealed)
		require.NotContains(t, string(pages[0].Body), "theirs")
	})
	t.Run("another tenant's wrapped key does not become one's own", func(t *testing.T) {
		other, err := db.NewVault(d.Keyset)
		require.NoError(t, err)
		opened, err := db.Open(ctx, d.URL, other)
		require.NoError(t, err)
		defer func() { _ = opened.Close() }()
		exec(t, d, `UPDATE tenant_keys SET wrapped = (SELECT wrapped FROM tenant_keys WHERE tenant = 'theirs' AND key_id = 'd1') WHERE tenant = 'mine' AND key_id = 'd1'`)
		require.ErrorContains(t, opened.SetCredentials(ctx, "mine", acmesync.Credentials{AcmeAPIKey: "x"}, "test"), "is not the one that wrapped it")
	})
	t.Run("a ciphertext moved to another place does not open", func(t *testing.T) {
		exec(t, d, `UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'app_token') WHERE name = 'acme_api_key'`)
		_, err := d.Credentials(ctx, "alpha")
		require.ErrorContains(t, err, "sealed for another place")
		require.NotContains(t, err.Error(), "canary")
	})
	t.Run("another installation's keyset says so, and names the key and the tenant", func(t *testing.T) {
		keyset, err := db.NewKeyset()
		require.NoError(t, err)
		stranger, err := db.NewVault(keyset)
		require.NoError(t, err)
		opened, err := db.Open(ctx, d.URL, stranger)
		require.NoError(t, err)
		defer func() { _ = opened.Close() }()
		_, err = opened.Credentials(ctx, "alpha")
		require.ErrorContains(t, err, "tenant alpha: ACMESYNC_KEYSET is not the one that wrapped it")
	})
	t.Run("a key that was destroyed leaves what it sealed unreadable, and says so", func(t *testing.T) {
		shredded, err := db.NewVault(d.Keyset)
		require.NoError(t, err)
		opened, err := db.Open(ctx, d.URL, shredded)
		require.NoError(t, err)
		defer func() { _ = opened.Close() }()
		exec(t, d, `DELETE FROM tenant_keys WHERE tenant = 'alpha'`)
		_, err = opened.Credentials(ctx, "alpha")
		require.ErrorContains(t, err, "key d1 of tenant alpha is gone")
	})
	t.Run("a keyset that is none is refused without quoting it", func(t *testing.T) {
		for _, text := range []string{"", "not base64!", "c2VjcmV0", "e30="} {
			_, err := db.NewVault(text)
			require.ErrorContains(t, err, "starter keyset new")
			require.NotContains(t, err.Error(), "secret")
		}
	})
}

// A transaction that holds a connection and waits for a second one to read its tenant's keys by waits for ever once all
// connections are held by such transactions: at the start of a worker, when no key is in memory yet.
func TestNoTransactionNeedsASecondConnection(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	ctx := t.Context()
	opened := func(t *testing.T) *db.DB {
		t.Helper()
		vault, err := db.NewVault(d.Keyset)
		require.NoError(t, err)
		cold, err := db.Open(ctx, d.URL, vault)
		require.NoError(t, err)
		t.Cleanup(func() { _ = cold.Close() })
		cold.Pool(1)
		return cold
	}
	activated(t, d, "alpha")
	fetch := func() acmesync.Fence { return begin(t, d, "alpha", acmesync.Fetch) } // each call has an attempt of its own
	deliver := func() acmesync.Fence { return begin(t, d, "alpha", acmesync.Deliver) }
	require.NoError(t, d.CommitSubscription(ctx, fetch(), "sub_1", "whsec_1", time.Hour))
	park(t, d, deliver(), endMissingOf("1")...)
	calls := map[string]func(*db.DB) error{
		"storing a page": func(cold *db.DB) error {
			return cold.CommitFetched(ctx, fetch(), acmesync.Fetched{Pages: []acmesync.NewPage{page(acmesync.Appointments, acmesync.Live, "1")}})
		},
		"storing people": func(cold *db.DB) error {
			return cold.CommitStaff(ctx, fetch(), acmesync.UserPerson, []acmesync.Person{person(acmesync.UserPerson, "1", 1)})
		},
		"parking a record": func(cold *db.DB) error {
			return cold.CommitDelivered(ctx, deliver(), acmesync.Delivered{Parked: endMissingOf("2")})
		},
		"leaving an order": func(cold *db.DB) error {
			_, err := cold.Decide(ctx, "alpha", endMissing, acmesync.Decision{ID: "d", Action: acmesync.OrderRetry, Actor: "test"})
			return err
		},
		"setting credentials": func(cold *db.DB) error {
			return cold.SetCredentials(ctx, "alpha", acmesync.Credentials{AcmeAPIKey: "x"}, "test")
		},
		"keeping a new webhook secret": func(cold *db.DB) error { return cold.CommitSubscription(ctx, fetch(), "sub_2", "whsec_2", time.Hour) },
		"making a tenant": func(cold *db.DB) error {
			_, err := cold.CreateTenant(ctx, newTenant("beta"))
			return err
		},
		"storing a hook": func(cold *db.DB) error {
			e, err := cold.Connection(ctx, "alpha")
			if err != nil {
				return err
			}
			_, err = cold.StoreHooks(ctx, []db.HookDelivery{{Endpoint: e.HookEndpoint, Tenant: "alpha", WebhookID: "w", BodySHA: []byte{1}, Events: []db.HookEvent{{Stream: acmesync.Appointments, AcmeID: "1"}}}})
			return err
		},
		"claiming pages": func(cold *db.DB) error {
			_, err := cold.ClaimPages(ctx, deliver(), 10, 1<<20)
			return err
		},
		"reading secrets": func(cold *db.DB) error {
			_, err := cold.HookSecrets(ctx, "alpha")
			return err
		},
	}
	for name, call := range calls {
		t.Run(name+" needs one connection", func(t *testing.T) {
			done := make(chan error, 1)
			cold := opened(t)
			go func() { done <- call(cold) }()
			select {
			case err := <-done:
				require.NoError(t, err)
			case <-time.After(5 * time.Second):
				require.FailNow(t, "it waits for a second connection while it holds the only one")
			}
		})
	}
}
