package acme_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

func macOf(secret string, parts ...string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

func TestSignaturesOfDialects(t *testing.T) {
	t.Parallel()
	const secret, other, body, url = "a-secret-of-32-characters-or-more", "another-secret-that-is-long-enough", `[{"a":1}]`, "https://sync.example/hooks/acme/abc"
	now := time.Date(2026, 3, 9, 14, 30, 0, 0, time.UTC)
	stamp, millis := fmt.Sprint(now.Unix()), fmt.Sprint(now.UnixMilli())
	hexOf := func(secret string, parts ...string) string { return hex.EncodeToString(macOf(secret, parts...)) }
	v3 := func(secret, stamp string) string {
		return base64.StdEncoding.EncodeToString(macOf(secret, "POST", url, body, stamp))
	}
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	type facts map[string]struct {
		headers []string
		reason  acme.SignatureReason
	}
	for scheme, c := range map[string]struct {
		profile string
		facts   facts
	}{
		"timestamped": {`{"webhooks":{"signature":"timestamped","header":"X-Crm-Signature"}}`, facts{
			"good":                            {[]string{"X-Crm-Signature", "t=" + stamp + ",v1=" + hexOf(secret, stamp+".", body)}, ""},
			"good with the secret before":     {[]string{"X-Crm-Signature", "t=" + stamp + ",v1=" + hexOf(other, stamp+".", body)}, ""},
			"one of two signatures is good":   {[]string{"X-Crm-Signature", "t=" + stamp + ",v0=zz,v1=" + strings.Repeat("0", 64) + ",v1=" + hexOf(secret, stamp+".", body)}, ""},
			"another secret":                  {[]string{"X-Crm-Signature", "t=" + stamp + ",v1=" + hexOf("x", stamp+".", body)}, acme.NoMatch},
			"another body":                    {[]string{"X-Crm-Signature", "t=" + stamp + ",v1=" + hexOf(secret, stamp+".", body+" ")}, acme.NoMatch},
			"old":                             {[]string{"X-Crm-Signature", "t=1773066000,v1=" + hexOf(secret, "1773066000.", body)}, acme.StaleTimestamp},
			"no time":                         {[]string{"X-Crm-Signature", "v1=" + hexOf(secret, body)}, acme.BadTimestamp},
			"two times":                       {[]string{"X-Crm-Signature", "t=" + stamp + ",t=" + stamp + ",v1=" + hexOf(secret, stamp+".", body)}, acme.BadSignature},
			"no signature":                    {[]string{"X-Crm-Signature", "t=" + stamp}, acme.BadSignature},
			"no header":                       {nil, acme.MissingHeader},
			"two headers":                     {[]string{"X-Crm-Signature", "t=1", "X-Crm-Signature", "t=2"}, acme.DuplicateHeader},
			"Standard Webhooks prove nothing": {[]string{"Webhook-Id", "msg_1", "Webhook-Timestamp", stamp, "Webhook-Signature", "v1,x"}, acme.MissingHeader},
		}},
		"sha256": {`{"webhooks":{"signature":"sha256","id_header":"X-Delivery"}}`, facts{
			"good":           {[]string{"X-Hub-Signature-256", "sha256=" + hexOf(secret, body), "X-Delivery", "d-1"}, ""},
			"no id":          {[]string{"X-Hub-Signature-256", "sha256=" + hexOf(secret, body)}, acme.MissingHeader},
			"a bad id":       {[]string{"X-Hub-Signature-256", "sha256=" + hexOf(secret, body), "X-Delivery", "a b"}, acme.BadWebhookID},
			"another secret": {[]string{"X-Hub-Signature-256", "sha256=" + hexOf("x", body), "X-Delivery", "d-1"}, acme.NoMatch},
			"another scheme": {[]string{"X-Hub-Signature-256", "sha1=" + hexOf(secret, body), "X-Delivery", "d-1"}, acme.BadSignature},
			"half of it":     {[]string{"X-Hub-Signature-256", "sha256=" + hexOf(secret, body)[:32], "X-Delivery", "d-1"}, acme.BadSignature},
		}},
		"v3": {`{"webhooks":{"signature":"v3"}}`, facts{
			"good":               {[]string{"X-HubSpot-Signature-v3", v3(secret, millis), "X-HubSpot-Request-Timestamp", millis}, ""},
			"another time":       {[]string{"X-HubSpot-Signature-v3", v3(secret, millis), "X-HubSpot-Request-Timestamp", fmt.Sprint(now.UnixMilli() + 1)}, acme.NoMatch},
			"old":                {[]string{"X-HubSpot-Signature-v3", v3(secret, "1773066000000"), "X-HubSpot-Request-Timestamp", "1773066000000"}, acme.StaleTimestamp},
			"seconds":            {[]string{"X-HubSpot-Signature-v3", v3(secret, stamp), "X-HubSpot-Request-Timestamp", stamp}, acme.BadTimestamp},
			"no time":            {[]string{"X-HubSpot-Signature-v3", v3(secret, millis)}, acme.MissingHeader},
			"hexadecimal digits": {[]string{"X-HubSpot-Signature-v3", hexOf(secret, body), "X-HubSpot-Request-Timestamp", millis}, acme.BadSignature},
		}},
		"basic": {`{"webhooks":{"signature":"basic"}}`, facts{
			"good":             {[]string{"Authorization", basic("acmesync:" + secret)}, ""},
			"another password": {[]string{"Authorization", basic("acmesync:nothing")}, acme.NoMatch},
			"no password":      {[]string{"Authorization", basic("acmesync:")}, acme.NoMatch},
			"a bearer token":   {[]string{"Authorization", "Bearer " + secret}, acme.BadSignature},
			"no base64":        {[]string{"Authorization", "Basic !"}, acme.BadSignature},
			"none":             {nil, acme.MissingHeader},
		}},
	} {
		p, problems := acme.ParseProfile([]byte(c.profile))
		require.Empty(t, problems)
		for name, fact := range c.facts {
			t.Run(scheme+": "+name, func(t *testing.T) {
				t.Parallel()
				header := http.Header{}
				for i := 0; i+1 < len(fact.headers); i += 2 {
					header.Add(fact.headers[i], fact.headers[i+1])
				}
				id, err := p.VerifyWebhook(acme.Delivery{Method: "POST", URL: url, Header: header, Body: []byte(body)}, []string{secret, other}, now)
				if fact.reason == "" {
					require.NoError(t, err)
					require.NotEmpty(t, id)
					return
				}
				var bad *acme.SignatureError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, fact.reason, bad.Reason)
				require.Empty(t, id)
			})
		}
		t.Run(scheme+": without a secret of ours, or with one that can be guessed, nothing is believed", func(t *testing.T) {
			t.Parallel()
			for _, secrets := range [][]string{nil, {""}, {"short"}} {
				header := http.Header{}
				for _, name := range []string{"X-Crm-Signature", "X-Hub-Signature-256", "X-HubSpot-Signature-v3", "Authorization"} {
					header.Set(name, basic("acmesync:"))
				}
				_, err := p.VerifyWebhook(acme.Delivery{Method: "POST", URL: url, Header: header, Body: []byte(body)}, secrets, now)
				var bad *acme.SignatureError
				require.ErrorAs(t, err, &bad)
				require.Equal(t, acme.NoSecret, bad.Reason)
			}
		})
	}
	t.Run("the same body has the same id, and another body another one", func(t *testing.T) {
		t.Parallel()
		p, _ := acme.ParseProfile([]byte(`{"webhooks":{"signature":"basic"}}`))
		header := http.Header{"Authorization": {basic("acmesync:" + secret)}}
		ids := map[string]bool{}
		for _, body := range []string{"a", "a", "b"} {
			id, err := p.VerifyWebhook(acme.Delivery{Header: header, Body: []byte(body)}, []string{secret}, now)
			require.NoError(t, err)
			ids[id] = true
		}
		require.Len(t, ids, 2)
	})
}

