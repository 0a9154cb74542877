package hooks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/api/server/problem"
	"acmesync/broker"
	"acmesync/db"
	"acmesync/doorbell"
	"acmesync/hints"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	maxBodyBytes    = 1 << 20
	maxBytesAtOnce  = 64 << 20 // bodies in memory, of all deliveries under way
	maxPerEndpoint  = 256      // deliveries under way: a burst of one tenant leaves room for the others
	comeAgain       = time.Second
	comeAgainLater  = 5 * time.Second
	secretsFreshFor = time.Second // a signature that fits no secret has them read again, this often at most
)

// Receiver takes deliveries. Make it with New, close it once no more come in.
type Receiver struct {
	endpoints *endpoints
	intake    *intake
	bell      *doorbell.Bell
	figures   *figures
	log       *zap.Logger
	publicURL string // what senders call us; some sign it
	bytes     atomic.Int64

	// SNS believes notifications; without it none is taken.
	SNS *broker.SNS
}

// New starts a receiver's committers and its doorbell. publicURL is the address that senders know us by.
func New(memory *db.DB, ringer doorbell.Ringer, publicURL string, meter metric.Meter, log *zap.Logger) (*Receiver, error) {
	f, err := newFigures(meter)
	if err != nil {
		return nil, err
	}
	// Whoever floods us with bad signatures shall not flood the log.
	log = log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Second, 10, 1000)
	}))
	bell, err := doorbell.New(memory, ringer, meter, log)
	if err != nil {
		return nil, err
	}
	return &Receiver{
		endpoints: newEndpoints(memory), bell: bell, figures: f, log: log, publicURL: strings.TrimRight(publicURL, "/"),
		intake: newIntake(memory, func(d db.HookDelivery) { bell.Ring(d.Tenant) }, f, log),
	}, nil
}

// Close commits what still waits, then rings for it. No delivery may come in any more.
func (r *Receiver) Close() {
	r.intake.close()
	r.bell.Close()
}

// Receive answers one delivery of Acme's or the app's to an endpoint.
func (r *Receiver) Receive(w http.ResponseWriter, req *http.Request, from acmesync.Side, endpoint, requestID string) {
	began := time.Now()
	answer, err := r.receive(w, req, from, endpoint)
	r.figures.answered(req.Context(), time.Since(began))
	if err == nil {
		answer.write(w)
		return
	}
	p, _ := problem.Of(err)
	p.Write(w, requestID)
}

// answer is what a sender is told about a delivery that we have.
type answer struct {
	code   int
	Status string `json:"status"` // accepted, duplicate, parked; of SNS also confirmed, unsubscribed
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

func (a answer) write(w http.ResponseWriter) {
	body, err := json.Marshal(a)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.code)
	_, _ = w.Write(append(body, '\n'))
}

func (r *Receiver) receive(w http.ResponseWriter, req *http.Request, from acmesync.Side, name string) (answer, error) {
	ctx := req.Context()
	e, err := r.endpoints.find(ctx, name, anyAge)
	if err != nil && !errors.Is(err, acmesync.ErrNotFound) {
		r.log.Error("endpoint not looked up", zap.Error(err))
		return answer{}, r.refuse(ctx, refusal{code: problem.Unavailable, reason: "no_lookup", wait: comeAgainLater})
	}
	known := err == nil
	if known && e.state == acmesync.Deactivated {
		return answer{}, r.refuse(ctx, refusal{code: problem.EndpointGone, reason: "deactivated"})
	}
	if known {
		defer e.underWay.Add(-1)
		if e.underWay.Add(1) > maxPerEndpoint {
			return answer{}, r.refuse(ctx, refusal{code: problem.TooManyRequests, reason: "too_many", wait: comeAgain})
		}
	}
	body, give, refused := r.read(w, req, maxBodyBytes)
	defer give()
	switch {
	case !known:
		// The same work as for an endpoint that is there: how long it takes tells nothing.
		_, _ = acme.VerifyWebhook(req.Header, body, []string{nobodysSecret}, time.Now())
		return answer{}, r.refuse(ctx, refusal{code: problem.NotFound, reason: "unknown_endpoint"})
	case refused != refusal{}:
		return answer{}, r.refuse(ctx, refused)
	case !isJSON(req.Header):
		return answer{}, r.refuse(ctx, refusal{code: problem.UnsupportedMediaType, reason: "content_type"})
	}
	id, err := r.verify(req, from, name, e, body)
	if err != nil {
		return answer{}, err
	}
	if from == acmesync.AppSide {
		events, reason := changesOf(body)
		// Acme and the app name their deliveries each for itself, and they share an endpoint.
		return r.store(ctx, name, e, "app:"+id, body, events, reason)
	}
	events, reason := hints.Of(e.profile, body)
	return r.store(ctx, name, e, id, body, events, reason)
}

