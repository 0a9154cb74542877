package broker

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1 is what topics use that nobody has set to 2
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// SNS proves that a message is from SNS and from a topic that was agreed on. Fill HTTP; make it with the guarded client.
type SNS struct {
	HTTP  *http.Client
	Trust Trust
	// Hosts are host:port beside Amazon's own that may serve certificates and confirmations, without TLS too where HTTP lets it:
	// for emulators and sandboxes.
	Hosts []string
	Now   func() time.Time // nil: the machine's clock

	certificates certificates
}

// SNSRefusal is why a message is not believed. The reason is a word for metrics, the text a sentence.
type SNSRefusal struct{ Reason, Text string }

// Error is the sentence.
func (r *SNSRefusal) Error() string { return r.Text }

func refuse(reason, text string, values ...any) error {
	return &SNSRefusal{Reason: reason, Text: fmt.Sprintf(text, values...)}
}

const (
	oldest      = time.Hour // SNS gives up after an hour at most
	fromFuture  = 5 * time.Minute
	keyBits     = 2048
	callTimeout = 5 * time.Second
)

// Verify believes a message of one of the topics, or answers an SNSRefusal. Any other error means that the certificate could
// not be had just now: the sender should come again.
func (s *SNS) Verify(ctx context.Context, m SNSMessage, topics []string) error {
	if !slices.Contains(topics, m.TopicARN) {
		return refuse("topic", "The topic is none of those the configuration names in sns.topics.")
	}
	if age := s.now().Sub(m.at); age > oldest || age < -fromFuture {
		return refuse("timestamp", "The message was published at %s, more than an hour ago or in the future.", m.at.Format(time.RFC3339))
	}
	var hash crypto.Hash
	var sum []byte
	switch signed := m.signed(); m.SignatureVersion {
	case "1":
		digest := sha1.Sum(signed) //nolint:gosec // see the import
		hash, sum = crypto.SHA1, digest[:]
	case "2":
		digest := sha256.Sum256(signed)
		hash, sum = crypto.SHA256, digest[:]
	default:
		return refuse("signature_version", "SignatureVersion must be 1 or 2.")
	}
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil || len(signature) == 0 {
		return refuse("signature", "Signature is no base64.")
	}
	if err := s.checkURL(m.SigningCertURL, ".pem"); err != nil {
		return err
	}
	key, err := s.key(ctx, m.SigningCertURL)
	if err != nil {
		return err
	}
	if rsa.VerifyPKCS1v15(key, hash, sum, signature) != nil {
		return refuse("signature", "The signature is not that of the message.")
	}
	return nil
}

// Confirm calls the address a proven SubscriptionConfirmation gives, where it belongs to SNS.
func (s *SNS) Confirm(ctx context.Context, m SNSMessage) error {
	if err := s.checkURL(m.SubscribeURL, ""); err != nil {
		return err
	}
	response, err := s.get(ctx, m.SubscribeURL)
	if err != nil {
		return fmt.Errorf("confirm a subscription: %w", err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxCertificate))
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("confirm a subscription: SNS answers %d", response.StatusCode)
	}
	return nil
}

var amazonHost = regexp.MustCompile(`^sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?$`)

const maxURL = 2000

// checkURL wants an address of SNS itself, written plainly. A certificate's ends as given and has no query; a confirmation's
// has no end to go by and carries its token in the query.
func (s *SNS) checkURL(text, ending string) error {
	bad := refuse("url", "An address in the message is none of SNS's own.")
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.User != nil || u.Opaque != "" || u.Fragment != "" || strings.HasSuffix(text, "#") ||
		strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return bad
	}
	if ending != "" && (u.RawQuery != "" || u.ForceQuery || u.RawPath != "" || strings.Contains(u.Path, "..") || !strings.HasSuffix(u.Path, ending)) {
		return bad
	}
	if slices.Contains(s.Hosts, u.Host) && (u.Scheme == "https" || u.Scheme == "http") {
		return nil
	}
	if u.Scheme != "https" || !amazonHost.MatchString(u.Host) {
		return bad
	}
	return nil
}

func (s *SNS) get(ctx context.Context, address string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return s.HTTP.Do(request)
}

func (s *SNS) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// rsaKey is the key of a certificate of SNS's.
func rsaKey(leaf *x509.Certificate) (*rsa.PublicKey, error) {
	key, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < keyBits {
		return nil, refuse("certificate", "The certificate has no RSA key of %d bits or more.", keyBits)
	}
	return key, nil
}
