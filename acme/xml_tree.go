package acme

import (
	"cmp"
	"encoding/json"
	"strings"
)

// Bounds of what becomes a tree.
const (
	maxXMLNodes      = 10_000 // elements and attributes of one record, or of all that is no record
	maxXMLAttributes = 128    // of one element
	maxXMLRecords    = 25_000 // of one answer
)

const xmlSchemaInstance = "http://www.w3.org/2001/XMLSchema-instance"

// xmlReader makes trees of elements, in the form in which scanner.tree reads JSON: an element is a text, or where it has
// attributes or elements within, an object with @name for an attribute, #text for its own text, and a list where an
// element comes several times. Names are without prefix. Nothing in XML says what is a number, so everything is a text,
// unless xsi:type says otherwise; xsi:nil is null.
type xmlReader struct {
	xmlScanner
	nodes int
	begun int    // where the present record began
	fault string // why the present record is none; the first reason
	where []byte // at which element
	xsi   string // the prefix of xmlSchemaInstance; empty: xsi
}

// begin starts the bounds anew, at the element whose start was read last.
func (r *xmlReader) begin() { r.nodes, r.begun, r.fault, r.where = 0, r.from, "", nil }

func (r *xmlReader) spoil(code string) {
	if r.fault == "" && code != "" {
		r.fault, r.where = code, nil
		if len(r.open) > 0 {
			r.where = r.open[len(r.open)-1]
		}
	}
}

// element reads the element whose start was just read, to its end. False: the document is broken. Where only the record is
// bad, fault says why, and the rest of it is passed over.
func (r *xmlReader) element(depth int) (any, bool) {
	if depth > maxRecordDepth {
		r.spoil(CodeTooDeep)
	}
	level := len(r.open)
	object, nilled, kind := r.attributesOf()
	text, more := "", []byte(nil) // of most elements there is one piece of text
	for {
		token := r.next()
		if r.pos-r.begun > MaxRecordBytes {
			r.spoil(CodeTooLarge)
		}
		if r.fault != "" && token != xmlBroken {
			return nil, r.pass(level)
		}
		switch token {
		case xmlStart:
			name := string(localName(r.name))
			one, ok := r.element(depth + 1)
			if !ok {
				return nil, false
			}
			if object == nil && depth == 1 {
				object = make(map[string]any, 24) // a record has about so many fields
			}
			object = with(object, name, one)
		case xmlChars:
			part := r.resolve()
			switch {
			case object != nil && blank([]byte(part)): // the white space that makes a document readable
			case more != nil:
				more = append(more, part...)
			case text == "":
				text = part
			default:
				more = append(append(more, text...), part...)
			}
		case xmlEnd:
			if more != nil {
				text = string(more)
			}
			return value(object, text, nilled, kind), true
		default:
			return nil, false
		}
	}
}

// pass reads to the end of an element and keeps nothing.
func (r *xmlReader) pass(level int) bool {
	for len(r.open) >= level {
		if token := r.next(); token == xmlBroken || token == xmlDone {
			return false
		}
	}
	return true
}

// resolve is the text that was just read.
func (r *xmlReader) resolve() string {
	if r.cdata {
		part, code := cdataOf(r.text)
		r.spoil(code)
		return part
	}
	part, code := textOf(r.text, false)
	r.spoil(code)
	return part
}

// attributesOf reads a start's attributes: those of namespaces and of xsi are none of the record's.
func (r *xmlReader) attributesOf() (object map[string]any, nilled bool, kind string) {
	if r.nodes++; r.nodes > maxXMLNodes {
		r.spoil(CodeTooMany)
	}
	if len(r.attributes) == 0 {
		return nil, false, ""
	}
	r.eachAttribute(func(name, value []byte) bool {
		if string(prefixOf(name)) == "xmlns" && string(value) == xmlSchemaInstance {
			r.xsi = string(localName(name))
		}
		return true
	})
	var names []string
	r.eachAttribute(func(name, raw []byte) bool {
		if r.nodes++; r.nodes > maxXMLNodes || len(names) >= maxXMLAttributes {
			r.spoil(CodeTooMany)
			return false
		}
		for _, before := range names {
			if before == string(name) {
				r.spoil(CodeDuplicateKey)
				return false
			}
		}
		names = append(names, string(name))
		value, code := textOf(raw, true)
		r.spoil(code)
		switch local := string(localName(name)); {
		case string(name) == "xmlns" || string(prefixOf(name)) == "xmlns":
		case string(prefixOf(name)) == cmp.Or(r.xsi, "xsi"):
			nilled = nilled || local == "nil" && (value == "true" || value == "1")
			if local == "type" {
				kind = string(localName([]byte(value)))
			}
		case string(prefixOf(name)) == "xml":
		default:
			object = with(object, "@"+local, value)
		}
		return code == ""
	})
	return object, nilled, kind
}

// value is what an element comes to.
func value(object map[string]any, text string, nilled bool, kind string) any {
	switch {
	case nilled && object == nil && blank([]byte(text)):
		return nil
	case object == nil:
		return typed(text, kind)
	}
	if !blank([]byte(text)) {
		object["#text"] = text
	}
	return object
}

// with adds to an object; what comes again becomes a list.
func with(object map[string]any, name string, value any) map[string]any {
	if object == nil {
		object = map[string]any{}
	}
	before, again := object[name]
	switch list, isList := before.([]any); {
	case !again:
		object[name] = value
	case isList:
		object[name] = append(list, value)
	default:
		object[name] = []any{before, value}
	}
	return object
}

// typed is a text as xsi:type says; what it is not stays a text.
func typed(text, kind string) any {
	plain := strings.TrimSpace(text)
	switch kind {
	case "int", "integer", "long", "short", "byte", "decimal", "double", "float", "nonNegativeInteger", "positiveInteger", "unsignedInt", "unsignedLong":
		s := scanner{data: []byte(plain)}
		if c := s.peek(); (c == '-' || c >= '0' && c <= '9') && s.number() && s.end() {
			return json.Number(plain)
		}
	case "boolean":
		switch plain {
		case "true", "1":
			return true
		case "false", "0":
			return false
		}
	}
	return text
}

// xmlTree reads a whole document as one tree; its root's name means nothing. Fault says why there is none where the
// document is sound and its content is not, and where; code, why it is no document.
func xmlTree(data []byte) (tree any, fault, where, code string) {
	r := xmlReader{xmlScanner: xmlScanner{data: data}}
	if r.next() != xmlStart {
		return nil, "", "", r.reason()
	}
	if code := strangeRoot(localName(r.name)); code != "" {
		return nil, "", "", code
	}
	r.begin()
	tree, ok := r.element(1)
	if !ok || r.next() != xmlDone {
		return nil, "", "", r.reason()
	}
	return tree, r.fault, string(r.where[:min(len(r.where), 256)]), ""
}

// reason is why a document is none.
func (r *xmlReader) reason() string {
	if r.code != "" {
		return r.code
	}
	return CodeMalformedXML
}
