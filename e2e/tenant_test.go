package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"acmesync"

	"github.com/stretchr/testify/require"
)

const harbor, alpine, coral acmesync.TenantID = "harbor-dental", "alpine-physio", "coral-realty"

// api calls one of the product's REST interfaces, the first that answers.
func (s *stack) api(t *testing.T, method, path string, body any) (int, []byte) {
	t.Helper()
	var err error
	for _, base := range s.apiURLs {
		var status int
		var answer []byte
		if status, answer, err = tryRequest(t, method, base+path, s.apiKey, body); err == nil {
			return status, answer
		}
	}
	require.NoError(t, err)
	return 0, nil
}

// connect sets a tenant up with good credentials, as the product's backend does.
func (s *stack) connect(t *testing.T, id acmesync.TenantID, config map[string]any) {
	t.Helper()
	status, body := s.api(t, http.MethodPost, "/v1/tenants", map[string]any{
		"id": id, "name": s.accounts[id].Name, "config": config,
		"acme": map[string]any{"base_url": s.acmeURL}, "app": map[string]any{"base_url": s.appURL},
	})
	require.Equal(t, http.StatusCreated, status, "%s", body)
	status, body = s.api(t, http.MethodPut, "/v1/tenants/"+string(id)+"/credentials", map[string]any{
		"acme": map[string]any{"api_key": s.accounts[id].APIKey}, "app": map[string]any{"token": s.workspaces[id]},
	})
	require.Less(t, status, 300, "%s", body)
}

func (s *stack) command(t *testing.T, id acmesync.TenantID, name string, body any) {
	t.Helper()
	status, answer := s.api(t, http.MethodPost, "/v1/tenants/"+string(id)+"/"+name, body)
	require.Equal(t, http.StatusAccepted, status, "%s %s: %s", name, id, answer)
}

func (s *stack) activate(t *testing.T, id acmesync.TenantID, config map[string]any) {
	t.Helper()
	s.connect(t, id, config)
	s.command(t, id, "activate", nil)
}

type tenantView struct {
	State  string `json:"state"`
	Reason string `json:"state_reason"`
}

func (s *stack) tenant(t *testing.T, id acmesync.TenantID) tenantView {
	t.Helper()
	status, body := s.api(t, http.MethodGet, "/v1/tenants/"+string(id), nil)
	require.Equal(t, http.StatusOK, status, "%s", body)
	var v tenantView
	require.NoError(t, json.Unmarshal(body, &v))
	return v
}

func (s *stack) awaitState(t *testing.T, id acmesync.TenantID, within time.Duration, state string) {
	t.Helper()
	eventually(t, within, fmt.Sprintf("%s is %s", id, state), func() (bool, string) {
		v := s.tenant(t, id)
		return v.State == state, fmt.Sprintf("%+v", v)
	})
}

type balanceView struct {
	Balanced bool               `json:"balanced"`
	Streams  []acmesync.Balance `json:"streams"`
}

func (b balanceView) stream(s acmesync.Stream) acmesync.Balance {
	for _, x := range b.Streams {
		if x.Stream == s {
			return x
		}
	}
	return acmesync.Balance{}
}

func (s *stack) balance(t *testing.T, id acmesync.TenantID) balanceView {
	t.Helper()
	status, body := s.api(t, http.MethodGet, "/v1/tenants/"+string(id)+"/balance", nil)
	require.Equal(t, http.StatusOK, status, "%s", body)
	var b balanceView
	require.NoError(t, json.Unmarshal(body, &b))
	return b
}

// acmeTotals is Acme's own account of what it holds, and what of it is bad and why.
type acmeTotals struct {
	Appointments int64                       `json:"appointments"`
	Touchpoints  int64                       `json:"touchpoints"`
	Events       int64                       `json:"events"`
	Countable    int64                       `json:"countable_touchpoints"`
	Deleted      map[string]int64            `json:"deleted"`
	Manifest     map[string]map[string]int64 `json:"manifest"`
}

func (s *stack) acmeTotals(t *testing.T, id acmesync.TenantID) acmeTotals {
	t.Helper()
	var totals acmeTotals
	getJSON(t, s.acmeURL+"/admin/accounts/"+string(id)+"/totals", "", &totals)
	return totals
}

type appTotals struct {
	Events      int64 `json:"events"`
	Touchpoints int64 `json:"touchpoints"`
}

func (s *stack) appTotals(t *testing.T, id acmesync.TenantID) appTotals {
	t.Helper()
	var totals appTotals
	getJSON(t, s.appURL+"/v1/totals", s.workspaces[id], &totals)
	return totals
}

