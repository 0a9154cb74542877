package server

import (
	"cmp"
	"net/http"

	"acmesync/sandbox/business"
	"acmesync/sandbox/crm/accounts"
)

// accountView is an account as the admin API shows it.
type accountView struct {
	ID        string                 `json:"id"`
	Name      string                 `json:"name"`
	TimeZone  string                 `json:"time_zone"`
	Region    string                 `json:"region"`
	APIKey    string                 `json:"api_key"`
	RateLimit accounts.RateLimit     `json:"rate_limit"`
	MaxPage   int                    `json:"max_page"`
	Webhooks  accounts.WebhookPolicy `json:"webhooks"`
	Push      []accounts.Push        `json:"push,omitempty"`
	Anchor    string                 `json:"anchor"` // the day the seeded data is relative to
	Seed      int64                  `json:"seed"`
}

func view(a *accounts.Account) accountView {
	info, settings := a.Info(), a.Settings()
	return accountView{
		ID: info.ID, Name: info.Name, TimeZone: info.TimeZone, Region: info.Region, APIKey: settings.APIKey,
		RateLimit: settings.RateLimit, MaxPage: settings.MaxPage, Webhooks: settings.Webhooks, Push: settings.Push,
		Anchor: info.Anchor, Seed: info.Seed,
	}
}

func (s *Server) adminAccounts(w http.ResponseWriter, _ *http.Request) {
	views := []accountView{}
	for _, a := range s.Registry.All() {
		views = append(views, view(a))
	}
	s.answer(w, http.StatusOK, map[string]any{"accounts": views})
}

func (s *Server) adminAccount(c *call) error {
	s.answer(c.w, http.StatusOK, view(c.account))
	return nil
}

// accountInput asks for an account; what is left out is Acme's default.
type accountInput struct {
	ID           string                  `json:"id"`
	Name         string                  `json:"name"`
	TimeZone     string                  `json:"time_zone"`
	Region       string                  `json:"region"`
	Seed         int64                   `json:"seed"`
	Contacts     int                     `json:"contacts"`
	Appointments int                     `json:"appointments"`
	Touchpoints  int                     `json:"touchpoints"`
	Users        int                     `json:"users"`  // how many to make up, as business.Staff does; default 5
	People       []personInput           `json:"people"` // or these
	RateLimit    *accounts.RateLimit     `json:"rate_limit"`
	MaxPage      int                     `json:"max_page"`
	Webhooks     *accounts.WebhookPolicy `json:"webhooks"`
	Client       string                  `json:"client"`
	Push         *[]accounts.Push        `json:"push"`
}

type personInput struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	TimeZone string `json:"time_zone"`
	Active   bool   `json:"active"`
	InApp    bool   `json:"in_app"`
}

func (s *Server) adminCreate(w http.ResponseWriter, r *http.Request) {
	var in accountInput
	c := &call{w: w, r: r}
	if _, err := decode(c, &in); err != nil {
		s.fail(w, err)
		return
	}
	account, err := s.Registry.Create(in.spec(s.Registry.Defaults))
	if err != nil {
		s.fail(w, err)
		return
	}
	s.answer(w, http.StatusCreated, view(account))
}

func (in accountInput) spec(settings accounts.Settings) accounts.Spec {
	b := business.Business{
		ID: in.ID, Name: cmp.Or(in.Name, in.ID), TimeZone: cmp.Or(in.TimeZone, "UTC"), Region: cmp.Or(in.Region, "US"),
		Contacts: max(in.Contacts, 0), Appointments: max(in.Appointments, 0), Touchpoints: max(in.Touchpoints, 0),
	}
	for _, p := range in.People {
		b.People = append(b.People, business.Person(p))
	}
	if len(b.People) == 0 {
		b.People = business.Staff(b.ID, b.TimeZone, max(cmp.Or(in.Users, 5), 1))
	}
	in.settings(&settings)
	return accounts.Spec{Business: b, Seed: cmp.Or(in.Seed, 1), Settings: settings}
}

func (in accountInput) settings(s *accounts.Settings) {
	s.MaxPage = min(cmp.Or(in.MaxPage, s.MaxPage), 500)
	s.Client = cmp.Or(in.Client, s.Client)
	if in.RateLimit != nil {
		s.RateLimit = *in.RateLimit
	}
	if in.Webhooks != nil {
		s.Webhooks = *in.Webhooks
	}
	if in.Push != nil {
		s.Push = *in.Push
	}
}

// adminSettings changes what the body names of rate_limit, max_page, webhooks, client and push.
func (s *Server) adminSettings(c *call) error {
	settings := c.account.Settings()
	in := accountInput{RateLimit: &settings.RateLimit, Webhooks: &settings.Webhooks}
	if _, err := decode(c, &in); err != nil {
		return err
	}
	if in.Push != nil {
		if err := s.carry(c, *in.Push); err != nil {
			return err
		}
	}
	if _, err := c.account.ChangeSettings(in.settings); err != nil {
		return err
	}
	return s.adminAccount(c)
}
