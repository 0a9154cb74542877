package acme

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
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

	line, counted int // the line of a place, counted on from one bad record to the next
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
	case !ok, l.spoiled(), l.next() != xmlDone:
		return xmlPage{}, l.reason()
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
			onTheWay := len(list) > 0 && name == list[0].key
			if len(list) == 0 || onTheWay && len(list) == 1 {
				if !l.item() {
					return nil, false
				}
				continue
			}
			read := l.other
			if onTheWay {
				read = func(depth int) (any, bool) { return l.container(list[1:], depth) }
			}
			one, ok := read(depth + 1)
			if !ok || l.spoiled() {
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

// spoiled ends an answer at once whose rest cannot be taken.
func (l *xmlListing) spoiled() bool {
	if l.code == "" {
		l.code = l.fault
	}
	return l.fault != ""
}

// item reads one record, within bounds of its own.
func (l *xmlListing) item() bool {
	if len(l.page.items) == maxXMLRecords {
		l.code = CodeTooMany
		return false
	}
	outer := l.xmlReader
	l.begin()
	tree, ok := l.element(1)
	item, sound := l.record.xmlItem(tree, l.fault)
	if !sound {
		item = unreadableItem(l.data[outer.from:l.pos], unreadableXML{
			Position: len(l.page.items) + 1, Line: l.lineOf(outer.from), Code: cmp.Or(l.fault, CodeNoKeys), Element: string(l.where[:min(len(l.where), 256)]),
		})
	}
	l.page.items = append(l.page.items, item)
	l.nodes, l.begun, l.fault, l.where = outer.nodes, outer.begun, outer.fault, outer.where
	return ok
}

// lineOf is the line on which a place lies; places are asked for from the front to the back.
func (l *xmlListing) lineOf(at int) int {
	l.line += bytes.Count(l.data[l.counted:at], []byte{'\n'})
	l.counted = at
	return l.line + 1
}

// xmlItem makes an item of a record's tree; not sound: it cannot be read, or has no usable id, version or time of change.
func (r *record) xmlItem(tree any, fault string) (item Item, sound bool) {
	object, isObject := tree.(map[string]any)
	if !isObject || fault != "" {
		return Item{}, false
	}
	read := scanner{data: r.canonical(object), limit: maxPageDepth}
	item, sound = read.item()
	return item, sound && item.ID != ""
}

// unreadableItem is what a person sees of a record that is none: the element as it came, up to the size a record may have.
func unreadableItem(element []byte, why unreadableXML) Item {
	why.Cut = len(element) > MaxRecordBytes
	why.Element = printable(why.Element, 64)
	why.XML = strings.ToValidUTF8(string(element[:min(len(element), MaxRecordBytes)]), "")
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(map[string]unreadableXML{"unreadable": why}) // texts and numbers can always be written
	return Item{Raw: bytes.TrimSuffix(b.Bytes(), []byte{'\n'})}
}

// Trouble says in a sentence where an item without an id stood and what is wrong with it, as far as that is known.
func (item Item) Trouble() string {
	var kept struct {
		Unreadable unreadableXML `json:"unreadable"`
	}
	at := &kept.Unreadable
	if item.ID != "" || json.Unmarshal(item.Raw, &kept) != nil || at.Position == 0 || at.XML == "" {
		return ""
	}
	what, known := map[string]string{
		CodeNoKeys:           "it has no usable id, version or time of change",
		CodeBadEntity:        "it refers to an entity or a character that XML does not have",
		CodeControlCharacter: "it holds a character that XML does not have",
		CodeDuplicateKey:     "it has an attribute twice",
		CodeTooDeep:          "its elements lie too deep",
		CodeTooMany:          "it has too many elements or attributes",
		CodeTooLarge:         "it is larger than 1 MB",
	}[at.Code]
	if !known {
		what = "it is not well-formed"
	}
	if at.Element != "" && at.Code != CodeNoKeys {
		what += ", in " + at.Element
	}
	return fmt.Sprintf("Record %d of its page, on line %d, cannot be read: %s.", at.Position, at.Line, what)
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
func (item Item) Content() []byte {
	if item.ID != "" {
		return item.Raw
	}
	if window, ok := (path{{key: "unreadable"}, {key: "xml"}}).find(item.Raw); ok && bytes.HasPrefix(window, []byte(`"<`)) {
		return window
	}
	return item.Raw
}
