package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"
	"acmesync/db/dbtest"

	"github.com/stretchr/testify/require"
)

var (
	hookSecret  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	otherSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("fedcba9876543210fedcba9876543210"))
)

const goodEvents = `[{"event_id":"e1","account_id":"a1","type":"appointment.updated","object_id":"apt-1","version":3,"occurred_at":"2026-11-20T10:00:00Z","attempt":1}]`

// hooked is a tenant that Acme delivers to.
type hooked struct {
	*bundle
	tenant   acmesync.TenantID
	endpoint string
}

func newHooked(t testing.TB, b *bundle, s sides, tenant acmesync.TenantID, secret string) *hooked {
	t.Helper()
	b.active(t, string(tenant), s)
	b.subscribe(t, tenant, secret)
	return &hooked{bundle: b, tenant: tenant, endpoint: b.endpoint(t, tenant)}
}

func (b *bundle) endpoint(t testing.TB, tenant acmesync.TenantID) string {
	t.Helper()
	connection, err := b.db.Connection(t.Context(), tenant)
	require.NoError(t, err)
	return connection.HookEndpoint
}

func (b *bundle) subscribe(t testing.TB, tenant acmesync.TenantID, secret string) {
	t.Helper()
	fence, err := b.db.BeginLane(t.Context(), tenant, acmesync.Fetch)
	require.NoError(t, err)
	require.NoError(t, b.db.CommitSubscription(t.Context(), fence, "sub-1", secret, time.Hour))
}

func signed(id string, body string) http.Header {
	return acme.SignWebhook(hookSecret, id, time.Now(), []byte(body))
}

// deliver sends a body with headers; nil values leave a header out.
func (h *hooked) deliver(t *testing.T, body string, header http.Header, change ...func(*http.Request)) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/hooks/acme/"+h.endpoint, strings.NewReader(body))
	require.NoError(t, err)
	request.Header = header.Clone()
	request.Header.Set("Content-Type", "application/json")
	for _, one := range change {
		one(request)
	}
	return send(t, request)
}

type stored struct {
	Kind    string  `db:"kind"`
	Stream  string  `db:"stream"`
	AcmeID  *string `db:"acme_id"`
	Version int64   `db:"version"`
	Outcome *string `db:"outcome"`
	Ended   bool    `db:"ended"`
}

func envelopes(t *testing.T, d *dbtest.Database, tenant acmesync.TenantID) []stored {
	t.Helper()
	var all []stored
	require.NoError(t, d.Super.Select(&all, `SELECT kind, stream, acme_id, version, outcome, ended_at IS NOT NULL AS ended
		FROM envelopes WHERE tenant = $1 ORDER BY id`, tenant))
	return all
}