// compare holds the product's balance and the app's totals against Acme's own account; empty: they agree.
func (s *stack) compare(t *testing.T, id acmesync.TenantID) string {
	t.Helper()
	b, truth, there := s.balance(t, id), s.acmeTotals(t, id), s.appTotals(t, id)
	var off []string
	check := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			off = append(off, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	check("balanced", b.Balanced, true)
	for stream, known := range map[acmesync.Stream]int64{acmesync.Appointments: truth.Appointments, acmesync.Touchpoints: truth.Touchpoints} {
		x, bad := b.stream(stream), truth.Manifest[string(stream)]
		check(string(stream)+" known", x.Known, known)
		check(string(stream)+" deleted", x.Deleted, truth.Deleted[string(stream)])
		codes := map[string]int64{}
		good := known - truth.Deleted[string(stream)]
		for code, n := range bad {
			if n > 0 {
				codes[code] = n
				good -= n
			}
		}
		check(string(stream)+" in step", x.InStep, good)
		have := map[string]int64{}
		for code, n := range x.Skipped {
			have[code] = n
		}
		for code, n := range x.Parked {
			have[code] += n
		}
		check(string(stream)+" skips and parks", have, codes)
		if stream == acmesync.Appointments {
			check("events in the app", there.Events, truth.Events)
		}
	}
	check("touch-points on the dashboard", there.Touchpoints, truth.Countable)
	return strings.Join(off, "; ")
}

// awaitEqual waits until both sides agree.
func (s *stack) awaitEqual(t *testing.T, id acmesync.TenantID, within time.Duration) {
	t.Helper()
	eventually(t, within, fmt.Sprintf("%s is in step", id), func() (bool, string) {
		off := s.compare(t, id)
		return off == "", off
	})
}

// writes is how many items the app has applied for a tenant, and how many write requests came.
type writes struct {
	Requests struct {
		Writes int `json:"writes"`
	} `json:"requests"`
	Applied int `json:"applied"`
	Stale   int `json:"stale"`
}

func (s *stack) writes(t *testing.T, id acmesync.TenantID) writes {
	t.Helper()
	var w writes
	getJSON(t, s.appURL+"/admin/workspaces/"+string(id)+"/writes", "", &w)
	return w
}

func (s *stack) acmeFaults(t *testing.T, id acmesync.TenantID, faults map[string]any) {
	t.Helper()
	status, body := request(t, http.MethodPut, s.acmeURL+"/admin/accounts/"+string(id)+"/faults", "", faults)
	require.Less(t, status, 300, "%s", body)
}

func (s *stack) appFaults(t *testing.T, id acmesync.TenantID, faults map[string]any) {
	t.Helper()
	status, body := request(t, http.MethodPut, s.appURL+"/admin/workspaces/"+string(id)+"/faults", "", faults)
	require.Less(t, status, 300, "%s", body)
}

// setAppointment fills in the form on Acme's own page, as a person does, and answers the new appointment's id.
func (s *stack) setAppointment(t *testing.T, id acmesync.TenantID, subject string) string {
	t.Helper()
	day := time.Now().AddDate(0, 0, 3).Format(time.DateOnly)
	form := url.Values{
		"subject": {subject}, "date": {day}, "start_time": {"07:15"}, "end_time": {"07:45"}, "time_zone": {s.accounts[id].TimeZone},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.acmeURL+"/b/"+string(id)+"/appointments", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.AddCookie(&http.Cookie{Name: "acme_user", Value: "usr_01"})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	return s.findAppointment(t, id, subject)
}

func (s *stack) findAppointment(t *testing.T, id acmesync.TenantID, subject string) string {
	t.Helper()
	var page struct {
		Data []struct{ ID, Subject string } `json:"data"`
	}
	since := url.QueryEscape(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	getJSON(t, s.acmeURL+"/v1/appointments?limit=200&updated_since="+since, s.accounts[id].APIKey, &page)
	for _, a := range page.Data {
		if a.Subject == subject {
			return a.ID
		}
	}
	require.FailNow(t, "the appointment is not in Acme", subject)
	return ""
}

type storedEvent struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Status string `json:"status"`

	Location string `json:"location"`
}

// event looks an appointment up in the app's calendar.
func (s *stack) event(t *testing.T, id acmesync.TenantID, acmeID string) []storedEvent {
	t.Helper()
	var page struct {
		Data   []storedEvent `json:"data"`
		Events []storedEvent `json:"events"`
	}
	getJSON(t, s.appURL+"/v1/events?external_id="+url.QueryEscape(acmesync.ExternalID(acmesync.MainConnection, acmeID)), s.workspaces[id], &page)
	return append(page.Data, page.Events...)
}

func (s *stack) awaitEvent(t *testing.T, id acmesync.TenantID, acmeID string, within time.Duration) {
	t.Helper()
	eventually(t, within, "the appointment is in the calendar", func() (bool, string) {
		events := s.event(t, id, acmeID)
		return len(events) == 1, fmt.Sprintf("%+v", events)
	})
}
