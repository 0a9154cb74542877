package server

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"acmesync/acme"
)

var eventPattern = regexp.MustCompile(`^(\*|(user|contact|appointment|touchpoint)\.(\*|created|updated|deleted|undeleted|merged))$`)

func (s *Server) listSubscriptions(c *call) error {
	s.answer(c.w, http.StatusOK, map[string]any{"data": c.account.Subscriptions()})
	return nil
}

func (s *Server) subscribe(c *call) error {
	var in struct {
		URL    string   `json:"url"`
		Events []string `json:"events"`
		Format string   `json:"format"`
	}
	if _, err := decode(c, &in); err != nil {
		return err
	}
	if u, err := url.Parse(in.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || len(in.URL) > 2000 {
		return badRequest("invalid_parameter", "url is no absolute http(s) URL.")
	}
	if len(in.Events) == 0 || len(in.Events) > 50 {
		return badRequest("invalid_parameter", "events must name one to fifty.")
	}
	for _, event := range in.Events {
		if !eventPattern.MatchString(event) {
			return badRequest("invalid_parameter", "events names what does not exist.")
		}
	}
	subscribe := c.account.Subscribe
	switch in.Format {
	case "", acme.FormatJSON:
	case acme.FormatSOAP:
		subscribe = c.account.SubscribeSOAP
	default:
		return badRequest("invalid_parameter", "format is neither json nor soap.")
	}
	subscription, err := subscribe(in.URL, in.Events)
	if err != nil {
		return err
	}
	s.answer(c.w, http.StatusCreated, subscription)
	return nil
}

func (s *Server) getSubscription(c *call) error {
	subscription, found := c.account.Subscription(c.r.PathValue("id"))
	if !found {
		return errNoSuchRecord
	}
	s.answer(c.w, http.StatusOK, subscription.Public())
	return nil
}

func (s *Server) unsubscribe(c *call) error {
	if err := c.account.Unsubscribe(c.r.PathValue("id")); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) enableSubscription(c *call) error {
	id, action, _ := strings.Cut(c.r.PathValue("id"), ":")
	if action != "enable" {
		return errNoSuchPath
	}
	if err := c.account.Enable(id); err != nil {
		return err
	}
	subscription, _ := c.account.Subscription(id)
	s.answer(c.w, http.StatusOK, subscription.Public())
	return nil
}
