package acmetest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

// delivered is a webhook as it came.
type delivered struct {
	header http.Header
	body   []byte
}

// listener is an endpoint that keeps what it is sent and answers as told.
type listener struct {
	url string

	mu   sync.Mutex
	got  []delivered
	fail int // so many deliveries are answered 500 first
}

func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got = append(l.got, delivered{r.Header.Clone(), body})
		if l.fail > 0 {
			l.fail--
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	l.url = server.URL + "/hooks"
	return l
}

func (l *listener) all() []delivered {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// events are those delivered about an object so far.
func (l *listener) events(t *testing.T, object string) []acme.Event {
	t.Helper()
	var found []acme.Event
	for _, d := range l.all() {
		events, _, err := acme.ParseEvents(d.body)
		require.NoError(t, err)
		for _, e := range events {
			if e.ObjectID == object {
				found = append(found, e)
			}
		}
	}
	return found
}

func (l *listener) await(t *testing.T, object string, n int) []acme.Event {
	t.Helper()
	require.Eventually(t, func() bool { return len(l.events(t, object)) >= n }, 20*time.Second, 10*time.Millisecond, "%d events about %s", n, object)
	return l.events(t, object)
}

func (s *suite) subscribe(t *testing.T, l *listener, events ...string) acme.Subscription {
	t.Helper()
	sub, err := s.client(t).Subscribe(t.Context(), l.url, events)
	require.NoError(t, err)
	t.Cleanup(func() {
		client := acme.Client{BaseURL: s.BaseURL, APIKey: s.APIKey}
		require.NoError(t, client.Unsubscribe(context.WithoutCancel(t.Context()), sub.ID))
	})
	return sub
}

func (s *suite) subscriptions(t *testing.T) {
	t.Run("show their secret once", func(t *testing.T) {
		l := listen(t)
		made := s.subscribe(t, l, "appointment.*", "touchpoint.deleted")
		require.Equal(t, "active", made.Status)
		require.NotEmpty(t, made.Secret)
		got, err := s.client(t).Subscription(t.Context(), made.ID)
		require.NoError(t, err)
		require.Empty(t, got.Secret)
		require.Equal(t, made.URL, got.URL)
		require.Equal(t, made.Events, got.Events)
		all, err := s.client(t).Subscriptions(t.Context())
		require.NoError(t, err)
		at := slices.IndexFunc(all, func(s acme.Subscription) bool { return s.ID == made.ID })
		require.GreaterOrEqual(t, at, 0)
		require.Empty(t, all[at].Secret)
	})
	t.Run("have different secrets", func(t *testing.T) {
		l := listen(t)
		first, second := s.subscribe(t, l, "*"), s.subscribe(t, l, "*")
		require.NotEqual(t, first.Secret, second.Secret)
	})
	t.Run("end once and for all", func(t *testing.T) {
		sub := s.subscribe(t, listen(t), "*")
		require.NoError(t, s.client(t).Unsubscribe(t.Context(), sub.ID))
		require.NoError(t, s.client(t).Unsubscribe(t.Context(), sub.ID))
		_, err := s.client(t).Subscription(t.Context(), sub.ID)
		require.Equal(t, acme.KindGone, acme.KindOf(err))
		_, err = s.client(t).EnableSubscription(t.Context(), sub.ID)
		require.Equal(t, acme.KindGone, acme.KindOf(err))
	})
	t.Run("that are active can be enabled", func(t *testing.T) {
		sub := s.subscribe(t, listen(t), "*")
		got, err := s.client(t).EnableSubscription(t.Context(), sub.ID)
		require.NoError(t, err)
		require.Equal(t, "active", got.Status)
	})
	t.Run("to nowhere or of nothing are refused", func(t *testing.T) {
		for _, body := range []string{
			`{}`, `{"url":"http://127.0.0.1:1/x"}`, `{"url":"http://127.0.0.1:1/x","events":[]}`, `{"url":"nowhere","events":["*"]}`,
			`{"url":"file:///etc/passwd","events":["*"]}`, `{"url":"http://127.0.0.1:1/x","events":["appointment.exploded"]}`, `{"url":5,"events":["*"]}`, `{`,
		} {
			s.call(t, http.MethodPost, "/v1/webhook-subscriptions", body).wantsRefused(t, body)
		}
	})
}

func (s *suite) deliveries(t *testing.T) {
	owner := s.someone(t).ID
	create := func(t *testing.T) acme.Appointment {
		t.Helper()
		return record(t, s.call(t, http.MethodPost, appointmentsPath, s.newAppointment(owner)).wants(t, http.StatusCreated, ""), acme.DecodeAppointment)
	}
	t.Run("are signed, keep to the contract and name every change", func(t *testing.T) {
		l := listen(t)
		sub := s.subscribe(t, l, "*")
		a := create(t)
		s.call(t, http.MethodPatch, appointmentsPath+"/"+a.ID, `{"subject":"B"}`).wants(t, http.StatusOK, "")
		s.call(t, http.MethodDelete, appointmentsPath+"/"+a.ID, nil).wants(t, http.StatusNoContent, "")
		s.call(t, http.MethodPost, appointmentsPath+"/"+a.ID+":undelete", nil).wants(t, http.StatusOK, "")
		events := l.await(t, a.ID, 4)
		account, err := s.client(t).Account(t.Context())
		require.NoError(t, err)
		versions := map[string]int64{}
		for _, e := range events {
			versions[e.Type] = e.Version
			require.Equal(t, account.ID, e.AccountID)
			require.NotEmpty(t, e.Origin)
			require.Equal(t, 1, e.Attempt)
		}
		require.Equal(t, map[string]int64{"appointment.created": 1, "appointment.updated": 2, "appointment.deleted": 3, "appointment.undeleted": 4}, versions)
		s.checkDeliveries(t, l, sub.Secret)
	})
	t.Run("bring only what was asked for, and nothing after the end", func(t *testing.T) {
		wide, narrow, ended := listen(t), listen(t), listen(t)
		s.subscribe(t, wide, "*")
		s.subscribe(t, narrow, "contact.*", "appointment.deleted")
		sub := s.subscribe(t, ended, "*")
		require.NoError(t, s.client(t).Unsubscribe(t.Context(), sub.ID))
		a, c := create(t), s.newContact(t)
		s.call(t, http.MethodDelete, appointmentsPath+"/"+a.ID, nil).wants(t, http.StatusNoContent, "")
		wide.await(t, a.ID, 2)
		wide.await(t, c.ID, 1)
		narrow.await(t, c.ID, 1)
		require.Len(t, narrow.await(t, a.ID, 1), 1)
		require.Empty(t, ended.all())
	})
	t.Run("of a merge name who went and who stayed", func(t *testing.T) {
		l := listen(t)
		s.subscribe(t, l, "contact.*")
		gone, survivor := s.newContact(t), s.newContact(t)
		s.call(t, http.MethodPost, "/v1/contacts/"+gone.ID+":merge", map[string]any{"into": survivor.ID}).wants(t, http.StatusOK, "")
		types := func(events []acme.Event) (all []string) {
			for _, e := range events {
				all = append(all, e.Type)
			}
			return all
		}
		require.Contains(t, types(l.await(t, gone.ID, 2)), "contact.merged")
		require.Contains(t, types(l.await(t, survivor.ID, 2)), "contact.updated")
	})
	t.Run("that fail are made again under the same id", func(t *testing.T) {
		l := listen(t)
		l.fail = 1
		sub := s.subscribe(t, l, "appointment.created")
		a := create(t)
		events := l.await(t, a.ID, 2)
		require.Equal(t, events[0].EventID, events[1].EventID)
		require.Equal(t, 2, events[1].Attempt)
		all := l.all()
		require.Equal(t, all[0].header.Get("Webhook-Id"), all[1].header.Get("Webhook-Id"))
		s.checkDeliveries(t, l, sub.Secret)
	})
	t.Run("of a burst come a hundred events at most at a time", func(t *testing.T) {
		s.needs(t, s.Import != nil)
		l := listen(t)
		sub := s.subscribe(t, l, "*")
		s.Import(t, 100)
		s.Import(t, 50)
		count := func() (n int) {
			for _, d := range l.all() {
				events, _, _ := acme.ParseEvents(d.body)
				n += len(events)
			}
			return n
		}
		require.Eventually(t, func() bool { return count() >= 150 }, 20*time.Second, 10*time.Millisecond)
		s.checkDeliveries(t, l, sub.Secret)
	})
	t.Run("are signed with both secrets while one replaces the other", func(t *testing.T) {
		s.needs(t, s.Rotate != nil)
		l := listen(t)
		sub := s.subscribe(t, l, "appointment.created")
		fresh := s.Rotate(t, sub.ID)
		require.NotEqual(t, sub.Secret, fresh)
		a := create(t)
		l.await(t, a.ID, 1)
		s.checkDeliveries(t, l, sub.Secret)
		s.checkDeliveries(t, l, fresh)
	})
}

// checkDeliveries holds all that came against the signature and the contract.
func (s *suite) checkDeliveries(t *testing.T, l *listener, secret string) {
	t.Helper()
	schema := s.contract.schema("WebhookPayload")
	for _, d := range l.all() {
		_, err := acme.VerifyWebhook(d.header, d.body, []string{secret}, time.Now())
		require.NoError(t, err)
		require.Equal(t, "application/json", d.header.Get("Content-Type"))
		var payload any
		require.NoError(t, json.Unmarshal(d.body, &payload))
		require.NoError(t, schema.VisitJSON(payload))
		events, _, err := acme.ParseEvents(d.body)
		require.NoError(t, err)
		for _, e := range events {
			require.NotEmpty(t, e.EventID)
		}
	}
}
