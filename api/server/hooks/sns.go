package hooks

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"acmesync"
	"acmesync/api/server/problem"
	"acmesync/broker"
	"acmesync/hints"

	"go.uber.org/zap"
)

// ReceiveSNS answers one message of Amazon SNS to an endpoint. SNS takes a 4xx for final, so that is only for what will never
// be taken: all that is for the moment is a 503.
func (r *Receiver) ReceiveSNS(w http.ResponseWriter, req *http.Request, endpoint, requestID string) {
	began := time.Now()
	answer, err := r.receiveSNS(w, req, endpoint)
	r.figures.answered(req.Context(), time.Since(began))
	if err == nil {
		answer.write(w)
		return
	}
	p, _ := problem.Of(err)
	p.Write(w, requestID)
}

const rawDelivery = "X-Amz-Sns-Rawdelivery"

func (r *Receiver) receiveSNS(w http.ResponseWriter, req *http.Request, name string) (answer, error) {
	ctx := req.Context()
	e, err := r.endpoints.find(ctx, name, anyAge)
	switch {
	case errors.Is(err, acmesync.ErrNotFound), err == nil && r.SNS == nil:
		return answer{}, r.refuse(ctx, refusal{code: problem.NotFound, reason: "unknown_endpoint"})
	case err != nil:
		r.log.Error("endpoint not looked up", zap.Error(err))
		return answer{}, r.refuse(ctx, refusal{code: problem.Unavailable, reason: "no_lookup", wait: comeAgainLater})
	case e.state == acmesync.Deactivated:
		return answer{}, r.refuse(ctx, refusal{code: problem.EndpointGone, reason: "deactivated"})
	}
	defer e.underWay.Add(-1)
	if e.underWay.Add(1) > maxPerEndpoint {
		return answer{}, r.refuse(ctx, refusal{code: problem.Overloaded, reason: "too_many", wait: comeAgain})
	}
	body, give, refused := r.read(w, req, maxBodyBytes)
	defer give()
	switch {
	case refused != refusal{}:
		return answer{}, r.refuse(ctx, refused)
	case strings.EqualFold(req.Header.Get(rawDelivery), "true"):
		return answer{}, r.refuse(ctx, refusal{code: problem.InvalidNotification, reason: "raw_delivery",
			detail: "Raw message delivery is on, which leaves the signature away: switch it off in the subscription."})
	case !isPlainOrJSON(req.Header):
		return answer{}, r.refuse(ctx, refusal{code: problem.UnsupportedMediaType, reason: "content_type"})
	}
	m, err := broker.ParseSNS(body)
	if err != nil {
		return answer{}, r.refuse(ctx, refusal{code: problem.MalformedJSON, reason: "no_notification", detail: "This is no message of SNS: " + err.Error() + "."})
	}
	if err := r.believe(ctx, name, e, m); err != nil {
		return answer{}, err
	}
	return r.takeSNS(ctx, name, e, m)
}

// believe proves a message. A topic that is not allowed may have been a moment ago: the configuration is read again.
func (r *Receiver) believe(ctx context.Context, name string, e *endpoint, m broker.SNSMessage) error {
	err := r.SNS.Verify(ctx, m, e.topics)
	var refused *broker.SNSRefusal
	if errors.As(err, &refused) && refused.Reason == "topic" {
		if fresh, again := r.endpoints.find(ctx, name, secretsFreshFor); again == nil && fresh != e {
			err = r.SNS.Verify(ctx, m, fresh.topics)
		}
	}
	return r.judgeSNS(ctx, err)
}

// judgeSNS refuses for good what is not believed, and for now what could not be proven.
func (r *Receiver) judgeSNS(ctx context.Context, err error) error {
	var refused *broker.SNSRefusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return r.refuse(ctx, refusal{code: problem.InvalidNotification, reason: "sns_" + refused.Reason, detail: refused.Text})
	}
	r.log.Warn("SNS cannot be asked", zap.Error(err))
	return r.refuse(ctx, refusal{code: problem.Unavailable, reason: "sns_unavailable", wait: comeAgainLater})
}

func (r *Receiver) takeSNS(ctx context.Context, name string, e *endpoint, m broker.SNSMessage) (answer, error) {
	switch m.Type {
	case broker.SNSConfirm:
		if err := r.judgeSNS(ctx, r.SNS.Confirm(ctx, m)); err != nil {
			return answer{}, err
		}
		r.figures.accepted(ctx, "confirmed")
		r.log.Info("a subscription is confirmed", zap.String("tenant_id", string(e.tenant)), zap.String("topic", m.TopicARN))
		return answer{code: http.StatusOK, Status: "confirmed", ID: m.MessageID}, nil
	case broker.SNSUnsubscribe:
		// Its address would subscribe us again: whoever ended the subscription may have meant it.
		r.figures.accepted(ctx, "unsubscribed")
		r.log.Error("a topic does not notify this tenant any more: somebody has unsubscribed it",
			zap.String("tenant_id", string(e.tenant)), zap.String("topic", m.TopicARN))
		return answer{code: http.StatusOK, Status: "unsubscribed", ID: m.MessageID}, nil
	}
	events, reason := hints.OfMessage(e.profile, []byte(m.Message))
	return r.storeBy(ctx, acmesync.BySNS, name, e, "sns:"+m.MessageID, []byte(m.Message), events, reason)
}

// isPlainOrJSON takes what SNS says its JSON is: text/plain.
func isPlainOrJSON(h http.Header) bool {
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, named := parameters["charset"]
	return err == nil && h.Get("Content-Encoding") == "" && (kind == "text/plain" || kind == "application/json") &&
		(!named || strings.EqualFold(charset, "utf-8"))
}