func TestHookDeliveries(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newHooked(t, b, s, "harbor", hookSecret)

	t.Run("an event is kept, then answered, then the lanes are marked and rung", func(t *testing.T) {
		require.Eventually(t, b.workflows.has("ring harbor"), 5*time.Second, 5*time.Millisecond) // of the activation
		before := b.workflows.count("ring harbor")
		got := h.deliver(t, goodEvents, signed("m1", goodEvents))
		require.Equal(t, http.StatusAccepted, got.status, got.text)
		require.Equal(t, map[string]any{"status": "accepted", "id": "m1"}, got.json)
		id := "apt-1"
		require.Equal(t, []stored{{Kind: "hint", Stream: "appointments", AcmeID: &id, Version: 3}}, envelopes(t, b.db, "harbor"))
		require.Eventually(t, func() bool { return b.workflows.count("ring harbor") == before+1 }, 5*time.Second, 5*time.Millisecond)
		flipped, err := b.db.Mark(t.Context(), []acmesync.TenantID{"harbor"}, acmesync.Fetch, acmesync.Deliver)
		require.NoError(t, err)
		require.Empty(t, flipped, "both lanes are marked")
	})
	t.Run("the same delivery again is a duplicate", func(t *testing.T) {
		got := h.deliver(t, goodEvents, signed("m1", goodEvents))
		require.Equal(t, http.StatusOK, got.status)
		require.Equal(t, "duplicate", got.json["status"])
		require.Len(t, envelopes(t, b.db, "harbor"), 1)
	})
	t.Run("events go to their streams, unknown ones end at once", func(t *testing.T) {
		body := `[{"type":"touchpoint.created","object_id":"t1"},{"type":"contact.merged","object_id":"c1"},{"type":"user.updated","object_id":"u1"},{"type":"invoice.paid","object_id":"i1"}]`
		require.Equal(t, http.StatusAccepted, h.deliver(t, body, signed("m2", body)).status)
		all := envelopes(t, b.db, "harbor")[1:]
		require.Len(t, all, 4)
		for i, want := range []struct {
			stream string
			ended  bool
		}{{"touchpoints", false}, {"contacts", false}, {"", true}, {"", true}} {
			require.Equal(t, want.stream, all[i].Stream)
			require.Equal(t, want.ended, all[i].Ended)
		}
		require.Equal(t, "unknown_object", *all[2].Outcome)
	})
	t.Run("an unreadable event is parked and its neighbour goes on", func(t *testing.T) {
		body := `[{"type":"appointment.updated"},{"type":"appointment.updated","object_id":"apt-9"}]`
		got := h.deliver(t, body, signed("m3", body))
		require.Equal(t, "accepted", got.json["status"])
		all := envelopes(t, b.db, "harbor")[5:]
		require.Equal(t, "raw", all[0].Kind)
		require.Equal(t, "unreadable", *all[0].Outcome)
		require.Equal(t, "apt-9", *all[1].AcmeID)
	})
}

