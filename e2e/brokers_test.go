package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// pushBy has Acme tell an account's changes in these ways and no other.
func (s *stack) pushBy(t *testing.T, id acmesync.TenantID, ways ...string) {
	t.Helper()
	status, body := request(t, http.MethodPatch, s.acmeURL+"/admin/accounts/"+string(id), "", map[string]any{"push": ways})
	require.Equal(t, http.StatusOK, status, "%s", body)
}

// story is what the product tells of a record.
func (s *stack) story(t *testing.T, id acmesync.TenantID, acmeID string) string {
	t.Helper()
	status, body := s.api(t, http.MethodGet, "/v1/tenants/"+string(id)+"/records/appointments/"+acmeID, nil)
	require.Equal(t, http.StatusOK, status)
	return string(body)
}

// subscribeTopic subscribes the tenant's address to its account's topic of SNS.
func (s *stack) subscribeTopic(t *testing.T, id, account acmesync.TenantID) {
	t.Helper()
	var tenant struct {
		SNSURL string `json:"sns_url"`
	}
	status, body := s.api(t, http.MethodGet, "/v1/tenants/"+string(id), nil)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, json.Unmarshal(body, &tenant))
	status, body = request(t, http.MethodPost, s.acmeURL+"/admin/accounts/"+string(account)+"/sns", "", map[string]any{"endpoint": tenant.SNSURL})
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(body), `"answered":200`, "the product confirms by itself")
}

// pending counts what Acme has still to tell of an account.
func (s *stack) pending(t *testing.T, id acmesync.TenantID) int {
	t.Helper()
	var list struct{ Data []struct{ State string } }
	getJSON(t, s.acmeURL+"/admin/accounts/"+string(id)+"/deliveries", "", &list)
	n := 0
	for _, d := range list.Data {
		if d.State == "pending" {
			n++
		}
	}
	return n
}

// produce puts messages of key and value into the topic, as any client of Kafka may.
func (s *stack) produce(t *testing.T, messages ...[2]string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka), kgo.DefaultProduceTopic("acme.changes"))
	require.NoError(t, err)
	defer client.Close()
	for _, m := range messages {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Key: []byte(m[0]), Value: []byte(m[1])}).FirstErr())
	}
}

func TestBrokers(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 2, apis: 1, brokers: true})
	hourly := map[string]any{"poll_seconds": 3600}
	topic := "arn:aws:sns:sandbox-1:000000000000:acme-" + string(alpine)
	s.pushBy(t, coral, "kafka")
	s.pushBy(t, alpine, "sns")
	s.activate(t, coral, hourly)
	s.activate(t, alpine, map[string]any{"poll_seconds": 3600, "sns": map[string]any{"topics": []string{topic}}})
	s.subscribeTopic(t, alpine, alpine)
	for _, id := range []acmesync.TenantID{coral, alpine} {
		s.awaitEqual(t, id, time.Minute)
		s.awaitState(t, id, 10*time.Second, "active")
	}
	ways := map[acmesync.TenantID]string{coral: "kafka", alpine: "sns"}

	t.Run("an appointment set on Acme's page arrives within 10 seconds though polls are hourly and webhooks silent", func(t *testing.T) {
		for id, way := range ways {
			acmeID := s.setAppointment(t, id, "By "+way)
			s.awaitEvent(t, id, acmeID, 10*time.Second)
			require.Contains(t, s.story(t, id, acmeID), `"`+way+`"`)
		}
	})
	t.Run("the same message several times has one effect", func(t *testing.T) {
		for id, way := range ways {
			before := s.writes(t, id)
			s.acmeFaults(t, id, map[string]any{"webhook": map[string]any{"duplicate": 4}})
			acmeID := s.setAppointment(t, id, "Five copies by "+way)
			s.awaitEvent(t, id, acmeID, 10*time.Second)
			s.acmeFaults(t, id, map[string]any{})
			s.awaitEqual(t, id, 20*time.Second)
			require.Equal(t, before.Applied+1, s.writes(t, id).Applied, way)
		}
	})
	t.Run("workers killed in the middle of traffic, and messages that overtake each other, lose and double nothing", func(t *testing.T) {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for id := range ways {
			s.acmeFaults(t, id, map[string]any{"webhook": map[string]any{"reorder": true, "duplicate": 1}})
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(20 * time.Millisecond):
						_, _, _ = tryRequest(t, http.MethodPost, s.acmeURL+"/admin/accounts/"+string(id)+"/import", "",
							map[string]any{"n": 1, "kind": []string{"appointments", "touchpoints"}[n%2]})
					}
				}
			})
		}
		for i := range 4 {
			<-time.After(time.Second)
			victim := s.workers[i%2]
			victim.kill()
			<-time.After(200 * time.Millisecond)
			victim.start(t)
		}
		close(stop)
		wg.Wait()
		for id := range ways {
			s.acmeFaults(t, id, map[string]any{})
			eventually(t, time.Minute, "Acme has told all of it", func() (bool, string) { return s.pending(t, id) == 0, fmt.Sprint(s.pending(t, id)) })
		}
		// The broker here is a fake: now and then it never ends a join after members of a group have vanished, where a real one lets
		// go of them after their session. Its topic and offsets are on disk, so a new start ends the join and loses nothing.
		s.acme.kill()
		s.acme.start(t)
		waitHTTP(t, s.acmeURL+"/healthz")
		for id := range ways {
			// A worker that was killed after it marked a lane and before it rang leaves that to the sweep, which waits for two minutes.
			s.awaitEqual(t, id, 4*time.Minute)
		}
	})
	t.Run("Acme's broker away for a while is waited for", func(t *testing.T) {
		s.acme.kill()
		<-time.After(2 * time.Second)
		s.acme.start(t)
		waitHTTP(t, s.acmeURL+"/healthz")
		acmeID := s.setAppointment(t, coral, "After the break")
		s.awaitEvent(t, coral, acmeID, time.Minute)
	})
	t.Run("what cannot be read is parked for its tenant and stops nobody", func(t *testing.T) {
		var parked int
		s.produce(t, [2]string{string(coral) + ":apt_x", "not JSON"}, [2]string{"", "{}"}, [2]string{"nobody:1", "{}"})
		eventually(t, 20*time.Second, "one raw envelope is parked", func() (bool, string) {
			require.NoError(t, s.db.Super.Get(&parked, `SELECT count(*) FROM envelopes WHERE tenant = $1 AND kind = 'raw' AND parked = 1`, coral))
			return parked == 1, ""
		})
		acmeID := s.setAppointment(t, coral, "After the poison")
		s.awaitEvent(t, coral, acmeID, 20*time.Second)
	})
}
