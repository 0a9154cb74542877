package server

import (
	"context"
	"net/http"
	"time"

	"acmesync/sandbox/crm/accounts"
)

// carry makes what the account is to be told by ready, or says that this sandbox does not have it.
func (s *Server) carry(c *call, ways []accounts.Push) error {
	for _, way := range ways {
		switch way {
		case accounts.ByWebhook, accounts.BySNS:
		case accounts.ByKafka:
			if s.Topic == "" {
				return badRequest("invalid_parameter", "This sandbox was started without a Kafka broker (--kafka-addr).")
			}
			if err := c.account.TellByKafka(s.Topic); err != nil {
				return err
			}
		default:
			return badRequest("invalid_parameter", "push is a list of webhook, kafka, sns.")
		}
	}
	return nil
}

// adminSubscribeTopic subscribes an endpoint as AWS's console would: it is sent a message that it has to confirm.
func (s *Server) adminSubscribeTopic(c *call) error {
	var in struct {
		Endpoint string `json:"endpoint"`
	}
	if _, err := decode(c, &in); err != nil {
		return err
	}
	account := c.account.Info().ID
	token := s.SNS.NewToken()
	id, err := c.account.SubscribeToTopic(in.Endpoint, token)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), 10*time.Second)
	defer cancel()
	status, err := s.SNS.AskToConfirm(ctx, account, token, in.Endpoint)
	answer := map[string]any{"topic": s.SNS.Topic(account), "subscription": id, "answered": status}
	if err != nil {
		answer["error"] = err.Error()
	}
	s.answer(c.w, http.StatusOK, answer)
	return nil
}

// snsRoutes are SNS's own: its certificate, and the address that confirms a subscription.
func (s *Server) snsRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /sns/certificate.pem", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write(s.SNS.Certificate())
	})
	mux.HandleFunc("GET /sns/", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for _, a := range s.Registry.All() {
			if q.Get("Action") != "ConfirmSubscription" || s.SNS.Topic(a.Info().ID) != q.Get("TopicArn") {
				continue
			}
			if found, err := a.ConfirmTopic(q.Get("Token")); err == nil && found {
				w.Header().Set("Content-Type", "text/xml")
				_, _ = w.Write([]byte("<ConfirmSubscriptionResponse/>\n"))
				return
			}
		}
		http.Error(w, "<ErrorResponse/>", http.StatusNotFound)
	})
}
