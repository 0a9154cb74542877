package webhooks

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"
	"time"

	"acmesync/acme"
)

// outboundMessage tells events as SOAP: each is a notification under its event's id, whichever message it travels in. What it
// shows of the record is little, and may be old by the time somebody reads it.
func outboundMessage(account, action string, events []acme.Event) []byte {
	var b bytes.Buffer
	leaf := func(name, text string) {
		b.WriteString("<" + name + ">")
		_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
		b.WriteString("</" + name + ">")
	}
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		`<soapenv:Body><notifications xmlns="` + acme.OutboundNamespace + `">`)
	leaf("OrganizationId", account)
	leaf("ActionId", action)
	b.WriteString(`<SessionId xsi:nil="true"/>`)
	for _, e := range events {
		object, _, _ := strings.Cut(e.Type, ".")
		b.WriteString("\n<Notification>")
		leaf("Id", e.EventID)
		b.WriteString(`<sObject xsi:type="ob:` + strings.ToUpper(object[:1]) + object[1:] + `" xmlns:ob="` + acme.ObjectNamespace + `">`)
		leaf("ob:Id", e.ObjectID)
		leaf("ob:version", strconv.FormatInt(e.Version, 10))
		leaf("ob:changed", e.Type)
		leaf("ob:changed_at", e.OccurredAt.UTC().Format(time.RFC3339Nano))
		b.WriteString("</sObject></Notification>")
	}
	b.WriteString("</notifications></soapenv:Body></soapenv:Envelope>\n")
	return b.Bytes()
}
