package broker

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // version 1 of SNS's signatures
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	changes = "arn:aws:sns:eu-west-1:123456789012:acme-changes"
	certURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
)

// amazon plays SNS: it serves certificates by address and signs with the key of its own.
type amazon struct {
	*authority
	key    *rsa.PrivateKey
	mu     sync.Mutex
	files  map[string][]byte // by address
	asked  []string
	away   bool
	status int
}

func newAmazon(t testing.TB) *amazon {
	t.Helper()
	a := &amazon{authority: newAuthority(t), key: newKey(t, 2048), files: map[string][]byte{}, status: http.StatusOK}
	a.files[certURL] = encode(a.issue(t, a.key, "sns.amazonaws.com", nil))
	return a
}

func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.String())
	if a.away {
		return nil, errors.New("no route")
	}
	response := &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: r}
	if file, ok := a.files[r.URL.String()]; ok {
		response.StatusCode, response.Body = a.status, io.NopCloser(bytes.NewReader(file))
	}
	return response, nil
}

func (a *amazon) calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

func (a *amazon) verifier() *SNS {
	return &SNS{HTTP: &http.Client{Transport: a}, Trust: Trust{Roots: a.pool}}
}

// notification is a message as SNS writes it, unsigned.
func notification() map[string]any {
	return map[string]any{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": changes, "Message": `{"type":"appointment.updated"}`,
		"Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "SignatureVersion": "2", "SigningCertURL": certURL,
		"UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
	}
}

func confirmation() map[string]any {
	m := notification()
	m["Type"], m["Token"], m["Message"] = "SubscriptionConfirmation", "2336412f37", "You have chosen to subscribe"
	m["SubscribeURL"] = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + url.QueryEscape(changes) + "&Token=2336412f37"
	return m
}

func with(m map[string]any, change map[string]any) map[string]any {
	m = maps.Clone(m)
	for name, value := range change {
		if m[name] = value; value == gone {
			delete(m, name)
		}
	}
	return m
}

const gone = "(gone)"

