package hooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/api/server/problem"
	"acmesync/db"
	"acmesync/hints"

	"go.uber.org/zap"
)

// maxSOAPBytes bounds an outbound message: a hundred records as their sender chose to show them.
const maxSOAPBytes = 4 << 20

// ReceiveSOAP answers one outbound message to an endpoint: an Ack once all it tells is kept, else a fault. Who sends is
// proven by the address, which nobody but Acme was told; so what comes there and cannot be read is kept and acknowledged,
// or it would come again for a day. A tenant that did not ask for outbound messages has no such address.
func (r *Receiver) ReceiveSOAP(w http.ResponseWriter, req *http.Request, endpoint, requestID string) {
	began := time.Now()
	namespace, err := r.receiveSOAP(w, req, endpoint)
	r.figures.answered(req.Context(), time.Since(began))
	h := w.Header()
	h.Set("Content-Type", "text/xml; charset=utf-8")
	if err == nil {
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(acme.SOAPAck(namespace, true))
		return
	}
	p, _ := problem.Of(err)
	p.Head(h)
	w.WriteHeader(p.Status)
	_, _ = w.Write(acme.SOAPFault(p.Status >= http.StatusInternalServerError, p.Code, p.Error()+" (request "+requestID+")"))
}

// DescribeSOAP gives whoever knows an endpoint the WSDL that fits it.
func (r *Receiver) DescribeSOAP(w http.ResponseWriter, req *http.Request, endpoint, requestID string) {
	_, err := r.findSOAP(req.Context(), endpoint, anyAge)
	if err == nil && !req.URL.Query().Has("wsdl") {
		w.Header().Set("Allow", http.MethodPost)
		err = problem.New(problem.MethodNotAllowed, "Messages are POSTed here; ?wsdl describes them.")
	}
	if err != nil {
		p, _ := problem.Of(err)
		p.Write(w, requestID)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write(acme.OutboundWSDL(r.publicURL + req.URL.Path))
}

// findSOAP finds who is behind an endpoint and takes outbound messages there.
func (r *Receiver) findSOAP(ctx context.Context, name string, age time.Duration) (*endpoint, error) {
	e, err := r.endpoints.find(ctx, name, age)
	switch {
	case err != nil && !errors.Is(err, acmesync.ErrNotFound):
		r.log.Error("endpoint not looked up", zap.Error(err))
		return nil, r.refuse(ctx, refusal{code: problem.Unavailable, reason: "no_lookup", wait: comeAgainLater})
	case err != nil || !e.profile.PushesSOAP():
		return nil, r.refuse(ctx, refusal{code: problem.NotFound, reason: "unknown_endpoint"})
	case e.state == acmesync.Deactivated:
		return nil, r.refuse(ctx, refusal{code: problem.EndpointGone, reason: "deactivated"})
	}
	return e, nil
}

func (r *Receiver) receiveSOAP(w http.ResponseWriter, req *http.Request, name string) (namespace string, err error) {
	ctx := req.Context()
	e, err := r.findSOAP(ctx, name, anyAge)
	if err != nil {
		return "", err
	}
	defer e.underWay.Add(-1)
	if e.underWay.Add(1) > maxPerEndpoint {
		return "", r.refuse(ctx, refusal{code: problem.TooManyRequests, reason: "too_many", wait: comeAgain})
	}
	body, give, refused := r.read(w, req, maxSOAPBytes)
	defer give()
	if refused != (refusal{}) {
		return "", r.refuse(ctx, refused)
	}
	if sentence := notSOAP(req.Header, e.profile); sentence != "" {
		return "", r.refuse(ctx, refusal{code: problem.UnsupportedMediaType, reason: "content_type", detail: sentence})
	}
	message, err := e.profile.ParseOutbound(body)
	if err != nil {
		return message.Namespace, r.storeSOAP(ctx, e, []db.HookDelivery{rawMessage(name, e, body)}, hints.Reason(err))
	}
	if !r.isOf(ctx, name, e, message.OrganizationID) {
		return "", r.refuse(ctx, refusal{code: problem.WrongAccount, reason: "wrong_account"})
	}
	return message.Namespace, r.storeSOAP(ctx, e, notificationsOf(name, e, message), "")
}

// notSOAP says why the type of a message is none that is taken; empty: it is.
func notSOAP(h http.Header, p *acme.Profile) string {
	kinds := h.Values("Content-Type")
	if len(kinds) != 1 {
		return "Send one Content-Type: text/xml in UTF-8."
	}
	kind, parameters, err := mime.ParseMediaType(kinds[0])
	charset := strings.ToLower(parameters["charset"])
	switch {
	case err != nil:
		return "Send Content-Type: text/xml in UTF-8."
	case kind == "application/soap+xml":
		return "This is SOAP 1.2. Outbound messages are SOAP 1.1: send them as text/xml."
	case kind != "text/xml":
		return "Outbound messages are SOAP 1.1: send them as text/xml."
	case h.Get("Content-Encoding") != "":
		return "Send the message without compressing it."
	case charset == "" || charset == "utf-8" || charset == "us-ascii":
		return ""
	case (charset == "iso-8859-1" || charset == "windows-1252") && p.Encoding != "":
		return ""
	case strings.HasPrefix(charset, "utf-16"):
		return "UTF-16 is not read: send the message in UTF-8."
	}
	return "Send the message in UTF-8. Latin-1 is read where the tenant's profile says so."
}

// isOf tells whether a message is of the account that the tenant has connected, as far as its id is known. One that is not
// may be of an account that was connected a moment ago: it is looked up again.
func (r *Receiver) isOf(ctx context.Context, name string, e *endpoint, account string) bool {
	if e.account == "" || e.account == account {
		return true
	}
	fresh, err := r.findSOAP(ctx, name, secretsFreshFor)
	return err == nil && (fresh.account == "" || fresh.account == account)
}

// notificationsOf makes a delivery of each notification, so that each is kept once however it is sent again.
func notificationsOf(name string, e *endpoint, message acme.OutboundMessage) []db.HookDelivery {
	all := make([]db.HookDelivery, 0, len(message.Notifications))
	for _, n := range message.Notifications {
		sum := sha256.Sum256(n.Raw)
		id := n.ID
		if id == "" {
			id = bodyID(sum)
		}
		event := hints.Unreadable(n.Raw)
		if n.Event.Type != "" {
			event = hints.OfEvent(n.Event, n.Raw)
		}
		all = append(all, db.HookDelivery{
			Endpoint: name, Way: acmesync.BySOAP, Tenant: e.tenant, WebhookID: "soap:" + id, BodySHA: sum[:], Events: []db.HookEvent{event},
		})
	}
	return all
}

// rawMessage keeps a message whole that cannot be read.
func rawMessage(name string, e *endpoint, body []byte) db.HookDelivery {
	sum := sha256.Sum256(body)
	return db.HookDelivery{
		Endpoint: name, Way: acmesync.BySOAP, Tenant: e.tenant, WebhookID: "soap:" + bodyID(sum), BodySHA: sum[:], Events: []db.HookEvent{hints.Unreadable(body)},
	}
}

// bodyID names what has no id of its own: the same again is a repetition.
func bodyID(sum [sha256.Size]byte) string { return "body_" + hex.EncodeToString(sum[:16]) }

// storeSOAP returns once all deliveries of a message are kept. Where one is not, the sender comes again with all of them, and
// finds the others kept.
func (r *Receiver) storeSOAP(ctx context.Context, e *endpoint, deliveries []db.HookDelivery, reason string) error {
	statuses, err := r.intake.storeAll(deliveries)
	switch {
	case errors.Is(err, errFull):
		return r.refuse(ctx, refusal{code: problem.Overloaded, reason: "overloaded", wait: comeAgain})
	case err != nil:
		r.log.Error("outbound message not stored", zap.String("tenant_id", string(e.tenant)), zap.Error(err))
		return r.refuse(ctx, refusal{code: problem.Unavailable, reason: "not_stored", wait: comeAgainLater})
	}
	for i, status := range statuses {
		switch {
		case status == db.HookGone:
			r.endpoints.forget(deliveries[i].Endpoint)
			return r.refuse(ctx, refusal{code: problem.EndpointGone, reason: "deactivated"})
		case status == db.HookDuplicate:
			r.figures.accepted(ctx, "duplicate")
		case deliveries[i].Events[0].Raw:
			r.figures.accepted(ctx, "parked")
			r.log.Warn("outbound message parked: it cannot be read", zap.String("tenant_id", string(e.tenant)),
				zap.String("reason", reason), zap.String("notification", strconv.Itoa(i+1)))
		default:
			r.figures.accepted(ctx, "accepted")
		}
	}
	return nil
}
