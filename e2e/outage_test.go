package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

type holdsView struct {
	Holds []acmesync.Hold `json:"holds"`
	Data  []acmesync.Hold `json:"data"`
}

func (s *stack) holds(t *testing.T, id acmesync.TenantID) []acmesync.Hold {
	t.Helper()
	var v holdsView
	getJSON(t, s.apiURLs[0]+"/v1/tenants/"+string(id)+"/holds", s.apiKey, &v)
	return append(v.Holds, v.Data...)
}

func TestOutages(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1})
	hourly := map[string]any{"poll_seconds": 3600}

	t.Run("a tenant activated while Acme is down is held with a reason, and starts by itself", func(t *testing.T) {
		s.acmeFaults(t, coral, map[string]any{"down": true})
		s.activate(t, coral, hourly)
		s.awaitState(t, coral, 20*time.Second, "held")
		holds := s.holds(t, coral)
		require.Len(t, holds, 1)
		require.Equal(t, acmesync.DependsOnAcme, holds[0].Dependency)
		require.NotEmpty(t, holds[0].Reason)
		require.False(t, holds[0].Since.IsZero())
		s.acmeFaults(t, coral, map[string]any{})
		s.awaitEqual(t, coral, time.Minute)
		require.Empty(t, s.holds(t, coral))
		s.awaitState(t, coral, 10*time.Second, "active")
	})

	t.Run("while the app is down Acme is read on, the inbox holds the data, and nothing is lost", func(t *testing.T) {
		s.appFaults(t, alpine, map[string]any{"down": true})
		s.activate(t, alpine, hourly)
		eventually(t, time.Minute, "all of Acme is in the inbox", func() (bool, string) {
			b := s.balance(t, alpine).stream(acmesync.Touchpoints)
			return b.Known >= 6000 && b.InStep == 0, fmt.Sprintf("%+v", b)
		})
		s.awaitState(t, alpine, 10*time.Second, "held")
		s.appFaults(t, alpine, map[string]any{})
		s.awaitEqual(t, alpine, time.Minute)
	})

	t.Run("a storm of 429 and 5xx only slows down", func(t *testing.T) {
		s.acmeFaults(t, coral, map[string]any{"rate_5xx": 0.3})
		s.appFaults(t, coral, map[string]any{"rate_5xx": 0.3})
		for n := range 5 {
			s.putAppointment(t, coral, fmt.Sprintf("apt_rough_%d", n), nil)
		}
		s.acmeFaults(t, coral, map[string]any{"storm_429": map[string]any{"retry_after": "1"}})
		s.putAppointment(t, coral, "apt_slow", nil)
		<-time.After(1500 * time.Millisecond)
		s.acmeFaults(t, coral, map[string]any{})
		s.appFaults(t, coral, map[string]any{})
		s.awaitEqual(t, coral, time.Minute)
	})

	t.Run("hooks are taken while Temporal is stopped, and their records arrive after it is back", func(t *testing.T) {
		s.awaitQuiet(t, coral) // a lane that lingers would need no ring
		s.server.kill()
		acmeID := s.setAppointment(t, coral, "While Temporal was away")
		eventually(t, 20*time.Second, "the webhook is stored", func() (bool, string) {
			b := s.balance(t, coral).stream(acmesync.Appointments)
			return b.Arrivals.Waiting > 0 || b.Arrivals.Received > 0 && len(s.event(t, coral, acmeID)) == 1, fmt.Sprintf("%+v", b)
		})
		s.server.start(t)
		s.awaitEvent(t, coral, acmeID, time.Minute)
		s.awaitEqual(t, coral, time.Minute)
	})

	t.Run("revoked credentials ask a person to connect again, and it resumes where it was", func(t *testing.T) {
		s.acmeFaults(t, coral, map[string]any{"token_revoked": true})
		s.command(t, coral, "sync", nil)
		s.awaitState(t, coral, 20*time.Second, "needs_reauth")
		s.acmeFaults(t, coral, map[string]any{})
		acmeID := s.setAppointment(t, coral, "While nobody was let in")
		status, body := s.api(t, http.MethodPut, "/v1/tenants/"+string(coral)+"/credentials", map[string]any{
			"acme": map[string]any{"api_key": s.accounts[coral].APIKey},
		})
		require.Less(t, status, 300, "%s", body)
		s.awaitEvent(t, coral, acmeID, 20*time.Second)
		s.awaitState(t, coral, 10*time.Second, "active")
	})
}