// sign signs as SNS's documents say, written down here once more and not by the code that is tested.
func sign(t testing.TB, key *rsa.PrivateKey, m map[string]any) map[string]any {
	t.Helper()
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if m["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	text := ""
	for _, name := range names {
		if value, ok := m[name].(string); ok {
			text += name + "\n" + value + "\n"
		}
	}
	wide := sha256.Sum256([]byte(text))
	hash, sum := crypto.SHA256, wide[:]
	if m["SignatureVersion"] == "1" {
		narrow := sha1.Sum([]byte(text)) //nolint:gosec // version 1
		hash, sum = crypto.SHA1, narrow[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, hash, sum)
	require.NoError(t, err)
	m = maps.Clone(m)
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return m
}

func written(t testing.TB, m map[string]any) []byte {
	t.Helper()
	body, err := json.Marshal(m)
	require.NoError(t, err)
	return body
}

func verify(t testing.TB, s *SNS, m map[string]any) error {
	t.Helper()
	parsed, err := ParseSNS(written(t, m))
	if err != nil {
		return err
	}
	return s.Verify(t.Context(), parsed, []string{changes})
}

func TestSNSGenuine(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	s := a.verifier()
	china := "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem"
	a.files[china] = encode(a.issue(t, a.key, "sns.cn-north-1.amazonaws.com.cn", nil))
	for name, m := range map[string]map[string]any{
		"version 2":                    notification(),
		"version 1":                    with(notification(), map[string]any{"SignatureVersion": "1"}),
		"with a subject":               with(notification(), map[string]any{"Subject": "News\nof today"}),
		"with an empty subject":        with(notification(), map[string]any{"Subject": ""}),
		"with a subject that is null":  with(notification(), map[string]any{"Subject": nil}),
		"with attributes":              with(notification(), map[string]any{"MessageAttributes": map[string]any{"key": map[string]any{"Type": "String", "Value": "a:b"}}}),
		"a confirmation":               confirmation(),
		"a confirmation, version 1":    with(confirmation(), map[string]any{"SignatureVersion": "1"}),
		"an unsubscribe confirmation":  with(confirmation(), map[string]any{"Type": "UnsubscribeConfirmation"}),
		"published 59 minutes ago":     with(notification(), map[string]any{"Timestamp": time.Now().Add(-59 * time.Minute).UTC().Format(time.RFC3339Nano)}),
		"in China":                     with(notification(), map[string]any{"SigningCertURL": china}),
		"with letters that JSON hides": with(notification(), map[string]any{"Message": "<b>&amp; \u2028 ü 🙂 \"q\" \\"}),
	} {
		require.NoError(t, verify(t, s, sign(t, a.key, m)), name)
	}
	require.Equal(t, 2, a.calls(), "each certificate is fetched once")
}

func TestSNSForged(t *testing.T) {
	t.Parallel()
	a, stranger := newAmazon(t), newAmazon(t)
	other := "arn:aws:sns:eu-west-1:999999999999:acme-changes"
	serve := func(path string, raw []byte) string {
		address := "https://sns.eu-west-1.amazonaws.com/" + path
		a.files[address] = raw
		return address
	}
	small := newKey(t, 1024)
	for name, c := range map[string]struct {
		reason string
		change map[string]any
		after  map[string]any // what is changed once it is signed
		key    *rsa.PrivateKey
	}{
		"a changed message":                    {reason: "signature", after: map[string]any{"Message": "other"}},
		"a subject added":                      {reason: "signature", after: map[string]any{"Subject": "other"}},
		"a subject taken away":                 {reason: "signature", change: map[string]any{"Subject": "s"}, after: map[string]any{"Subject": nil}},
		"another key":                          {reason: "signature", key: stranger.key},
		"version 2 said to be version 1":       {reason: "signature", after: map[string]any{"SignatureVersion": "1"}},
		"no signature":                         {reason: "signature", after: map[string]any{"Signature": gone}},
		"an empty signature":                   {reason: "signature", after: map[string]any{"Signature": ""}},
		"a signature that is no base64":        {reason: "signature", after: map[string]any{"Signature": "%%%"}},
		"version 3":                            {reason: "signature_version", after: map[string]any{"SignatureVersion": "3"}},
		"no version":                           {reason: "signature_version", after: map[string]any{"SignatureVersion": gone}},
		"another account's topic, well signed": {reason: "topic", change: map[string]any{"TopicArn": other}},
		"an old message":                       {reason: "timestamp", change: map[string]any{"Timestamp": time.Now().Add(-61 * time.Minute).UTC().Format(time.RFC3339)}},
		"a message from the future":            {reason: "timestamp", change: map[string]any{"Timestamp": time.Now().Add(6 * time.Minute).UTC().Format(time.RFC3339)}},
		"a certificate of another authority":   {reason: "certificate", key: stranger.key, change: map[string]any{"SigningCertURL": serve("stranger.pem", encode(stranger.issue(t, stranger.key, "sns.amazonaws.com", nil)))}},
		"a certificate of another name":        {reason: "certificate", change: map[string]any{"SigningCertURL": serve("name.pem", encode(a.issue(t, a.key, "s3.amazonaws.com", nil)))}},
		"a certificate that is over": {reason: "certificate", change: map[string]any{"SigningCertURL": serve("over.pem", encode(a.issue(t, a.key, "sns.amazonaws.com", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		})))}},
		"a certificate with a small key":  {reason: "certificate", key: small, change: map[string]any{"SigningCertURL": serve("small.pem", encode(a.issue(t, small, "sns.amazonaws.com", nil)))}},
		"a certificate that is text":      {reason: "certificate", change: map[string]any{"SigningCertURL": serve("text.pem", []byte("hello"))}},
		"a certificate that is not there": {reason: "certificate", change: map[string]any{"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/none.pem"}},
		"a certificate without end":       {reason: "certificate", change: map[string]any{"SigningCertURL": serve("long.pem", []byte(strings.Repeat("x", maxCertificate+1)))}},
	} {
		key := c.key
		if key == nil {
			key = a.key
		}
		err := verify(t, a.verifier(), with(sign(t, key, with(notification(), c.change)), c.after))
		var refused *SNSRefusal
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, c.reason, refused.Reason, name)
		require.NotEmpty(t, refused.Text, name)
	}
}

