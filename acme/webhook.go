package acme

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// SignatureReason says why a webhook was not believed. It is for our own log: the sender learns nothing but 401.
type SignatureReason string

// The reasons not to believe a webhook, in the order in which they are looked for.
const (
	MissingHeader   SignatureReason = "missing_header"
	DuplicateHeader SignatureReason = "duplicate_header"
	BadWebhookID    SignatureReason = "bad_webhook_id"
	BadTimestamp    SignatureReason = "bad_timestamp"
	StaleTimestamp  SignatureReason = "stale_timestamp" // more than WebhookTolerance from now, either way
	BadSignature    SignatureReason = "bad_signature"   // the header is not a list of signatures
	NoMatch         SignatureReason = "no_match"
	NoSecret        SignatureReason = "no_secret" // none of ours is usable
)

// SignatureError is what VerifyWebhook returns for a webhook that is not to be believed.
type SignatureError struct{ Reason SignatureReason }

// Error names the reason and nothing of the request.
func (e *SignatureError) Error() string { return "verify webhook: " + string(e.Reason) }

// WebhookTolerance is how far a webhook's timestamp may be from our clock.
const WebhookTolerance = 300 * time.Second

const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"

	maxSignatureHeader = 2048

	digits  = "0123456789"
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// VerifyWebhook believes a webhook signed by Standard Webhooks with one of the secrets, of which two are active while
// one replaces the other, and gives its id. The headers are read strictly first: the library takes the first of two
// equal headers, signed numbers as timestamps and what follows a signature's comma as nothing. Body is the raw body
// as it came. Every error is a *SignatureError.
func VerifyWebhook(h http.Header, body []byte, secrets []string, now time.Time) (id string, err error) {
	fields := make(http.Header, 3)
	for _, name := range []string{headerID, headerTimestamp, headerSignature} {
		switch values := h.Values(name); {
		case len(values) == 0, len(values) == 1 && values[0] == "":
			return "", &SignatureError{MissingHeader}
		case len(values) > 1:
			return "", &SignatureError{DuplicateHeader}
		default:
			fields[name] = values
		}
	}
	id = fields.Get(headerID)
	if len(id) > MaxIDBytes || strings.Trim(id, letters+digits+"_-") != "" {
		return "", &SignatureError{BadWebhookID}
	}
	seconds, ok := unixSeconds(fields.Get(headerTimestamp))
	if !ok {
		return "", &SignatureError{BadTimestamp}
	}
	if at := time.Unix(seconds, 0); now.Sub(at).Abs() > WebhookTolerance {
		return "", &SignatureError{StaleTimestamp}
	}
	if !signatureList(fields.Get(headerSignature)) {
		return "", &SignatureError{BadSignature}
	}
	reason := NoSecret
	for _, secret := range secrets {
		key, ok := signingKey(secret)
		if !ok {
			continue
		}
		reason = NoMatch
		webhook, err := standardwebhooks.NewWebhookRaw(key)
		// The library would compare with its own clock; ours was compared above.
		if err == nil && webhook.VerifyIgnoringTimestamp(body, fields) == nil {
			return id, nil
		}
	}
	return "", &SignatureError{reason}
}

// unixSeconds reads ten digits without a leading zero: no sign, no fraction, no milliseconds.
func unixSeconds(v string) (int64, bool) {
	if len(v) != 10 || v[0] == '0' || strings.Trim(v, digits) != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return n, err == nil
}

// signatureList wants space-separated `version,signature`, of which each v1 is the padded base64 of 32 bytes and at
// least one is there. Signatures of other versions are left to those who know them.
func signatureList(v string) bool {
	if len(v) > maxSignatureHeader {
		return false
	}
	known := false
	for one := range strings.SplitSeq(v, " ") {
		version, signature, ok := strings.Cut(one, ",")
		if !ok || version == "" || strings.Trim(version, letters+digits) != "" || signature == "" || strings.Contains(signature, ",") {
			return false
		}
		if version != "v1" {
			continue
		}
		mac, err := base64.StdEncoding.Strict().DecodeString(signature)
		if err != nil || len(mac) != 32 || len(signature) != 44 {
			return false
		}
		known = true
	}
	return known
}

// signingKey decodes whsec_ and the base64 of 24 to 64 bytes. An empty key, which the library would take, is no key.
func signingKey(secret string) ([]byte, bool) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return nil, false
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) < 24 || len(key) > 64 || strings.ContainsAny(encoded, "\r\n") {
		return nil, false
	}
	return key, true
}

// SignWebhook gives the three headers of a delivery, or nil where the secret is no signing secret. To sign with two
// secrets while one replaces the other, join the two webhook-signature values with a space.
func SignWebhook(secret, id string, at time.Time, body []byte) http.Header {
	key, ok := signingKey(secret)
	if !ok {
		return nil
	}
	webhook, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil
	}
	signature, err := webhook.Sign(id, at, body)
	if err != nil {
		return nil
	}
	return http.Header{
		headerID:        {id},
		headerTimestamp: {strconv.FormatInt(at.Unix(), 10)},
		headerSignature: {signature},
	}
}
