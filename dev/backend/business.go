package backend

import (
	"context"
	"fmt"
	"net/http"
)

// Business is one customer: an account in Acme and the workspace of the same id in the app.
type Business struct {
	ID, Name string
	// AcmeKey and AppToken are what a tenant's credentials are made of.
	AcmeKey, AppToken string
}

// Totals are what the sandboxes themselves count for a business.
type Totals struct {
	// Acme counts records by stream, Deleted how many of them it shows as deleted.
	Acme, Deleted map[string]int
	// Bad counts, by stream and code, the records the sandbox made bad on purpose.
	Bad map[string]map[string]int
	// Shown is how many events Acme's appointments come to: a series is one record and many events.
	Shown int
	// Events and Touchpoints are what the app holds: events, and the sum of all touch-point counts.
	Events, Touchpoints int
}

// Sandboxes reads the Acme and app sandboxes.
type Sandboxes struct {
	AcmeURL, AppURL string
	HTTP            *http.Client
}

// Businesses lists the businesses that both sandboxes know.
func (s Sandboxes) Businesses(ctx context.Context) ([]Business, error) {
	var acme struct {
		Accounts []struct {
			ID     string `json:"id"`
			Name   string `json:"name"`
			APIKey string `json:"api_key"`
		} `json:"accounts"`
	}
	if _, err := call(ctx, s.HTTP, http.MethodGet, s.AcmeURL+"/admin/accounts", "", nil, &acme, http.StatusOK); err != nil {
		return nil, fmt.Errorf("list Acme's accounts: %w", err)
	}
	var app struct {
		Workspaces []struct {
			ID    string `json:"id"`
			Token string `json:"token"`
		} `json:"workspaces"`
	}
	if _, err := call(ctx, s.HTTP, http.MethodGet, s.AppURL+"/admin/workspaces", "", nil, &app, http.StatusOK); err != nil {
		return nil, fmt.Errorf("list the app's workspaces: %w", err)
	}
	tokens := map[string]string{}
	for _, w := range app.Workspaces {
		tokens[w.ID] = w.Token
	}
	var found []Business
	for _, a := range acme.Accounts {
		if token, ok := tokens[a.ID]; ok {
			found = append(found, Business{ID: a.ID, Name: a.Name, AcmeKey: a.APIKey, AppToken: token})
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the sandboxes have no business in common (%d accounts, %d workspaces)", len(acme.Accounts), len(app.Workspaces))
	}
	return found, nil
}

// Totals asks both sandboxes what they hold for a business.
func (s Sandboxes) Totals(ctx context.Context, b Business) (Totals, error) {
	var acme struct {
		Appointments int                       `json:"appointments"`
		Touchpoints  int                       `json:"touchpoints"`
		Events       int                       `json:"events"`
		Deleted      map[string]int            `json:"deleted"`
		Manifest     map[string]map[string]int `json:"manifest"`
	}
	if _, err := call(ctx, s.HTTP, http.MethodGet, s.AcmeURL+"/admin/accounts/"+b.ID+"/totals", "", nil, &acme, http.StatusOK); err != nil {
		return Totals{}, fmt.Errorf("read Acme's totals of %s: %w", b.ID, err)
	}
	var app struct {
		Events      int `json:"events"`
		Touchpoints int `json:"touchpoints"`
	}
	if _, err := call(ctx, s.HTTP, http.MethodGet, s.AppURL+"/v1/totals", b.AppToken, nil, &app, http.StatusOK); err != nil {
		return Totals{}, fmt.Errorf("read the app's totals of %s: %w", b.ID, err)
	}
	return Totals{
		Acme:    map[string]int{Appointments: acme.Appointments, Touchpoints: acme.Touchpoints},
		Deleted: acme.Deleted, Bad: acme.Manifest, Shown: acme.Events,
		Events: app.Events, Touchpoints: app.Touchpoints,
	}, nil
}
