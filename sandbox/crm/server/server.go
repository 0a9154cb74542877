// Package server is the sandbox's HTTP face: Acme's API under /v1 as its contract says, and the
// admin API under /admin, which no real Acme has. It answers, and misbehaves where a switch says so.
package server

import (
	"log/slog"
	"net/http"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/webhooks"
)

// Server serves all accounts.
type Server struct {
	Registry   *accounts.Registry
	Webhooks   *webhooks.Dispatcher
	Log        *slog.Logger
	Now        func() time.Time
	CursorLife time.Duration // how long a next_cursor is good for

	limits limiter
}

// Handler routes /v1, /admin and /healthz.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/account", s.with("", s.account))
	mux.HandleFunc("GET /v1/outcomes", s.with(acme.Touchpoints, s.outcomes))

	mux.HandleFunc("GET /v1/webhook-subscriptions", s.with("", s.listSubscriptions))
	mux.HandleFunc("POST /v1/webhook-subscriptions", s.with("", s.subscribe))
	mux.HandleFunc("GET /v1/webhook-subscriptions/{id}", s.with("", s.getSubscription))
	mux.HandleFunc("DELETE /v1/webhook-subscriptions/{id}", s.with("", s.unsubscribe))
	mux.HandleFunc("POST /v1/webhook-subscriptions/{id}", s.with("", s.enableSubscription))

	for _, resource := range []acme.Resource{acme.Users, acme.Contacts, acme.Appointments, acme.Touchpoints} {
		path := "/v1/" + string(resource)
		mux.HandleFunc("GET "+path, s.with(resource, s.list))
		mux.HandleFunc("POST "+path+":batchGet", s.with(resource, s.batchGet))
		mux.HandleFunc("GET "+path+"/{id}", s.with(resource, s.get))
		if resource == acme.Users {
			continue
		}
		mux.HandleFunc("POST "+path, s.with(resource, s.create))
		mux.HandleFunc("PATCH "+path+"/{id}", s.with(resource, s.update))
		mux.HandleFunc("DELETE "+path+"/{id}", s.with(resource, s.delete))
		mux.HandleFunc("POST "+path+"/{id}", s.with(resource, s.act))
	}
	mux.HandleFunc("/v1/", s.with("", func(c *call) error { return errNoSuchPath }))
	s.adminRoutes(mux)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
	})
	return mux
}
