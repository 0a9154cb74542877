package server

import (
	"net/http"
	"strconv"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/dialects"
)

const hubLargest = 100

func (s *Server) hubRoutes(mux *http.ServeMux) {
	const root = "/dialects/hub"
	mux.HandleFunc("GET "+root+"/account-info", s.with("", s.hubAccount))
	mux.HandleFunc("GET "+root+"/owners", s.with(acme.Users, s.hubOwners))
	mux.HandleFunc("GET "+root+"/objects/meetings", s.with(acme.Appointments, s.hubList))
	mux.HandleFunc("POST "+root+"/objects/meetings/batch/read", s.with(acme.Appointments, s.hubBatch))
	mux.HandleFunc("GET "+root+"/objects/contacts", s.with(acme.Contacts, s.hubList))
	mux.HandleFunc("POST "+root+"/objects/contacts/batch/read", s.with(acme.Contacts, s.hubBatch))
	mux.HandleFunc("GET "+root+"/engagements", s.with(acme.Touchpoints, s.hubEngagements))
	mux.HandleFunc("GET "+root+"/engagements/{id}", s.with(acme.Touchpoints, s.hubEngagement))
	mux.HandleFunc("GET "+root+"/subscriptions", s.with("", s.hubSubscriptions))
	mux.HandleFunc("POST "+root+"/subscriptions", s.with("", s.hubSubscribe))
	mux.HandleFunc("GET "+root+"/subscriptions/{id}", s.with("", s.hubSubscription))
	mux.HandleFunc("DELETE "+root+"/subscriptions/{id}", s.with("", s.unsubscribe))
}

func (s *Server) hubAccount(c *call) error {
	info := c.account.Info()
	s.answer(c.w, http.StatusOK, map[string]any{
		"portalId": info.ID, "companyName": info.Name, "timeZone": info.TimeZone, "companyCountry": info.Region, "uiDomain": "hub.example",
	})
	return nil
}

// hubObjects says records of a resource.
func hubObjects(resource acme.Resource, raws [][]byte) []map[string]any {
	if resource == acme.Contacts {
		return shown(typed[acme.Contact](raws), dialects.HubContact)
	}
	return shown(typed[acme.Appointment](raws), dialects.HubMeeting)
}

func (s *Server) hubList(c *call) error {
	l, next, err := s.hubPage(c, "after", "archived", "any")
	if err != nil {
		return err
	}
	answer := map[string]any{"results": hubObjects(c.resource, l.Raws)}
	if next != "" {
		answer["paging"] = map[string]any{"next": map[string]any{"after": next, "link": "https://hub.example" + c.r.URL.Path + "?after=" + next}}
	}
	s.answer(c.w, http.StatusOK, answer)
	return nil
}

// hubPage reads one page by cursor. As in many CRMs, a cursor carries nothing but the place: the filters have to come again.
func (s *Server) hubPage(c *call, param, archived, value string) (l accounts.Listing, next string, err error) {
	values := c.r.URL.Query()
	q := accounts.ListQuery{IncludeDeleted: values.Get(archived) == value}
	if q.Limit, err = c.number("limit", 10, 1, hubLargest); err != nil {
		return l, "", err
	}
	if word := values.Get("updatedAfter"); word != "" {
		ms, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return l, "", badRequest("invalid_parameter", "updatedAfter is no number of milliseconds.")
		}
		q.Since = time.UnixMilli(ms)
	}
	if word := values.Get(param); word != "" {
		if c.faults.CursorExpired && c.faults.Touches(c.resource) {
			return l, "", badRequest("invalid_parameter", "The place is not known any more.")
		}
		at, err := unseal(c.account, word, c.resource, s.Now())
		if err != nil {
			return l, "", badRequest("invalid_parameter", "The place is none of ours.")
		}
		q.After = &accounts.Position{At: at.At, ID: at.ID}
	}
	if l, err = c.window(q); err == nil && l.Next != nil {
		next = seal(c.account, cursor{Resource: c.resource, At: l.Next.At, ID: l.Next.ID, Expires: s.Now().Add(s.CursorLife).UnixMilli()})
	}
	return l, next, err
}

func (s *Server) hubBatch(c *call) error {
	var in struct {
		Inputs []struct {
			ID string `json:"id"`
		} `json:"inputs"`
	}
	if _, err := decode(c, &in); err != nil {
		return err
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > hubLargest {
		return badRequest("invalid_parameter", "inputs must name 1 to 100.")
	}
	ids := make([]string, len(in.Inputs))
	for i, one := range in.Inputs {
		ids[i] = dialects.FromHub(c.resource, one.ID)
	}
	raws, missing := c.account.Batch(c.resource, ids)
	answer := map[string]any{"status": "COMPLETE", "results": hubObjects(c.resource, raws)}
	status := http.StatusOK
	if len(missing) > 0 {
		status, answer["numErrors"] = http.StatusMultiStatus, len(missing)
		answer["errors"] = []map[string]any{{"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Some objects are not there."}}
	}
	s.answer(c.w, status, answer)
	return nil
}

func (s *Server) hubOwners(c *call) error {
	s.answer(c.w, http.StatusOK, map[string]any{"results": shown(typed[acme.User](c.everything(acme.Users)), dialects.HubOwner)})
	return nil
}

func (s *Server) hubEngagements(c *call) error {
	l, next, err := s.hubPage(c, "offset", "deleted", "true")
	if err != nil {
		return err
	}
	s.answer(c.w, http.StatusOK, map[string]any{
		"results": shown(typed[acme.Touchpoint](l.Raws), dialects.HubEngagement), "hasMore": next != "", "offset": next,
	})
	return nil
}

func (s *Server) hubEngagement(c *call) error {
	raw, _, found := c.account.Get(acme.Touchpoints, dialects.FromHub(acme.Touchpoints, c.r.PathValue("id")))
	if !found {
		return errNoSuchRecord
	}
	for _, said := range shown(typed[acme.Touchpoint]([][]byte{raw}), dialects.HubEngagement) {
		s.answer(c.w, http.StatusOK, said)
	}
	return nil
}

func hubSubscriptionOf(subscription acme.Subscription) map[string]any {
	said := map[string]any{"id": subscription.ID, "targetUrl": subscription.URL, "active": subscription.Status == "active"}
	if subscription.Secret != "" {
		said["clientSecret"] = subscription.Secret
	}
	return said
}

func (s *Server) hubSubscribe(c *call) error {
	var in struct {
		TargetURL string `json:"targetUrl"`
		EventType string `json:"eventType"`
	}
	if _, err := decode(c, &in); err != nil {
		return err
	}
	subscription, err := c.account.SubscribeAs(accounts.Hub, in.TargetURL, "")
	if err != nil {
		return err
	}
	s.answer(c.w, http.StatusCreated, hubSubscriptionOf(subscription))
	return nil
}

func (s *Server) hubSubscriptions(c *call) error {
	list := []map[string]any{}
	for _, one := range c.account.Subscriptions() {
		list = append(list, hubSubscriptionOf(one))
	}
	s.answer(c.w, http.StatusOK, map[string]any{"results": list})
	return nil
}

func (s *Server) hubSubscription(c *call) error {
	subscription, found := c.account.Subscription(c.r.PathValue("id"))
	if !found {
		return errNoSuchRecord
	}
	s.answer(c.w, http.StatusOK, hubSubscriptionOf(subscription.Public()))
	return nil
}
