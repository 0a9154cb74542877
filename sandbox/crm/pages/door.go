package pages

import (
	"net/http"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
)

type doorBusiness struct {
	Info   accounts.Info
	Totals accounts.Totals
	Users  []*acme.User
}

// door is where somebody picks a business and a name.
func (p *Pages) door(w http.ResponseWriter, _ *http.Request) {
	var list []doorBusiness
	for _, a := range p.Registry.All() {
		list = append(list, doorBusiness{Info: a.Info(), Totals: a.Totals(), Users: a.Users()})
	}
	if err := p.render(w, http.StatusOK, "door.html", frame{Body: list}); err != nil {
		p.Log.Error("cannot render a page", "error", err)
	}
}

func (p *Pages) login(w http.ResponseWriter, r *http.Request) {
	account, found := p.Registry.Get(r.PathValue("account"))
	if !found || account.User(r.FormValue("user_id")) == nil {
		p.sorry(w, http.StatusNotFound, "Nobody of that name works there.")
		return
	}
	path := "/b/" + account.Info().ID
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: r.FormValue("user_id"), Path: path, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, path, http.StatusSeeOther)
}

func (p *Pages) logout(v *visit) error {
	http.SetCookie(v.w, &http.Cookie{Name: cookieName, Path: v.path(""), MaxAge: -1})
	http.Redirect(v.w, v.r, "/", http.StatusSeeOther)
	return nil
}
