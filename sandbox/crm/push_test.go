package crm_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"acmesync/acme"
	"acmesync/sandbox/crm"
	"acmesync/sandbox/crm/kafka"
)

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// consume reads n messages from the beginning of the topic.
func consume(t *testing.T, addr string, n int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(kafka.Topic))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(t, ctx.Err(), "%d of %d messages came", len(all), n)
		all = append(all, fetches.Records()...)
	}
	return all
}

func TestPushByKafka(t *testing.T) {
	t.Parallel()
	addr, folder := freeAddress(t), t.TempDir()
	cfg := crm.Config{DataDir: folder, Seed: 1, Businesses: smallest(), KafkaAddr: addr, Addr: "127.0.0.1:9010"}
	t.Run("changes come as events under account and object, also after a restart", func(t *testing.T) {
		acmeCRM, err := crm.Open(cfg)
		require.NoError(t, err)
		server := httptest.NewServer(acmeCRM.Handler())
		s := &sandbox{t: t, url: server.URL}
		s.patch("coral-realty", map[string]any{"push": []string{"kafka"}})
		s.admin(http.MethodPost, "coral-realty/import", map[string]any{"n": 3, "kind": "appointments"}, nil)
		for _, record := range consume(t, addr, 3) {
			var event acme.Event
			require.NoError(t, json.Unmarshal(record.Value, &event))
			require.Equal(t, "coral-realty:"+event.ObjectID, string(record.Key))
			require.Equal(t, "appointment.created", event.Type)
		}
		server.Close()
		require.NoError(t, acmeCRM.Close())

		s = start(t, cfg)
		s.admin(http.MethodPost, "coral-realty/import", map[string]any{"n": 2, "kind": "touchpoints"}, nil)
		require.Len(t, consume(t, addr, 5), 5, "what was produced before is still there")
	})
	t.Run("faults of delivery hold for Kafka too", func(t *testing.T) {
		other := freeAddress(t)
		s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest(), KafkaAddr: other, Addr: "127.0.0.1:9010"})
		s.patch("coral-realty", map[string]any{"push": []string{"kafka"}})
		s.faults("coral-realty", map[string]any{"webhook": map[string]any{"duplicate": 2}})
		s.admin(http.MethodPost, "coral-realty/import", map[string]any{"n": 1, "kind": "appointments"}, nil)
		require.Len(t, consume(t, other, 3), 3)
	})
	t.Run("an account that is told by Kafka has its webhooks silent, and a sandbox without a broker says so", func(t *testing.T) {
		calls := make(chan string, 10)
		hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { calls <- r.URL.Path }))
		defer hook.Close()
		s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest(), Addr: "127.0.0.1:9010"})
		got := s.call(http.MethodPatch, "/admin/accounts/coral-realty", "", map[string]any{"push": []string{"kafka"}})
		require.Equal(t, http.StatusBadRequest, got.status)
		require.Contains(t, string(got.body), "--kafka-addr")
		got = s.call(http.MethodPost, "/v1/webhook-subscriptions", s.key("coral-realty"), map[string]any{"url": hook.URL + "/hook", "events": []string{"*"}})
		require.Equal(t, http.StatusCreated, got.status)
		s.patch("coral-realty", map[string]any{"push": []string{"sns"}})
		s.admin(http.MethodPost, "coral-realty/import", map[string]any{"n": 1, "kind": "appointments"}, nil)
		s.patch("coral-realty", map[string]any{"push": []string{"webhook"}})
		s.admin(http.MethodPost, "coral-realty/import", map[string]any{"n": 1, "kind": "appointments"}, nil)
		select {
		case <-calls:
		case <-time.After(deadline):
			require.Fail(t, "the webhook was not called")
		}
		require.Empty(t, calls, "one of two changes came by webhook")
	})
}

func TestPushBySNS(t *testing.T) {
	t.Parallel()
	got := make(chan map[string]any, 10)
	subscriber := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m map[string]any
		_ = json.Unmarshal(body, &m)
		m["content type"], m["kind"] = r.Header.Get("Content-Type"), r.Header.Get("X-Amz-Sns-Message-Type")
		got <- m
	}))
	t.Cleanup(subscriber.Close)
	next := func() map[string]any {
		select {
		case m := <-got:
			return m
		case <-time.After(deadline):
			require.Fail(t, "no message came")
			return nil
		}
	}
	s := start(t, crm.Config{DataDir: t.TempDir(), Seed: 1, Businesses: smallest(), Addr: "127.0.0.1:9010"})
	s.patch("coral-realty", map[string]any{"push": []string{"sns"}})
	var answer struct{ Topic string }
	s.admin(http.MethodPost, "coral-realty/sns", map[string]any{"endpoint": subscriber.URL}, &answer)
	asked := next()
	require.Equal(t, "SubscriptionConfirmation", asked["kind"])
	require.Equal(t, answer.Topic, asked["TopicArn"])

	s.admin(http.MethodPost, "coral-realty/import", map[string]any{"n": 1, "kind": "appointments"}, nil)
	address, _ := asked["SubscribeURL"].(string)
	path := strings.TrimPrefix(address, "http://127.0.0.1:9010")
	require.Equal(t, http.StatusNotFound, s.call(http.MethodGet, path+"x", "", nil).status)
	require.Equal(t, http.StatusOK, s.call(http.MethodGet, path, "", nil).status)
	s.admin(http.MethodPost, "coral-realty/import", map[string]any{"n": 1, "kind": "appointments"}, nil)
	told := next()
	require.Equal(t, "Notification", told["kind"])
	require.Equal(t, "text/plain; charset=UTF-8", told["content type"])
	require.Contains(t, told["Message"], "appointment.created")
	require.Empty(t, got, "what happened before the confirmation is not told")
	require.Contains(t, string(s.call(http.MethodGet, "/sns/certificate.pem", "", nil).body), "BEGIN CERTIFICATE")
}