func TestEventsOfDialects(t *testing.T) {
	t.Parallel()
	p, problems := acme.ParseProfile([]byte(`{"webhooks":{"events":"events","fields":{
		"type":{"from":"kind","before":".","enum":{"meeting":"appointment"}},"object_id":"id","occurred_at":{"from":"at","time":"unix_ms"}}}}`))
	require.Empty(t, problems)
	t.Run("say what they are about in the contract's words", func(t *testing.T) {
		t.Parallel()
		events, raw, err := p.ParseEvents([]byte(`{"events":[{"kind":"meeting.change","id":42,"at":1773066600000},{"kind":"deal.change","id":7}]}`))
		require.NoError(t, err)
		require.Len(t, raw, 2)
		require.Equal(t, acme.Event{Type: "appointment", ObjectID: "42", OccurredAt: time.Date(2026, 3, 9, 14, 30, 0, 0, time.UTC)}, events[0])
		require.Equal(t, "deal", events[1].Type)
	})
	t.Run("one that cannot be read leaves its neighbours alone", func(t *testing.T) {
		t.Parallel()
		events, raw, err := p.ParseEvents([]byte(`{"events":[{"kind":"meeting"},5,{"kind":"meeting","id":"a","id":"b"},{"kind":"meeting","id":"x"}]}`))
		require.NoError(t, err)
		require.Len(t, raw, 4)
		require.Zero(t, events[0])
		require.Zero(t, events[1])
		require.Zero(t, events[2])
		require.Equal(t, "x", events[3].ObjectID)
	})
	t.Run("a body without them is malformed", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{``, `{}`, `[]`, `{"events":[]}`, `{"events":null}`, `{"events":7}`, `{"events":[1}`, "{\"events\":[\"\xff\"]}"} {
			_, _, err := p.ParseEvents([]byte(body))
			require.Equal(t, acme.KindMalformed, acme.KindOf(err), body)
		}
	})
}
