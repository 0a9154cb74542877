package server

import (
	"errors"
	"net/http"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/manifest"
)

// adminRoutes are for whoever runs the sandbox: no key is asked for, as it listens on this machine alone.
func (s *Server) adminRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /admin/accounts", s.adminAccounts)
	mux.HandleFunc("POST /admin/accounts", s.adminCreate)
	for pattern, handle := range map[string]func(*call) error{
		"GET /admin/accounts/{account}":                            s.adminAccount,
		"PATCH /admin/accounts/{account}":                          s.adminSettings,
		"GET /admin/accounts/{account}/totals":                     s.adminTotals,
		"GET /admin/accounts/{account}/manifest":                   s.adminManifest,
		"GET /admin/accounts/{account}/faults":                     s.adminFaults,
		"PUT /admin/accounts/{account}/faults":                     s.adminSetFaults,
		"GET /admin/accounts/{account}/deliveries":                 s.adminDeliveries,
		"POST /admin/accounts/{account}/import":                    s.adminImport,
		"POST /admin/accounts/{account}/sns":                       s.adminSubscribeTopic,
		"POST /admin/accounts/{account}/rotate-secret":             s.adminRotateSecret,
		"POST /admin/accounts/{account}/rotate-key":                s.adminRotateKey,
		"POST /admin/accounts/{account}/disable-subscriptions":     s.adminDisable,
		"PUT /admin/accounts/{account}/records/{resource}/{id}":    s.adminPut,
		"DELETE /admin/accounts/{account}/records/{resource}/{id}": s.adminDelete,
		"GET /admin/accounts/{account}/writes":                     s.adminWrites,
		"POST /admin/accounts/{account}/forget/{id}":               s.adminForget,
		"POST /admin/accounts/{account}/export":                    s.adminExport,
	} {
		mux.HandleFunc(pattern, s.admin(handle))
	}
}

// admin finds the account a path names.
func (s *Server) admin(handle func(*call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, found := s.Registry.Get(r.PathValue("account"))
		err := error(&problem{status: http.StatusNotFound, Code: "not_found", Message: "There is no such account."})
		if found {
			err = handle(&call{w: w, r: r, account: account})
		}
		if err != nil {
			s.fail(w, err)
		}
	}
}

func (s *Server) adminTotals(c *call) error {
	s.answer(c.w, http.StatusOK, c.account.Totals())
	return nil
}

func (s *Server) adminManifest(c *call) error {
	appointments, touchpoints := c.account.Manifest()
	s.answer(c.w, http.StatusOK, map[string]any{"appointments": appointments, "touchpoints": touchpoints})
	return nil
}

func (s *Server) adminFaults(c *call) error {
	s.answer(c.w, http.StatusOK, c.account.Faults())
	return nil
}

func (s *Server) adminSetFaults(c *call) error {
	var faults accounts.Faults
	if _, err := decode(c, &faults); err != nil {
		return err
	}
	if err := c.account.SetFaults(faults); err != nil {
		return err
	}
	return s.adminFaults(c)
}

func (s *Server) adminDeliveries(c *call) error {
	s.answer(c.w, http.StatusOK, map[string]any{"data": s.Webhooks.Deliveries(c.account.Info().ID)})
	return nil
}

func (s *Server) adminImport(c *call) error {
	var in struct {
		N    int           `json:"n"`
		Kind acme.Resource `json:"kind"`
		Code manifest.Code `json:"code"` // spoils them all in this way
	}
	if _, err := decode(c, &in); err != nil {
		return err
	}
	if in.N < 1 || in.N > 200_000 {
		return badRequest("invalid_parameter", "n must be 1 to 200000.")
	}
	if err := c.account.Import(in.Kind, in.N, in.Code); err != nil {
		return err
	}
	return s.adminTotals(c)
}

func (s *Server) adminRotateSecret(c *call) error {
	in := struct {
		OverlapSeconds int `json:"overlap_seconds"`
	}{OverlapSeconds: 24 * 60 * 60}
	if c.r.ContentLength != 0 {
		if _, err := decode(c, &in); err != nil {
			return err
		}
	}
	secrets := map[string]string{}
	for _, subscription := range c.account.Subscriptions() {
		secret, err := c.account.RotateSecret(subscription.ID, time.Duration(in.OverlapSeconds)*time.Second)
		if err != nil {
			return err
		}
		secrets[subscription.ID] = secret
	}
	s.answer(c.w, http.StatusOK, map[string]any{"secrets": secrets})
	return nil
}

func (s *Server) adminRotateKey(c *call) error {
	key, err := s.Registry.RotateKey(c.account)
	if err != nil {
		return err
	}
	s.answer(c.w, http.StatusOK, map[string]string{"api_key": key})
	return nil
}

func (s *Server) adminDisable(c *call) error {
	var errs []error
	for _, subscription := range c.account.Subscriptions() {
		errs = append(errs, c.account.Disable(subscription.ID, "disabled by an administrator"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.listSubscriptions(c)
}

// adminPut lays fields over a record without checking them, or makes a record of that id.
func (s *Server) adminPut(c *call) error {
	resource := acme.Resource(c.r.PathValue("resource"))
	switch resource {
	case acme.Users, acme.Contacts, acme.Appointments, acme.Touchpoints:
	default:
		return errNoSuchPath
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	written, err := c.account.Put(resource, c.r.PathValue("id"), body, byAdmin())
	if err != nil {
		return err
	}
	s.record(c.w, http.StatusOK, written.Raw, written.Version)
	return nil
}

func (s *Server) adminDelete(c *call) error {
	if _, err := c.account.Delete(acme.Resource(c.r.PathValue("resource")), c.r.PathValue("id"), byAdmin()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) adminWrites(c *call) error {
	s.answer(c.w, http.StatusOK, map[string]any{"records": c.account.Writes()})
	return nil
}

func (s *Server) adminForget(c *call) error {
	written, err := c.account.ForgetContact(c.r.PathValue("id"), byAdmin())
	if err != nil {
		return err
	}
	s.record(c.w, http.StatusOK, written.Raw, written.Version)
	return nil
}

func byAdmin() accounts.Request {
	return accounts.Request{Author: accounts.Author{By: "admin", Origin: "import"}}
}
