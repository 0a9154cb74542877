package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/broker"
	"acmesync/sandbox/crm/sns"

	"github.com/stretchr/testify/require"
)

// amazon is the sandbox's SNS with its addresses served, and a tenant that allows the topic of its account.
type amazon struct {
	*sns.SNS
	*hooked
	confirmed atomic.Int64
	away      atomic.Bool
}

func newAmazon(t *testing.T) *amazon {
	t.Helper()
	a := &amazon{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case a.away.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/sns/certificate.pem":
			_, _ = w.Write(a.Certificate())
		case r.URL.Query().Get("Action") == "ConfirmSubscription":
			a.confirmed.Add(1)
		}
	}))
	t.Cleanup(server.Close)
	folder := t.TempDir()
	var err error
	a.SNS, err = sns.Open(folder, server.URL, time.Now)
	require.NoError(t, err)
	b := setup(t)
	a.hooked = newHooked(t, b, newSides(t), "harbor", hookSecret)
	trust, err := broker.TrustFile(filepath.Join(folder, sns.AuthorityFile))
	require.NoError(t, err)
	b.hooks.SNS = &broker.SNS{HTTP: server.Client(), Trust: trust, Hosts: []string{strings.TrimPrefix(server.URL, "http://")}}
	a.allow(t, a.Topic("harbor"))
	return a
}

func (a *amazon) allow(t *testing.T, topics ...string) {
	t.Helper()
	document, err := json.Marshal(map[string]any{"config": map[string]any{"sns": map[string]any{"topics": topics}}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.call(t, http.MethodPatch, "/v1/tenants/harbor", string(document)).status)
}

// post sends a message as SNS does.
func (a *amazon) post(t *testing.T, body []byte, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.bundle.URL+"/hooks/sns/"+a.endpoint, strings.NewReader(string(body)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return send(t, request)
}

func (a *amazon) notification(t *testing.T, id, object string) []byte {
	t.Helper()
	body, err := a.Notification(id, acme.Event{EventID: "e", AccountID: "harbor", Type: "appointment.updated", ObjectID: object, Version: 3})
	require.NoError(t, err)
	return body
}

// changed signs a notification of which a field is another.
func (a *amazon) changed(t *testing.T, name string, value any) []byte {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(a.notification(t, name, "apt"), &m))
	delete(m, "Signature")
	m[name] = value
	body, err := a.Sign(m)
	require.NoError(t, err)
	return body
}

func ways(t *testing.T, h *hooked, object string) []string {
	t.Helper()
	var all []string
	require.NoError(t, h.db.Super.Select(&all, `SELECT way FROM envelopes WHERE tenant = 'harbor' AND acme_id = $1`, object))
	return all
}

func TestSNS(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)

	t.Run("a subscription is confirmed by itself", func(t *testing.T) {
		body, err := a.Confirmation("harbor", "token", "SubscriptionConfirmation")
		require.NoError(t, err)
		got := a.post(t, body)
		require.Equal(t, http.StatusOK, got.status, got.text)
		require.Equal(t, "confirmed", got.json["status"])
		require.EqualValues(t, 1, a.confirmed.Load())
	})
	t.Run("a notification is kept, and the lanes are rung", func(t *testing.T) {
		before := a.workflows.count("ring harbor")
		got := a.post(t, a.notification(t, "first", "apt-1"), "X-Amz-Sns-Message-Type", "Notification")
		require.Equal(t, http.StatusAccepted, got.status, got.text)
		require.Equal(t, []string{"sns"}, ways(t, a.hooked, "apt-1"))
		require.Eventually(t, func() bool { return a.workflows.count("ring harbor") > before }, 5*time.Second, 5*time.Millisecond)
	})
	t.Run("the same notification again is known, by whichever way", func(t *testing.T) {
		got := a.post(t, a.notification(t, "first", "apt-1"))
		require.Equal(t, http.StatusOK, got.status)
		id, _ := got.json["id"].(string)
		require.Regexp(t, `^sns:[0-9a-f-]{36}$`, id)
		statuses, err := a.db.StoreHooks(t.Context(), []acmesync.HookDelivery{{Endpoint: a.endpoint, Tenant: "harbor", Way: acmesync.BySQS, WebhookID: id, BodySHA: []byte{1}}})
		require.NoError(t, err)
		require.Equal(t, []acmesync.HookStatus{acmesync.HookDuplicate}, statuses)
	})
	t.Run("signature version 1 is believed as well", func(t *testing.T) {
		require.Equal(t, http.StatusAccepted, a.post(t, a.changed(t, "SignatureVersion", "1")).status)
	})
	t.Run("a message that cannot be read is parked", func(t *testing.T) {
		got := a.post(t, a.changed(t, "Message", "Hello"))
		require.Equal(t, http.StatusAccepted, got.status)
		require.Equal(t, "parked", got.json["status"])
	})
	t.Run("an unsubscription is told and never followed", func(t *testing.T) {
		body, err := a.Confirmation("harbor", "token", "UnsubscribeConfirmation")
		require.NoError(t, err)
		got := a.post(t, body)
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "unsubscribed", got.json["status"])
		require.EqualValues(t, 1, a.confirmed.Load())
	})
	t.Run("what is not believed is refused with a sentence, and leaves nothing", func(t *testing.T) {
		before := len(envelopes(t, a.db, "harbor"))
		forged := strings.Replace(string(a.notification(t, "f", "apt-1")), "apt-1", "apt-2", 1)
		for name, c := range map[string]struct {
			body    []byte
			headers []string
			status  int
			code    string
		}{
			"a forged message":           {body: []byte(forged), status: 403, code: "invalid_notification"},
			"another account's topic":    {body: a.changed(t, "TopicArn", a.Topic("alpine")), status: 403, code: "invalid_notification"},
			"an old message":             {body: a.changed(t, "Timestamp", "2026-01-01T00:00:00.000Z"), status: 403, code: "invalid_notification"},
			"a certificate elsewhere":    {body: a.changed(t, "SigningCertURL", "https://sns.evil.example/c.pem"), status: 403, code: "invalid_notification"},
			"raw delivery":               {body: []byte(goodEvents), headers: []string{"X-Amz-Sns-Rawdelivery", "true"}, status: 403, code: "invalid_notification"},
			"raw delivery, unsaid":       {body: []byte(goodEvents), status: 400, code: "malformed_json"},
			"a webhook of Acme's":        {body: []byte(`{}`), status: 400, code: "malformed_json"},
			"a body of another type":     {body: []byte(forged), headers: []string{"Content-Type", "application/xml"}, status: 415, code: "unsupported_media_type"},
			"a body in other characters": {body: []byte(forged), headers: []string{"Content-Type", "text/plain; charset=latin1"}, status: 415, code: "unsupported_media_type"},
			"a body that is too large":   {body: make([]byte, 2<<20), status: 413, code: "payload_too_large"},
		} {
			got := a.post(t, c.body, c.headers...)
			requireProblem(t, got, c.status, c.code)
			if c.status == 403 || c.status == 400 {
				require.NotEmpty(t, got.json["detail"], name)
			}
		}
		require.Len(t, envelopes(t, a.db, "harbor"), before)
		require.EqualValues(t, 1, a.confirmed.Load())
	})
	t.Run("a topic that is allowed now is believed at once", func(t *testing.T) {
		other := a.changed(t, "TopicArn", a.Topic("alpine"))
		a.allow(t, a.Topic("harbor"), a.Topic("alpine"))
		<-time.After(1100 * time.Millisecond) // a configuration that fits nothing is read again every second at most
		require.Equal(t, http.StatusAccepted, a.post(t, other).status)
	})
	t.Run("an endpoint nobody is behind is not there", func(t *testing.T) {
		unknown := *a.hooked
		unknown.endpoint = strings.Repeat("0", 32)
		other := &amazon{SNS: a.SNS, hooked: &unknown}
		requireProblem(t, other.post(t, a.notification(t, "x", "apt-1")), 404, "not_found")
	})
	t.Run("a configuration with a topic that is none is refused", func(t *testing.T) {
		got := a.call(t, http.MethodPatch, "/v1/tenants/harbor", `{"config":{"sns":{"topics":["acme"]}}}`)
		requireProblem(t, got, 422, "invalid_config")
		require.Contains(t, got.text, "/sns/topics/0")
	})
}

