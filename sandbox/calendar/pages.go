package calendar

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"time"
)

//go:embed static templates
var files embed.FS

// maxListed bounds the lists of workspaces on the pages; load tests make thousands.
const maxListed = 100

// pages renders the pages a person looks at. What they show comes from JSON feeds that the pages
// fetch again whenever the change feed says so.
type pages struct {
	s         *Sandbox
	templates map[string]*template.Template
	feeds     context.Context // ends the change feeds
}

func (s *Sandbox) routePages(feeds context.Context, mux *http.ServeMux) {
	p := &pages{s: s, feeds: feeds, templates: map[string]*template.Template{}}
	for _, name := range []string{"home", "calendar", "dashboard"} {
		p.templates[name] = template.Must(template.ParseFS(files, "templates/layout.html", "templates/"+name+".html"))
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	serve := http.StripPrefix("/static/", http.FileServerFS(static))
	mux.HandleFunc("GET /static/", func(res http.ResponseWriter, req *http.Request) {
		res.Header().Set("Cache-Control", "max-age=300")
		serve.ServeHTTP(res, req)
	})
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /workspaces.json", p.homeFeed)
	mux.HandleFunc("GET /w/{id}/{$}", func(res http.ResponseWriter, req *http.Request) {
		http.Redirect(res, req, "/w/"+req.PathValue("id")+"/calendar", http.StatusFound)
	})
	mux.HandleFunc("GET /w/{id}/calendar", p.of(p.calendar))
	mux.HandleFunc("GET /w/{id}/calendar.json", p.of(p.calendarFeed))
	mux.HandleFunc("POST /w/{id}/events", p.of(s.userCreates))
	mux.HandleFunc("PATCH /w/{id}/events/{event}", p.of(s.userEdits))
	mux.HandleFunc("DELETE /w/{id}/events/{event}", p.of(s.userDeletes))
	mux.HandleFunc("GET /w/{id}/dashboard", p.of(p.dashboard))
	mux.HandleFunc("GET /w/{id}/dashboard.json", p.of(p.dashboardFeed))
	mux.HandleFunc("GET /w/{id}/changes", p.of(p.changes))
}

// view is what every page's template gets.
type view struct {
	Page      string // home, calendar, dashboard
	Title     string
	All       []summary
	Workspace *summary
	Users     []userView
	Offset    string // of the workspace's zone now, "+02:00"
	Today     string
}

type userView struct {
	ID, Name string
	Colour   int // 1 to 8
}

// summary is a workspace in a list.
type summary struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	TimeZone    string `json:"time_zone"`
	Users       int    `json:"users"`
	Events      int    `json:"events"`
	Touchpoints int    `json:"touchpoints"`
}

func (w *workspace) summary() summary {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return summary{w.id, w.name, w.zone.String(), len(w.users), w.live, w.sum}
}

func (p *pages) summaries() []summary {
	list := []summary{}
	for _, w := range p.s.workspaces() {
		if len(list) == maxListed {
			break
		}
		list = append(list, w.summary())
	}
	return list
}

func (p *pages) of(next func(*workspace, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(res http.ResponseWriter, req *http.Request) {
		w := p.s.workspace(req.PathValue("id"))
		if w == nil {
			http.Error(res, "There is no such business.", http.StatusNotFound)
			return
		}
		next(w, res, req)
	}
}

func (p *pages) home(res http.ResponseWriter, _ *http.Request) {
	p.render(res, "home", view{Title: "Businesses", All: p.summaries()})
}

func (p *pages) homeFeed(res http.ResponseWriter, _ *http.Request) {
	write(res, http.StatusOK, map[string]any{"workspaces": p.summaries()})
}

func (p *pages) calendar(w *workspace, res http.ResponseWriter, _ *http.Request) {
	p.render(res, "calendar", p.viewOf(w, "Calendar"))
}

func (p *pages) dashboard(w *workspace, res http.ResponseWriter, _ *http.Request) {
	p.render(res, "dashboard", p.viewOf(w, "Dashboard"))
}

func (p *pages) viewOf(w *workspace, title string) view {
	own, now := w.summary(), time.Now().In(w.zone)
	v := view{
		Title: title + " · " + w.name, All: p.summaries(), Workspace: &own,
		Offset: now.Format("-07:00"), Today: now.Format(dateLayout),
	}
	for _, u := range w.users {
		v.Users = append(v.Users, userView{u.ID, u.Name, w.userByID[u.ID].colour})
	}
	return v
}

func (p *pages) render(res http.ResponseWriter, name string, v view) {
	v.Page = name
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "layout.html", v); err != nil {
		p.s.log.Error("page cannot be rendered", "page", name, "error", err)
		http.Error(res, "This page is broken.", http.StatusInternalServerError)
		return
	}
	h := res.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	_, _ = b.WriteTo(res)
}

// calm is the least time between two messages of a change feed.
const calm = 150 * time.Millisecond

// changes tells a page by server-sent events that it looks at an old state; each message is a version.
func (p *pages) changes(w *workspace, res http.ResponseWriter, req *http.Request) {
	out := http.NewResponseController(res)
	res.Header().Set("Content-Type", "text/event-stream")
	res.Header().Set("Cache-Control", "no-store")
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	pause := time.NewTicker(calm)
	defer pause.Stop()
	for {
		version, next := w.changes.now()
		if _, err := fmt.Fprintf(res, "data: %d\n\n", version); err != nil || out.Flush() != nil {
			return
		}
		for waiting := true; waiting; {
			select {
			case <-next:
				waiting = false
			case <-beat.C:
				if _, err := fmt.Fprint(res, ": still here\n\n"); err != nil || out.Flush() != nil {
					return
				}
			case <-req.Context().Done():
				return
			case <-p.feeds.Done():
				return
			}
		}
		pause.Reset(calm)
		select {
		case <-pause.C:
		case <-p.feeds.Done():
			return
		}
	}
}
