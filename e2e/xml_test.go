package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"

	"github.com/stretchr/testify/require"
)

const coralXML acmesync.TenantID = "coral-xml"

// inXML is a tenant whose Acme speaks XML in both directions. Polls are so rare that only pushes bring news.
func inXML() map[string]any {
	return map[string]any{"poll_seconds": 86400, "profile": map[string]any{
		"format": "xml", "subscriptions": map[string]any{"format": "soap"},
	}}
}

// subscribed lists the formats of an account's subscriptions.
func (s *stack) subscribed(t *testing.T, id acmesync.TenantID) []string {
	t.Helper()
	var list struct {
		Data []acme.Subscription `json:"data"`
	}
	getJSON(t, s.acmeURL+"/v1/webhook-subscriptions", s.accounts[id].APIKey, &list)
	formats := []string{}
	for _, one := range list.Data {
		formats = append(formats, one.Format)
	}
	slices.Sort(formats)
	return formats
}

// pushed counts what came to a tenant by a way, and how many ids it came under.
func (s *stack) pushed(t *testing.T, id acmesync.TenantID, way acmesync.Way) (arrived, ids int) {
	t.Helper()
	require.NoError(t, s.db.Super.Get(&arrived, `SELECT count(*) FROM envelopes WHERE tenant = $1 AND way = $2`, id, way))
	require.NoError(t, s.db.Super.Get(&ids, `SELECT count(*) FROM hook_ids WHERE tenant = $1 AND webhook_id LIKE $2 || ':%'`, id, way))
	return arrived, ids
}

func TestXML(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{workers: 1, apis: 1})
	s.twin(t, coralXML)

	t.Run("a business that speaks XML alone balances and equals the sandboxes' own totals, code by code", func(t *testing.T) {
		s.activate(t, alpine, inXML())
		<-time.After(300 * time.Millisecond) // some pages in
		s.workers[0].kill()
		s.workers[0].start(t)
		s.awaitEqual(t, alpine, 2*time.Minute)
		s.awaitState(t, alpine, 10*time.Second, "active")
		require.Equal(t, []string{acme.FormatSOAP}, s.subscribed(t, alpine))
	})
	t.Run("an account read as XML and as JSON ends in the same calendar and the same dashboard", func(t *testing.T) {
		s.activate(t, coral, map[string]any{"poll_seconds": 86400})
		s.activate(t, coralXML, inXML())
		s.awaitEqual(t, coral, time.Minute)
		s.awaitState(t, coralXML, time.Minute, "active")
		eventually(t, time.Minute, "the dashboards are alike", func() (bool, string) {
			return maps.Equal(s.dashboard(t, coral), s.dashboard(t, coralXML)), ""
		})
		want, got := s.calendar(t, coral, strings.Clone), s.calendar(t, coralXML, strings.Clone)
		require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
		for name, e := range want {
			require.Equal(t, content(e), content(got[name]), name)
		}
		own, theirs := s.balance(t, coral), s.balance(t, coralXML)
		for _, stream := range []acmesync.Stream{acmesync.Appointments, acmesync.Touchpoints} {
			a, b := own.stream(stream), theirs.stream(stream)
			require.Equal(t, []any{a.Known, a.InStep, a.Deleted, a.Skipped, a.Parked}, []any{b.Known, b.InStep, b.Deleted, b.Skipped, b.Parked}, stream)
		}
	})
	t.Run("an appointment set by hand arrives by an outbound message within 10 seconds", func(t *testing.T) {
		acmeID := s.setAppointment(t, alpine, "Told in XML")
		s.awaitEvent(t, alpine, acmeID, 10*time.Second)
		arrived, ids := s.pushed(t, alpine, acmesync.BySOAP)
		require.Positive(t, arrived)
		require.Equal(t, ids, arrived)
		status, story := s.api(t, http.MethodGet, "/v1/tenants/"+string(alpine)+"/records/appointments/"+acmeID, nil)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, string(story), `"soap"`)
	})
	t.Run("the same message five times in parallel, out of order, has one effect", func(t *testing.T) {
		before := s.writes(t, alpine)
		s.acmeFaults(t, alpine, map[string]any{"webhook": map[string]any{"duplicate": 4}})
		acmeID := s.setAppointment(t, alpine, "Five copies of one message")
		s.awaitEvent(t, alpine, acmeID, 10*time.Second)
		s.acmeFaults(t, alpine, map[string]any{"webhook": map[string]any{"reorder": true}})
		s.imports(t, alpine, 20)
		s.awaitEqual(t, alpine, 30*time.Second)
		s.acmeFaults(t, alpine, map[string]any{})
		require.LessOrEqual(t, s.writes(t, alpine).Applied, before.Applied+21)
		arrived, ids := s.pushed(t, alpine, acmesync.BySOAP)
		require.Equal(t, ids, arrived)
	})
	t.Run("an api killed in the middle of messages loses and doubles nothing", func(t *testing.T) {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					s.imports(t, alpine, 5)
				}
			}
		})
		for range 4 {
			<-time.After(700 * time.Millisecond)
			s.apis[0].kill()
			<-time.After(200 * time.Millisecond)
			s.apis[0].start(t)
		}
		close(stop)
		wg.Wait()
		waitHTTP(t, s.apiURLs[0]+"/readyz")
		s.awaitEqual(t, alpine, 2*time.Minute)
		arrived, ids := s.pushed(t, alpine, acmesync.BySOAP)
		require.Equal(t, ids, arrived)
		require.Greater(t, arrived, 100)
	})
	t.Run("pages that are cut off are never taken for the end", func(t *testing.T) {
		s.acmeFaults(t, alpine, map[string]any{"truncated_page": true})
		require.NoError(t, s.backfill(t, alpine))
		s.awaitState(t, alpine, 30*time.Second, "held")
		s.acmeFaults(t, alpine, map[string]any{})
		s.awaitState(t, alpine, time.Minute, "active")
		s.awaitEqual(t, alpine, time.Minute)
	})
	t.Run("the configuration alone moves a tenant from messages to webhooks and back", func(t *testing.T) {
		for _, c := range []struct {
			config  map[string]any
			formats []string
			subject string
		}{
			{map[string]any{"poll_seconds": 86400}, []string{"", ""}, "By webhook again"},
			{inXML(), []string{"", acme.FormatSOAP}, "By message again"},
		} {
			status, body := s.api(t, http.MethodPut, "/v1/tenants/"+string(coralXML)+"/config", c.config)
			require.Equal(t, http.StatusOK, status, "%s", body)
			eventually(t, 30*time.Second, "the subscription is of the other kind, beside that of the other tenant", func() (bool, string) {
				formats := s.subscribed(t, coral)
				return slices.Equal(formats, c.formats), strings.Join(formats, ",")
			})
			acmeID := s.setAppointment(t, coral, c.subject)
			s.awaitEvent(t, coralXML, acmeID, 15*time.Second)
			s.awaitEvent(t, coral, acmeID, 15*time.Second)
		}
		require.Equal(t, s.dashboard(t, coral), s.dashboard(t, coralXML))
	})
}

// imports brings new appointments into Acme, as an upload does.
func (s *stack) imports(t *testing.T, id acmesync.TenantID, n int) {
	t.Helper()
	status, body, err := tryRequest(t, http.MethodPost, s.acmeURL+"/admin/accounts/"+string(id)+"/import", "", map[string]any{"n": n, "kind": "appointments"})
	require.NoError(t, err)
	require.Less(t, status, 300, "%s", body)
	require.True(t, json.Valid(body))
}