func TestSNSAddresses(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	for _, address := range []string{
		"", "x", "http://sns.eu-west-1.amazonaws.com/a.pem", "ftp://sns.eu-west-1.amazonaws.com/a.pem", "https://sns.evil.example/a.pem",
		"https://sns.eu-west-1.amazonaws.com.evil.example/a.pem", "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
		"https://sns.eu-west-1.amazonaws.com@evil.example/a.pem", "https://u:p@sns.eu-west-1.amazonaws.com/a.pem",
		"https://sns.eu-west-1.amazonaws.com:8443/a.pem", "https://sns.eu-west-1.amazonaws.com:443/a.pem", "https://sns.eu-west-1.amazonaws.com/a.pem?x=1",
		"https://sns.eu-west-1.amazonaws.com/a.pem?", "https://sns.eu-west-1.amazonaws.com/a.pem#x", "https://sns.eu-west-1.amazonaws.com/a.pem#",
		"https://sns.eu-west-1.amazonaws.com/a.crt", "https://sns.eu-west-1.amazonaws.com/../a.pem", "https://sns.eu-west-1.amazonaws.com/%2e%2e/a.pem",
		"https://sns.eu-west-1.amazonaws.com\\@evil.example/a.pem", "https://SNS.eu-west-1.amazonaws.com./a.pem", "https://snsxeu-west-1.amazonaws.com/a.pem",
		"https://sns.eu.west.1.amazonaws.com/a.pem", "https://sns.a.amazonaws.com/a.pem", "https://s3.amazonaws.com/a.pem", "https://sns.amazonaws.com/a.pem",
		"https://sns.eu-west-1.amazonaws.com/a.pem\n", "//sns.eu-west-1.amazonaws.com/a.pem", "https:sns.eu-west-1.amazonaws.com/a.pem",
		"https://sns.eu-west-1.amazonaws.com/" + strings.Repeat("a", maxURL) + ".pem", "http://169.254.169.254/latest/a.pem",
	} {
		err := verify(t, a.verifier(), sign(t, a.key, with(notification(), map[string]any{"SigningCertURL": address})))
		var refused *SNSRefusal
		require.ErrorAs(t, err, &refused, address)
		require.Equal(t, "url", refused.Reason, address)
	}
	require.Zero(t, a.calls(), "none of them was called")
	t.Run("a host that is allowed beside Amazon's may be without TLS", func(t *testing.T) {
		t.Parallel()
		s := a.verifier()
		s.Hosts = []string{"127.0.0.1:9010"}
		require.NoError(t, s.checkURL("http://127.0.0.1:9010/sns/a.pem", ".pem"))
		require.Error(t, s.checkURL("http://127.0.0.1:9011/sns/a.pem", ".pem"))
		require.Error(t, s.checkURL("http://127.0.0.1:9010/sns/a.pem?x", ".pem"))
	})
}

func TestSNSConfirm(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	m, err := ParseSNS(written(t, confirmation()))
	require.NoError(t, err)
	t.Run("a confirmation that SNS refuses is an error", func(t *testing.T) {
		require.ErrorContains(t, a.verifier().Confirm(t.Context(), m), "404")
	})
	t.Run("SNS's own address is called", func(t *testing.T) {
		a.files[m.SubscribeURL] = []byte("<ConfirmSubscriptionResponse/>")
		require.NoError(t, a.verifier().Confirm(t.Context(), m))
	})
	t.Run("another address is not", func(t *testing.T) {
		before := a.calls()
		for _, address := range []string{"https://evil.example/?Action=ConfirmSubscription", "http://sns.eu-west-1.amazonaws.com/?a", "https://sns.eu-west-1.amazonaws.com.evil.example/"} {
			m.SubscribeURL = address
			var refused *SNSRefusal
			require.ErrorAs(t, a.verifier().Confirm(t.Context(), m), &refused)
		}
		require.Equal(t, before, a.calls())
	})
}

