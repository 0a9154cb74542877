package crm_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"acmesync/acme"
	"acmesync/sandbox/crm"
	"acmesync/sandbox/crm/webhooks"
)

// receiver is a subscriber that keeps what it gets.
type receiver struct {
	url    string
	status atomic.Int64

	mu  sync.Mutex
	got []received
}

type received struct {
	at     time.Time
	header http.Header
	body   []byte
}

func receive(t *testing.T, wait time.Duration) *receiver {
	t.Helper()
	r := &receiver{}
	r.status.Store(http.StatusAccepted)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		r.got = append(r.got, received{time.Now(), q.Header, body})
		r.mu.Unlock()
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-q.Context().Done():
			}
		}
		w.WriteHeader(int(r.status.Load()))
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) events(t *testing.T) []acme.Event {
	t.Helper()
	var all []acme.Event
	for _, d := range r.all() {
		var events []acme.Event
		require.NoError(t, json.Unmarshal(d.body, &events))
		all = append(all, events...)
	}
	return all
}

// account makes an account with fast webhooks and a subscription of everything.
func account(t *testing.T, s *sandbox, id string, r *receiver, policy map[string]any) (key string, subscription acme.Subscription) {
	t.Helper()
	all := map[string]any{"timeout_ms": 500, "backoff_ms": 10, "retries": 3, "disable_after": 2}
	for name, value := range policy {
		all[name] = value
	}
	s.admin(http.MethodPost, "", map[string]any{"id": id, "contacts": 3, "webhooks": all}, nil)
	key = s.key(id)
	subscription, err := s.client(id).Subscribe(t.Context(), r.url, []string{"*"})
	require.NoError(t, err)
	return key, subscription
}

