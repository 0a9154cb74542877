package acme

import (
	"bytes"
	"strconv"
	"strings"
)

// MaxNotifications is the most that one outbound message may bring.
const MaxNotifications = 100

// The namespaces of outbound messages. A sender may have one of its own for notifications: it is answered in that.
const (
	soapEnvelope      = "http://schemas.xmlsoap.org/soap/envelope/"
	soapEnvelope12    = "http://www.w3.org/2003/05/soap-envelope"
	OutboundNamespace = "urn:acme:outbound:1"
	ObjectNamespace   = "urn:acme:objects:1"
)

// OutboundMessage is what a SOAP message tells: which records of an account have changed.
type OutboundMessage struct {
	Namespace      string // of notifications
	OrganizationID string // the account
	ActionID       string // what made Acme send it
	Notifications  []Notification
}

// Notification is one change. A sender that gets no Ack sends it again under the same id, alone or among others.
type Notification struct {
	ID    string // empty: none that can be used
	Event Event  // of the type "<resource singular>.changed"; the zero Event where it cannot be read
	Raw   []byte // as it came, a window on the message
}

// ParseOutbound reads an outbound message: SOAP 1.1, no DOCTYPE, one to a hundred notifications, each with an Id and an
// sObject of a type. What an sObject holds beside its id and its version is not looked at. A notification that cannot be
// read comes with the zero Event, and its neighbours go on; a message that is none is Malformed.
func (p *Profile) ParseOutbound(body []byte) (OutboundMessage, error) {
	const op = "parse outbound message"
	if len(bytes.TrimSpace(body)) == 0 {
		return OutboundMessage{}, malformed(op, CodeEmptyBody, "")
	}
	data, code := openXML(body, p != nil && p.Encoding != "")
	if code != "" {
		return OutboundMessage{}, malformed(op, code, "")
	}
	o := outbound{xmlReader: xmlReader{xmlScanner: xmlScanner{data: data}}}
	if !o.envelope() {
		if o.wrong == "" {
			o.wrong = o.reason()
		}
		return OutboundMessage{Namespace: o.message.Namespace}, malformed(op, o.wrong, printable(o.at[:min(len(o.at), 256)], 64))
	}
	return o.message, nil
}

// outbound reads a message.
type outbound struct {
	xmlReader
	spaces  []namespace
	message OutboundMessage
	wrong   string // why it is no outbound message, where it is XML
	at      string
}

// namespace binds a prefix for as long as an element is open.
type namespace struct {
	level       int
	prefix, uri string
}

func (o *outbound) refuse(code, at string) bool {
	if o.wrong == "" {
		o.wrong, o.at = code, at
	}
	return false
}

// enter takes in what the start that was just read declares, and gives its name.
func (o *outbound) enter() (local, space string) {
	level := len(o.open)
	for len(o.spaces) > 0 && o.spaces[len(o.spaces)-1].level >= level {
		o.spaces = o.spaces[:len(o.spaces)-1]
	}
	o.eachAttribute(func(name, value []byte) bool {
		if string(name) == "xmlns" || string(prefixOf(name)) == "xmlns" {
			prefix := ""
			if string(name) != "xmlns" {
				prefix = string(localName(name))
			}
			o.spaces = append(o.spaces, namespace{level, prefix, string(value)})
		}
		return len(o.spaces) < maxXMLAttributes
	})
	return string(localName(o.name)), o.spaceOf(string(prefixOf(o.name)))
}

func (o *outbound) spaceOf(prefix string) string {
	for i := len(o.spaces) - 1; i >= 0; i-- {
		if o.spaces[i].prefix == prefix {
			return o.spaces[i].uri
		}
	}
	return ""
}

// children has do read each element within the one that is open, to its end. Texts between them are none of a message's.
func (o *outbound) children(at string, do func(local, space string) bool) bool {
	for {
		switch o.next() {
		case xmlStart:
			o.begin()
			if local, space := o.enter(); !do(local, space) {
				return false
			}
		case xmlChars:
			if !blank(o.text) {
				return o.refuse(CodeWrongShape, at)
			}
		case xmlEnd:
			return true
		default:
			return false
		}
	}
}

func (o *outbound) envelope() bool {
	if o.next() != xmlStart {
		return false
	}
	local, space := o.enter()
	switch {
	case local == "Envelope" && space == soapEnvelope12:
		return o.refuse(CodeSOAPVersion, "Envelope")
	case local != "Envelope" || space != soapEnvelope:
		return o.refuse(CodeWrongShape, local)
	}
	bodies := 0
	ok := o.children("Envelope", func(local, space string) bool {
		switch {
		case space != soapEnvelope:
		case local == "Header" && bodies == 0:
			return o.children("Header", func(string, string) bool { return o.header() })
		case local == "Body":
			if bodies++; bodies == 1 {
				return o.body()
			}
		}
		return o.refuse(CodeWrongShape, local)
	})
	if !ok || o.next() != xmlDone {
		return false
	}
	return len(o.message.Notifications) > 0 || o.refuse(CodeWrongShape, "Body")
}

