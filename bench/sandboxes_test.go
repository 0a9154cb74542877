package bench_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"acmesync/app"
	"acmesync/sandbox/business"
)

const homeZone = "America/New_York"

// account is one of Acme's, with so much in it.
type account struct {
	ID     string `json:"id"`
	APIKey string `json:"api_key"`
}

// limit allows a number of requests per window.
type limit struct {
	Requests   int `json:"requests"`
	PerSeconds int `json:"per_seconds"`
}

func (s *stack) newAccount(b *testing.B, id string, appointments int, l limit) account {
	b.Helper()
	type person struct {
		Name     string `json:"name"`
		Email    string `json:"email"`
		TimeZone string `json:"time_zone"`
		Active   bool   `json:"active"`
		InApp    bool   `json:"in_app"`
	}
	var people []person
	for _, p := range business.Staff(id, homeZone, staff) {
		people = append(people, person(p))
	}
	var a account
	ask(b, http.MethodPost, s.acmeURL+"/admin/accounts", "", map[string]any{
		"id": id, "time_zone": homeZone, "region": "US", "people": people, "max_page": 500, "rate_limit": l,
		"appointments": 0, "contacts": int(float64(appointments) * contactsPer),
	}, &a)
	// Imported ones are single appointments: a series is one record and many events, and a bare loop has no notion of them.
	if appointments > 0 {
		ask(b, http.MethodPost, s.acmeURL+"/admin/accounts/"+id+"/import", "", map[string]any{"n": appointments, "kind": "appointments"}, nil)
	}
	return a
}

// workspace is one of the app's, with the same people as an account.
type workspace struct {
	ID    string `json:"id"`
	Token string `json:"token"`
}

func (s *stack) newWorkspace(b *testing.B, id string, of account) workspace {
	b.Helper()
	var users []app.User
	for _, p := range business.Staff(of.ID, homeZone, staff) {
		users = append(users, app.User{Name: p.Name, Email: p.Email, TimeZone: p.TimeZone, Active: true})
	}
	var w workspace
	ask(b, http.MethodPost, s.appURL+"/admin/workspaces", "", map[string]any{"id": id, "name": id, "time_zone": homeZone, "users": users}, &w)
	return w
}

// events is how many the app holds.
func (s *stack) events(b *testing.B, w workspace) int {
	b.Helper()
	var totals app.Totals
	ask(b, http.MethodGet, s.appURL+"/v1/totals", w.Token, nil, &totals)
	return totals.Events
}

// writeRequests is how many bulk writes have come to a workspace.
func (s *stack) writeRequests(b *testing.B, w workspace) int {
	b.Helper()
	var writes struct {
		Requests struct {
			Writes int `json:"writes"`
		} `json:"requests"`
	}
	ask(b, http.MethodGet, s.appURL+"/admin/workspaces/"+w.ID+"/writes", "", nil, &writes)
	return writes.Requests.Writes
}

// arrival is a write as the app saw it come.
type arrival struct {
	Seq        int64     `json:"seq"`
	ExternalID string    `json:"external_id"`
	At         time.Time `json:"at"`
}

func (s *stack) arrivals(b *testing.B, w workspace, after int64) []arrival {
	b.Helper()
	var list struct {
		Arrivals []arrival `json:"arrivals"`
	}
	ask(b, http.MethodGet, fmt.Sprintf("%s/admin/workspaces/%s/received?after=%d&limit=100000", s.appURL, w.ID, after), "", nil, &list)
	return list.Arrivals
}

// dropWebhooks keeps Acme's own webhooks back: the benchmark sends its own, at moments it knows.
func (s *stack) dropWebhooks(b *testing.B, a account) {
	b.Helper()
	ask(b, http.MethodPut, s.acmeURL+"/admin/accounts/"+a.ID+"/faults", "", map[string]any{"webhook": map[string]any{"drop_rate": 1}}, nil)
}
