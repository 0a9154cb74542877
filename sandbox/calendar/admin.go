package calendar

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"

	"acmesync/app"
)

const (
	maxAdminBytes = 4 << 20
	maxUsers      = 10_000
)

// The admin API has no key: the sandbox listens on the loopback interface.
func (s *Sandbox) routeAdmin(mux *http.ServeMux) {
	mux.HandleFunc("GET /admin/workspaces", s.adminList)
	mux.HandleFunc("POST /admin/workspaces", s.adminCreate)
	mux.HandleFunc("GET /admin/workspaces/{id}/faults", s.adminOf(s.adminFaults))
	mux.HandleFunc("PUT /admin/workspaces/{id}/faults", s.adminOf(s.adminSetFaults))
	mux.HandleFunc("GET /admin/workspaces/{id}/writes", s.adminOf(func(w *workspace, res http.ResponseWriter, _ *http.Request) {
		write(res, http.StatusOK, w.figures.snapshot())
	}))
	mux.HandleFunc("GET /admin/workspaces/{id}/event-writes", s.adminOf(s.adminEventWrites))
	mux.HandleFunc("GET /admin/workspaces/{id}/received", s.adminOf(s.adminReceived))
	mux.HandleFunc("/admin/", func(res http.ResponseWriter, _ *http.Request) {
		s.refuse(res, problem{status: http.StatusNotFound, code: "not_found", message: "no such operation"})
	})
}

// adminWorkspace is a workspace as the admin API shows it.
type adminWorkspace struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
	Token    string `json:"token"`
}

func shown(w *workspace) adminWorkspace {
	return adminWorkspace{w.id, w.name, w.zone.String(), w.token}
}

func (s *Sandbox) adminOf(next func(*workspace, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		w := s.workspace(req.PathValue("id"))
		if w == nil {
			s.refuse(res, problem{status: http.StatusNotFound, code: "not_found", message: "no such workspace"})
			return
		}
		next(w, res, req)
	}
}

func (s *Sandbox) adminList(res http.ResponseWriter, _ *http.Request) {
	list := []adminWorkspace{}
	for _, w := range s.workspaces() {
		list = append(list, shown(w))
	}
	write(res, http.StatusOK, map[string]any{"workspaces": list})
}

func (s *Sandbox) adminCreate(res http.ResponseWriter, req *http.Request) {
	var in struct {
		ID       string     `json:"id"`
		Name     string     `json:"name"`
		TimeZone string     `json:"time_zone"`
		Users    []app.User `json:"users"`
		NUsers   int        `json:"n_users"`
	}
	if !s.readAdmin(res, req, &in) {
		return
	}
	if in.NUsers < 0 || in.NUsers > maxUsers || (in.NUsers > 0 && in.Users != nil) {
		s.badAdmin(res, fmt.Errorf("give users, or n_users up to %d", maxUsers))
		return
	}
	for n := range in.NUsers {
		in.Users = append(in.Users, app.User{Name: fmt.Sprintf("User %d", n+1), Email: fmt.Sprintf("user%d@%s.example", n+1, in.ID), Active: true})
	}
	for i := range in.Users {
		u := &in.Users[i]
		if u.ID == "" {
			u.ID = userID(i + 1)
		}
		if u.TimeZone == "" {
			u.TimeZone = in.TimeZone
		}
	}
	w, err := s.create(in.ID, in.Name, in.TimeZone, in.Users)
	switch {
	case errors.Is(err, errExists):
		s.refuse(res, problem{status: http.StatusConflict, code: "exists", message: err.Error()})
	case err != nil:
		s.badAdmin(res, err)
	default:
		write(res, http.StatusCreated, shown(w))
	}
}

func (s *Sandbox) adminFaults(w *workspace, res http.ResponseWriter, _ *http.Request) {
	write(res, http.StatusOK, w.faults.Load())
}

// adminSetFaults replaces all switches: what is not named is off.
func (s *Sandbox) adminSetFaults(w *workspace, res http.ResponseWriter, req *http.Request) {
	var f Faults
	if !s.readAdmin(res, req, &f) {
		return
	}
	if err := f.check(); err != nil {
		s.badAdmin(res, err)
		return
	}
	w.faults.Store(&f)
	write(res, http.StatusOK, &f)
}

// adminReceived lists applied writes: of one event by external_id, or of all from a seq on.
func (s *Sandbox) adminReceived(w *workspace, res http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	number := func(name string, otherwise int64) int64 {
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || n < 0 {
			return otherwise
		}
		return n
	}
	after, limit := number("after", 0), int(min(number("limit", 10_000), 100_000))
	w.mu.RLock()
	list := w.arrivals.after(after, q.Get("external_id"), limit)
	last, kept := w.arrivals.last, len(w.arrivals.ring)
	w.mu.RUnlock()
	write(res, http.StatusOK, map[string]any{
		"arrivals":  list,
		"last_seq":  last,
		"first_seq": last - int64(kept) + 1,
	})
}

// readAdmin is strict, so that a misspelt switch is not silently off. Asking for JSON also keeps
// other web pages out: a browser sends that only where the server allowed it before.
func (s *Sandbox) readAdmin(res http.ResponseWriter, req *http.Request, out any) bool {
	if media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || media != "application/json" {
		s.refuse(res, problem{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", message: "the body must be application/json"})
		return false
	}
	in := json.NewDecoder(http.MaxBytesReader(res, req.Body, maxAdminBytes))
	in.DisallowUnknownFields()
	if err := in.Decode(out); err != nil {
		s.badAdmin(res, err)
		return false
	}
	return true
}

func (s *Sandbox) badAdmin(res http.ResponseWriter, err error) {
	s.refuse(res, problem{status: http.StatusBadRequest, code: "invalid", message: err.Error()})
}
