package pages

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

//go:embed templates/*.html templates/style.css
var files embed.FS

// frame is what every page of a business shows around its own content.
type frame struct {
	Account accounts.Info
	User    *acme.User
	Tab     string
	Faulty  bool // a fault switch is on
	Refresh int  // seconds; 0: the page stays as it is
	Body    any
}

// show renders a page of a business.
func (p *Pages) show(v *visit, status int, name, tab string, body any) error {
	f := frame{Account: v.account.Info(), User: v.user, Tab: tab, Faulty: anyFault(v.account.Faults()), Body: body}
	if tab == "webhooks" {
		f.Refresh = 5
	}
	return p.render(v.w, status, name, f)
}

func (p *Pages) render(w http.ResponseWriter, status int, name string, data any) error {
	page, err := template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/"+name)
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	header(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
	return nil
}

func header(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func (p *Pages) style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "templates/style.css")
}

// sorry is a page with nothing but a sentence.
func (p *Pages) sorry(w http.ResponseWriter, status int, words string) {
	if err := p.render(w, status, "sorry.html", frame{Body: words}); err != nil {
		p.Log.Error("cannot render a page", "error", err)
	}
}

// explain says what Acme refused; anything else is logged.
func (p *Pages) explain(v *visit, err error) {
	var refusal *accounts.Refusal
	if !errors.As(err, &refusal) {
		p.Log.Error("page failed", "error", err)
		p.sorry(v.w, http.StatusInternalServerError, "Something went wrong on our side.")
		return
	}
	status := http.StatusUnprocessableEntity
	switch refusal.Code {
	case "not_found":
		status = http.StatusNotFound
	case "duplicate", "version_mismatch":
		status = http.StatusConflict
	}
	if showErr := p.show(v, status, "refused.html", "", refusal); showErr != nil {
		p.Log.Error("cannot render a page", "error", showErr)
	}
}
