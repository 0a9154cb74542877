package acme

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const soapStart = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<soapenv:Body><notifications xmlns="urn:acme:outbound:1"><OrganizationId>harbor</OrganizationId><ActionId>sub_1</ActionId>`

const soapEnd = `</notifications></soapenv:Body></soapenv:Envelope>`

func notification(id, object string) string {
	return `<Notification><Id>` + id + `</Id><sObject xsi:type="ob:Appointment" xmlns:ob="urn:acme:objects:1"><ob:Id>` + object + `</ob:Id><ob:version>3</ob:version></sObject></Notification>`
}

// Each message of testdata/soap and what comes of it.
func TestGoldenSOAP(t *testing.T) {
	t.Parallel()
	messages, err := filepath.Glob("testdata/soap/*.xml")
	require.NoError(t, err)
	require.NotEmpty(t, messages)
	for _, name := range messages {
		name = strings.TrimSuffix(name, ".xml")
		t.Run(strings.ReplaceAll(filepath.Base(name), "-", " "), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(name + ".xml")
			require.NoError(t, err)
			got := goldenMessage(body)
			if *update {
				require.NoError(t, os.WriteFile(name+".golden.json", []byte(got), 0o600))
			}
			want, err := os.ReadFile(name + ".golden.json")
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func goldenMessage(body []byte) string {
	var out struct {
		Refused       string   `json:"refused,omitempty"` // code and place
		Namespace     string   `json:"namespace,omitempty"`
		Organization  string   `json:"organization,omitempty"`
		Action        string   `json:"action,omitempty"`
		Notifications []string `json:"notifications,omitempty"`
	}
	m, err := (&Profile{}).ParseOutbound(body)
	if e, refused := errors.AsType[*Error](err); refused {
		out.Refused = strings.TrimSpace(e.Code + " " + e.Field)
	}
	out.Namespace, out.Organization, out.Action = m.Namespace, m.OrganizationID, m.ActionID
	for _, n := range m.Notifications {
		said := "unreadable"
		if n.Event.Type != "" {
			said = fmt.Sprintf("%s %s version %d", n.Event.Type, n.Event.ObjectID, n.Event.Version)
		}
		out.Notifications = append(out.Notifications, strings.TrimSpace(n.ID+": "+said))
	}
	b, _ := json.MarshalIndent(out, "", "  ")
	return string(b) + "\n"
}

func TestOutboundMessages(t *testing.T) {
	t.Parallel()
	parse := func(body string) (OutboundMessage, error) { return (*Profile)(nil).ParseOutbound([]byte(body)) }
	t.Run("bring a hundred notifications, and not one more", func(t *testing.T) {
		t.Parallel()
		var b strings.Builder
		for i := range MaxNotifications {
			b.WriteString(notification(fmt.Sprint("n", i), fmt.Sprint("apt_", i)))
		}
		m, err := parse(soapStart + b.String() + soapEnd)
		require.NoError(t, err)
		require.Len(t, m.Notifications, MaxNotifications)
		for i, n := range m.Notifications {
			require.Equal(t, notification(fmt.Sprint("n", i), fmt.Sprint("apt_", i)), string(n.Raw))
		}
		_, err = parse(soapStart + b.String() + notification("n", "x") + soapEnd)
		e, _ := errors.AsType[*Error](err)
		require.Equal(t, CodeTooMany, e.Code)
	})
	t.Run("cut anywhere are none", func(t *testing.T) {
		t.Parallel()
		whole := soapStart + notification("n1", "apt_1") + soapEnd
		for i := range len(whole) {
			_, err := parse(whole[:i])
			require.Equal(t, KindMalformed, KindOf(err), whole[:i])
		}
		_, err := parse(whole)
		require.NoError(t, err)
	})
	t.Run("monstrous ones cost little", func(t *testing.T) {
		t.Parallel()
		for name, monster := range map[string]string{
			"depth":      strings.Repeat("<a>", 1_000_000),
			"attributes": "<Notification " + attributes(300_000) + "/>",
			"text":       "<Notification><Id>" + strings.Repeat("x", 3<<20) + "</Id></Notification>",
			"elements":   "<Notification>" + strings.Repeat("<a/>", 500_000) + "</Notification>",
		} {
			began := time.Now()
			m, err := parse(soapStart + monster + notification("n1", "apt_1") + soapEnd)
			require.Less(t, time.Since(began), 5*time.Second, name)
			if name == "depth" {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err, name)
			require.Len(t, m.Notifications, 2)
			require.Empty(t, m.Notifications[0].Event.Type)
			require.Equal(t, "apt_1", m.Notifications[1].Event.ObjectID)
		}
	})
	t.Run("are answered in their own namespace", func(t *testing.T) {
		t.Parallel()
		require.True(t, SOAPAcked(SOAPAck(`urn:a"&<b`, true)))
		require.Contains(t, string(SOAPAck(`urn:a"&<b`, true)), `xmlns="urn:a&#34;&amp;&lt;b"`)
		for _, no := range []string{string(SOAPAck("", false)), string(SOAPFault(true, "x", "<y>")), "", "<Ack>true</Ack>", `{"Ack":"true"}`, "<html/>"} {
			require.False(t, SOAPAcked([]byte(no)), no)
		}
	})
	t.Run("are described for their address", func(t *testing.T) {
		t.Parallel()
		wsdl := OutboundWSDL("https://sync.example/hooks/soap/1?a&b")
		require.Contains(t, string(wsdl), `location="https://sync.example/hooks/soap/1?a&amp;b"`)
		_, fault, _, code := xmlTree(mustOpen(t, wsdl))
		require.Empty(t, fault+code)
		var definitions struct {
			XMLName xml.Name
			Target  string `xml:"targetNamespace,attr"`
		}
		require.NoError(t, xml.Unmarshal(wsdl, &definitions))
		require.Equal(t, OutboundNamespace, definitions.Target)
		require.Contains(t, string(wsdl), `targetNamespace="`+ObjectNamespace+`"`)
	})
	t.Run("in Latin-1 are read where the profile says so", func(t *testing.T) {
		t.Parallel()
		body := strings.Replace(soapStart, "UTF-8", "ISO-8859-1", 1) + "<x>\xfc</x>" + notification("n1", "apt_\xfc") + soapEnd
		_, err := parse(body)
		require.Error(t, err)
		p, _ := ParseProfile([]byte(`{"format":"xml","encoding":"latin1"}`))
		m, err := p.ParseOutbound([]byte(body))
		require.NoError(t, err)
		require.Equal(t, "apt_ü", m.Notifications[0].Event.ObjectID)
	})
}

func mustOpen(t *testing.T, body []byte) []byte {
	t.Helper()
	data, code := openXML(body, false)
	require.Empty(t, code)
	return data
}

// Whatever is sent, what comes of it is a message with notifications that lie in it, or Malformed.
func FuzzSOAP(f *testing.F) {
	messages, err := filepath.Glob("testdata/soap/*.xml")
	require.NoError(f, err)
	for _, name := range messages {
		body, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := (*Profile)(nil).ParseOutbound(body)
		if err != nil {
			require.Equal(t, KindMalformed, KindOf(err))
			require.Empty(t, m.Notifications)
			return
		}
		require.NotEmpty(t, m.Notifications)
		require.LessOrEqual(t, len(m.Notifications), MaxNotifications)
		require.True(t, usableID(m.OrganizationID))
		require.True(t, SOAPAcked(SOAPAck(m.Namespace, true)))
		for _, n := range m.Notifications {
			require.Contains(t, string(body), string(n.Raw))
			if n.Event.Type != "" {
				require.NoError(t, xml.Unmarshal(n.Raw, new(struct{ XMLName xml.Name })))
				require.True(t, usableID(n.Event.ObjectID))
				require.GreaterOrEqual(t, n.Event.Version, int64(0))
			}
		}
	})
}
