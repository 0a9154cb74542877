package acmetest

import (
	"context"
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

// soapListener is an endpoint that keeps the outbound messages it is sent, and refuses the first ones as told.
type soapListener struct {
	url string

	mu   sync.Mutex
	got  []acme.OutboundMessage
	bad  []error
	fail []func(http.ResponseWriter)
}

func listenSOAP(t *testing.T, fail ...func(http.ResponseWriter)) *soapListener {
	t.Helper()
	l := &soapListener{fail: fail}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		message, err := (*acme.Profile)(nil).ParseOutbound(body)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.got = append(l.got, message); err != nil || r.Header.Get("Content-Type") != "text/xml; charset=utf-8" {
			l.bad = append(l.bad, err)
		}
		w.Header().Set("Content-Type", "text/xml")
		if n := len(l.got); n <= len(l.fail) {
			l.fail[n-1](w)
			return
		}
		_, _ = w.Write(acme.SOAPAck(message.Namespace, true))
	}))
	t.Cleanup(server.Close)
	l.url = server.URL + "/outbound"
	return l
}

func (l *soapListener) messages() []acme.OutboundMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

func (l *soapListener) about(object string) (found []acme.Notification) {
	for _, m := range l.messages() {
		for _, n := range m.Notifications {
			if n.Event.ObjectID == object {
				found = append(found, n)
			}
		}
	}
	return found
}

func (s *suite) outbound(t *testing.T) {
	subscribe := func(t *testing.T, l *soapListener) acme.Subscription {
		t.Helper()
		client := s.client(t)
		p, problems := acme.ParseProfile([]byte(`{"subscriptions":{"format":"soap"}}`))
		require.Empty(t, problems)
		client.Profile = &p
		sub, err := client.Subscribe(t.Context(), l.url, []string{"*"})
		require.NoError(t, err)
		t.Cleanup(func() {
			client := acme.Client{BaseURL: s.BaseURL, APIKey: s.APIKey}
			require.NoError(t, client.Unsubscribe(context.WithoutCancel(t.Context()), sub.ID))
		})
		return sub
	}
	owner := s.someone(t).ID
	create := func(t *testing.T) acme.Appointment {
		t.Helper()
		return record(t, s.call(t, http.MethodPost, appointmentsPath, s.newAppointment(owner)).wants(t, http.StatusCreated, ""), acme.DecodeAppointment)
	}
	t.Run("name every change, the account and the record's version", func(t *testing.T) {
		l := listenSOAP(t)
		sub := subscribe(t, l)
		require.Empty(t, sub.Secret, "nothing is signed")
		a := create(t)
		s.call(t, http.MethodPatch, appointmentsPath+"/"+a.ID, `{"subject":"B"}`).wants(t, http.StatusOK, "")
		s.call(t, http.MethodDelete, appointmentsPath+"/"+a.ID, nil).wants(t, http.StatusNoContent, "")
		require.Eventually(t, func() bool { return len(l.about(a.ID)) == 3 }, 20*time.Second, 10*time.Millisecond)
		account, err := s.client(t).Account(t.Context())
		require.NoError(t, err)
		versions := map[int64]bool{}
		for _, n := range l.about(a.ID) {
			versions[n.Event.Version] = true
			require.NotEmpty(t, n.ID)
			require.Equal(t, "appointment.changed", n.Event.Type)
		}
		require.Equal(t, map[int64]bool{1: true, 2: true, 3: true}, versions)
		for _, m := range l.messages() {
			require.Equal(t, account.ID, m.OrganizationID)
			require.Equal(t, sub.ID, m.ActionID)
		}
		require.Empty(t, l.bad)
		got, err := s.client(t).Subscription(t.Context(), sub.ID)
		require.NoError(t, err)
		require.Equal(t, acme.FormatSOAP, got.Format)
	})
	t.Run("come again under the same ids until they are acknowledged", func(t *testing.T) {
		l := listenSOAP(t,
			func(w http.ResponseWriter) { _, _ = w.Write(acme.SOAPAck("", false)) },
			func(w http.ResponseWriter) {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = w.Write(acme.SOAPFault(true, "unavailable", "Come again."))
			},
			func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) },
			func(http.ResponseWriter) {},
		)
		subscribe(t, l)
		a := create(t)
		require.Eventually(t, func() bool { return len(l.about(a.ID)) == 5 }, 20*time.Second, 10*time.Millisecond)
		for _, n := range l.about(a.ID) {
			require.Equal(t, l.about(a.ID)[0].ID, n.ID)
		}
	})
	t.Run("of a burst bring a hundred notifications at most", func(t *testing.T) {
		s.needs(t, s.Import != nil)
		l := listenSOAP(t)
		subscribe(t, l)
		s.Import(t, 150)
		require.Eventually(t, func() bool {
			n := 0
			for _, m := range l.messages() {
				n += len(m.Notifications)
			}
			return n >= 150
		}, 20*time.Second, 10*time.Millisecond)
		require.Empty(t, l.bad)
	})
	t.Run("of another format are refused", func(t *testing.T) {
		s.call(t, http.MethodPost, "/v1/webhook-subscriptions", `{"url":"http://127.0.0.1:1/x","events":["*"],"format":"csv"}`).wantsRefused(t, "csv")
	})
}