func TestSNSCertificateAway(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	s := a.verifier()
	good := sign(t, a.key, notification())
	a.away = true
	var refused *SNSRefusal
	err := verify(t, s, good)
	require.Error(t, err)
	require.NotErrorAs(t, err, &refused, "SNS should come again")
	a.away, a.status = false, http.StatusServiceUnavailable
	err = verify(t, s, good)
	require.Error(t, err)
	require.NotErrorAs(t, err, &refused)
	a.status = http.StatusOK
	require.NoError(t, verify(t, s, good), "what could not be had is not remembered")
}

func TestSNSMissingCertificateIsRemembered(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	s, clock := a.verifier(), atomic.Int64{}
	s.Now = func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }
	absent := sign(t, a.key, with(notification(), map[string]any{"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/none.pem"}))
	for range 10 {
		require.Error(t, verify(t, s, absent))
	}
	require.Equal(t, 1, a.calls())
	clock.Store(int64(2 * refusalFresh))
	require.Error(t, verify(t, s, absent))
	require.Equal(t, 2, a.calls())
}

func TestParseSNS(t *testing.T) {
	t.Parallel()
	good := written(t, confirmation())
	_, err := ParseSNS(good)
	require.NoError(t, err)
	swap := func(old, fresh string) string { return strings.Replace(string(good), old, fresh, 1) }
	for name, body := range map[string]string{
		"nothing":                    "",
		"no JSON":                    "hello",
		"half of it":                 string(good[:len(good)-1]),
		"something behind it":        string(good) + "{}",
		"a list":                     "[" + string(good) + "]",
		"null":                       "null",
		"no UTF-8":                   "{\"Type\":\"\xff\"}",
		"a name twice":               swap(`{`, `{"Type":"Notification",`),
		"a type that is a number":    swap(`"Type":"SubscriptionConfirmation"`, `"Type":1`),
		"a type that is null":        swap(`"Type":"SubscriptionConfirmation"`, `"Type":null`),
		"a type nobody knows":        swap(`"Type":"SubscriptionConfirmation"`, `"Type":"Subscription"`),
		"names in other letters":     strings.ReplaceAll(string(good), `"Type"`, `"type"`),
		"no token":                   swap(`"Token":"2336412f37"`, `"Tok":"x"`),
		"no message":                 swap(`"Message":`, `"Massage":`),
		"an id that is no id":        swap(`22b80b92`, `22b80b92 `),
		"a topic that is none":       swap(`arn:aws:sns`, `arn:aws:s3`),
		"a time that is none":        swap(`"Timestamp":"2`, `"Timestamp":"x2`),
		"attributes that are a list": swap(`{`, `{"MessageAttributes":[],`),
		"deeper than anybody digs":   `{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	} {
		_, err := ParseSNS([]byte(body))
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "2336412f37", name)
	}
	t.Run("what SNS may add one day is ignored", func(t *testing.T) {
		t.Parallel()
		_, err := ParseSNS([]byte(swap(`{`, `{"Novelty":{"a":[1]},`)))
		require.NoError(t, err)
	})
}

func FuzzParseSNS(f *testing.F) {
	for _, m := range []map[string]any{notification(), confirmation(), with(notification(), map[string]any{"Subject": nil, "MessageAttributes": map[string]any{}})} {
		f.Add(written(f, m))
	}
	for _, body := range []string{``, `{}`, `[]`, `{"Type":"Notification"}`, `{"Type":"Notification","Type":"x"}`, "{\"a\":\"\xff\"}", `{"Message":"\ud800"}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := ParseSNS(body)
		if err != nil {
			return
		}
		// What is believed is what was read: written again by its names it reads the same, and signs the same.
		again := map[string]any{"Type": m.Type, "MessageId": m.MessageID, "TopicArn": m.TopicARN, "Message": m.Message, "Timestamp": m.Timestamp,
			"Token": m.Token, "SubscribeURL": m.SubscribeURL}
		if m.Subject != nil {
			again["Subject"] = *m.Subject
		}
		second, err := ParseSNS(written(t, again))
		require.NoError(t, err)
		require.Equal(t, m.signed(), second.signed())
		require.Error(t, (&SNS{}).Verify(context.Background(), m, nil), "no topic, no belief")
	})
}
