package calendar

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Handler serves the API, the admin API and the pages.
func (s *Sandbox) Handler() http.Handler { return s.handler(context.Background()) }

// handler ends the pages' change feeds when feeds ends.
func (s *Sandbox) handler(feeds context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(res http.ResponseWriter, _ *http.Request) {
		write(res, http.StatusOK, map[string]string{"status": "ok"})
	})
	s.routeAPI(mux)
	s.routeAdmin(mux)
	s.routePages(feeds, mux)
	return mux
}

func (s *Sandbox) routeAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/workspace", s.reading(s.getWorkspace))
	mux.HandleFunc("GET /v1/users", s.reading(s.listUsers))
	mux.HandleFunc("GET /v1/events", s.reading(s.listEvents))
	mux.HandleFunc("GET /v1/events/{id}", s.reading(s.getEvent))
	mux.HandleFunc("GET /v1/touchpoint-counts", s.reading(s.listCounts))
	mux.HandleFunc("GET /v1/totals", s.reading(s.getTotals))
	mux.HandleFunc("POST /v1/events:bulkUpsert", s.writing(s.upsertEvents, func(r *Requests) { r.Upsert++ }))
	mux.HandleFunc("POST /v1/events:bulkDelete", s.writing(s.deleteEvents, func(r *Requests) { r.Delete++ }))
	mux.HandleFunc("POST /v1/events:bulkLink", s.writing(s.linkEvents, func(r *Requests) { r.Link++ }))
	mux.HandleFunc("GET /v1/event-changes", s.reading(s.listChanges))
	mux.HandleFunc("POST /v1/event-changes:batchGet", s.reading(s.batchGetChanges))
	mux.HandleFunc("GET /v1/webhook-subscriptions", s.reading(s.listHooks))
	mux.HandleFunc("POST /v1/webhook-subscriptions", s.reading(s.subscribe))
	mux.HandleFunc("GET /v1/webhook-subscriptions/{id}", s.reading(s.getHook))
	mux.HandleFunc("DELETE /v1/webhook-subscriptions/{id}", s.reading(s.unsubscribe))
	mux.HandleFunc("POST /v1/touchpoint-counts:bulkSet", s.writing(s.setCounts, func(r *Requests) { r.Counts++ }))
	mux.HandleFunc("/v1/", func(res http.ResponseWriter, _ *http.Request) {
		s.refuse(res, problem{status: http.StatusNotFound, code: "not_found", message: "no such operation"})
	})
}

// reading lets a request of a workspace through to a handler that changes nothing.
func (s *Sandbox) reading(next func(*workspace, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return s.authorised(func(w *workspace, res http.ResponseWriter, req *http.Request) {
		w.figures.request(func(r *Requests) { r.Reads++ })
		if !s.strike(w, res, req) {
			next(w, res, req)
		}
	})
}

// request is the body of a bulk write, and when it had come whole.
type request struct {
	body []byte
	at   time.Time
}

// writing reads the body for a handler that applies a bulk write.
func (s *Sandbox) writing(next func(*workspace, http.ResponseWriter, request), count func(*Requests)) http.HandlerFunc {
	return s.authorised(func(w *workspace, res http.ResponseWriter, req *http.Request) {
		w.figures.request(func(r *Requests) { count(r); r.Writes++ })
		// Read first: net/http notices a client that gives up only once the body is read.
		body, p := readBody(res, req)
		read := time.Now().UTC()
		switch {
		case s.strike(w, res, req):
		case p != nil:
			s.refuse(res, *p)
		default:
			next(w, res, request{body, read})
		}
	})
}

func (s *Sandbox) authorised(next func(*workspace, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
		var w *workspace
		if strings.EqualFold(scheme, "Bearer") {
			w = s.workspaceOfToken(strings.TrimSpace(token))
		}
		if w == nil {
			s.refuse(res, problem{status: http.StatusUnauthorized, code: "unauthorised", message: "the token is missing or unknown"})
			return
		}
		next(w, res, req)
	}
}
