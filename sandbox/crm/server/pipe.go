package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/dialects"
)

const (
	pipeLargest = 500
	// tokenHeader is where Pipe wants the key.
	tokenHeader = "X-Api-Token"
)

func (s *Server) pipeRoutes(mux *http.ServeMux) {
	const root = "/dialects/pipe/v1"
	with := func(resource acme.Resource, handle func(*call) error) http.HandlerFunc {
		next := s.with(resource, handle)
		return func(w http.ResponseWriter, r *http.Request) {
			// The key alone lets in: a bearer token is not looked at.
			r.Header.Set("Authorization", "Bearer "+r.Header.Get(tokenHeader))
			next(w, r)
		}
	}
	mux.HandleFunc("GET "+root+"/users/me", with("", s.pipeAccount))
	mux.HandleFunc("GET "+root+"/users", with(acme.Users, s.pipeUsers))
	mux.HandleFunc("GET "+root+"/activities", with("", s.pipeActivities))
	mux.HandleFunc("GET "+root+"/activities/{id}", with("", s.pipeActivity))
	mux.HandleFunc("GET "+root+"/persons", with(acme.Contacts, s.pipePersons))
	mux.HandleFunc("GET "+root+"/persons/{id}", with(acme.Contacts, s.pipePerson))
	mux.HandleFunc("GET "+root+"/webhooks", with("", s.pipeSubscriptions))
	mux.HandleFunc("POST "+root+"/webhooks", with("", s.pipeSubscribe))
	mux.HandleFunc("GET "+root+"/webhooks/{id}", with("", s.pipeSubscription))
	mux.HandleFunc("DELETE "+root+"/webhooks/{id}", with("", s.unsubscribe))
}

func (s *Server) pipeAnswer(c *call, status int, data any, more map[string]any) {
	answer := map[string]any{"success": true, "data": data}
	if more != nil {
		answer["additional_data"] = map[string]any{"pagination": more}
	}
	s.answer(c.w, status, answer)
}

func (s *Server) pipeAccount(c *call) error {
	info := c.account.Info()
	s.pipeAnswer(c, http.StatusOK, map[string]any{
		"id": 1, "company_domain": info.ID, "company_name": info.Name, "timezone_name": info.TimeZone, "company_country": info.Region,
	}, nil)
	return nil
}

func (s *Server) pipeUsers(c *call) error {
	s.pipeAnswer(c, http.StatusOK, shown(typed[acme.User](c.everything(acme.Users)), dialects.PipeUser), nil)
	return nil
}

// pipeActivities pages by offset over activities of one sort, in the order of their last change.
func (s *Server) pipeActivities(c *call) error {
	c.resource = acme.Touchpoints
	if c.r.URL.Query().Get("type") == "meeting" {
		c.resource = acme.Appointments
	}
	if err := s.misbehaveIn(c); err != nil {
		return err
	}
	start, err := c.number("start", 0, 0, 1<<30)
	if err != nil {
		return err
	}
	limit, err := c.number("limit", 100, 1, pipeLargest)
	if err != nil {
		return err
	}
	q := accounts.ListQuery{Limit: start + limit + 1, IncludeDeleted: c.r.URL.Query().Get("include_deleted") == "1"}
	if word := c.r.URL.Query().Get("updated_since"); word != "" {
		if q.Since, err = time.Parse(time.RFC3339, word); err != nil {
			return badRequest("invalid_parameter", "updated_since is no time.")
		}
	}
	l, err := c.window(q)
	if err != nil {
		return err
	}
	raws := l.Raws[min(start, len(l.Raws)):]
	more := len(raws) > limit
	raws = raws[:min(limit, len(raws))]
	data := shown(typed[acme.Appointment](raws), dialects.PipeMeeting)
	if c.resource == acme.Touchpoints {
		data = shown(typed[acme.Touchpoint](raws), dialects.PipeTouch)
	}
	s.pipeAnswer(c, http.StatusOK, data, map[string]any{"start": start, "limit": limit, "more_items_in_collection": more})
	return nil
}

