package acme

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The signature schemes that a profile can name.
const (
	SchemeStandard    = "standard"    // Standard Webhooks
	SchemeTimestamped = "timestamped" // "t=<unix seconds>,v1=<hex>": HMAC-SHA256 of "<t>.<body>"
	SchemeSHA256      = "sha256"      // "sha256=<hex>": HMAC-SHA256 of the body
	SchemeV3          = "v3"          // base64 HMAC-SHA256 of method, address, body and timestamp; milliseconds in a header of its own
	SchemeBasic       = "basic"       // HTTP basic authentication
)

// Delivery is one webhook request as it arrived.
type Delivery struct {
	Method string
	URL    string // the public address it was sent to
	Header http.Header
	Body   []byte
}

// hookDialect is how webhooks are asked for, proven and read where that is not as Acme's contract says, compiled.
type hookDialect struct {
	WebhookShape
	subscriptions *subscriptionDialect // nil: as the contract says
	events        path
	record        *record // nil: events are in the contract's form
}

// VerifyWebhook believes a delivery that the profile's scheme proves by one of the secrets, and gives its id. Where the
// sender gives none, the id is made of the body: the same body again is a repetition. Every error is a *SignatureError.
func (p *Profile) VerifyWebhook(d Delivery, secrets []string, now time.Time) (id string, err error) {
	if p == nil || p.hooks == nil || p.hooks.Signature == SchemeStandard {
		return VerifyWebhook(d.Header, d.Body, secrets, now)
	}
	h := p.hooks
	if err := h.verify(d, secrets, now); err != "" {
		return "", &SignatureError{err}
	}
	if h.IDHeader != "" {
		id, reason := single(d.Header, h.IDHeader)
		if reason == "" && (len(id) > MaxIDBytes || strings.Trim(id, letters+digits+"_-.") != "") {
			reason = BadWebhookID
		}
		if reason != "" {
			return "", &SignatureError{reason}
		}
		return id, nil
	}
	sum := sha256.Sum256(d.Body)
	return "body_" + hex.EncodeToString(sum[:16]), nil
}

func (h *hookDialect) verify(d Delivery, secrets []string, now time.Time) SignatureReason {
	value, reason := single(d.Header, h.Header)
	if reason != "" {
		return reason
	}
	if len(value) > maxSignatureHeader {
		return BadSignature
	}
	usable := secrets[:0:0]
	for _, secret := range secrets {
		if usableSecret(secret) {
			usable = append(usable, secret)
		}
	}
	if len(usable) == 0 {
		return NoSecret
	}
	switch h.Signature {
	case SchemeTimestamped:
		return verifyTimestamped(value, d.Body, usable, now)
	case SchemeSHA256:
		encoded, ok := strings.CutPrefix(value, "sha256=")
		mac, err := hex.DecodeString(encoded)
		if !ok || err != nil || len(mac) != sha256.Size {
			return BadSignature
		}
		return matches(mac, usable, d.Body)
	case SchemeV3:
		return h.verifyV3(value, d, usable, now)
	default:
		return verifyBasic(value, usable)
	}
}

// usableSecret wants what cannot be guessed: a short secret, or none, proves nothing.
func usableSecret(secret string) bool { return len(secret) >= 16 }

func single(h http.Header, name string) (string, SignatureReason) {
	switch values := h.Values(name); {
	case len(values) == 0, len(values) == 1 && values[0] == "":
		return "", MissingHeader
	case len(values) > 1:
		return "", DuplicateHeader
	default:
		return values[0], ""
	}
}