// The corpus of bad deliveries. A refused one leaves nothing in the inbox, an authenticated one is never refused.
func TestBadDeliveries(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newHooked(t, b, s, "harbor", hookSecret)

	t.Run("authenticated but unusable is parked", func(t *testing.T) {
		for i, one := range []struct{ body, reason string }{
			{"", "empty_body"}, {"  \n", "empty_body"},
			{`[{"type":"appointment.updated",}]`, "malformed_json"}, {`[NaN]`, "malformed_json"}, {`['x']`, "malformed_json"}, {`[/*x*/]`, "malformed_json"},
			{`[{"type":"a.b","object_id":"1","type":"c.d"}]`, "unreadable_events"},
			{goodEvents + "[]", "malformed_json"},
			{`[{"type":"appointment.updated","object_id":"1","version":1e400}]`, "unreadable_events"},
			{strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), "too_deep"},
			{"[{\"type\":\"a.b\",\"object_id\":\"\xff\"}]", "invalid_utf8"},
			{`[{"type":"a.b","object_id":"\ud800"}]`, "unreadable_events"},
			{`{"type":"appointment.updated","object_id":"1"}`, "wrong_shape"}, {`"x"`, "wrong_shape"}, {`null`, "wrong_shape"}, {`[]`, "wrong_shape"},
			{`[1,"x",null,[]]`, "unreadable_events"},
			{`[{"TYPE":"appointment.updated","OBJECT_ID":"1"}]`, "unreadable_events"},
		} {
			id := fmt.Sprintf("park-%d", i)
			got := h.deliver(t, one.body, signed(id, one.body))
			require.Equal(t, http.StatusAccepted, got.status, "%.60q: %s", one.body, got.text)
			require.Equal(t, map[string]any{"status": "parked", "id": id, "reason": one.reason}, got.json, "%.60q", one.body)
			require.Equal(t, http.StatusOK, h.deliver(t, one.body, signed(id, one.body)).status, "once")
		}
		for _, e := range envelopes(t, b.db, "harbor") {
			require.True(t, e.Ended)
			require.Equal(t, "raw", e.Kind)
		}
		balance := b.call(t, http.MethodGet, "/v1/tenants/harbor/balance", "")
		require.Equal(t, true, balance.json["balanced"], balance.text)
	})
	t.Run("odd but readable is accepted", func(t *testing.T) {
		for i, body := range []string{
			"\ufeff" + goodEvents,
			`[{"type":"appointment.updated","object_id":"2","__proto__":{"x":1},"constructor":2}]`,
			`[{"type":"appointment.updated","object_id":"3","` + strings.Repeat("k", 500_000) + `":1}]`,
		} {
			id := fmt.Sprintf("odd-%d", i)
			got := h.deliver(t, body, signed(id, body))
			require.Equal(t, "accepted", got.json["status"], "%.60q: %s", body, got.text)
		}
	})

	before := len(envelopes(t, b.db, "harbor"))
	refused := func(t *testing.T, name string, status int, code string, body string, header http.Header, change ...func(*http.Request)) {
		t.Helper()
		t.Run(name+" is refused", func(t *testing.T) {
			got := h.deliver(t, body, header, change...)
			requireProblem(t, got, status, code)
			require.Empty(t, got.json["detail"])
			require.Empty(t, got.json["errors"])
		})
	}
	good := func(id string) http.Header { return signed(id, goodEvents) }
	with := func(id, name string, values ...string) http.Header {
		header := good(id)
		if header[http.CanonicalHeaderKey(name)] = values; len(values) == 0 {
			header.Del(name)
		}
		return header
	}

	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		refused(t, "no "+name, 401, "invalid_signature", goodEvents, with("x1", name))
		refused(t, "an empty "+name, 401, "invalid_signature", goodEvents, with("x1", name, ""))
		header := good("x1")
		header[http.CanonicalHeaderKey(name)] = []string{header.Get(name), "other"}
		refused(t, "two "+name, 401, "invalid_signature", goodEvents, header)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	for _, stamp := range []string{"+" + now, "0" + now, now + ".0", now + "abc", now[:1] + "_" + now[1:], now + "000", "2026-11-20T10:00:00Z", "-" + now,
		"9223372036854775807", "0x" + now[:8], "1614265330"} {
		header := with("x2", "webhook-timestamp", stamp)
		if at, err := strconv.ParseInt(stamp, 10, 64); err == nil {
			header.Set("webhook-signature", acme.SignWebhook(hookSecret, "x2", time.Unix(at, 0), []byte(goodEvents)).Get("webhook-signature"))
		}
		refused(t, "the timestamp "+stamp, 401, "invalid_signature", goodEvents, header)
	}
	for name, shift := range map[string]time.Duration{"five minutes and two seconds ago": -302 * time.Second, "in five minutes and two seconds": 302 * time.Second, "of three days ago": -72 * time.Hour} {
		refused(t, "a delivery "+name, 401, "invalid_signature", goodEvents, acme.SignWebhook(hookSecret, "x3", time.Now().Add(shift), []byte(goodEvents)))
	}
	for _, id := range []string{"a.b", "a b", "ünicode", strings.Repeat("a", 4096), "../x", strings.Repeat("a", 129)} {
		refused(t, fmt.Sprintf("the id %.10q", id), 401, "invalid_signature", goodEvents, acme.SignWebhook(hookSecret, id, time.Now(), []byte(goodEvents)))
	}
	signature := good("x4").Get("webhook-signature")
	mac := strings.TrimPrefix(signature, "v1,")
	rawMAC, err := base64.StdEncoding.DecodeString(mac)
	require.NoError(t, err)
	for _, bad := range []string{"v1,", "v1", "v2," + mac, "v1a," + mac, "v1," + fmt.Sprintf("%x", rawMAC), "v1," + base64.RawStdEncoding.EncodeToString(rawMAC),
		signature + ",x", mac, "v1, " + mac, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} {
		refused(t, fmt.Sprintf("the signature %.12q", bad), 401, "invalid_signature", goodEvents, with("x4", "webhook-signature", bad))
	}
	refused(t, "a body written anew", 401, "invalid_signature", strings.ReplaceAll(goodEvents, ":", ": "), good("x5"))
	refused(t, "another delivery's id", 401, "invalid_signature", goodEvents, with("x6", "webhook-id", "x7"))
	refused(t, "another secret", 401, "invalid_signature", goodEvents, acme.SignWebhook(otherSecret, "x8", time.Now(), []byte(goodEvents)))
	refused(t, "an empty body without a signature", 401, "invalid_signature", "", http.Header{})
	refused(t, "one byte too many", 413, "payload_too_large", strings.Repeat(" ", 1<<20+1), good("x9"))
	refused(t, "one byte too many in chunks", 413, "payload_too_large", "", good("x9"), func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat(" ", 1<<20+1))), -1
	})
	for _, kind := range []string{"", "text/plain", "application/json; charset=latin1", "multipart/form-data; boundary=x", "application/xml", "application/json; charset=utf-16"} {
		refused(t, "the type "+kind, 415, "unsupported_media_type", goodEvents, good("x10"), func(r *http.Request) {
			if r.Header.Set("Content-Type", kind); kind == "" {
				r.Header.Del("Content-Type")
			}
		})
	}
	refused(t, "a compressed body", 415, "unsupported_media_type", goodEvents, good("x11"), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
	for _, endpoint := range []string{"nobody", strings.Repeat("0", 32), strings.ToUpper(h.endpoint), h.endpoint + "0", h.endpoint + "%00", "%2e%2e", strings.Repeat("a", 10_000)} {
		refused(t, fmt.Sprintf("the endpoint %.10q", endpoint), 404, "not_found", goodEvents, good("x12"), func(r *http.Request) {
			r.URL.Opaque = "//" + strings.TrimPrefix(h.URL, "http://") + "/hooks/acme/" + endpoint
		})
	}
	for _, path := range []string{h.endpoint + "/", "/" + h.endpoint, ""} {
		refused(t, "the path "+path, 404, "not_found", goodEvents, good("x13"), func(r *http.Request) { r.URL.Path = "/hooks/acme/" + path })
	}
	refused(t, "another case of the path", 404, "not_found", goodEvents, good("x13"), func(r *http.Request) { r.URL.Path = "/Hooks/Acme/" + h.endpoint })
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		refused(t, method, 405, "method_not_allowed", "", http.Header{}, func(r *http.Request) { r.Method, r.Body, r.ContentLength = method, nil, 0 })
	}
	for _, method := range []string{http.MethodHead, http.MethodOptions} {
		got := h.deliver(t, "", http.Header{}, func(r *http.Request) { r.Method, r.Body, r.ContentLength = method, nil, 0 })
		require.Equal(t, http.StatusMethodNotAllowed, got.status)
		require.Equal(t, "POST", got.header.Get("Allow"))
	}
	require.Equal(t, 400, raw(t, h.Listener.Addr().String(), "POST /hooks/acme/"+h.endpoint+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[]"))
	require.Len(t, envelopes(t, b.db, "harbor"), before, "what is refused leaves nothing")
	require.Equal(t, "accepted", h.deliver(t, goodEvents, good("x1")).json["status"], "what was refused may come again, signed")
}

func TestSecretsOfOthersAndOfYesterday(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newHooked(t, b, s, "harbor", hookSecret)
	other := newHooked(t, b, s, "other", otherSecret)

	requireProblem(t, other.deliver(t, goodEvents, signed("m1", goodEvents)), 401, "invalid_signature")
	require.Equal(t, 202, other.deliver(t, goodEvents, acme.SignWebhook(otherSecret, "m1", time.Now(), []byte(goodEvents))).status)
	require.Equal(t, 202, h.deliver(t, goodEvents, signed("m1", goodEvents)).status, "ids are of an endpoint")

	fresh := "whsec_" + base64.StdEncoding.EncodeToString([]byte("abcdefabcdefabcdefabcdefabcdefab"))
	b.subscribe(t, "harbor", fresh)
	require.Eventually(t, func() bool {
		return h.deliver(t, goodEvents, acme.SignWebhook(fresh, "m2", time.Now(), []byte(goodEvents))).status < 300
	}, 5*time.Second, 50*time.Millisecond, "a new secret is known within a moment")
	require.Equal(t, 202, h.deliver(t, goodEvents, signed("m3", goodEvents)).status, "the old one is good for a day")
	b.db.Super.MustExec(`UPDATE secrets SET set_at = now() - interval '24 hours 1 second' WHERE name = 'hook_secret_old'`)
	require.Eventually(t, func() bool {
		return h.deliver(t, goodEvents, signed("m4", goodEvents)).status == 401
	}, 10*time.Second, 100*time.Millisecond, "and no longer")
}

func TestEndpointsThatEnd(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	b.draft(t, "draft", s)
	draft := &hooked{bundle: b, endpoint: b.endpoint(t, "draft")}
	requireProblem(t, draft.deliver(t, goodEvents, signed("m1", goodEvents)), 404, "not_found")

	h := newHooked(t, b, s, "harbor", hookSecret)
	require.Equal(t, 202, h.deliver(t, goodEvents, signed("m1", goodEvents)).status)
	b.call(t, http.MethodPost, "/v1/tenants/harbor/pause", "")
	require.Equal(t, 202, h.deliver(t, goodEvents, signed("m2", goodEvents)).status, "a paused tenant's events are kept")
	b.call(t, http.MethodPost, "/v1/tenants/harbor/deactivate", "")
	requireProblem(t, h.deliver(t, goodEvents, signed("m3", goodEvents)), 410, "endpoint_gone")
	requireProblem(t, h.deliver(t, goodEvents, signed("m3", goodEvents)), 410, "endpoint_gone")
	require.Len(t, envelopes(t, b.db, "harbor"), 2)
}

func TestTheSameDeliveryAtTheSameTime(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newHooked(t, b, s, "harbor", hookSecret)
	for round := range 10 {
		id := fmt.Sprintf("m%d", round)
		statuses := make([]int, 5)
		var all sync.WaitGroup
		for i := range statuses {
			all.Go(func() { statuses[i] = h.deliver(t, goodEvents, signed(id, goodEvents)).status })
		}
		all.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		require.Equal(t, map[int]int{202: 1, 200: 4}, count)
	}
	require.Len(t, envelopes(t, b.db, "harbor"), 10)
}

func TestHooksWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newHooked(t, b, s, "harbor", hookSecret)
	b.workflows.mu.Lock()
	b.workflows.slow, b.workflows.err = time.Minute, context.DeadlineExceeded
	b.workflows.mu.Unlock()
	began := time.Now()
	for i := range 20 {
		require.Equal(t, 202, h.deliver(t, goodEvents, signed(fmt.Sprintf("m%d", i), goodEvents)).status)
	}
	require.Less(t, time.Since(began), 2*time.Second)
}

func TestHooksWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newHooked(t, b, s, "harbor", hookSecret)
	require.Equal(t, 202, h.deliver(t, goodEvents, signed("m1", goodEvents)).status)
	b.db.Super.MustExec(`ALTER DATABASE ` + databaseName(t, b.db) + ` CONNECTION LIMIT 0`)
	b.db.Super.MustExec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	// Connections of before may live a moment longer: what is answered 202 until then is kept as well.
	kept, sent, refused := 1, 0, 0
	require.Eventually(t, func() bool {
		sent++
		id := fmt.Sprintf("early-%d", sent)
		got := h.deliver(t, goodEvents, signed(id, goodEvents))
		if got.status == 202 {
			kept, refused = kept+1, 0
			return false
		}
		requireProblem(t, got, 503, "unavailable")
		require.NotEmpty(t, got.header.Get("Retry-After"))
		refused++
		return refused == 20
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, 503, b.call(t, http.MethodGet, "/readyz", "").status)
	b.db.Super.MustExec(`ALTER DATABASE ` + databaseName(t, b.db) + ` CONNECTION LIMIT -1`)
	require.Eventually(t, func() bool { return h.deliver(t, goodEvents, signed("m2", goodEvents)).status == 202 }, 10*time.Second, 20*time.Millisecond)
	require.GreaterOrEqual(t, len(envelopes(t, b.db, "harbor")), kept+1, "a 2xx means it is kept")
}

func databaseName(t *testing.T, d *dbtest.Database) string {
	t.Helper()
	var name string
	require.NoError(t, d.Super.Get(&name, `SELECT current_database()`))
	return name
}

// A sender that dribbles holds nobody up.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newHooked(t, b, s, "harbor", hookSecret)
	for range 50 {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.Listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = connection.Close() })
		_, err = io.WriteString(connection, "POST /hooks/acme/"+h.endpoint+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n[")
		require.NoError(t, err)
	}
	began := time.Now()
	require.Equal(t, 202, h.deliver(t, goodEvents, signed("m1", goodEvents)).status)
	require.Less(t, time.Since(began), time.Second)
}