// misbehaveIn does what the switches say about a resource that the path alone does not tell.
func (s *Server) misbehaveIn(c *call) error {
	if c.faults.Touches("") || !c.faults.Touches(c.resource) {
		return nil
	}
	return s.misbehave(c)
}

func (s *Server) pipeActivity(c *call) error {
	n, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil || n < 2 {
		return errNoSuchRecord
	}
	resource, id := dialects.FromActivity(n)
	return s.pipeRecord(c, resource, id)
}

func (s *Server) pipePerson(c *call) error {
	n, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil || n < 1 {
		return errNoSuchRecord
	}
	return s.pipeRecord(c, acme.Contacts, dialects.ID(acme.Contacts, n))
}

func (s *Server) pipeRecord(c *call, resource acme.Resource, id string) error {
	if slices.Contains(c.faults.BadIDs, id) {
		return errSpoiled
	}
	raw, _, found := c.account.Get(resource, id)
	if !found {
		return errNoSuchRecord
	}
	for _, said := range pipeSaid(resource, raw) {
		s.pipeAnswer(c, http.StatusOK, said, nil)
	}
	return nil
}

func pipeSaid(resource acme.Resource, raw []byte) []map[string]any {
	one := [][]byte{raw}
	switch resource {
	case acme.Appointments:
		return shown(typed[acme.Appointment](one), dialects.PipeMeeting)
	case acme.Touchpoints:
		return shown(typed[acme.Touchpoint](one), dialects.PipeTouch)
	default:
		return shown(typed[acme.Contact](one), dialects.PipePerson)
	}
}

// pipePersons pages by number, by id: nothing tells what has changed.
func (s *Server) pipePersons(c *call) error {
	page, err := c.number("page", 1, 1, 1<<20)
	if err != nil {
		return err
	}
	size, err := c.number("per_page", 50, 1, pipeLargest)
	if err != nil {
		return err
	}
	all := typed[acme.Contact](c.everything(acme.Contacts))
	slices.SortFunc(all, func(a, b acme.Contact) int { return strings.Compare(a.ID, b.ID) })
	from := min((page-1)*size, len(all))
	to := min(from+size, len(all))
	s.pipeAnswer(c, http.StatusOK, shown(all[from:to], dialects.PipePerson), map[string]any{"page": page, "per_page": size, "more_items_in_collection": to < len(all)})
	return nil
}

func pipeSubscriptionOf(subscription acme.Subscription) map[string]any {
	active := 0
	if subscription.Status == "active" {
		active = 1
	}
	return map[string]any{"id": subscription.ID, "subscription_url": subscription.URL, "is_active": active, "type": "general"}
}

// pipeSubscribe takes the user and the password that deliveries are to prove themselves by.
func (s *Server) pipeSubscribe(c *call) error {
	var in struct {
		URL      string `json:"subscription_url"`
		Action   string `json:"event_action"`
		Object   string `json:"event_object"`
		User     string `json:"http_auth_user"`
		Password string `json:"http_auth_password"`
	}
	if _, err := decode(c, &in); err != nil {
		return err
	}
	if in.User == "" || in.Password == "" {
		return badRequest("invalid_parameter", "http_auth_user and http_auth_password are needed.")
	}
	subscription, err := c.account.SubscribeAs(accounts.Pipe, in.URL, in.User+":"+in.Password)
	if err != nil {
		return err
	}
	s.pipeAnswer(c, http.StatusCreated, pipeSubscriptionOf(subscription), nil)
	return nil
}

func (s *Server) pipeSubscriptions(c *call) error {
	list := []map[string]any{}
	for _, one := range c.account.Subscriptions() {
		list = append(list, pipeSubscriptionOf(one))
	}
	s.pipeAnswer(c, http.StatusOK, list, nil)
	return nil
}

func (s *Server) pipeSubscription(c *call) error {
	subscription, found := c.account.Subscription(c.r.PathValue("id"))
	if !found {
		return errNoSuchRecord
	}
	s.pipeAnswer(c, http.StatusOK, pipeSubscriptionOf(subscription.Public()), nil)
	return nil
}