// verifyTimestamped takes one t and any number of v1; other versions are left to those who know them.
func verifyTimestamped(value string, body []byte, secrets []string, now time.Time) SignatureReason {
	stamp := ""
	var macs [][]byte
	for part := range strings.SplitSeq(value, ",") {
		name, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			if stamp != "" {
				return BadSignature
			}
			stamp = v
		case "v1":
			mac, err := hex.DecodeString(v)
			if err != nil || len(mac) != sha256.Size {
				return BadSignature
			}
			macs = append(macs, mac)
		}
	}
	seconds, ok := unixSeconds(stamp)
	switch {
	case !ok:
		return BadTimestamp
	case now.Sub(time.Unix(seconds, 0)).Abs() > WebhookTolerance:
		return StaleTimestamp
	case len(macs) == 0:
		return BadSignature
	}
	for _, mac := range macs {
		if matches(mac, secrets, []byte(stamp+"."), body) == "" {
			return ""
		}
	}
	return NoMatch
}

func (h *hookDialect) verifyV3(value string, d Delivery, secrets []string, now time.Time) SignatureReason {
	mac, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || len(mac) != sha256.Size {
		return BadSignature
	}
	stamp, reason := single(d.Header, h.TimestampHeader)
	if reason != "" {
		return reason
	}
	ms, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || len(stamp) != 13 || stamp[0] == '-' {
		return BadTimestamp
	}
	if now.Sub(time.UnixMilli(ms)).Abs() > WebhookTolerance {
		return StaleTimestamp
	}
	return matches(mac, secrets, []byte(d.Method+d.URL), d.Body, []byte(stamp))
}

func matches(mac []byte, secrets []string, parts ...[]byte) SignatureReason {
	for _, secret := range secrets {
		h := hmac.New(sha256.New, []byte(secret))
		for _, part := range parts {
			h.Write(part)
		}
		if hmac.Equal(mac, h.Sum(nil)) {
			return ""
		}
	}
	return NoMatch
}

// verifyBasic compares passwords; who sends is us twice over, the user's name proves nothing.
func verifyBasic(value string, secrets []string) SignatureReason {
	encoded, ok := strings.CutPrefix(value, "Basic ")
	pair, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return BadSignature
	}
	_, password, _ := bytes.Cut(pair, []byte{':'})
	given := sha256.Sum256(password)
	for _, secret := range secrets {
		want := sha256.Sum256([]byte(secret))
		if subtle.ConstantTimeCompare(given[:], want[:]) == 1 {
			return ""
		}
	}
	return NoMatch
}

// ParseEvents reads the body of a delivery in the profile's words; see the function of that name.
func (p *Profile) ParseEvents(body []byte) (events []Event, raw [][]byte, err error) {
	if p == nil || p.hooks == nil || p.hooks.record == nil {
		return ParseEvents(body)
	}
	const op = "parse events"
	h := p.hooks
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil, malformed(op, CodeEmptyBody, "")
	}
	if !utf8.Valid(body) {
		return nil, nil, malformed(op, CodeInvalidUTF8, "")
	}
	window, ok := h.events.find(body)
	if !ok {
		return nil, nil, malformed(op, CodeMalformedJSON, "")
	}
	s := scanner{data: window, limit: maxRecordDepth}
	if s.peek() != '[' {
		if window == nil || s.peek() != '{' {
			return nil, nil, malformed(op, CodeWrongShape, h.Events)
		}
		return []Event{h.event(window)}, [][]byte{window}, nil
	}
	ok = s.array(func(int) bool {
		from := s.pos
		if !s.skip() {
			return false
		}
		one := s.data[from:s.pos:s.pos]
		events, raw = append(events, h.event(one)), append(raw, one)
		return true
	})
	if !ok || len(events) == 0 {
		return nil, nil, malformed(op, CodeWrongShape, h.Events)
	}
	return events, raw, nil
}

// event reads one event; the zero Event is one that cannot be read.
func (h *hookDialect) event(window []byte) Event {
	value, ok := treeOf(window)
	tree, isObject := value.(map[string]any)
	if !ok || !isObject {
		return Event{}
	}
	e, err := decodeEvent(h.record.canonical(tree))
	if err != nil {
		return Event{}
	}
	return e
}
