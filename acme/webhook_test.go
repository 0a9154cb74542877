package acme_test

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"acmesync/acme"
)

const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
)

var webhookNow = time.Unix(1_773_066_600, 400_000_000)

func reason(t *testing.T, err error) acme.SignatureReason {
	t.Helper()
	var e *acme.SignatureError
	require.ErrorAs(t, err, &e)
	return e.Reason
}

func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	body := []byte(`[{"event_id":"evt_1", "type":"appointment.updated"}]`)
	sign := func() http.Header { return acme.SignWebhook(secretA, "msg_1-A", webhookNow, body) }

	t.Run("what Acme signed is believed", func(t *testing.T) {
		t.Parallel()
		id, err := acme.VerifyWebhook(sign(), body, []string{secretA}, webhookNow)
		require.NoError(t, err)
		require.Equal(t, "msg_1-A", id)
	})
	t.Run("the published example of Standard Webhooks is believed", func(t *testing.T) {
		t.Parallel()
		h := http.Header{}
		h.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
		h.Set("webhook-timestamp", "1614265330")
		h.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
		_, err := acme.VerifyWebhook(h, []byte(`{"test": 2432232314}`), []string{secretA}, time.Unix(1_614_265_330, 0))
		require.NoError(t, err)
	})
	t.Run("either of two secrets is believed, an unusable one beside them ignored", func(t *testing.T) {
		t.Parallel()
		for _, secret := range []string{secretA, secretB} {
			h := acme.SignWebhook(secret, "m", webhookNow, body)
			_, err := acme.VerifyWebhook(h, body, []string{"", "whsec_", secretB, secretA}, webhookNow)
			require.NoError(t, err)
		}
	})
	t.Run("one good signature among those of other versions and secrets is enough", func(t *testing.T) {
		t.Parallel()
		h := sign()
		other := acme.SignWebhook(secretB, "msg_1-A", webhookNow, body)
		h.Set("Webhook-Signature", other.Get("Webhook-Signature")+" v1a,AAAA v2,x "+h.Get("Webhook-Signature"))
		_, err := acme.VerifyWebhook(h, body, []string{secretA}, webhookNow)
		require.NoError(t, err)
	})
	t.Run("300 seconds either way are believed, 301 are not", func(t *testing.T) {
		t.Parallel()
		for _, off := range []int64{-300, 300, -301, 301} {
			now := time.Unix(webhookNow.Unix()+off, 0)
			_, err := acme.VerifyWebhook(sign(), body, []string{secretA}, now)
			if off == 300 || off == -300 {
				require.NoError(t, err)
				continue
			}
			require.Equal(t, acme.StaleTimestamp, reason(t, err))
		}
	})
	t.Run("a changed body is not believed", func(t *testing.T) {
		t.Parallel()
		for _, other := range []string{strings.Replace(string(body), " ", "", 1), "", string(body) + "\n"} {
			_, err := acme.VerifyWebhook(sign(), []byte(other), []string{secretA}, webhookNow)
			require.Equal(t, acme.NoMatch, reason(t, err))
		}
	})
	t.Run("another endpoint's secret is not believed", func(t *testing.T) {
		t.Parallel()
		_, err := acme.VerifyWebhook(sign(), body, []string{secretB}, webhookNow)
		require.Equal(t, acme.NoMatch, reason(t, err))
	})
	t.Run("an unusable secret believes nothing, not even a signature made with an empty key", func(t *testing.T) {
		t.Parallel()
		for _, secret := range []string{"", "whsec_", "whsec_AAAA", "hunter2", strings.TrimPrefix(secretA, "whsec_"), "whsec_!!!", "whsec_" + strings.Repeat("A", 88)} {
			_, err := acme.VerifyWebhook(sign(), body, []string{secret}, webhookNow)
			require.Equal(t, acme.NoSecret, reason(t, err), secret)
			require.Nil(t, acme.SignWebhook(secret, "m", webhookNow, body))
		}
		_, err := acme.VerifyWebhook(sign(), body, nil, webhookNow)
		require.Equal(t, acme.NoSecret, reason(t, err))
	})

	good := sign().Get("Webhook-Signature")
	mac, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(good, "v1,"))
	require.NoError(t, err)
	stamp := strconv.FormatInt(webhookNow.Unix(), 10)
	for name, c := range map[string]struct {
		header string
		values []string
		want   acme.SignatureReason
	}{
		"no id":                        {"Webhook-Id", nil, acme.MissingHeader},
		"empty id":                     {"Webhook-Id", []string{""}, acme.MissingHeader},
		"id twice":                     {"Webhook-Id", []string{"msg_1-A", "msg_2"}, acme.DuplicateHeader},
		"id with a dot":                {"Webhook-Id", []string{"msg.1"}, acme.BadWebhookID},
		"id with a space":              {"Webhook-Id", []string{"msg 1"}, acme.BadWebhookID},
		"id with a line break":         {"Webhook-Id", []string{"msg_1\r\nx"}, acme.BadWebhookID},
		"id in Cyrillic":               {"Webhook-Id", []string{"мsg"}, acme.BadWebhookID},
		"id as a path":                 {"Webhook-Id", []string{"../x"}, acme.BadWebhookID},
		"id of 4 kB":                   {"Webhook-Id", []string{strings.Repeat("x", 4096)}, acme.BadWebhookID},
		"no timestamp":                 {"Webhook-Timestamp", nil, acme.MissingHeader},
		"timestamp twice, the same":    {"Webhook-Timestamp", []string{stamp, stamp}, acme.DuplicateHeader},
		"timestamp with a sign":        {"Webhook-Timestamp", []string{"+" + stamp}, acme.BadTimestamp},
		"timestamp with a zero ahead":  {"Webhook-Timestamp", []string{"0" + stamp[:9]}, acme.BadTimestamp},
		"timestamp with a space":       {"Webhook-Timestamp", []string{" " + stamp}, acme.BadTimestamp},
		"timestamp with a fraction":    {"Webhook-Timestamp", []string{stamp + ".0"}, acme.BadTimestamp},
		"timestamp with letters":       {"Webhook-Timestamp", []string{stamp + "abc"}, acme.BadTimestamp},
		"timestamp with an underscore": {"Webhook-Timestamp", []string{"1_7730666"}, acme.BadTimestamp},
		"timestamp in ms":              {"Webhook-Timestamp", []string{stamp + "000"}, acme.BadTimestamp},
		"timestamp as a date":          {"Webhook-Timestamp", []string{"2026-03-09T14:30:00Z"}, acme.BadTimestamp},
		"timestamp below zero":         {"Webhook-Timestamp", []string{"-" + stamp[1:]}, acme.BadTimestamp},
		"timestamp MaxInt64":           {"Webhook-Timestamp", []string{"9223372036854775807"}, acme.BadTimestamp},
		"timestamp long ago":           {"Webhook-Timestamp", []string{"1000000000"}, acme.StaleTimestamp},
		"no signature":                 {"Webhook-Signature", nil, acme.MissingHeader},
		"signature twice":              {"Webhook-Signature", []string{good, good}, acme.DuplicateHeader},
		"v1 alone":                     {"Webhook-Signature", []string{"v1"}, acme.BadSignature},
		"v1 and a comma":               {"Webhook-Signature", []string{"v1,"}, acme.BadSignature},
		"another version only":         {"Webhook-Signature", []string{"v2" + good[2:]}, acme.BadSignature},
		"asymmetric version only":      {"Webhook-Signature", []string{"v1a" + good[2:]}, acme.BadSignature},
		"hex":                          {"Webhook-Signature", []string{"v1," + hex.EncodeToString(mac)}, acme.BadSignature},
		"base64url":                    {"Webhook-Signature", []string{"v1," + base64.URLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 32)))}, acme.BadSignature},
		"no padding":                   {"Webhook-Signature", []string{strings.TrimRight(good, "=")}, acme.BadSignature},
		"something behind":             {"Webhook-Signature", []string{good + ",x"}, acme.BadSignature},
		"a good one beside a bad one":  {"Webhook-Signature", []string{good + " v1,AAAA"}, acme.BadSignature},
		"a trailing space":             {"Webhook-Signature", []string{good + " "}, acme.BadSignature},
		"line break inside":            {"Webhook-Signature", []string{good[:20] + "\n" + good[20:]}, acme.BadSignature},
		"four kB of them":              {"Webhook-Signature", []string{strings.TrimSpace(strings.Repeat(good+" ", 90))}, acme.BadSignature},
		"another signature":            {"Webhook-Signature", []string{"v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))}, acme.NoMatch},
	} {
		t.Run(name+" is not believed", func(t *testing.T) {
			t.Parallel()
			h := maps.Clone(sign())
			delete(h, c.header)
			if c.values != nil {
				h[c.header] = c.values
			}
			id, err := acme.VerifyWebhook(h, body, []string{secretA}, webhookNow)
			require.Equal(t, c.want, reason(t, err))
			require.Empty(t, id)
			require.Empty(t, acme.KindOf(err))
		})
	}
}
