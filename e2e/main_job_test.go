package e2e_test

import (
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

func TestMainJob(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 2, apis: 2})
	hourly := map[string]any{"poll_seconds": 3600}
	tenants := []acmesync.TenantID{harbor, alpine, coral}

	t.Run("the first sync balances and equals the sandboxes' own totals, code by code", func(t *testing.T) {
		for _, id := range tenants {
			s.activate(t, id, hourly)
		}
		for _, id := range tenants {
			s.awaitEqual(t, id, time.Minute)
			s.awaitState(t, id, 10*time.Second, "active")
		}
	})

	t.Run("an appointment set on Acme's page arrives within 10 seconds though polls are hourly", func(t *testing.T) {
		acmeID := s.setAppointment(t, alpine, "A walk around the lake")
		s.awaitEvent(t, alpine, acmeID, 10*time.Second)
	})

	t.Run("the same webhook five times in parallel has one effect", func(t *testing.T) {
		before := s.writes(t, coral)
		s.acmeFaults(t, coral, map[string]any{"webhook": map[string]any{"duplicate": 4}})
		acmeID := s.setAppointment(t, coral, "Five copies of one call")
		s.awaitEvent(t, coral, acmeID, 10*time.Second)
		s.acmeFaults(t, coral, map[string]any{})
		s.awaitEqual(t, coral, 20*time.Second)
		require.Equal(t, before.Applied+1, s.writes(t, coral).Applied)
	})

	t.Run("a second pass with nothing changed writes nothing", func(t *testing.T) {
		before := s.writes(t, alpine)
		known := s.balance(t, alpine).stream(acmesync.Appointments).Arrivals.Received
		require.NoError(t, s.backfill(t, alpine))
		eventually(t, 30*time.Second, "everything was read again", func() (bool, string) {
			a := s.balance(t, alpine).stream(acmesync.Appointments).Arrivals
			return a.Received >= known+1500 && a.Waiting == 0, ""
		})
		s.awaitEqual(t, alpine, 10*time.Second)
		require.Equal(t, before.Requests.Writes, s.writes(t, alpine).Requests.Writes)
	})

	t.Run("one way of telling a record's story names what arrived and what was done", func(t *testing.T) {
		acmeID := s.setAppointment(t, harbor, "Where is my record")
		s.awaitEvent(t, harbor, acmeID, 10*time.Second)
		status, body := s.api(t, http.MethodGet, "/v1/tenants/"+string(harbor)+"/records/appointments/"+acmeID, nil)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, string(body), `"in_step"`)
		require.Contains(t, string(body), `"hook"`)
	})

	t.Run("deactivating and activating again doubles nothing", func(t *testing.T) {
		s.command(t, coral, "deactivate", map[string]any{"events": "keep"})
		s.awaitEnded(t, coral)
		before := s.writes(t, coral)
		s.command(t, coral, "activate", nil)
		s.awaitState(t, coral, time.Minute, "active")
		s.awaitEqual(t, coral, time.Minute)
		require.Equal(t, before.Applied, s.writes(t, coral).Applied)
	})

	t.Run("deactivating with removal takes the events out of the app, and Acme's subscription away", func(t *testing.T) {
		s.command(t, coral, "deactivate", map[string]any{"events": "remove"})
		eventually(t, 20*time.Second, "no event is left", func() (bool, string) { return s.appTotals(t, coral).Events == 0, "" })
		eventually(t, 20*time.Second, "no subscription is left", func() (bool, string) {
			var subscriptions struct{ Data []any }
			getJSON(t, s.acmeURL+"/v1/webhook-subscriptions", s.accounts[coral].APIKey, &subscriptions)
			return len(subscriptions.Data) == 0, ""
		})
		s.command(t, coral, "activate", nil)
		s.awaitEqual(t, coral, time.Minute)
	})
}

func TestPollAlone(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1})
	s.acmeFaults(t, coral, map[string]any{"webhook": map[string]any{"drop_rate": 1}})
	s.activate(t, coral, map[string]any{"poll_seconds": 5})
	s.awaitEqual(t, coral, time.Minute)
	acmeID := s.setAppointment(t, coral, "Nobody told us")
	s.awaitEvent(t, coral, acmeID, 20*time.Second)
}

func TestKills(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 2, apis: 2})
	for _, id := range []acmesync.TenantID{harbor, alpine} {
		s.activate(t, id, map[string]any{"poll_seconds": 10})
	}
	t.Run("workers killed in the middle of the first sync lose and double nothing", func(t *testing.T) {
		for i := range 3 {
			eventually(t, time.Minute, "some records have arrived", func() (bool, string) {
				return s.balance(t, harbor).stream(acmesync.Appointments).Known >= int64(200*(i+1)), ""
			})
			s.workers[i%2].kill()
			s.workers[i%2].start(t)
		}
		s.awaitEqual(t, harbor, 2*time.Minute)
		s.awaitEqual(t, alpine, time.Minute)
	})
	t.Run("api and workers killed under live traffic lose and double nothing", func(t *testing.T) {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					_, _, _ = tryRequest(t, http.MethodPost, s.acmeURL+"/admin/accounts/"+string(alpine)+"/import", "",
						map[string]any{"n": 1, "kind": []string{"appointments", "touchpoints"}[n%2]})
				}
			}
		})
		for i := range 4 {
			<-time.After(700 * time.Millisecond)
			victim := []*process{s.apis[0], s.workers[0], s.apis[0], s.workers[1]}[i]
			victim.kill()
			<-time.After(200 * time.Millisecond)
			victim.start(t)
		}
		close(stop)
		wg.Wait()
		s.awaitEqual(t, alpine, 2*time.Minute)
	})
	t.Run("a worker told to leave finishes its page, and the other goes on", func(t *testing.T) {
		s.workers[0].stop(syscall.SIGTERM)
		acmeID := s.setAppointment(t, alpine, "One worker is enough")
		s.awaitEvent(t, alpine, acmeID, 20*time.Second)
	})
}