// header passes over an entry, unless it wants to be understood.
func (o *outbound) header() bool {
	must := false
	o.eachAttribute(func(name, value []byte) bool {
		must = must || string(localName(name)) == "mustUnderstand" && string(value) == "1" && o.spaceOf(string(prefixOf(name))) == soapEnvelope
		return true
	})
	if must {
		return o.refuse(CodeWrongShape, "Header")
	}
	return o.pass(len(o.open))
}

func (o *outbound) body() bool {
	found := 0
	return o.children("Body", func(local, space string) bool {
		if found++; local != "notifications" || found > 1 {
			return o.refuse(CodeWrongShape, local)
		}
		o.message.Namespace = space
		return o.notifications()
	})
}

func (o *outbound) notifications() bool {
	ok := o.children("notifications", func(local, _ string) bool {
		switch local {
		case "OrganizationId":
			return o.id(&o.message.OrganizationID, local)
		case "ActionId":
			return o.id(&o.message.ActionID, local)
		case "Notification":
			return o.notification()
		}
		return o.pass(len(o.open)) // a session's id, addresses of APIs: none of them is needed
	})
	if !ok {
		return false
	}
	switch {
	case o.message.OrganizationID == "":
		return o.refuse(CodeMissingField, "OrganizationId")
	case o.message.ActionID == "":
		return o.refuse(CodeMissingField, "ActionId")
	}
	return true
}

// id reads an element that holds an id, and may be there once.
func (o *outbound) id(into *string, local string) bool {
	value, ok := o.element(1)
	if !ok {
		return false
	}
	id, _ := value.(string)
	if id = strings.TrimSpace(id); *into != "" || o.fault != "" || !usableID(id) {
		return o.refuse(CodeBadID, local)
	}
	*into = id
	return true
}

// notification reads one. Only a broken document fails.
func (o *outbound) notification() bool {
	if len(o.message.Notifications) == MaxNotifications {
		return o.refuse(CodeTooMany, "Notification")
	}
	from, level := o.from, len(o.open)
	var n Notification
	var kind string
	var object map[string]any
	sound := true
	for sound && len(o.open) >= level {
		switch o.next() {
		case xmlStart:
			local, _ := o.enter()
			sort := o.typeOf()
			value, ok := o.element(2)
			if !ok {
				return false
			}
			switch text, isText := value.(string); {
			case local == "Id" && isText && n.ID == "" && usableID(strings.TrimSpace(text)):
				n.ID = strings.TrimSpace(text)
			case local == "sObject" && object == nil:
				object, _ = value.(map[string]any)
				kind = sort
			default:
				sound = false
			}
			sound = sound && o.fault == ""
		case xmlChars:
			sound = blank(o.text)
		case xmlEnd:
		default:
			return false
		}
	}
	if !o.pass(level) {
		return false
	}
	n.Raw = o.data[from:o.pos:o.pos]
	if sound {
		n.Event = eventOf(kind, object)
	}
	if n.Event.Type != "" {
		n.Event.EventID, n.Event.AccountID = n.ID, o.message.OrganizationID
	}
	o.message.Notifications = append(o.message.Notifications, n)
	return true
}

// typeOf is the xsi:type of the start that was just read, without its prefix.
func (o *outbound) typeOf() (kind string) {
	o.eachAttribute(func(name, value []byte) bool {
		if string(localName(name)) == "type" && o.spaceOf(string(prefixOf(name))) == xmlSchemaInstance {
			kind = string(localName(value))
		}
		return true
	})
	return kind
}

// eventOf makes a hint of an sObject; a version that is none is not named.
func eventOf(kind string, object map[string]any) Event {
	first := func(names ...string) string {
		for _, name := range names {
			if text, ok := object[name].(string); ok && text != "" {
				return strings.TrimSpace(text)
			}
		}
		return ""
	}
	id := first("Id", "id")
	if !usableID(id) || !usableID(kind) {
		return Event{}
	}
	version, err := strconv.ParseInt(first("Version", "version"), 10, 64)
	if err != nil || version < 0 {
		version = 0
	}
	return Event{Type: strings.ToLower(kind) + ".changed", ObjectID: id, Version: version}
}
