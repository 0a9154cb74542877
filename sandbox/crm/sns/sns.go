// Package sns plays Amazon SNS towards subscribers: topics, one per account, whose messages are signed with a certificate of
// an authority of its own, which whoever is to believe them has to trust.
package sns

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1 of SNS
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"acmesync/acme"
)

// SNS signs and posts. Make it with Open.
type SNS struct {
	// URL is where its certificate and confirmations are served, without a slash at its end.
	URL string
	Now func() time.Time
	// Version of the signatures: "1" or "2".
	Version string

	key         *rsa.PrivateKey
	certificate []byte
	client      *http.Client
}

// Topic is the name of an account's topic.
func (s *SNS) Topic(account string) string {
	return "arn:aws:sns:sandbox-1:000000000000:acme-" + account
}

// Certificate is what SigningCertURL leads to.
func (s *SNS) Certificate() []byte { return s.certificate }

// NewToken makes a token that confirms a subscription.
func (s *SNS) NewToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Publish posts an event as a notification. The same id makes the same MessageId at every try.
func (s *SNS) Publish(ctx context.Context, id string, event acme.Event, endpoint string) (status int, err error) {
	body, err := s.Notification(id, event)
	if err != nil {
		return 0, err
	}
	return s.post(ctx, "Notification", endpoint, body)
}

// Notification is an event's message, signed.
func (s *SNS) Notification(id string, event acme.Event) ([]byte, error) {
	text, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	message := s.message("Notification", event.AccountID, messageID(id+event.EventID), string(text))
	message["UnsubscribeURL"] = s.URL + "/sns/?Action=Unsubscribe"
	message["MessageAttributes"] = map[string]any{"key": map[string]string{"Type": "String", "Value": event.AccountID + ":" + event.ObjectID}}
	return s.Sign(message)
}

// AskToConfirm posts the message that an endpoint has to confirm its subscription by.
func (s *SNS) AskToConfirm(ctx context.Context, account, token, endpoint string) (status int, err error) {
	body, err := s.Confirmation(account, token, "SubscriptionConfirmation")
	if err != nil {
		return 0, err
	}
	return s.post(ctx, "SubscriptionConfirmation", endpoint, body)
}

// Confirmation is that message, or the one that tells of an unsubscription, signed.
func (s *SNS) Confirmation(account, token, kind string) ([]byte, error) {
	message := s.message(kind, account, messageID(token+kind), "You have chosen to subscribe to the topic "+s.Topic(account)+".")
	message["Token"] = token
	message["SubscribeURL"] = s.URL + "/sns/?Action=ConfirmSubscription&TopicArn=" + url.QueryEscape(s.Topic(account)) + "&Token=" + token
	return s.Sign(message)
}

func (s *SNS) message(kind, account, id, text string) map[string]any {
	return map[string]any{
		"Type": kind, "MessageId": id, "TopicArn": s.Topic(account), "Message": text,
		"Timestamp": s.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": s.Version, "SigningCertURL": s.URL + "/sns/certificate.pem",
	}
}

// Sign signs a message's fields as SNS does and writes it.
func (s *SNS) Sign(message map[string]any) ([]byte, error) {
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if message["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var text bytes.Buffer
	for _, name := range names {
		if value, ok := message[name].(string); ok {
			text.WriteString(name + "\n" + value + "\n")
		}
	}
	wide := sha256.Sum256(text.Bytes())
	hash, sum := crypto.SHA256, wide[:]
	if message["SignatureVersion"] == "1" {
		narrow := sha1.Sum(text.Bytes()) //nolint:gosec // see the import
		hash, sum = crypto.SHA1, narrow[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, hash, sum)
	if err != nil {
		return nil, fmt.Errorf("sign a message: %w", err)
	}
	message["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return json.Marshal(message)
}

func (s *SNS) post(ctx context.Context, kind, endpoint string, body []byte) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	request.Header.Set("X-Amz-Sns-Message-Type", kind)
	request.Header.Set("User-Agent", "Amazon Simple Notification Service Agent")
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	return response.StatusCode, response.Body.Close()
}

// messageID makes an id in SNS's form of whatever names the delivery.
func messageID(of string) string {
	sum := sha256.Sum256([]byte(of))
	id := hex.EncodeToString(sum[:16])
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}