// SNS gives up at once after a 4xx: what is for the moment has to be a 5xx.
func TestSNSWhileSomethingIsAway(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	t.Run("its certificate", func(t *testing.T) {
		a.away.Store(true)
		got := a.post(t, a.notification(t, "1", "apt-1"))
		requireProblem(t, got, 503, "unavailable")
		require.NotEmpty(t, got.header.Get("Retry-After"))
		a.away.Store(false)
		require.Equal(t, http.StatusAccepted, a.post(t, a.notification(t, "1", "apt-1")).status)
	})
	t.Run("its answer to a confirmation", func(t *testing.T) {
		body, err := a.Confirmation("harbor", "token", "SubscriptionConfirmation")
		require.NoError(t, err)
		a.away.Store(true)
		requireProblem(t, a.post(t, body), 503, "unavailable")
		a.away.Store(false)
		require.Equal(t, http.StatusOK, a.post(t, body).status)
	})
	t.Run("Postgres", func(t *testing.T) {
		a.db.Super.MustExec(`ALTER DATABASE ` + databaseName(t, a.db) + ` CONNECTION LIMIT 0`)
		a.db.Super.MustExec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		n := 0
		require.Eventually(t, func() bool {
			n++
			got := a.post(t, a.notification(t, "away"+time.Now().String(), "apt-9"))
			require.Contains(t, []int{202, 503}, got.status, got.text)
			if got.status == 202 {
				n = 0
			}
			return n == 20
		}, 10*time.Second, time.Millisecond)
		a.db.Super.MustExec(`ALTER DATABASE ` + databaseName(t, a.db) + ` CONNECTION LIMIT -1`)
	})
}
