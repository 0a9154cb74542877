package acme

import (
	"bytes"
	_ "embed"
	"encoding/xml"
)

const soapHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
	`<soapenv:Envelope xmlns:soapenv="` + soapEnvelope + `"><soapenv:Body>`

const soapTail = "</soapenv:Body></soapenv:Envelope>\n"

// SOAPAck answers an outbound message in its own namespace: true where all of it is kept.
func SOAPAck(namespace string, kept bool) []byte {
	if namespace == "" {
		namespace = OutboundNamespace
	}
	word := "false"
	if kept {
		word = "true"
	}
	return []byte(soapHead + `<notificationsResponse xmlns="` + escaped(namespace) + `"><Ack>` + word + `</Ack></notificationsResponse>` + soapTail)
}

// SOAPFault answers what is no outbound message, or one that cannot be kept: then the fault is the server's, and the sender
// comes again.
func SOAPFault(server bool, code, sentence string) []byte {
	whose := "Client"
	if server {
		whose = "Server"
	}
	return []byte(soapHead + "<soapenv:Fault><faultcode>soapenv:" + whose + "</faultcode><faultstring>" + escaped(sentence) +
		"</faultstring><detail><code xmlns=\"\">" + escaped(code) + "</code></detail></soapenv:Fault>" + soapTail)
}

// SOAPAcked tells whether an answer to an outbound message takes it.
func SOAPAcked(answer []byte) bool {
	data, code := openXML(answer, false)
	if code != "" {
		return false
	}
	tree, fault, _, code := xmlTree(data)
	ack := path{{key: "Body"}, {key: "notificationsResponse"}, {key: "Ack"}}
	return fault == "" && code == "" && ack.first(tree) == "true"
}

//go:embed outbound.wsdl
var outboundWSDL []byte

// OutboundWSDL describes outbound messages for whoever is to send them to an address.
func OutboundWSDL(address string) []byte {
	return bytes.ReplaceAll(outboundWSDL, []byte("{address}"), []byte(escaped(address)))
}

func escaped(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}