// nobodysSecret signs nothing: it is only good for taking as long as another.
const nobodysSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// read takes the body whole, within what all bodies under way may take together. Give back what it took when done.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request, most int64) (body []byte, give func(), refused refusal) {
	size := req.ContentLength
	if size > most {
		return nil, func() {}, refusal{code: problem.PayloadTooLarge, reason: "too_large"}
	}
	if size < 0 {
		size = most
	}
	give = func() { r.bytes.Add(-size) }
	if r.bytes.Add(size) > maxBytesAtOnce {
		return nil, give, refusal{code: problem.Overloaded, reason: "overloaded", wait: comeAgain}
	}
	var whole bytes.Buffer
	if req.ContentLength > 0 {
		whole.Grow(int(req.ContentLength) + bytes.MinRead)
	}
	_, err := whole.ReadFrom(http.MaxBytesReader(w, req.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, give, refusal{code: problem.PayloadTooLarge, reason: "too_large"}
	case err != nil:
		w.Header().Set("Connection", "close")
		return nil, give, refusal{code: problem.BrokenBody, reason: "broken_body"}
	}
	return whole.Bytes(), give, refusal{}
}

// isJSON wants application/json in UTF-8, not compressed: the signature is over the bytes as they came.
func isJSON(h http.Header) bool {
	kinds := h.Values("Content-Type")
	if len(kinds) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	kind, parameters, err := mime.ParseMediaType(kinds[0])
	charset, named := parameters["charset"]
	return err == nil && kind == "application/json" && (!named || strings.EqualFold(charset, "utf-8"))
}

// verify proves the signature. Secrets that fit nothing may have been replaced a moment ago: they are read again.
func (r *Receiver) verify(req *http.Request, from acmesync.Side, name string, e *endpoint, body []byte) (id string, err error) {
	delivery := acme.Delivery{Method: req.Method, URL: r.publicURL + req.URL.Path, Header: req.Header, Body: body}
	id, err = e.verify(from, delivery)
	var bad *acme.SignatureError
	if errors.As(err, &bad) && (bad.Reason == acme.NoMatch || bad.Reason == acme.NoSecret) {
		if fresh, again := r.endpoints.find(req.Context(), name, secretsFreshFor); again == nil && fresh != e {
			id, err = fresh.verify(from, delivery)
		}
	}
	if err == nil {
		return id, nil
	}
	reason := "signature"
	if errors.As(err, &bad) {
		reason = string(bad.Reason)
	}
	return "", r.refuse(req.Context(), refusal{code: problem.InvalidSignature, reason: reason})
}

func (r *Receiver) store(ctx context.Context, name string, e *endpoint, id string, body []byte, events []db.HookEvent, reason string) (answer, error) {
	return r.storeBy(ctx, acmesync.ByHook, name, e, id, body, events, reason)
}

func (r *Receiver) storeBy(ctx context.Context, way acmesync.Way, name string, e *endpoint, id string, body []byte, events []db.HookEvent, reason string) (answer, error) {
	sum := sha256.Sum256(body)
	status, err := r.intake.store(db.HookDelivery{Endpoint: name, Way: way, Tenant: e.tenant, WebhookID: id, BodySHA: sum[:], Events: events})
	switch {
	case errors.Is(err, errFull):
		return answer{}, r.refuse(ctx, refusal{code: problem.Overloaded, reason: "overloaded", wait: comeAgain})
	case err != nil:
		r.log.Error("webhook not stored", zap.String("tenant_id", string(e.tenant)), zap.Error(err))
		return answer{}, r.refuse(ctx, refusal{code: problem.Unavailable, reason: "not_stored", wait: comeAgainLater})
	case status == db.HookGone:
		r.endpoints.forget(name)
		return answer{}, r.refuse(ctx, refusal{code: problem.EndpointGone, reason: "deactivated"})
	case status == db.HookDuplicate:
		r.figures.accepted(ctx, "duplicate")
		return answer{code: http.StatusOK, Status: "duplicate", ID: id}, nil
	case reason != "":
		r.figures.accepted(ctx, "parked")
		r.log.Warn("webhook parked: it cannot be read", zap.String("tenant_id", string(e.tenant)), zap.String("webhook_id", id), zap.String("reason", reason))
		return answer{code: http.StatusAccepted, Status: "parked", ID: id, Reason: reason}, nil
	}
	r.figures.accepted(ctx, "accepted")
	return answer{code: http.StatusAccepted, Status: "accepted", ID: id}, nil
}

// refusal is why a delivery is not taken. The sender learns the code and when to come again; the reason is ours.
type refusal struct {
	code, reason string
	wait         time.Duration
	detail       string // for whoever set the sender up; empty: the code says enough
}

// refuse counts and logs a refusal. The endpoint is not logged: who knows it can call it.
func (r *Receiver) refuse(ctx context.Context, why refusal) error {
	r.figures.refused(ctx, why.reason)
	r.log.Info("webhook refused", zap.String("reason", why.reason))
	p := problem.New(why.code, why.detail).RetryAfter(why.wait)
	switch why.code {
	case problem.InvalidSignature:
		p = p.Authenticate("Standard-Webhooks")
	case problem.WrongAccount:
		p = p.Authenticate("Address")
	}
	return p
}