// awaitQuiet waits until no lane of a tenant runs.
func (s *stack) awaitQuiet(t *testing.T, id acmesync.TenantID) {
	t.Helper()
	eventually(t, 20*time.Second, "no lane runs", func() (bool, string) {
		var alive int
		require.NoError(t, s.db.Super.Get(&alive, `SELECT count(*) FROM lanes WHERE tenant = $1 AND (alive_at IS NOT NULL OR marked_at IS NOT NULL)`, id))
		return alive == 0, fmt.Sprint(alive)
	})
}

func TestPoison(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1})
	s.activate(t, coral, map[string]any{"poll_seconds": 5})
	s.awaitEqual(t, coral, time.Minute)

	t.Run("a record that makes the app fail parks, its neighbours arrive", func(t *testing.T) {
		s.appFaults(t, coral, map[string]any{"fail_external_ids": []string{acmesync.ExternalID(acmesync.MainConnection, "apt_poison")}})
		s.acmeFaults(t, coral, map[string]any{"webhook": map[string]any{"drop_rate": 1}}) // one poll brings them together
		for _, id := range []string{"apt_before", "apt_poison", "apt_after"} {
			s.putAppointment(t, coral, id, nil)
		}
		s.awaitEvent(t, coral, "apt_before", 20*time.Second)
		s.awaitEvent(t, coral, "apt_after", 20*time.Second)
		eventually(t, 20*time.Second, "the poisonous one is parked", func() (bool, string) {
			b := s.balance(t, coral).stream(acmesync.Appointments)
			return b.Parked["destination_error"] == 1, fmt.Sprintf("%+v", b)
		})
	})

	t.Run("a page with a record that makes Acme fail is stepped over, and later records arrive", func(t *testing.T) {
		s.putAppointment(t, coral, "apt_unreadable", nil)
		s.acmeFaults(t, coral, map[string]any{"bad_ids": []string{"apt_unreadable"}, "webhook": map[string]any{"drop_rate": 1}})
		<-time.After(50 * time.Millisecond) // a later moment than the bad record's, by Acme's own clock
		s.putAppointment(t, coral, "apt_behind_it", nil)
		s.awaitEvent(t, coral, "apt_behind_it", time.Minute)
	})

	t.Run("the range that was stepped over is read again when its review is retried", func(t *testing.T) {
		s.acmeFaults(t, coral, map[string]any{})
		s.appFaults(t, coral, map[string]any{})
		status, body := s.api(t, http.MethodGet, "/v1/reviews?tenant="+string(coral), nil)
		require.Equal(t, http.StatusOK, status)
		for _, code := range []acmesync.Code{acmesync.SourceError, acmesync.DestinationError} {
			for _, field := range []string{"", "list"} {
				fingerprint := acmesync.Fingerprint(acmesync.Appointments, code, field)
				if !strings.Contains(string(body), fingerprint) {
					continue
				}
				status, answer := s.api(t, http.MethodPost, "/v1/reviews/"+string(coral)+"."+fingerprint+"/decisions",
					map[string]any{"action": "retry", "reason": "it is healthy again"})
				require.Equal(t, http.StatusAccepted, status, "%s", answer)
			}
		}
		s.awaitEvent(t, coral, "apt_unreadable", 30*time.Second)
		s.awaitEvent(t, coral, "apt_poison", 30*time.Second)
		s.awaitEqual(t, coral, 30*time.Second)
	})
}

func TestContactChange(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1})
	s.activate(t, coral, map[string]any{"poll_seconds": 3600})
	s.awaitEqual(t, coral, time.Minute)
	var page struct {
		Data []struct {
			ID     string   `json:"id"`
			Phones []string `json:"phones"`
		} `json:"data"`
	}
	getJSON(t, s.acmeURL+"/v1/contacts?limit=1", s.accounts[coral].APIKey, &page)
	contact := page.Data[0].ID
	s.putAppointment(t, coral, "apt_with_contact", map[string]any{"contact_ids": []string{contact}})
	s.awaitEvent(t, coral, "apt_with_contact", 15*time.Second)
	req := map[string]any{"phones": []string{"+61 2 9374 4000"}}
	status, body := patch(t, s.acmeURL+"/v1/contacts/"+contact, s.accounts[coral].APIKey, req)
	require.Less(t, status, 300, "%s", body)
	eventually(t, 20*time.Second, "the event has the new phone", func() (bool, string) {
		_, body := request(t, http.MethodGet, s.appURL+"/v1/events?external_id="+acmesync.ExternalID(acmesync.MainConnection, "apt_with_contact"), s.workspaces[coral], nil)
		return strings.Contains(string(body), "+61293744000"), string(body)
	})
}

func patch(t *testing.T, url, bearer string, body any) (int, []byte) {
	t.Helper()
	return request(t, http.MethodPatch, url, bearer, body)
}
