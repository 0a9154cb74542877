package acme

import (
	"bytes"
	"encoding/json"
	"strings"
)

// xmlPage is an answer whose records lie at a path, taken apart: each record became an item as it was read, the rest is a tree.
type xmlPage struct {
	items []Item
	rest  map[string]any
	found bool // whether what holds the records is there; it may hold none
}

// xmlListing reads such an answer. The path names the elements that are the records; the empty one: all below the root.
type xmlListing struct {
	xmlReader
	page   xmlPage
	record *record
}

// xmlList reads a whole answer, or none of it. A bad record comes as an item without an id, with its position.
func xmlList(data []byte, list path, record *record) (page xmlPage, code string) {
	l := xmlListing{xmlReader: xmlReader{xmlScanner: xmlScanner{data: data}}, record: record}
	l.page.items = make([]Item, 0, 200)
	if l.next() != xmlStart {
		return xmlPage{}, l.reason()
	}
	if code := strangeRoot(localName(l.name)); code != "" {
		return xmlPage{}, code
	}
	l.begin()
	rest, ok := l.container(list, 1)
	switch {
	case !ok, l.next() != xmlDone:
		return xmlPage{}, l.reason()
	case l.fault != "":
		return xmlPage{}, l.fault
	}
	l.page.rest = rest
	return l.page, ""
}

// strangeRoot tells a web page and an error from an answer; roots have any other name.
func strangeRoot(name []byte) string {
	switch strings.ToLower(string(name)) {
	case "html":
		return CodeNotXML
	case "error", "errors", "fault", "problem":
		return CodeMalformedXML
	}
	return ""
}

// container reads an element on the way to the records. The bounds of what is no record hold for all of it together.
func (l *xmlListing) container(list path, depth int) (map[string]any, bool) {
	object, _, _ := l.attributesOf()
	l.page.found = l.page.found || len(list) <= 1
	for {
		switch l.next() {
		case xmlStart:
			name := string(localName(l.name))
			at := len(list) > 0 && name == list[0].key
			var one any
			ok := true
			switch {
			case len(list) == 0, at && len(list) == 1:
				if !l.item() {
					return nil, false
				}
				continue
			case at:
				one, ok = l.container(list[1:], depth+1)
			default:
				one, ok = l.other(depth + 1)
			}
			if !ok {
				return nil, false
			}
			object = with(object, name, one)
		case xmlChars:
			l.resolve()
		case xmlEnd:
			if object == nil {
				object = map[string]any{}
			}
			return object, true
		default:
			return nil, false
		}
	}
}

// other reads an element that is neither a record nor on the way to one.
func (l *xmlListing) other(depth int) (any, bool) {
	begun := l.begun
	l.begun = l.from
	one, ok := l.element(depth)
	l.begun = begun
	return one, ok
}

// item reads one record, within bounds of its own.
func (l *xmlListing) item() bool {
	outer := l.xmlReader
	l.begin()
	tree, ok := l.element(1)
	l.page.items = append(l.page.items, l.record.xmlItem(tree, xmlPlace{
		data: l.data, from: outer.from, to: l.pos, position: len(l.page.items) + 1, fault: l.fault, where: string(l.where),
	}))
	l.nodes, l.begun, l.fault, l.where = outer.nodes, outer.begun, outer.fault, outer.where
	return ok
}

// xmlPlace is where a record stands in its answer, and what is wrong with it.
type xmlPlace struct {
	data         []byte
	from, to     int
	position     int
	fault, where string
}

// xmlItem makes an item of a record's tree. One that cannot be read, or has no usable id, version or time of change, has no
// id, and keeps what came.
func (r *record) xmlItem(tree any, at xmlPlace) Item {
	if object, isObject := tree.(map[string]any); isObject && at.fault == "" {
		read := scanner{data: r.canonical(object), limit: maxPageDepth}
		if item, sound := read.item(); sound && item.ID != "" {
			return item
		}
	}
	return Item{Raw: at.unreadable()}
}

// unreadable is what a person sees of a record that is none: the element as it came, up to the size a record may have.
func (p xmlPlace) unreadable() []byte {
	element := p.data[p.from:p.to]
	kept := struct {
		Unreadable unreadableXML `json:"unreadable"`
	}{unreadableXML{Position: p.position, Line: lineOf(p.data, p.from), Code: p.fault, Element: p.where, Cut: len(element) > MaxRecordBytes}}
	kept.Unreadable.XML = strings.ToValidUTF8(string(element[:min(len(element), MaxRecordBytes)]), "")
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(kept) // texts and numbers can always be written
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

type unreadableXML struct {
	Position int    `json:"position"` // among the records of its answer, from 1
	Line     int    `json:"line"`
	Code     string `json:"code,omitempty"`
	Element  string `json:"element,omitempty"` // where the fault was found
	Cut      bool   `json:"cut,omitempty"`     // longer than a record may be: only its beginning is kept
	XML      string `json:"xml"`
}

// Content is what an item without an id is known by: the record as it came, wherever it stood. The same bad record at another
// place of a later page is the same.
func (i Item) Content() []byte {
	if window, ok := (path{{key: "unreadable"}, {key: "xml"}}).find(i.Raw); ok && bytes.HasPrefix(window, []byte(`"<`)) {
		return window
	}
	return i.Raw
}
