package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"acmesync"
	"acmesync/acme"

	"github.com/stretchr/testify/require"
)

// told is a tenant that Acme sends outbound messages to.
type told struct{ *hooked }

func newTold(t *testing.T, b *bundle, s sides, tenant acmesync.TenantID) *told {
	t.Helper()
	b.active(t, string(tenant), s)
	got := b.call(t, http.MethodPut, "/v1/tenants/"+string(tenant)+"/config", `{"profile":{"subscriptions":{"format":"soap"}}}`)
	require.Equal(t, http.StatusOK, got.status, got.text)
	b.db.Super.MustExec(`UPDATE connections SET account_id = 'a1' WHERE tenant = $1`, tenant)
	return &told{&hooked{bundle: b, tenant: tenant, endpoint: b.endpoint(t, tenant)}}
}

func message(account string, notifications ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body>` +
		`<notifications xmlns="urn:x"><OrganizationId>` + account + `</OrganizationId><ActionId>sub_1</ActionId>` + strings.Join(notifications, "") + `</notifications></e:Body></e:Envelope>`
}

func note(id, kind, object string) string {
	return fmt.Sprintf(`<Notification><Id>%s</Id><sObject xsi:type="o:%s" xmlns:o="urn:o"><o:Id>%s</o:Id><o:version>3</o:version></sObject></Notification>`, id, kind, object)
}

// push sends a message.
func (h *told) push(t *testing.T, body string, change ...func(*http.Request)) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/hooks/soap/"+h.endpoint, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "text/xml; charset=utf-8")
	request.Header.Set("SOAPAction", `""`)
	for _, one := range change {
		one(request)
	}
	return send(t, request)
}

func requireAck(t *testing.T, got answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, got.status, got.text)
	require.True(t, acme.SOAPAcked([]byte(got.text)), got.text)
	require.Contains(t, got.header.Get("Content-Type"), "text/xml")
}

func requireFault(t *testing.T, got answer, status int, code string) {
	t.Helper()
	require.Equal(t, status, got.status, got.text)
	require.Contains(t, got.header.Get("Content-Type"), "text/xml")
	require.False(t, acme.SOAPAcked([]byte(got.text)))
	require.Contains(t, got.text, `<code xmlns="">`+code+`</code>`)
	if status >= 500 {
		require.Contains(t, got.text, "soapenv:Server")
		require.NotEmpty(t, got.header.Get("Retry-After"))
	} else {
		require.Contains(t, got.text, "soapenv:Client")
	}
}

func TestOutboundMessages(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newTold(t, b, s, "harbor")
	ways := func(t *testing.T) (all []string) {
		t.Helper()
		require.NoError(t, b.db.Super.Select(&all, `SELECT DISTINCT way FROM envelopes WHERE tenant = 'harbor'`))
		return all
	}

	t.Run("a message is kept, then acknowledged in its own namespace, then the lanes are marked and rung", func(t *testing.T) {
		before := b.workflows.count("ring harbor")
		got := h.push(t, message("a1", note("n1", "Appointment", "apt-1"), note("n2", "Contact", "con-1")))
		requireAck(t, got)
		require.Contains(t, got.text, `xmlns="urn:x"`)
		apt, con := "apt-1", "con-1"
		require.ElementsMatch(t, []stored{
			{Kind: "hint", Stream: "appointments", AcmeID: &apt, Version: 3}, {Kind: "hint", Stream: "contacts", AcmeID: &con, Version: 3},
		}, envelopes(t, b.db, "harbor"))
		require.Equal(t, []string{"soap"}, ways(t))
		require.Eventually(t, func() bool { return b.workflows.count("ring harbor") > before }, 5*time.Second, 5*time.Millisecond)
	})
	t.Run("the same message again doubles nothing", func(t *testing.T) {
		requireAck(t, h.push(t, message("a1", note("n1", "Appointment", "apt-1"), note("n2", "Contact", "con-1"))))
		require.Len(t, envelopes(t, b.db, "harbor"), 2)
	})
	t.Run("notifications that come again among others are kept once", func(t *testing.T) {
		requireAck(t, h.push(t, message("a1", note("n2", "Contact", "con-1"), note("n3", "Touchpoint", "tpt-1"), note("n3", "Touchpoint", "tpt-1"), note("n1", "Appointment", "apt-1"))))
		require.Len(t, envelopes(t, b.db, "harbor"), 3)
	})
	t.Run("objects that are not synced end at once", func(t *testing.T) {
		requireAck(t, h.push(t, message("a1", note("n4", "User", "u1"), note("n5", "Invoice", "i1"))))
		for _, e := range envelopes(t, b.db, "harbor")[3:] {
			require.True(t, e.Ended)
			require.Equal(t, "unknown_object", *e.Outcome)
		}
	})
	t.Run("a notification that cannot be read is kept and its neighbour goes on", func(t *testing.T) {
		before := len(envelopes(t, b.db, "harbor"))
		body := message("a1", `<Notification><Id>n6</Id></Notification>`, note("n7", "Appointment", "apt-7"))
		requireAck(t, h.push(t, body))
		requireAck(t, h.push(t, body))
		all := envelopes(t, b.db, "harbor")[before:]
		require.Len(t, all, 2)
		kinds := map[string]bool{all[0].Kind: true, all[1].Kind: true}
		require.Equal(t, map[string]bool{"raw": true, "hint": true}, kinds)
	})
	t.Run("a hundred notifications of one message are kept together", func(t *testing.T) {
		before := len(envelopes(t, b.db, "harbor"))
		var all []string
		for i := range 100 {
			all = append(all, note(fmt.Sprint("many-", i), "Appointment", fmt.Sprint("apt-many-", i)))
		}
		requireAck(t, h.push(t, message("a1", all...)))
		require.Len(t, envelopes(t, b.db, "harbor"), before+100)
	})
	t.Run("what cannot be read at all is kept as it came and acknowledged, once", func(t *testing.T) {
		for i, body := range []string{
			"", "  ", "words", `{"a":1}`, "<a>", strings.TrimSuffix(message("a1", note("x", "Appointment", "y")), ">"), message("a1"),
			"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>" + strings.TrimPrefix(message("a1", note("x", "Appointment", "&x;")), `<?xml version="1.0" encoding="UTF-8"?>`),
			strings.ReplaceAll(message("a1", note("x", "Appointment", "y")), "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
			"\xff\xfe<\x00a\x00", message("a1", strings.Repeat(note("x", "Appointment", "y"), 101)), strings.Repeat("<a>", 100_000),
		} {
			before := len(envelopes(t, b.db, "harbor"))
			requireAck(t, h.push(t, body))
			requireAck(t, h.push(t, body))
			all := envelopes(t, b.db, "harbor")[before:]
			require.Len(t, all, 1, "%d: %.60q", i, body)
			require.Equal(t, []any{"raw", "unreadable", true}, []any{all[0].Kind, *all[0].Outcome, all[0].Ended})
		}
	})
	t.Run("a message of another account is refused, and one of an account not known yet is not", func(t *testing.T) {
		before := len(envelopes(t, b.db, "harbor"))
		got := h.push(t, message("a2", note("o1", "Appointment", "apt-o")))
		requireFault(t, got, http.StatusUnauthorized, "wrong_account")
		require.Equal(t, "Address", got.header.Get("WWW-Authenticate"))
		require.Len(t, envelopes(t, b.db, "harbor"), before)
		b.db.Super.MustExec(`UPDATE connections SET account_id = '' WHERE tenant = 'harbor'`)
		require.Eventually(t, func() bool {
			return h.push(t, message("a2", note("o1", "Appointment", "apt-o"))).status == http.StatusOK
		}, 10*time.Second, 50*time.Millisecond)
		b.db.Super.MustExec(`UPDATE connections SET account_id = 'a1' WHERE tenant = 'harbor'`)
	})
}

func TestOutboundMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newTold(t, b, s, "harbor")
	good := message("a1", note("n1", "Appointment", "apt-1"))

	for kind, says := range map[string]string{
		"application/soap+xml": "SOAP 1.2", "application/xml": "text/xml", "application/json": "text/xml", "text/plain": "text/xml", "": "Content-Type", "text/xml; charset=utf-16": "UTF-16",
		"text/xml; charset=iso-8859-1": "Latin-1", "text/xml; charset=koi8-r": "UTF-8", "multipart/related; boundary=x": "text/xml",
	} {
		t.Run("the type "+kind+" is refused with what to do", func(t *testing.T) {
			got := h.push(t, good, func(r *http.Request) {
				if r.Header.Set("Content-Type", kind); kind == "" {
					r.Header.Del("Content-Type")
				}
			})
			requireFault(t, got, http.StatusUnsupportedMediaType, "unsupported_media_type")
			require.Contains(t, got.text, says)
		})
	}
	t.Run("a compressed message is refused", func(t *testing.T) {
		got := h.push(t, good, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
		requireFault(t, got, http.StatusUnsupportedMediaType, "unsupported_media_type")
	})
	t.Run("more than four megabytes are refused", func(t *testing.T) {
		requireFault(t, h.push(t, strings.Repeat(" ", 4<<20+1)), http.StatusRequestEntityTooLarge, "payload_too_large")
		requireFault(t, h.push(t, "", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat(" ", 4<<20+1))), -1
		}), http.StatusRequestEntityTooLarge, "payload_too_large")
	})
	t.Run("a message that breaks off is refused", func(t *testing.T) {
		require.Equal(t, http.StatusBadRequest, raw(t, h.Listener.Addr().String(), "POST /hooks/soap/"+h.endpoint+" HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n"+good[:100]))
	})
	t.Run("an address that nobody was told is none", func(t *testing.T) {
		for _, endpoint := range []string{"nobody", strings.Repeat("0", 32), strings.ToUpper(h.endpoint), h.endpoint + "0"} {
			stranger := &told{&hooked{bundle: b, endpoint: endpoint}}
			requireFault(t, stranger.push(t, good), http.StatusNotFound, "not_found")
		}
	})
	t.Run("a tenant of webhooks has no such address, and needs a signature at the other", func(t *testing.T) {
		other := &told{newHooked(t, b, s, "other", otherSecret)}
		requireFault(t, other.push(t, good), http.StatusNotFound, "not_found")
		requireProblem(t, b.call(t, http.MethodGet, "/hooks/soap/"+other.endpoint+"?wsdl", ""), http.StatusNotFound, "not_found")
		requireProblem(t, h.deliver(t, goodEvents, signed("m1", goodEvents)), http.StatusUnauthorized, "invalid_signature")
	})
	t.Run("other methods are refused", func(t *testing.T) {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
			requireProblem(t, h.push(t, "", func(r *http.Request) { r.Method = method }), http.StatusMethodNotAllowed, "method_not_allowed")
		}
	})
	t.Run("the WSDL is served with the address that is public", func(t *testing.T) {
		got := b.call(t, http.MethodGet, "/hooks/soap/"+h.endpoint+"?wsdl", "", "Authorization", "")
		require.Equal(t, http.StatusOK, got.status)
		require.Contains(t, got.header.Get("Content-Type"), "text/xml")
		require.Contains(t, got.text, `location="http://hooks.example/hooks/soap/`+h.endpoint+`"`)
		requireProblem(t, b.call(t, http.MethodGet, "/hooks/soap/"+h.endpoint, ""), http.StatusMethodNotAllowed, "method_not_allowed")
	})
	require.Empty(t, envelopes(t, b.db, "harbor"), "what is refused leaves nothing")
	t.Run("nobody is behind it once the tenant is deactivated", func(t *testing.T) {
		requireAck(t, h.push(t, good))
		b.call(t, http.MethodPost, "/v1/tenants/harbor/deactivate", "")
		requireFault(t, h.push(t, message("a1", note("n2", "Appointment", "apt-2"))), http.StatusGone, "endpoint_gone")
		require.Eventually(t, func() bool {
			return b.call(t, http.MethodGet, "/hooks/soap/"+h.endpoint+"?wsdl", "").status == http.StatusGone
		}, 10*time.Second, 50*time.Millisecond)
	})
}

func TestTheSameMessageAtTheSameTime(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newTold(t, b, s, "harbor")
	var all sync.WaitGroup
	for round := range 5 {
		body := message("a1", note(fmt.Sprint("n", round), "Appointment", "apt-1"), note(fmt.Sprint("m", round), "Appointment", "apt-2"))
		for range 5 {
			all.Go(func() { requireAck(t, h.push(t, body)) })
		}
	}
	all.Wait()
	require.Len(t, envelopes(t, b.db, "harbor"), 10)
}

func TestOutboundMessagesWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSides(t)
	h := newTold(t, b, s, "harbor")
	requireAck(t, h.push(t, message("a1", note("n0", "Appointment", "apt-0"))))
	b.db.Super.MustExec(`ALTER DATABASE ` + databaseName(t, b.db) + ` CONNECTION LIMIT 0`)
	b.db.Super.MustExec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	acked, sent := map[string]bool{"apt-0": true}, 0
	push := func() bool {
		sent++
		a, z := fmt.Sprint("apt-a", sent), fmt.Sprint("apt-z", sent)
		got := h.push(t, message("a1", note("a"+fmt.Sprint(sent), "Appointment", a), note("z"+fmt.Sprint(sent), "Appointment", z)))
		if got.status == http.StatusOK {
			acked[a], acked[z] = true, true
			return true
		}
		requireFault(t, got, http.StatusServiceUnavailable, "unavailable")
		return false
	}
	refused := 0
	require.Eventually(t, func() bool {
		if refused++; push() {
			refused = 0
		}
		return refused == 10
	}, 10*time.Second, time.Millisecond)
	b.db.Super.MustExec(`ALTER DATABASE ` + databaseName(t, b.db) + ` CONNECTION LIMIT -1`)
	require.Eventually(t, push, 10*time.Second, 20*time.Millisecond)
	kept := map[string]bool{}
	for _, e := range envelopes(t, b.db, "harbor") {
		kept[*e.AcmeID] = true
	}
	for id := range acked {
		require.True(t, kept[id], "an Ack means that all of it is kept: %s", id)
	}
}
