package acme

import (
	"bytes"
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"
)

// document is what of an answer is no record: JSON as it came, or the tree that is left of XML.
type document struct {
	json []byte
	tree map[string]any
}

// value is what lies at a path of plain keys, nil where nothing does; ok is false where it cannot be said.
func (d document) value(p path) (value any, ok bool) {
	if d.tree != nil {
		return p.first(d.tree), true
	}
	window, ok := p.find(d.json)
	value, _ = treeOf(window)
	return value, ok
}

// names tells whether an XML answer says anything at a place, even that nothing is there.
func (d document) names(p path) bool {
	var at any = d.tree
	for _, one := range p {
		object, _ := at.(map[string]any)
		inner, found := object[one.key]
		if !found {
			return false
		}
		at = inner
	}
	return true
}

// ids are the texts of a list. In XML one that is not there is empty.
func (d document) ids(p path) (ids []string, ok bool) {
	if d.tree == nil {
		window, found := p.find(d.json)
		s := scanner{data: window, limit: 2}
		return ids, found && window != nil && s.ids(&ids)
	}
	for _, value := range p.collect(d.tree, nil) {
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		for _, one := range list {
			id, isText := one.(string)
			if !isText || !usableID(id) {
				return nil, false
			}
			ids = append(ids, id)
		}
	}
	return ids, true
}

// read takes an answer apart: the records at the path, and the rest.
func (d *dialect) read(op string, got answer, list path) ([]Item, document, error) {
	if d.xml {
		data, err := xmlBody(op, got, d.latin1)
		if err != nil {
			return nil, document{}, err
		}
		page, code := xmlList(data, list, &d.record)
		switch {
		case code != "":
			return nil, document{}, xmlRefused(op, got.status, code)
		case !page.found:
			return nil, document{}, misspoken(op, got.status, CodeNoList)
		}
		return page.items, document{tree: page.rest}, nil
	}
	body, ok := jsonBody(got)
	if !ok {
		return nil, document{}, misspoken(op, got.status, CodeNotJSON)
	}
	window, ok := list.find(body)
	if !ok {
		return nil, document{}, half(op, got.status)
	}
	items, ok := d.items(window)
	if !ok {
		return nil, document{}, misspoken(op, got.status, CodeNoList)
	}
	return items, document{json: body}, nil
}

// single takes the record of an answer that holds one.
func (d *dialect) single(op string, got answer) (Item, error) {
	if d.xml {
		data, err := xmlBody(op, got, d.latin1)
		if err != nil {
			return Item{}, err
		}
		return d.singleXML(op, got.status, data)
	}
	body, ok := jsonBody(got)
	if !ok {
		return Item{}, misspoken(op, got.status, CodeNotJSON)
	}
	window, ok := d.at.find(body)
	if !ok || window == nil {
		return Item{}, half(op, got.status)
	}
	item := d.record.item(window)
	if !d.foreign {
		s := scanner{data: window, limit: maxPageDepth}
		item, _ = s.item()
	}
	return item, nil
}

func (d *dialect) singleXML(op string, status int, data []byte) (Item, error) {
	tree, fault, where, code := xmlTree(data)
	if code != "" {
		return Item{}, xmlRefused(op, status, code)
	}
	record := d.at.first(tree)
	if record == nil && fault == "" {
		return Item{}, half(op, status)
	}
	item, sound := d.record.xmlItem(record, fault)
	if !sound {
		item = unreadableItem(data, unreadableXML{Position: 1, Line: 1, Code: cmp.Or(fault, CodeNoKeys), Element: where})
	}
	return item, nil
}

// xmlBody gives an answer's body in UTF-8 and without its declaration. Web pages, and what cannot be XML, are refused.
func xmlBody(op string, got answer, latin1 bool) ([]byte, error) {
	head := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(got.body[:min(len(got.body), 256)], []byte("\ufeff")), " \t\r\n"))
	if strings.Contains(got.header.Get("Content-Type"), "html") || bytes.HasPrefix(head, []byte("<!doctype html")) {
		return nil, misspoken(op, got.status, CodeNotXML)
	}
	data, code := openXML(got.body, latin1)
	if code == "" && !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte{'<'}) {
		code = CodeNotXML
	}
	if code != "" {
		return nil, xmlRefused(op, got.status, code)
	}
	return data, nil
}

// xmlRefused is an answer that is not to be taken: of a kind that will not change by itself, or one that is not whole.
func xmlRefused(op string, status int, code string) *Error {
	switch code {
	case CodeNotXML, CodeDoctype, CodeInstruction, CodeEncoding:
		return misspoken(op, status, code)
	}
	e := half(op, status)
	e.Err = errors.New(code)
	return e
}

// jsonBody gives an answer's body without a byte order mark. Web pages, and anything that cannot be JSON, are refused:
// a path that leads to them will not change its mind.
func jsonBody(got answer) ([]byte, bool) {
	body := bytes.TrimPrefix(got.body, []byte("\ufeff"))
	head := bytes.TrimLeft(body, " \t\r\n")
	if strings.Contains(got.header.Get("Content-Type"), "html") || len(head) == 0 || head[0] != '{' && head[0] != '[' || !utf8.Valid(body) {
		return nil, false
	}
	return body, true
}

// items reads an array of records; ok is false where the window is no array.
func (d *dialect) items(window []byte) (items []Item, ok bool) {
	s := scanner{data: window, limit: maxPageDepth}
	if s.peek() != '[' {
		return nil, false
	}
	items = []Item{}
	if !d.foreign {
		return items, s.items(&items)
	}
	return items, s.array(func(int) bool {
		from := s.pos
		if !s.skip() {
			return false
		}
		items = append(items, d.record.item(s.data[from:s.pos:s.pos]))
		return true
	})
}