func (s *sandbox) contact(key string) {
	s.t.Helper()
	require.Equal(s.t, http.StatusCreated, s.call(http.MethodPost, "/v1/contacts", key, map[string]any{"name": "Somebody"}).status)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, deadline, 5*time.Millisecond, what)
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest()})

	t.Run("another implementation of Standard Webhooks accepts the signature", func(t *testing.T) {
		t.Parallel()
		s, r := s.as(t), receive(t, 0)
		key, subscription := account(t, s, "signed", r, nil)
		s.contact(key)
		eventually(t, "delivered", func() bool { return len(r.all()) == 1 })
		verifier, err := standardwebhooks.NewWebhook(subscription.Secret)
		require.NoError(t, err)
		require.NoError(t, verifier.Verify(r.all()[0].body, r.all()[0].header))
	})
	t.Run("an event leaves at once", func(t *testing.T) {
		t.Parallel()
		s, r := s.as(t), receive(t, 0)
		key, _ := account(t, s, "prompt", r, nil)
		var waits []time.Duration
		for i := range 20 {
			s.contact(key)
			answered := time.Now()
			eventually(t, "delivered", func() bool { return len(r.events(t)) == i+1 })
			waits = append(waits, r.all()[len(r.all())-1].at.Sub(answered))
		}
		slices.Sort(waits)
		require.Less(t, waits[len(waits)/2], 50*time.Millisecond)
	})
	t.Run("a failed delivery is tried again under its id, then given up, and the subscription disabled", func(t *testing.T) {
		t.Parallel()
		s, r := s.as(t), receive(t, 0)
		r.status.Store(http.StatusInternalServerError)
		key, subscription := account(t, s, "failing", r, nil)
		s.contact(key)
		eventually(t, "given up", func() bool {
			all := s.deliveries("failing") // none yet: the contact was answered before its delivery began
			return len(all) > 0 && all[0].State == webhooks.Failed
		})
		require.Len(t, r.all(), 4)
		for i, d := range r.all() {
			require.Equal(t, r.all()[0].header.Get("Webhook-Id"), d.header.Get("Webhook-Id"))
			var events []acme.Event
			require.NoError(t, json.Unmarshal(d.body, &events))
			require.Equal(t, i+1, events[0].Attempt)
		}
		s.contact(key)
		status := func() string {
			got, err := s.client("failing").Subscription(t.Context(), subscription.ID)
			require.NoError(t, err)
			return got.Status
		}
		eventually(t, "disabled", func() bool { return status() == "disabled" })

		r.status.Store(http.StatusOK)
		before := len(r.all())
		s.contact(key)
		_, err := s.client("failing").EnableSubscription(t.Context(), subscription.ID)
		require.NoError(t, err)
		s.contact(key)
		eventually(t, "delivered after being enabled", func() bool { return len(r.all()) > before })
		require.Len(t, r.all(), before+1, "what it missed is not sent")
	})
	for name, c := range map[string]struct {
		id       string
		status   int
		attempts int
		state    string
	}{
		"a 400 is not tried again":                     {"s400", http.StatusBadRequest, 1, "active"},
		"a 408 is tried again":                         {"s408", http.StatusRequestTimeout, 4, "active"},
		"a 429 is tried again":                         {"s429", http.StatusTooManyRequests, 4, "active"},
		"a redirect is not followed, but tried again":  {"s302", http.StatusFound, 4, "active"},
		"a 410 ends the delivery and the subscription": {"s410", http.StatusGone, 1, "disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := s.as(t), receive(t, 0)
			r.status.Store(int64(c.status))
			key, subscription := account(t, s, c.id, r, nil)
			s.contact(key)
			eventually(t, "settled", func() bool {
				d := s.deliveries(c.id)
				return len(d) == 1 && d[0].State == webhooks.Failed
			})
			require.Len(t, r.all(), c.attempts)
			eventually(t, c.state, func() bool {
				got, err := s.client(c.id).Subscription(t.Context(), subscription.ID)
				require.NoError(t, err)
				return got.Status == c.state
			})
		})
	}
	t.Run("a slow subscriber delays no other account", func(t *testing.T) {
		t.Parallel()
		s, slow, quick := s.as(t), receive(t, 2*time.Second), receive(t, 0)
		slowKey, _ := account(t, s, "slow", slow, map[string]any{"timeout_ms": 3000})
		quickKey, _ := account(t, s, "quick", quick, nil)
		for range 20 {
			s.contact(slowKey)
		}
		begun := time.Now()
		s.contact(quickKey)
		eventually(t, "delivered", func() bool { return len(quick.all()) == 1 })
		require.Less(t, time.Since(begun), time.Second)
		eventually(t, "the slow one gets the rest together", func() bool { return len(slow.events(t)) == 20 })
		require.Less(t, len(slow.all()), 20)
	})
	t.Run("dropped, doubled and overtaking deliveries", func(t *testing.T) {
		t.Parallel()
		s, r := s.as(t), receive(t, 0)
		key, _ := account(t, s, "mischief", r, nil)
		s.faults("mischief", map[string]any{"webhook": map[string]any{"drop_rate": 1}})
		s.contact(key)
		eventually(t, "dropped", func() bool { d := s.deliveries("mischief"); return len(d) == 1 && d[0].State == webhooks.Dropped })
		s.faults("mischief", map[string]any{"webhook": map[string]any{"duplicate": 4}})
		s.contact(key)
		eventually(t, "five times", func() bool { return len(r.all()) == 5 })
		for _, d := range r.all() {
			require.Equal(t, r.all()[0].header.Get("Webhook-Id"), d.header.Get("Webhook-Id"))
		}
		s.faults("mischief", map[string]any{"webhook": map[string]any{"reorder": true}})
		for range 12 {
			s.contact(key)
		}
		eventually(t, "all arrive", func() bool { return len(r.all()) == 17 })
		late := r.events(t)[5:]
		require.False(t, slices.IsSortedFunc(late, func(a, b acme.Event) int { return a.OccurredAt.Compare(b.OccurredAt) }))
	})
	t.Run("both secrets sign while one replaces the other", func(t *testing.T) {
		t.Parallel()
		s, r := s.as(t), receive(t, 0)
		key, subscription := account(t, s, "rotated", r, nil)
		var out struct {
			Secrets map[string]string `json:"secrets"`
		}
		s.admin(http.MethodPost, "rotated/rotate-secret", map[string]any{"overlap_seconds": 3600}, &out)
		s.contact(key)
		eventually(t, "delivered", func() bool { return len(r.all()) == 1 })
		for _, secret := range []string{subscription.Secret, out.Secrets[subscription.ID]} {
			verifier, err := standardwebhooks.NewWebhook(secret)
			require.NoError(t, err)
			require.NoError(t, verifier.Verify(r.all()[0].body, r.all()[0].header))
		}
	})
}

func TestWebhooksAfterKill(t *testing.T) {
	t.Parallel()
	t.Run("what was not delivered goes out after the next start, under its id", func(t *testing.T) {
		t.Parallel()
		folder, r := t.TempDir(), receive(t, 0)
		r.status.Store(http.StatusServiceUnavailable)
		s, process := spawn(t, folder)
		key, _ := account(t, s, "interrupted", r, map[string]any{"backoff_ms": 60_000})
		s.contact(key)
		eventually(t, "first attempt", func() bool { return len(r.all()) == 1 })
		require.NoError(t, process.Process.Kill())
		_ = process.Wait()

		r.status.Store(http.StatusOK)
		again, _ := spawn(t, folder)
		eventually(t, "second attempt", func() bool { return len(r.all()) == 2 })
		require.Equal(t, r.all()[0].header.Get("Webhook-Id"), r.all()[1].header.Get("Webhook-Id"))
		eventually(t, "settled", func() bool { return again.deliveries("interrupted")[0].State == webhooks.Delivered })
	})
}
