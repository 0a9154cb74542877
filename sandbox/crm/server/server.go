// Package server is the sandbox's HTTP face: Acme's API under /v1 as its contract says, and the
// admin API under /admin, which no real Acme has. It answers, and misbehaves where a switch says so.
//
// The admin API, in JSON; errors look like the contract's:
//
//	GET  /admin/accounts                                  {"accounts": [{id, name, time_zone, region, api_key, rate_limit, …}]}
//	POST /admin/accounts                                  {id, name, time_zone, region, seed, contacts, appointments, touchpoints, users | people, rate_limit, max_page, webhooks, client} → 201
//	GET  /admin/accounts/{account}
//	PATCH /admin/accounts/{account}                       {rate_limit, max_page, webhooks: {timeout_ms, backoff_ms, retries, disable_after}, client, push: [webhook, kafka, sns]}
//	POST /admin/accounts/{account}/sns                    {endpoint}: subscribes it to the account's topic → {topic, subscription, answered}
//	GET  /admin/accounts/{account}/totals                 what a sync must end with, by the records' present state
//	GET  /admin/accounts/{account}/manifest               {appointments: [{id, code, kind, why}], touchpoints: […]}
//	GET  /admin/accounts/{account}/faults                 the switches of accounts.Faults
//	PUT  /admin/accounts/{account}/faults                 replaces them all; {} heals
//	GET  /admin/accounts/{account}/deliveries             the last 200 webhook deliveries with their attempts
//	POST /admin/accounts/{account}/import                 {n, kind, code}: n new records; a code spoils them all in that way
//	PUT  /admin/accounts/{account}/records/{resource}/{id}  lays fields over a record, or makes it, without checking anything
//	DELETE /admin/accounts/{account}/records/{resource}/{id}
//	GET  /admin/accounts/{account}/writes                 {records: {id: {who: how often}}} since the start of the process
//	POST /admin/accounts/{account}/forget/{id}            erases a contact's person
//	POST /admin/accounts/{account}/rotate-secret          {overlap_seconds} → {secrets: {subscription: whsec_…}}
//	POST /admin/accounts/{account}/rotate-key             → {api_key}; the old one is refused at once
//	POST /admin/accounts/{account}/disable-subscriptions
//	POST /admin/accounts/{account}/export                 {style, name}: writes all records as CSV files, as a nightly job does
//
// What was exported is listed and read under /files/{account}/ as a bucket's objects are.
package server

import (
	"log/slog"
	"net/http"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/sns"
	"acmesync/sandbox/crm/webhooks"
)

// Server serves all accounts.
type Server struct {
	Registry   *accounts.Registry
	Webhooks   *webhooks.Dispatcher
	Topic      string // of Kafka; empty: there is no broker
	SNS        *sns.SNS
	Log        *slog.Logger
	Now        func() time.Time
	CursorLife time.Duration // how long a next_cursor is good for
	Exports    string        // a folder for exported files, one below it per account; empty: none are written

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
		mux.HandleFunc("GET /v1/exports/"+string(resource), s.with(resource, s.exported))
		mux.HandleFunc("POST "+path+":batchGet", s.with(resource, s.batchGet))
		mux.HandleFunc("GET "+path+"/{id}", s.with(resource, s.get))
		if resource == acme.Users {
			continue
		}
		mux.HandleFunc("POST "+path, s.with(resource, s.create))
		mux.HandleFunc("PATCH "+path+"/{id}", s.with(resource, s.update))
		mux.HandleFunc("DELETE "+path+"/{id}", s.with(resource, s.delete))
		mux.HandleFunc("POST "+path+"/{id}", s.with(resource, s.act))
		if resource == acme.Appointments {
			mux.HandleFunc("POST "+path+"/{id}/contacts", s.with(resource, s.attachContacts))
		}
	}
	mux.HandleFunc("/v1/", s.with("", func(c *call) error { return errNoSuchPath }))
	s.dialectRoutes(mux)
	s.adminRoutes(mux)
	mux.HandleFunc("GET /files/{account}/{$}", s.listBucket)
	mux.HandleFunc("GET /files/{account}/{file}", s.getObject)
	s.snsRoutes(mux)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
	})
	return mux
}
