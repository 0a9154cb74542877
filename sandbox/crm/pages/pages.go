// Package pages is the CRM as the people of a business see it: their week, their customers, what
// they logged, and for whoever tries things, the webhooks and the fault switches.
//
// Every form is a plain POST to a path under /b/{account}; nothing needs JavaScript. Logging in
// is picking a name: the cookie "acme_user" holds the user's id and is valid under /b/{account}.
package pages

import (
	"log/slog"
	"net/http"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/webhooks"
)

// Pages serves the pages of all accounts.
type Pages struct {
	Registry *accounts.Registry
	Webhooks *webhooks.Dispatcher
	Log      *slog.Logger
	Now      func() time.Time
}

// visit is one request of somebody who has logged in.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	account *accounts.Account
	user    *acme.User
	zone    *time.Location // the user's
}

// Handler routes the pages. Requests that other sites make a browser send are refused.
func (p *Pages) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.door)
	mux.HandleFunc("POST /b/{account}/login", p.login)
	mux.HandleFunc("GET /style.css", p.style)
	for pattern, handle := range map[string]func(*visit) error{
		"POST /b/{account}/logout":                     p.logout,
		"GET /b/{account}":                             p.week,
		"GET /b/{account}/appointments/new":            p.newAppointment,
		"POST /b/{account}/appointments":               p.createAppointment,
		"GET /b/{account}/appointments/{id}":           p.appointment,
		"POST /b/{account}/appointments/{id}":          p.saveAppointment,
		"POST /b/{account}/appointments/{id}/cancel":   p.cancelAppointment,
		"POST /b/{account}/appointments/{id}/delete":   p.deleteAppointment,
		"POST /b/{account}/appointments/{id}/undelete": p.undeleteAppointment,
		"GET /b/{account}/touchpoints":                 p.touchpoints,
		"POST /b/{account}/touchpoints":                p.createTouchpoint,
		"POST /b/{account}/touchpoints/{id}/delete":    p.deleteTouchpoint,
		"GET /b/{account}/contacts":                    p.contacts,
		"POST /b/{account}/contacts":                   p.createContact,
		"GET /b/{account}/contacts/{id}":               p.contact,
		"POST /b/{account}/contacts/{id}":              p.saveContact,
		"GET /b/{account}/webhooks":                    p.webhooks,
		"POST /b/{account}/webhooks/{id}/enable":       p.enableWebhook,
		"POST /b/{account}/webhooks/{id}/disable":      p.disableWebhook,
		"GET /b/{account}/faults":                      p.faults,
		"POST /b/{account}/faults":                     p.saveFaults,
		"POST /b/{account}/import":                     p.importRecords,
	} {
		mux.HandleFunc(pattern, p.visit(handle))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.sorry(w, http.StatusNotFound, "There is no such page.")
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

const cookieName = "acme_user"

// visit lets in who has logged in and sends everybody else to the door.
func (p *Pages) visit(handle func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, found := p.Registry.Get(r.PathValue("account"))
		if !found {
			p.sorry(w, http.StatusNotFound, "There is no such business.")
			return
		}
		cookie, err := r.Cookie(cookieName)
		if err != nil || account.User(cookie.Value) == nil {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		v := &visit{w: w, r: r, account: account, user: account.User(cookie.Value), zone: time.UTC}
		if zone, err := time.LoadLocation(v.user.TimeZone); err == nil {
			v.zone = zone
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		if err := handle(v); err != nil {
			p.explain(v, err)
		}
	}
}

// by is the user as the author of a write.
func (v *visit) by() accounts.Request {
	return accounts.Request{Author: accounts.Author{By: "page:" + v.user.ID, Origin: "user"}}
}

// path is a page of the visited business.
func (v *visit) path(rest string) string { return "/b/" + v.account.Info().ID + rest }

func (v *visit) goTo(rest string) error {
	http.Redirect(v.w, v.r, v.path(rest), http.StatusSeeOther)
	return nil
}
