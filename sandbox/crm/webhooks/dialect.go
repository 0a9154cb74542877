package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/dialects"
)

// body says a delivery's events in the subscription's words.
func (l *lane) body(delivery *Delivery, number int, dialect accounts.Dialect) ([]byte, error) {
	switch dialect {
	case accounts.SOAP:
		return outboundMessage(l.account.Info().ID, delivery.Subscription, delivery.Events), nil
	case accounts.Hub:
		return json.Marshal(dialects.HubEvents(l.account.Info().ID, delivery.Events, number))
	case accounts.Pipe:
		for _, event := range delivery.Events {
			return json.Marshal(dialects.PipeEvent(event, l.recordOf(event), number)) // there is one
		}
	}
	events := make([]any, len(delivery.Events))
	for i, event := range delivery.Events {
		event.Attempt = number
		events[i] = event
	}
	return json.Marshal(events)
}

// recordOf is an event's record as it is now, in Pipe's words; nil: it has none.
func (l *lane) recordOf(event acme.Event) map[string]any {
	object, _, _ := strings.Cut(event.Type, ".")
	switch object {
	case "appointment":
		if a := l.account.Appointment(event.ObjectID); a != nil {
			return dialects.PipeMeeting(*a)
		}
	case "contact":
		if c := l.account.Contact(event.ObjectID); c != nil {
			return dialects.PipePerson(*c)
		}
	case "touchpoint":
		if raw, _, found := l.account.Get(acme.Touchpoints, event.ObjectID); found {
			var t acme.Touchpoint
			if json.Unmarshal(raw, &t) == nil {
				return dialects.PipeTouch(t)
			}
		}
	}
	return nil
}

// prove signs a delivery as its dialect does.
func prove(r *http.Request, dialect accounts.Dialect, secrets []string, id string, at time.Time, body []byte) error {
	if len(secrets) == 0 && dialect != accounts.SOAP {
		return nil
	}
	switch dialect {
	case accounts.SOAP:
		r.Header.Set("Content-Type", "text/xml; charset=utf-8")
		r.Header.Set("SOAPAction", `""`)
		return nil
	case accounts.Hub:
		stamp := strconv.FormatInt(at.UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(secrets[0]))
		mac.Write([]byte(r.Method + r.URL.String()))
		mac.Write(body)
		mac.Write([]byte(stamp))
		r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
		r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		return nil
	case accounts.Pipe:
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(secrets[0])))
		return nil
	}
	return sign(r.Header, secrets, id, at, body)
}
