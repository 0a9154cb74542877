package server

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"acmesync/acme"
)

// xmlWriter has what is read of records and of the account answered in XML, refusals among it.
type xmlWriter struct {
	http.ResponseWriter
	resource acme.Resource
}

// Unwrap lets a response controller through.
func (w xmlWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// speaksXML tells whether a request is for what the contract offers in XML, and asks for that.
func speaksXML(r *http.Request) bool {
	read := r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, ":batchGet")
	if !read || r.URL.Path == "/v1/outcomes" || strings.HasPrefix(r.URL.Path, "/v1/webhook-subscriptions") || !strings.HasPrefix(r.URL.Path, "/v1/") {
		return false
	}
	for one := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(one); err == nil && kind == "application/xml" {
			return true
		}
	}
	return false
}

// root names the element that an answer's own object becomes.
func (w xmlWriter) root(status int, encoded []byte) string {
	switch {
	case status >= 400:
		return "error"
	case bytes.HasPrefix(encoded, []byte(`{"data":`)):
		return "page"
	case w.resource == "":
		return "account"
	}
	return singular(w.resource)
}

func singular(r acme.Resource) string { return strings.TrimSuffix(string(r), "s") }

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// inXML says an answer in XML: names as in JSON, lists as repeated elements, null as xsi:nil. The records of a list have the
// name of their kind, within data. Fields that an account has added say of what type they are: nobody else knows.
func inXML(root string, r acme.Resource, encoded []byte) ([]byte, error) {
	p := xmlPrinter{json: json.NewDecoder(bytes.NewReader(encoded)), record: singular(r)}
	p.json.UseNumber()
	p.out.Grow(2 * len(encoded))
	p.out.WriteString(xmlHead)
	err := p.value(root, false)
	p.out.WriteByte('\n')
	return p.out.Bytes(), err
}

type xmlPrinter struct {
	json   *json.Decoder
	out    bytes.Buffer
	record string
	opened bool
}

func (p *xmlPrinter) value(name string, typed bool) error {
	token, err := p.json.Token()
	if err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			return p.list(name, typed)
		}
		return p.object(name, typed)
	case nil:
		p.out.WriteString("<" + name + ` xsi:nil="true"/>`)
	case string:
		p.leaf(name, v, "", typed)
	case json.Number:
		p.leaf(name, v.String(), "decimal", typed)
	case bool:
		p.leaf(name, strconv.FormatBool(v), "boolean", typed)
	}
	return nil
}

func (p *xmlPrinter) leaf(name, text, kind string, typed bool) {
	p.out.WriteString("<" + name)
	if typed && kind != "" {
		p.out.WriteString(` xsi:type="xs:` + kind + `"`)
	}
	p.out.WriteByte('>')
	_ = xml.EscapeText(&p.out, []byte(text)) // a buffer takes everything
	p.out.WriteString("</" + name + ">")
}

func (p *xmlPrinter) object(name string, typed bool) error {
	p.out.WriteString("<" + name)
	if !p.opened {
		p.opened = true
		p.out.WriteString(` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema"`)
	}
	p.out.WriteByte('>')
	for p.json.More() {
		token, err := p.json.Token()
		if err != nil {
			return fmt.Errorf("read JSON: %w", err)
		}
		key, _ := token.(string)
		if err := p.value(key, typed || key == "custom"); err != nil {
			return err
		}
	}
	_, err := p.json.Token()
	p.out.WriteString("</" + name + ">")
	return err
}

func (p *xmlPrinter) list(name string, typed bool) error {
	records := name == "data" && !typed
	if records {
		p.out.WriteString("<data>")
		name = p.record
	}
	for p.json.More() {
		if err := p.value(name, typed); err != nil {
			return err
		}
	}
	_, err := p.json.Token()
	if records {
		p.out.WriteString("</data>\n")
	}
	return err
}
