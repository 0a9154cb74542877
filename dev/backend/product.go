package backend

import (
	"context"
	"fmt"
	"net/http"
)

// Product is acmesync's REST API.
type Product struct {
	URL, Key string
	HTTP     *http.Client
}

// The streams whose records are balanced.
const (
	Appointments = "appointments"
	Touchpoints  = "touchpoints"
)

// Stream is the balance of one stream of a tenant: each record once, by its present state.
type Stream struct {
	Stream   string         `json:"stream"`
	Known    int            `json:"known"`
	InStep   int            `json:"in_step"`
	Skipped  map[string]int `json:"skipped"` // by code
	Parked   map[string]int `json:"parked"`  // by code
	Waiting  int            `json:"waiting"`
	Deleted  int            `json:"deleted"`
	Balanced bool           `json:"balanced"`
}

// Settle creates the tenant of a business and activates it. A tenant that exists already keeps the state a
// person may have given it: only one that was never activated is.
func (p Product) Settle(ctx context.Context, b Business, acmeURL, appURL string) (created bool, err error) {
	type address struct {
		BaseURL string `json:"base_url"`
	}
	tenant := struct {
		ID   string  `json:"id"`
		Name string  `json:"name"`
		Acme address `json:"acme"`
		App  address `json:"app"`
	}{b.ID, b.Name, address{acmeURL}, address{appURL}}
	status, err := call(ctx, p.HTTP, http.MethodPost, p.URL+"/v1/tenants", p.Key, tenant, nil,
		http.StatusCreated, http.StatusOK, http.StatusConflict)
	if err != nil {
		return false, fmt.Errorf("create the tenant %s: %w", b.ID, err)
	}
	if status == http.StatusConflict {
		state, err := p.State(ctx, b.ID)
		if err != nil || state != "draft" {
			return false, err
		}
	}
	credentials := map[string]map[string]string{"acme": {"api_key": b.AcmeKey}, "app": {"token": b.AppToken}}
	if _, err := call(ctx, p.HTTP, http.MethodPut, p.tenant(b.ID, "/credentials"), p.Key, credentials, nil,
		http.StatusOK, http.StatusNoContent); err != nil {
		return false, fmt.Errorf("store the credentials of %s: %w", b.ID, err)
	}
	if _, err := call(ctx, p.HTTP, http.MethodPost, p.tenant(b.ID, "/activate"), p.Key, struct{}{}, nil,
		http.StatusOK, http.StatusAccepted); err != nil {
		return false, fmt.Errorf("activate %s: %w", b.ID, err)
	}
	return true, nil
}

// State is the tenant's state in one word.
func (p Product) State(ctx context.Context, tenant string) (string, error) {
	var answer struct {
		State string `json:"state"`
	}
	if _, err := call(ctx, p.HTTP, http.MethodGet, p.tenant(tenant, ""), p.Key, nil, &answer, http.StatusOK); err != nil {
		return "", fmt.Errorf("read the tenant %s: %w", tenant, err)
	}
	return answer.State, nil
}

// Balance is the tenant's balance by stream.
func (p Product) Balance(ctx context.Context, tenant string) (map[string]Stream, error) {
	var answer struct {
		Streams []Stream `json:"streams"`
	}
	if _, err := call(ctx, p.HTTP, http.MethodGet, p.tenant(tenant, "/balance"), p.Key, nil, &answer, http.StatusOK); err != nil {
		return nil, fmt.Errorf("read the balance of %s: %w", tenant, err)
	}
	streams := map[string]Stream{}
	for _, s := range answer.Streams {
		streams[s.Stream] = s
	}
	return streams, nil
}

func (p Product) tenant(id, path string) string { return p.URL + "/v1/tenants/" + id + path }
